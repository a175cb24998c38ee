"""The training loop of moda-lite: reproducible by seed, resumable to the bit, logged, with running-mean weights.

Everything random about a step is drawn from (seed, step) alone and for the whole global batch; every process and every
accumulated piece takes its rows of it. So the same steps are made by one process or by many.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from moda.conditions.speech import FEATURES
from moda.corpus.dataset import Corpus, MotionBatch
from moda.errors import BadSetting, BadWeights
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.noise import scaled
from moda.live.session import ALONE, Cut
from moda.models.lite import LiteModel
from moda.training.init import fresh_model
from moda.training.loss import TERMS, ActionMetric, Draws, LossWeights, Objective, Window
from moda.training.pretrain_speech import learn_to_listen, start_from
from moda.training.processes import Processes

Piece = tuple[MotionBatch, Draws, Window | None]
"""Part of a step's batch, its random numbers, and the window of a live session where one is learnt."""
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
"""moda-lite's size: the best for about an hour of one CPU core (`bench.sizes`; the model card has the table)."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train. The rate warms up, stays, and falls to zero over the last `decay` share of the steps, so a
    run that is resumed with more steps continues as if it had been planned so.

    batch: segments a step, over all processes; accumulate: pieces into which each process cuts its share of them, to
    need less memory (the steps stay the same). short: share of steps made of segments of `short_segment` frames, the
    pieces in which a live session plans. live: share of steps in which the model learns to move the lips at the end of
    such a piece as the model it started from does when it hears what follows (`draw_window`)."""

    steps: int = 15000
    listen_steps: int = 5000
    batch: int = 16
    segment: int = 80
    short: float = 0.25
    short_segment: int = 45
    live: float = 0.0
    rate: float = 1.5e-3
    warmup: int = 100
    decay: float = 0.3
    ema: float = 0.997
    clip: float = 1.0
    seed: int = 0
    save_every: int = 250
    bf16: bool = True
    accumulate: int = 1
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


LIVE_WINDOWS = (*((cut.known, cut.piece + cut.draft) for cut in (ALONE, Cut(8, 2))), (0, 80))
"""Known frames and new ones of the windows that are learnt with `TrainOptions.live`, each as often: a live session
alone, one among many (`moda.live`), and a whole segment, so that what is planned offline stays as it was."""
LIVE_NOISE = (0.0, 0.3)
"""Noise of the lips in such steps: a live session's, and that of offline planning."""


def draw_window(segment: int, rng: np.random.Generator) -> Window:
    """A window of `LIVE_WINDOWS`, somewhere in a segment of so many frames."""
    known, new = LIVE_WINDOWS[int(rng.integers(len(LIVE_WINDOWS)))]
    length = min(known + new, segment)
    first = int(rng.integers(0, segment - length + 1))
    return Window(slice(first, first + length), max(0, length - new))


class Trainer:
    """Model, optimiser, running mean and random state; `train` runs until `options.steps`.

    start: weights to go on from (a fine-tuning), else fresh ones. processes: those that share the steps.
    Raises BadSetting or BadWeights where the run's folder holds another model's state.
    """

    def __init__(
        self,
        corpus: Corpus,
        run: Path,
        options: TrainOptions,
        say: Callable[[str], None] = print,
        processes: Processes | None = None,
        start: MoDA | None = None,
    ) -> None:
        self.corpus, self.run, self.options = corpus, run, options
        self.processes = processes or Processes("cpu")
        self.say = say if self.processes.main else lambda _: None
        self.parts = self.processes.rows(options.batch, options.accumulate)
        corpus.chances(options.segment)  # a corpus of shorter items is told before anything is made
        teacher = self.frozen(start) if options.live > 0 else None
        self.run.mkdir(parents=True, exist_ok=True)
        self.model = fresh_model(options.config, options.seed)
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        self.model.to(self.processes.device)
        self.optimiser = make_optimiser(self.model, options.rate)
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.step = 0
        if self.checkpoint.is_file():
            self.resume()
        elif start is None:
            self.listen()
        metric = ActionMetric(self.processes.device)
        self.objective = self.processes.share(Objective(self.model, metric, options.weights, options.bf16, teacher))

    def frozen(self, start: MoDA | None) -> MoDA:
        """Who teaches live windows: a copy of the model that is gone on from. Raises BadSetting where there is none."""
        if start is None:
            raise BadSetting("Windows of live sessions are learnt from a trained model: give one with --start.")
        teacher = MoDA(start.config)
        teacher.load_state_dict(start.state_dict())
        return teacher.to(self.processes.device).eval().requires_grad_(False)

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
        if not kept.is_file() and self.processes.main:
            listener = learn_to_listen(self.corpus, options.config.width, options.listen_steps, options.seed, self.say)
            start_from(self.model, listener)
            write_whole(self.model.speech_embedder.state_dict(), kept)
        self.processes.wait()
        self.model.speech_embedder.load_state_dict(torch.load(kept, weights_only=True))
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def draw(self, step: int) -> list[Piece]:
        """This process's pieces of the batch of a step, on its device.

        Each step has its own random numbers, so a resumed run makes the same steps.
        """
        options, device = self.options, self.processes.device
        rng = np.random.default_rng([options.seed, 11, step])
        generator = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
        first, last = self.parts[0].start, self.parts[-1].stop
        window = draw_window(options.segment, rng) if options.live and rng.random() < options.live else None
        short = rng.random() < options.short and window is None
        length = min(options.short_segment, options.segment) if short else options.segment
        batch = self.corpus.batch(options.batch, length, rng, rows=slice(first, last))
        shape = (options.batch, *batch.motion.shape[1:])
        draws = Draws.of(shape, generator, options.weights, self.model.null_identity is not None)
        if window is not None:
            scaled(draws.noise, replace(LiteModel.noise, lips=LIVE_NOISE[int(rng.integers(len(LIVE_NOISE)))]))
        pieces = []
        for part in self.parts:
            own = slice(part.start - first, part.stop - first)
            values = {name: value[own].to(device) for name, value in vars(batch).items()}
            pieces.append((MotionBatch(**values), draws.rows(part, device), window))
        return pieces

    def drawn(self, until: int) -> Iterator[list[Piece]]:
        """The pieces of every step to come; where a GPU computes, the next are drawn meanwhile."""
        if self.processes.device.type == "cpu":
            yield from (self.draw(step) for step in range(self.step, until))
            return
        with ThreadPoolExecutor(1) as beside:
            ahead = beside.submit(self.draw, self.step)
            for step in range(self.step, until):
                pieces = ahead.result()
                if step + 1 < until:
                    ahead = beside.submit(self.draw, step + 1)
                yield pieces

    def train(self, until: int | None = None) -> list[float]:
        """Train to step `until` (default: all); returns the loss of every step made, over the whole batch."""
        options = self.options
        until = min(until or options.steps, options.steps)
        losses = []
        began, first = time.perf_counter(), self.step
        smooth: dict[str, float] = {}
        for pieces in self.drawn(until):
            seen = self.gradients(pieces)
            norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.clip))
            rate = learning_rate(self.step, options)
            for group, scale in zip(self.optimiser.param_groups, (1.0, 1.0, 3.0)):
                group["lr"] = rate * scale
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.step += 1
            keep = min(options.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.mean.values()), list(self.model.state_dict().values()), 1 - keep)
            losses.append(seen["loss"])
            for name, value in {"loss": seen.pop("loss"), "norm": norm, **seen}.items():
                smooth[name] = 0.97 * smooth.get(name, value) + 0.03 * value
            if self.step % 50 == 0:
                self.log(rate, (time.perf_counter() - began) / (self.step - first), smooth)
            if self.step % options.save_every == 0 or self.step == until:
                self.save()
        self.processes.wait()
        return losses

    def gradients(self, pieces: list[Piece]) -> dict[str, float]:
        """Backward passes of this process's pieces; the gradient is the whole batch's. Returns loss and terms."""
        seen = torch.zeros(1 + len(TERMS), device=self.processes.device)
        for number, (batch, draws, window) in enumerate(pieces):
            # Gradients are summed over pieces and averaged over processes: each row must weigh the same in the end.
            share = len(batch.motion) * self.processes.count / self.options.batch
            with self.processes.apart(self.objective, more=number + 1 < len(pieces)):
                loss, terms = self.objective(batch, draws, window)
                (loss * share).backward()
            seen += torch.cat([loss.detach()[None], terms]) * share
        return dict(zip(("loss", *TERMS), self.processes.mean(seen).tolist()))

    def log(self, rate: float, speed: float, smooth: dict[str, float]) -> None:
        """One line for the person and one for log.jsonl."""
        self.say(
            f"step {self.step}/{self.options.steps} rate {rate:.1e} {speed:.2f} s/step "
            + " ".join(f"{name} {value:.4f}" for name, value in smooth.items())
        )
        if self.processes.main:
            with (self.run / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": self.step, **{k: round(v, 5) for k, v in smooth.items()}}) + "\n")

    def save(self) -> None:
        """Write the state beside, then rename; and the running mean as a model folder. Only the main process does."""
        if not self.processes.main:
            return
        state = {"model": self.model.state_dict(), "mean": self.mean, "optimiser": self.optimiser.state_dict(),
                 "step": self.step}  # fmt: skip
        write_whole(state, self.checkpoint)
        self.export(self.run / "model")
        (self.run / "options.json").write_text(json.dumps(asdict(self.options), indent=2) + "\n", encoding="utf-8")

    def resume(self) -> None:
        """Continue where `save` left off. Raises BadWeights, or BadSetting where the options make other steps."""
        check_options(self.run / "options.json", self.options)
        try:
            state = torch.load(self.checkpoint, map_location=self.processes.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.mean = {name: state["mean"][name] for name in self.mean}
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])
        except Exception as fault:  # a damaged archive breaks in a dozen ways
            raise BadWeights(
                f"{self.checkpoint} cannot be gone on from: it is damaged or belongs to another model; "
                "choose another folder for the run."
            ) from fault

    def averaged(self) -> MoDA:
        """A copy with the running-mean weights, on the CPU, for use."""
        model = MoDA(self.options.config)
        model.load_state_dict(self.mean)
        return model.eval().requires_grad_(False)

    def export(self, folder: Path) -> None:
        """The running-mean weights as config.json and model.safetensors, written beside and then renamed."""
        beside = folder.with_name(f"{folder.name}.new")
        self.averaged().save_pretrained(beside)
        folder.mkdir(exist_ok=True)
        for file in beside.iterdir():
            file.replace(folder / file.name)
        beside.rmdir()


def make_optimiser(model: MoDA, rate: float) -> torch.optim.Optimizer:
    """AdamW in three groups: matrices decay, the rest does not, and identity has a group (and rate) of its own."""
    identity = [p for n, p in model.named_parameters() if n.startswith(("identity_embedder.first", "null_id"))]
    known = {id(p) for p in identity}
    matrices = [p for p in model.parameters() if p.dim() >= 2 and id(p) not in known]
    others = [p for p in model.parameters() if p.dim() < 2 and id(p) not in known]
    groups = [
        {"params": matrices, "weight_decay": 0.02},
        {"params": others, "weight_decay": 0.0},
        {"params": identity, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), fused=True)


FREE = {"steps", "save_every", "accumulate", "listen_steps", "bf16"}
"""Options that may change when a run goes on: but for rounding they do not change what a step is."""


def check_options(path: Path, options: TrainOptions) -> None:
    """Raise BadSetting where a run was begun with options that make other steps than these."""
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    now = json.loads(json.dumps(asdict(options)))
    changed = [name for name in now if name not in FREE and name in before and before[name] != now[name]]
    if changed:
        said = ", ".join(f"{name} {before[name]}" for name in changed)
        raise BadSetting(
            f"The run in {path.parent} was begun with other options ({said[:200]}): give the same, or another folder."
        )


def write_whole(state: dict[str, Any], path: Path) -> None:
    """torch.save beside, then rename: a run that is killed leaves the old file."""
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    beside.replace(path)
