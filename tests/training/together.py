"""Run by `accelerate launch` from test_processes.py: trains and lets the main process tell the losses as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from moda.corpus.dataset import Corpus
from moda.training.processes import Processes
from moda.training.trainer import LITE, Trainer, TrainOptions

TINY = replace(LITE, width=32, heads=2, blocks1=1)
OPTIONS = TrainOptions(
    steps=3, listen_steps=2, batch=4, segment=24, rate=4e-3, warmup=1, decay=0.01, bf16=False, config=TINY
)


def main(corpus: str, run: str, out: str, changes: str, until: str = "") -> None:
    """Train in RUN with changed options and write the losses to OUT."""
    torch.set_num_threads(1)
    processes = Processes("cpu")
    options = replace(OPTIONS, **json.loads(changes))
    losses = Trainer(Corpus(Path(corpus)), Path(run), options, lambda _: None, processes).train(int(until or 0) or None)
    if processes.main:
        Path(out).write_text(json.dumps({"losses": losses, "processes": processes.count}))
    processes.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
