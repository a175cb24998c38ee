"""Planning time: our generator against the reference's schedule of work, same weights, same machine.

    python -m bench.reference_planning [--width 768] [--steps 10] [--frames 80] [--repeats 2] [--out FILE.json]

`restated` does what the published inference code does, in its order and amount: at every step it projects the speech
again, carries all four streams at full length through every block, forms every attention map, turns queries and
keys as complex pairs, and evaluates the null branch beside the conditional one. `ours` runs `sample_clip` on the
same weights with the same solver, steps, guidance and noise. CPU time (user + system) is measured, runs alternate.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.machine import tell
from moda.generator.attention import QKNorm, rotary_table
from moda.generator.embedders import sinusoids
from moda.generator.flow import NETWORK_TIME, schedule
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.sampler import ClipRequest, SamplingOptions, cross_fade, sample_clip, smooth_pose


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


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="also measure torch.compile")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    generator = torch.Generator().manual_seed(1)
    model = MoDA.from_config(MoDAConfig(width=args.width, heads=args.width // 64), generator).eval()
    with torch.no_grad():  # past the zero start: every weight of the size a trained one has
        for name, value in model.named_parameters():
            if "modulation" in name or name.startswith("final"):
                value.normal_(0.0, value.shape[-1] ** -0.5 if value.dim() > 1 else 0.05, generator=generator)
    model.requires_grad_(False)
    features = torch.randn(args.frames, 12, 768, generator=generator)
    identity, first = torch.randn(63, generator=generator), torch.randn(70, generator=generator)
    emotion = torch.eye(9)[4]
    options = SamplingOptions.reference(args.steps)

    def ours(network: MoDA) -> Tensor:
        return sample_clip(network, ClipRequest(features, emotion, identity, first, 7), options)

    def restated() -> Tensor:
        return RestatedReference(model).clip(features, 4, identity, first, args.steps, 1.2, 7)

    variants = {"float32": model}
    if args.compile:
        compiled = MoDA(model.config)
        compiled.load_state_dict(model.state_dict())
        compiled.eval().requires_grad_(False)
        compiled.velocity = torch.compile(compiled.velocity)  # type: ignore[method-assign]
        variants["float32, compiled"] = compiled
    seconds: dict[str, list[float]] = {"restated": []}
    outputs = {}
    for _ in range(args.repeats):
        t, outputs["restated"] = spent(restated)
        seconds["restated"].append(t)
        for name, network in variants.items():
            if name not in seconds and "compiled" in name:
                ours(network)  # compile before the clock runs
            t, outputs[name] = spent(ours, network)
            seconds.setdefault(name, []).append(t)
    half = model.to(torch.bfloat16)
    for _ in range(args.repeats):
        t, outputs["bfloat16"] = spent(ours, half)
        seconds.setdefault("bfloat16", []).append(t)

    base = min(seconds["restated"])
    result = {
        "what": "planning, CPU seconds per clip",
        "width": args.width,
        "steps": args.steps,
        "frames": args.frames,
        "threads": torch.get_num_threads(),
        "restated_seconds": round(base, 3),
        "ours": {
            name: {
                "seconds": round(min(values), 3),
                "ratio": round(base / min(values), 3),
                "largest_difference": float((outputs[name] - outputs["restated"]).abs().max()),
                "root_mean_square_difference": float((outputs[name] - outputs["restated"]).square().mean().sqrt()),
            }
            for name, values in seconds.items()
            if name != "restated"
        },
    }
    tell(result, args.out)


if __name__ == "__main__":
    main()
