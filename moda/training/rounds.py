"""Lips learnt from films, in rounds: first the filmed lips alone, then many voices with the lips of who learnt them.

Round 1 sets the lips of footage into performances sampled from the model that is gone on from, so that head, gaze,
blinks, brows and feelings stay its own. It moves the lips as people do, in the voices and the few words of the footage.
Rounds 2 and 3 train on recordings, neural and espeak voices with the lips of the models so far
(`moda.corpus.synthetic.taught`), beside the footage: closures come back, and every voice gets such lips. The models
teach together: on voices apart a judge of lip sync rates the mean of two .531, each alone .514 and .519. Round 4 opens
lips less, since guidance opens them farther, and sharpens them no more; what is kept is the mean of the last two
rounds' weights, which opens lips as far as people do.

At last that mean teaches itself to plan as a live session does: at the end of a short window it learns to move the lips
as it does where it hears what follows (`TrainOptions.live`). On voices apart live lips follow offline ones closer so
(r .931 -> .944), and the judge rates what is planned offline .574 instead of .566.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from moda.corpus.dataset import Corpus
from moda.corpus.synthetic.build import CorpusOptions, build
from moda.corpus.synthetic.pools import PoolOptions, load_pool, prepare_pools
from moda.corpus.synthetic.taught import Teaching
from moda.errors import BadSetting
from moda.generator.network import MoDA
from moda.training.processes import Processes
from moda.training.trainer import Trainer, TrainOptions


@dataclass(frozen=True)
class Round:
    """hours and shares of its corpus; steps, rate and segment of its training; how its teacher is asked (`Teaching`),
    and whether training starts from the first model (else from the round before)."""

    hours: float
    shares: dict[str, float]
    steps: int
    rate: float
    segment: int
    guidance: float
    afresh: bool = True
    performs: bool = False
    opened: float = 1.0
    sharpen: float = 0.6


ROUNDS = (
    Round(1.7, {"footage": 0.94, "quiet": 0.06, "espeak": 0.0}, 900, 2e-4, 64, 1.5, performs=True),
    Round(2.2, {"footage": 0.42, "recording": 0.32, "neural": 0.10, "espeak": 0.08, "quiet": 0.08}, 1200, 3e-4, 80,
          2.0),
    Round(3.3, {"footage": 0.36, "recording": 0.30, "neural": 0.17, "espeak": 0.10, "quiet": 0.07}, 1800, 2.5e-4, 80,
          2.0, afresh=False),
    Round(1.5, {"footage": 0.36, "recording": 0.30, "neural": 0.17, "espeak": 0.10, "quiet": 0.07}, 500, 1.5e-4, 80,
          2.0, afresh=False, opened=0.8, sharpen=0.0),
)  # fmt: skip
"""About 45 minutes on one core. Hours, rates and guidance were chosen on validation voices, by a judge of lip sync."""
LIVE_STEPS, LIVE_RATE = 2200, 2e-4
EMA = 0.99
MEAN_OF = 2
"""Last rounds whose mean is kept."""
TEACHERS = 3
"""Last models, the first among them, that teach a round together."""


def learn_lips(
    run: Path,
    start: Path,
    pools: Path,
    seed: int = 0,
    workers: int = 1,
    rounds: tuple[Round, ...] = ROUNDS,
    live_steps: int = LIVE_STEPS,
    say: Callable[[str], None] = print,
) -> MoDA:
    """Teach the moda-lite in `start` the lips of the footage in `pools`; returns the mean of the last `MEAN_OF` rounds
    after `live_steps` steps on windows of live sessions.

    Everything is kept below `run` (round-1/corpus, round-1/model, ..., live/model), so that the same call goes on where
    it was stopped. Raises BadSetting where there is no footage.
    """
    first = MoDA.from_pretrained(start)
    prepare_pools(pools, PoolOptions(seed=seed + 1, workers=workers), say)
    if not load_pool(pools / "footage.npz"):
        raise BadSetting("There is no footage to learn lips from: name its folder in MODA_FOOTAGE.")
    models = [start]
    for number, plan in enumerate(rounds, 1):
        folder = run / f"round-{number}"
        teachers = tuple(models[:1] if plan.performs else models[-TEACHERS:])
        teaching = Teaching(teachers, plan.guidance, sharpen=plan.sharpen, performs=plan.performs, opened=plan.opened)
        options = CorpusOptions(
            seed=seed + number, workers=workers, hours=plan.hours, shares=tuple(plan.shares.items()), teaching=teaching
        )
        build(folder / "corpus", options, pools)
        training = TrainOptions(
            steps=plan.steps, rate=plan.rate, segment=plan.segment, short=0.2, warmup=50, decay=0.5, ema=EMA, seed=seed,
            listen_steps=0, config=first.config,
        )  # fmt: skip
        data = Corpus(folder / "corpus")
        before = first if plan.afresh else MoDA.from_pretrained(models[-1])
        Trainer(data, folder, training, say, Processes("cpu"), before).train()
        models.append(folder / "model")
    taught = mean([MoDA.from_pretrained(folder) for folder in models[1:][-MEAN_OF:]])
    if not live_steps:
        return taught
    training = replace(training, steps=live_steps, rate=LIVE_RATE, live=1.0)
    Trainer(data, run / "live", training, say, Processes("cpu"), taught).train()
    return MoDA.from_pretrained(run / "live" / "model")


def mean(models: Sequence[MoDA]) -> MoDA:
    """The mean of the weights of models that went on from one another; it is written into the first."""
    states = [model.state_dict() for model in models]
    models[0].load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    return models[0]
