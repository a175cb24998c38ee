"""`python -m moda.training train`: what the command line runs, in one process or in several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moda.corpus.dataset import HELD_OUT, Corpus
from moda.errors import BadSetting
from moda.training.processes import Processes, launched_accumulation, launched_precision
from moda.training.resident import ResidentCorpus
from moda.training.trainer import LITE, Trainer, TrainOptions

FINE_RATE = 2e-4
"""Learning rate where a trained model is gone on from."""
LIMITS = {"steps": (1, 10**9), "batch": (1, 1 << 16), "segment": (8, 1000), "accumulate": (1, 1 << 12),
          "rate": (1e-7, 0.1), "listen_steps": (0, 10**7), "short": (0, 1), "live": (0, 1), "save_every": (1, 10**9),
          "seed": (0, 2**31)}  # fmt: skip


def make_options(given: Mapping[str, Any], **more: Any) -> TrainOptions:
    """TrainOptions from what was given. Raises BadSetting for a number out of its range."""
    for name, value in given.items():
        low, high = LIMITS[name]
        if not low <= value <= high:
            raise BadSetting(f"{name.replace('_', '-')} must be {low:g} to {high:g}, not {value:g}.")
    return TrainOptions(**{**given, **more})


def run_training(
    run: Path,
    corpus: Path,
    start: Path | None,
    device: str,
    threads: int,
    given: Mapping[str, Any],
    bf16: bool,
) -> None:
    """Train in RUN until `steps`; with START from that model's weights.

    Where the corpus has clips held out (`prepare` makes them), they are measured before and after, into
    RUN/held-out.json. Raises a UserError before anything is written where the request cannot be met.
    """
    import torch

    from moda.generator.network import MoDA
    from moda.training.measure import measure_held_out

    bf16 = bf16 or launched_precision() == "bf16"
    torch.set_num_threads(max(1, threads))
    more: dict[str, Any] = {"bf16": bf16}
    model = None
    if start is not None:
        model = MoDA.from_pretrained(start)
        if model.config.speech_shape != LITE.speech_shape:
            raise BadSetting(f"The model in {start} hears other speech features than a corpus holds: give a moda-lite.")
        more |= {"config": model.config, "listen_steps": 0}
        given = {"rate": FINE_RATE, **given}
    options = make_options({"accumulate": launched_accumulation(), **given}, **more)
    apart = Corpus(corpus / HELD_OUT) if (corpus / HELD_OUT).is_dir() else None
    processes = Processes(device)
    try:
        alone = processes.count == 1 and processes.device.type == "cuda"
        data = ResidentCorpus(corpus, processes.device) if alone else Corpus(corpus)
        trainer = Trainer(data, run, options, lambda line: print(line, flush=True), processes, model)
        before = measure_held_out(model or trainer.averaged(), apart) if apart and processes.main else {}
        trainer.train()
        if apart and processes.main:
            after = measure_held_out(trainer.averaged(), apart)
            found = {"before": before, "after": after, "step": trainer.step}
            (run / "held-out.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            print(
                "held out: " + ", ".join(f"{name} {value:.4f} -> {after[name]:.4f}" for name, value in before.items())
            )
    finally:
        processes.close()
