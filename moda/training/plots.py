"""Pictures of a training run: the loss, and generated against true actions of held-out speech."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from moda.corpus.synthetic.articulation import OUTPUT
from moda.corpus.synthetic.voices import Utterance
from moda.generator.network import MoDA
from moda.motion.actions import INDEX
from moda.motion.space import FPS, ROTATION
from moda.training.held_out import generate, truth_of


def draw_loss(log: Path, out: Path) -> None:
    """The terms of `log.jsonl` over the steps."""
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(9, 5))
    axes = figure.subplots()
    for name in rows[0]:
        if name not in ("step", "norm"):
            axes.plot([r["step"] for r in rows], [r[name] for r in rows], label=name)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.legend()
    figure.savefig(out, dpi=80)


def draw_samples(model: MoDA, utterances: list[Utterance], out: Path) -> None:
    """Jaw, closure and rounding against the truth, then brows, lids and head of two seeds, per utterance."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 5 * len(utterances)))
    axes = np.atleast_1d(figure.subplots(2 * len(utterances), 1))
    for row, utterance in enumerate(utterances):
        values, one = generate(model, utterance.waveform * 0.5, 1)
        _, two = generate(model, utterance.waveform * 0.5, 2)
        truth = truth_of()(utterance, len(values)).actions
        time = (np.arange(len(values)) + 0.5) / FPS
        upper, lower = axes[2 * row], axes[2 * row + 1]
        for name, tone in (("jaw_open", "C0"), ("lips_press", "C1"), ("pucker", "C2")):
            upper.plot(time, values[:, INDEX[name]], color=tone, label=name)
            upper.plot(time, truth[:, OUTPUT.index(name)], color=tone, linestyle=":")
        for phone in utterance.phones:
            upper.text(phone.start, 0.92, phone.symbol, fontsize=8)
        upper.set_title(f"{utterance.engine} {utterance.language} {utterance.voice} (dotted: truth)")
        upper.legend(loc="upper right")
        for name in ("brow_raise", "blink_left", "gaze_x", "smile"):
            lower.plot(time, values[:, INDEX[name]], label=name)
        for axis, name in enumerate(("pitch", "yaw", "roll")):
            lower.plot(time, one[:, ROTATION][:, axis] / 10, label=f"{name}/10")
            lower.plot(time, two[:, ROTATION][:, axis] / 10, linestyle=":", color="grey")
        lower.legend(loc="upper right", ncol=7, fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=60)
