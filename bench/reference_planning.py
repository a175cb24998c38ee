"""Planning: time and error against the reference's schedule of work, same weights, same machine.

    python -m bench.reference_planning [--width 768] [--lite] [--frames 80] [--repeats 2] [--truth 40] [--out FILE]

`restated` does what the published inference code does, in its order and amount: ten Euler steps on its own schedule,
and at every step it projects the speech again, carries all four streams at full length through every block, forms every
attention map, turns queries and keys as complex pairs, and evaluates the null branch beside the conditional one. Its
layers are PyTorch's own, as published; it is timed once more with our products (`moda.generator.linear`), so
that what a shorter schedule saves can be told from what they save.

Ours runs on the same weights, noise and joint guidance of 1.2: on the same schedule (its output must be the same), and
on shorter ones in float32, bfloat16 and int8 (weights quantised by torch, activations as they come). The error of each
is the root mean square of its difference, in normalised motion, to the exact flow (Heun, `--truth` steps) of one
segment. A row is fair where its error is not above the reference's. CPU time (user + system) is measured, runs
alternate. `--lite`: the errors on moda-lite, whose weights are trained and whose flow therefore bends as real ones do;
its time is of little interest, for the restated layout is that of the published network.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.machine import tell
from moda.assets import asset
from moda.conditions.speech import log_mel_features
from moda.generator.attention import QKNorm, rotary_table
from moda.generator.blocks import ZeroLinear
from moda.generator.embedders import sinusoids
from moda.generator.flow import MAX_STEPS, NETWORK_TIME, heun, schedule
from moda.generator.guidance import Guidance
from moda.generator.linear import Linear
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.sampler import ClipRequest, SamplingOptions, cross_fade, sample_clip, segment_velocity, smooth_pose
from moda.media.audio import load_speech
from moda.models import lite_folder


class RestatedReference:
    """The published schedule of work over the weights of one of our networks."""

    def __init__(self, model: MoDA) -> None:
        self.model = model
        config = model.config
        self.heads, self.head_dim = config.heads, config.width // config.heads

    def turn(self, x: Tensor, turns: Tensor) -> Tensor:
        """Rotary positions as a complex product; x (B, heads, n, d), pairs half a head apart as in our weights."""
        u, w = x.chunk(2, dim=-1)
        out = torch.complex(u.contiguous(), w.contiguous()) * turns
        return torch.cat([out.real, out.imag], dim=-1)

    def heads_of(self, qkv: Tensor, norm: QKNorm, turns: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (t.view(*t.shape[:2], self.heads, self.head_dim).transpose(1, 2) for t in qkv.chunk(3, dim=-1))
        q, k = (t * torch.rsqrt(t.square().mean(-1, keepdim=True) + 1e-5) for t in (q, k))
        q, k = q * norm.gain[0], k * norm.gain[1]
        if turns is not None:
            q, k = self.turn(q, turns), self.turn(k, turns)
        return q, k, v

    @staticmethod
    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The whole map, softmaxed, times the values."""
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)

    @staticmethod
    def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * (1 + scale) + shift

    def joint(self, block, streams: list[Tensor], c: Tensor, turns: list[Tensor | None]) -> list[Tensor]:  # type: ignore[no-untyped-def]
        parts, later = [], []
        for weights, x, t in zip(block.streams, streams, turns):
            s1, m1, g1, s2, m2, g2 = weights.modulation(F.silu(c))[:, None].chunk(6, dim=-1)
            parts.append(self.heads_of(weights.qkv(self.modulate(x, s1, m1)), weights.head_norm, t))
            later.append((g1, s2, m2, g2))
        q, k, v = (torch.cat([p[i] for p in parts], dim=2) for i in range(3))
        mixed = self.attention(q, k, v).split([x.shape[1] for x in streams], dim=1)
        out = []
        for weights, x, a, (g1, s2, m2, g2) in zip(block.streams, streams, mixed, later):
            x = x + g1 * weights.proj(a)
            hidden = F.gelu(weights.mlp_in(self.modulate(x, s2, m2)), approximate="tanh")
            out.append(x + g2 * weights.mlp_out(hidden))
        return out

    def forward(self, motion: Tensor, time: Tensor, speech: Tensor, emotion: Tensor, identity: Tensor) -> Tensor:
        """(B, L, 140), (B,), (B, L, 12, 768), (B,) classes, (B, L, 63) -> (B, L, 70)."""
        m, length = self.model, motion.shape[1]
        table = rotary_table(torch.arange(length), self.head_dim, m.config.rotary_base)
        turns = torch.complex(table[0], table[1])
        c = m.time_embedder(sinusoids(time, m.config.time_features)) + m.emotion_embedder.table[emotion]
        streams = [
            m.motion_embedder(motion),
            m.speech_embedder(speech.flatten(2)),
            m.emotion_embedder.table[emotion][:, None].repeat(1, length, 1),
            m.identity_embedder(identity.mean(dim=1))[:, None].repeat(1, length, 1),
        ]
        for block in m.blocks4:
            streams = self.joint(block, streams, c, [turns, turns, None, None])
        streams = [streams[0], torch.cat(streams[1:], dim=1)]
        for block in m.blocks2:
            streams = self.joint(block, streams, c, [turns, turns.repeat(3, 1)])
        x = torch.cat(streams, dim=1)
        for block in m.blocks1:
            shift, scale, gate = block.modulation(F.silu(c))[:, None].chunk(3, dim=-1)
            wide = block.wide(self.modulate(x, shift, scale))
            qkv, hidden = wide.split([3 * x.shape[-1], wide.shape[-1] - 3 * x.shape[-1]], dim=-1)
            mixed = self.attention(*self.heads_of(qkv, block.head_norm, turns.repeat(4, 1)))
            joined = torch.cat([mixed, F.gelu(hidden, approximate="tanh")], dim=-1)
            x = x + gate * block.out(joined)
        shift, scale = m.final.modulation(F.silu(c))[:, None].chunk(2, dim=-1)
        return m.final.linear(self.modulate(x[:, :length], shift, scale))

    @torch.inference_mode()
    def clip(
        self, features: Tensor, emotion: int, identity: Tensor, first: Tensor, steps: int, scale: float, seed: int
    ) -> Tensor:
        """A clip (T, 70) as published: segments one after another, two rows a step."""
        frames, generator = len(features), torch.Generator().manual_seed(seed)
        starts = SamplingOptions.reference().starts(frames)
        padded = torch.cat([features, features.new_zeros(starts[-1] + 80 - frames, *features.shape[1:])])
        null = self.model.null_speech.expand(80, *self.model.config.speech_shape)
        path, previous, clip = schedule("reference", steps), first, None
        for start in starts:
            x = torch.randn(1, 80, 70, generator=generator)
            speech = torch.stack([null, padded[start : start + 80]])
            for now, after in pairwise(path):
                motion = torch.cat([previous.expand_as(x), x], dim=-1).repeat(2, 1, 1)
                time = torch.full((2,), NETWORK_TIME * now)
                v0, v1 = self.forward(
                    motion, time, speech, torch.tensor([8, emotion]), identity.expand(2, 80, -1)
                ).chunk(2)
                x = x + (after - now) * (v0 + scale * (v1 - v0))
            x = smooth_pose(x)
            previous = x[0, 63]
            clip = x if clip is None else cross_fade(clip, x, 16)
        assert clip is not None
        return smooth_pose(clip[:, :frames])[0]


def spent(work, *args) -> tuple[float, Tensor]:  # type: ignore[no-untyped-def]
    """CPU seconds of a call, and what it returned."""
    start = time.process_time()
    out = work(*args)
    return time.process_time() - start, out


def shorter(steps: int, warp: float = 1.0, refresh: int = 2, first: int = 0) -> SamplingOptions:
    """Our sampler at the published joint guidance."""
    return SamplingOptions(steps=steps, warp=warp, guidance=Guidance(joint=1.2, refresh=refresh, first=first))


ONCE = MAX_STEPS
SCHEDULES = {
    "reference: 10 Euler steps": SamplingOptions.reference(),
    "ab2 6 steps, guidance every 2": shorter(6),
    "ab2 5 steps, warp .7, guidance every 2": shorter(5, 0.7),
    "ab2 6 steps, warp .8, guidance at the 2nd": shorter(6, 0.8, ONCE, 1),
    "ab2 5 steps, warp .8, guidance at the 2nd and 4th": shorter(5, 0.8, 2, 1),
    "ab2 5 steps, warp .8, guidance at the 2nd": shorter(5, 0.8, ONCE, 1),
    "ab2 4 steps, warp .6, guidance every 2": shorter(4, 0.6),
}


def seeded_network(width: int) -> MoDA:
    """The published layout, every weight of the size a trained one has."""
    generator = torch.Generator().manual_seed(1)
    model = MoDA.from_config(MoDAConfig(width=width, heads=width // 64), generator).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "modulation" in name or name.startswith("final"):
                value.normal_(0.0, value.shape[-1] ** -0.5 if value.dim() > 1 else 0.05, generator=generator)
    return model.requires_grad_(False)


def with_torchs_layers(model: MoDA) -> MoDA:
    """The same weights in PyTorch's own linear layers: those that the published code calls and torch.ao quantises."""
    shared = copy.deepcopy(model, {id(value): value for value in model.parameters()})
    for parent in list(shared.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Linear):
                own = nn.Linear(child.in_features, child.out_features, device="meta")
                own.weight, own.bias = child.weight, child.bias
                setattr(parent, name, own)
    return shared


def precisions(model: MoDA) -> dict[str, MoDA]:
    """The network as it is, in bfloat16, and with int8 weights."""
    # The last block reads part of its first matrix as a tensor, which a quantised layer has none of.
    last = f"blocks1.{len(model.blocks1) - 1}.wide"
    linear = {
        name
        for name, module in model.named_modules()
        if isinstance(module, Linear) and not isinstance(module, ZeroLinear) and name != last
    }
    quantised = torch.ao.quantization.quantize_dynamic(with_torchs_layers(model), linear, dtype=torch.qint8)
    return {"float32": model, "bfloat16": copy.deepcopy(model).to(torch.bfloat16), "int8": quantised}


def error_of(made: Tensor, exact: Tensor) -> float:
    return float(f"{float((made - exact).square().mean().sqrt()):.4g}")


@torch.inference_mode()
def segment(model: MoDA, request: ClipRequest, options: SamplingOptions, exact_steps: int = 0) -> Tensor:
    """One segment (L, 70) without smoothing; with `exact_steps` by so many steps of Heun's method."""
    length = len(request.features)
    guidance = replace(options.guidance, refresh=1) if exact_steps else options.guidance
    velocity = segment_velocity(model, request, guidance, range(length), length, torch.as_tensor(request.first)[None])
    noise = torch.randn(1, length, 70, generator=torch.Generator().manual_seed(request.seed))
    if exact_steps:
        return heun(velocity, noise, [1 - i / exact_steps for i in range(exact_steps)] + [0.0])[0]
    return options.solve(velocity, noise)[0]


def lite_errors(truth: int, validation: bool) -> dict[str, dict[str, float]]:
    """Errors of every schedule on moda-lite: real speech, four feelings, the halves of the examples apart."""
    model = MoDA.from_pretrained(lite_folder())
    found: dict[str, list[float]] = {name: [] for name in SCHEDULES}
    for path in sorted(asset("examples").glob("*.wav")):
        features = torch.as_tensor(log_mel_features(load_speech(str(path)).waveform, 160))
        part = features[:80] if validation else features[80:]
        for emotion in (0, 4, 6, 8):
            request = ClipRequest(part, torch.eye(9)[emotion], torch.zeros(63), torch.zeros(70), seed=emotion)
            exact = segment(model, request, SCHEDULES["reference: 10 Euler steps"], truth)
            for name, options in SCHEDULES.items():
                found[name].append(error_of(segment(model, request, options), exact))
    means = {name: sum(values) / len(values) for name, values in found.items()}
    bar = means["reference: 10 Euler steps"]
    return {
        name: {
            "rows": SCHEDULES[name].guidance.rows(SCHEDULES[name].steps),
            "error": round(mean, 4),
            "against_reference": round(mean / bar, 3),
        }
        for name, mean in means.items()
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--truth", type=int, default=40, help="steps of Heun's method that stand for the exact flow")
    parser.add_argument("--lite", action="store_true", help="errors on moda-lite alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.lite:
        found = {"chosen_on": lite_errors(args.truth, True), "reported_on": lite_errors(args.truth, False)}
        tell({"what": "error against the exact flow, moda-lite, joint guidance 1.2", **found}, args.out)
        return

    model = seeded_network(args.width)
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(args.frames, 12, 768, generator=generator)
    identity, first = torch.randn(63, generator=generator), torch.randn(70, generator=generator)
    request = ClipRequest(features, torch.eye(9)[4], identity, first, 7)
    variants = [
        (f"{precision}, {name}", network, options)
        for precision, network in precisions(model).items()
        for name, options in SCHEDULES.items()
    ]
    seconds: dict[str, list[float]] = {}
    made: dict[str, Tensor] = {}
    references = {
        "restated": RestatedReference(with_torchs_layers(model)),
        "restated with our products": RestatedReference(model),
    }
    for _ in range(args.repeats):
        for title, reference in references.items():
            t, made[title] = spent(reference.clip, features, 4, identity, first, 10, 1.2, 7)
            seconds.setdefault(title, []).append(t)
        for title, network, options in variants:
            t, made[title] = spent(segment, network, request, options)
            seconds.setdefault(title, []).append(t)
    same = sample_clip(model, request, SamplingOptions.reference())
    exact = segment(model, request, SCHEDULES["reference: 10 Euler steps"], args.truth)
    base, ours = (min(seconds[title]) for title in references)
    bar = error_of(made["float32, reference: 10 Euler steps"], exact)
    result = {
        "what": "planning of one segment, CPU seconds",
        "width": args.width,
        "frames": args.frames,
        "threads": torch.get_num_threads(),
        "restated_seconds": round(base, 3),
        "restated_with_our_products_seconds": round(ours, 3),
        "restated_against_ours_on_its_schedule": error_of(same, made["restated"]),
        "error_of_the_reference": bar,
        "ours": {
            title: {
                "rows": options.guidance.rows(options.steps),
                "seconds": round(min(seconds[title]), 3),
                "faster": round(base / min(seconds[title]), 2),
                "faster_with_equal_products": round(ours / min(seconds[title]), 2),
                "error": error_of(made[title], exact),
                "fair": error_of(made[title], exact) <= 1.001 * bar,
            }
            for title, _, options in variants
        },
    }
    tell(result, args.out)


if __name__ == "__main__":
    main()
