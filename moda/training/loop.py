"""The training loop of moda-lite: reproducible by seed, resumable to the bit, logged, with running-mean weights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from moda.conditions.speech import FEATURES
from moda.generator.network import MoDA, MoDAConfig
from moda.training.dataset import Corpus
from moda.training.listening import learn_to_listen, start_from
from moda.training.objective import ActionMetric, LossWeights, lite_loss
from moda.training.styles import IDENTITY_MEAN, IDENTITY_SPREAD

LITE = MoDAConfig(
    width=192,
    heads=6,
    blocks4=1,
    blocks2=1,
    blocks1=2,
    speech_shape=(FEATURES,),
    condition_tokens="single",
    has_null_identity=True,
    mlp_ratio=2,
    time_features=64,
)
"""moda-lite's size: chosen so that it converges in about an hour of one CPU core."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train. The rate warms up, stays, and falls to zero over the last `decay` share of the steps, so a
    run that is resumed with more steps continues as if it had been planned so."""

    steps: int = 15000
    listen_steps: int = 5000
    batch: int = 16
    segment: int = 80
    rate: float = 1.5e-3
    warmup: int = 100
    decay: float = 0.3
    ema: float = 0.997
    clip: float = 1.0
    seed: int = 0
    save_every: int = 250
    bf16: bool = True
    config: MoDAConfig = field(default_factory=lambda: LITE)
    weights: LossWeights = field(default_factory=LossWeights)


def learning_rate(step: int, options: TrainOptions) -> float:
    """Rate at `step` (0-based): warm-up, plateau, then a cosine to zero."""
    if step < options.warmup:
        return options.rate * (step + 1) / options.warmup
    start = options.steps * (1 - options.decay)
    if step <= start:
        return options.rate
    return options.rate * 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - start) / (options.steps - start)))))


LOCAL_HEADS = 2 / 3
"""Share of heads that start by looking at their own moment."""
LOCAL_PULL = 3.0
OPEN_GATE = 0.4


def look_here(qkv_bias: torch.Tensor, width: int, heads: int) -> None:
    """Give queries and keys of two thirds of the heads the same offset in their fast rotary pairs, so that attention
    starts out peaked at the token's own moment in every stream: a mouth that listens to its own frame."""
    size = width // heads
    pairs = torch.arange(size // 4)
    for head in range(round(heads * LOCAL_HEADS)):
        for part in (0, 1):
            first = part * width + head * size
            qkv_bias[first + pairs] += LOCAL_PULL
            qkv_bias[first + size // 2 + pairs] += LOCAL_PULL


def fresh_model(config: MoDAConfig, seed: int) -> MoDA:
    """New weights, with three head starts for a short training: attention looks at its own moment, the gates of the
    blocks are ajar, and the identity embedder is centred on the average descriptor (persons differ in the third
    decimal of theirs)."""
    model = MoDA.from_config(config, torch.Generator().manual_seed(seed))
    width = config.width
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith(("qkv.bias", "wide.bias")):
                look_here(value, width, config.heads)
            elif name.endswith("modulation.bias") and not name.startswith("final"):
                for gate in (2, 5):
                    value[gate * width : (gate + 1) * width] = OPEN_GATE
        first = model.identity_embedder.first
        first.weight *= 0.3 / IDENTITY_SPREAD
        first.bias.sub_(first.weight @ torch.from_numpy(IDENTITY_MEAN))
        if model.null_identity is not None:
            model.null_identity.copy_(torch.from_numpy(IDENTITY_MEAN))
    return model


@contextmanager
def lower_precision(bf16: bool) -> Iterator[None]:
    """Matrix products in bfloat16, attention as plain products: on a CPU with AVX512-BF16 a step takes 0.21 s
    instead of 0.33 s (flash attention's backward pass is slow in bfloat16)."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if not bf16:
        yield
        return
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        yield


class Trainer:
    """Model, optimiser, running mean and random state; `train` runs until `options.steps`."""

    def __init__(self, corpus: Corpus, run: Path, options: TrainOptions, say: Callable[[str], None] = print) -> None:
        self.corpus, self.run, self.options, self.say = corpus, run, options, say
        self.run.mkdir(parents=True, exist_ok=True)
        self.model = fresh_model(options.config, options.seed)
        self.metric = ActionMetric()
        identity = [p for n, p in self.model.named_parameters() if n.startswith(("identity_embedder.first", "null_id"))]
        known = {id(p) for p in identity}
        matrices = [p for p in self.model.parameters() if p.dim() >= 2 and id(p) not in known]
        others = [p for p in self.model.parameters() if p.dim() < 2 and id(p) not in known]
        groups = [
            {"params": matrices, "weight_decay": 0.02},
            {"params": others, "weight_decay": 0.0},
            {"params": identity, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, options.rate, betas=(0.9, 0.98), fused=True)
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.step = 0
        if self.checkpoint.is_file():
            self.resume()
        else:
            self.listen()

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept."""
        return self.run / "state.pt"

    def listen(self) -> None:
        """Start with an embedder that has learnt lips; kept in the run, so that it is done once."""
        kept = self.run / "listener.pt"
        options = self.options
        if options.listen_steps < 1:
            return
        if kept.is_file():
            self.model.speech_embedder.load_state_dict(torch.load(kept, weights_only=True))
        else:
            listener = learn_to_listen(self.corpus, options.config.width, options.listen_steps, options.seed, self.say)
            start_from(self.model, listener)
            torch.save(self.model.speech_embedder.state_dict(), kept)
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def train(self, until: int | None = None) -> list[float]:
        """Train to step `until` (default: all); returns the loss of every step made."""
        options = self.options
        until = min(until or options.steps, options.steps)
        losses = []
        began, first = time.perf_counter(), self.step
        smooth: dict[str, float] = {}
        while self.step < until:
            # Each step has its own random numbers, so a resumed run makes the same steps.
            rng = np.random.default_rng([options.seed, 11, self.step])
            generator = torch.Generator().manual_seed(options.seed * 1_000_003 + self.step)
            batch = self.corpus.batch(options.batch, options.segment, rng)
            with lower_precision(options.bf16):
                loss, terms = lite_loss(self.model, batch, self.metric, generator, options.weights)
            loss.backward()
            norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip))
            rate = learning_rate(self.step, options)
            for group, scale in zip(self.optimiser.param_groups, (1.0, 1.0, 3.0)):
                group["lr"] = rate * scale
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.step += 1
            keep = min(options.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                for name, value in self.model.state_dict().items():
                    self.mean[name].lerp_(value, 1 - keep)
            losses.append(float(loss.detach()))
            for name, value in {"loss": losses[-1], "norm": norm, **terms}.items():
                smooth[name] = 0.97 * smooth.get(name, value) + 0.03 * value
            if self.step % 50 == 0:
                speed = (time.perf_counter() - began) / (self.step - first)
                self.say(
                    f"step {self.step}/{options.steps} rate {rate:.1e} {speed:.2f} s/step "
                    + " ".join(f"{name} {value:.4f}" for name, value in smooth.items())
                )
                with (self.run / "log.jsonl").open("a") as file:
                    file.write(json.dumps({"step": self.step, **{k: round(v, 5) for k, v in smooth.items()}}) + "\n")
            if self.step % options.save_every == 0 or self.step == until:
                self.save()
        return losses

    def save(self) -> None:
        """Write the state beside, then rename; and the running mean as a model folder."""
        state = {"model": self.model.state_dict(), "mean": self.mean, "optimiser": self.optimiser.state_dict(),
                 "step": self.step}  # fmt: skip
        beside = self.checkpoint.with_suffix(".new")
        torch.save(state, beside)
        beside.replace(self.checkpoint)
        self.export(self.run / "model")
        (self.run / "options.json").write_text(json.dumps(asdict(self.options), indent=2) + "\n")

    def resume(self) -> None:
        """Continue where `save` left off."""
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.mean = state["mean"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def export(self, folder: Path) -> None:
        """The running-mean weights as config.json and model.safetensors."""
        model = MoDA(self.options.config)
        model.load_state_dict(self.mean)
        model.save_pretrained(folder)
