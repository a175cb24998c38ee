"""How large moda-lite should be: widths trained for as long on the same corpus, and what each gives for its time.

    python -m bench.sizes --corpus runs/moda-lite/corpus [--widths 96 192 288] [--steps 1500] [--out FILE.json]

For each width, at marks along the run: mean loss of the last steps, jaw_open against truth and closed p, b, m on the
held-out espeak-ng variants; besides parameters, seconds a training step, and milliseconds of planning a second of
speech. One thread throughout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine import tell
from moda.corpus.dataset import Corpus
from moda.models.lite import LiteModel
from moda.planning import sampling_options
from moda.settings import Settings
from moda.training.held_out import generate, held_out, synthetic
from moda.training.trainer import LITE, Trainer, TrainOptions

LAST = 200  # steps whose loss is averaged
UTTERANCES = 12


def one(corpus: Path, width: int, steps: int, folder: Path) -> dict[str, Any]:
    """Train one width from scratch and measure it at three marks."""
    config = replace(LITE, width=width, heads=max(2, width // 32))
    options = TrainOptions(steps=steps, listen_steps=steps // 3, config=config, save_every=steps)
    trainer = Trainer(Corpus(corpus), folder, options, lambda line: print(f"  {width}: {line}", file=sys.stderr))
    utterances = [u for u in held_out(corpus.parent) if u.engine == "variants"][:UTTERANCES]
    sampling = sampling_options(Settings(), LiteModel)
    marks, losses, spent = [], [], 0.0
    for until in (steps // 3, 2 * steps // 3, steps):
        started = time.perf_counter()
        losses += trainer.train(until)
        spent += time.perf_counter() - started
        found = synthetic(trainer.averaged(), utterances, sampling)
        marks.append(
            {
                "step": until,
                "loss": round(float(np.mean(losses[-LAST:])), 4),
                "jaw_r": round(found["r_variants"], 3),
                "closed": round(found["closed_variants"], 3),
            }
        )
    model = trainer.averaged()
    speech = np.concatenate([u.waveform for u in utterances])[: 10 * 16_000]
    started = time.perf_counter()
    generate(model, speech, options=sampling)
    planning = 1e3 * (time.perf_counter() - started) / (len(speech) / 16_000)
    return {
        "width": width,
        "parameters": sum(p.numel() for p in model.parameters()),
        "step_seconds": round(spent / steps, 3),
        "planning_ms_a_second": round(planning, 1),
        "marks": marks,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--widths", type=int, nargs="+", default=[96, 192, 288])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = [one(options.corpus, width, options.steps, Path(name) / str(width)) for width in options.widths]
    tell({"steps": options.steps, "sizes": found}, options.out)


if __name__ == "__main__":
    main()
