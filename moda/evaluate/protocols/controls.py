"""What every control does, measured: `moda evaluate controls [-o FOLDER]`.

Portrait, speech and seed are held; one control is swept; what should answer to it is measured on the motion alone.
The table says whether it does, `effects.png` shows it, `effects.json` holds the numbers.
"""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.errors import UserError
from moda.evaluate.protocols.effects import Effect, Sweep, Sweeps, gaze_spread, mean_action
from moda.settings import CONTROLS, Settings

if TYPE_CHECKING:
    from moda.evaluate.measures.emotions import ToldApart
    from moda.media.audio import Speech
    from moda.motion.space import Motion
    from moda.pipeline import TalkingHead

#: A result that is shown but must not fail the report.
KEEP = -1.0
SENTENCES = (
    "The weather tomorrow will be mostly sunny, but people near the coast should bring a warm pullover.",
    "Please remember that every problem has a simple answer, and that it is probably the wrong one.",
    "My brother phoned about half past five, and we both agreed to move the meeting to Wednesday.",
    "Above the village the path becomes narrow, passes a small bridge, and follows the river for miles.",
)


def all_sweeps(sweeps: Sweeps) -> list[Sweep]:
    """Every control that decides a motion, and what should answer to it."""
    from moda.motion.space import EXPRESSION, POSE

    named, away = sweeps.named, sweeps.away
    base, whole = sweeps.motion(), slice(0, 70)
    smile = mean_action("smile", "cheek_raise")
    anger, surprise = mean_action("brow_furrow", "-brow_raise"), mean_action("brow_raise")
    sadness = mean_action("frown", "-smile")
    from_fine = away(sweeps.motion(steps=50), whole)
    strengths, guidances, seeds = (0.0, 0.5, 1.0, 1.5), (0.0, 0.5, 1.0, 1.5, 2.0), (sweeps.base.seed, 101, 202)
    lively = {"pose_prior": "lively"}
    near, same = "should stay near 1", "must be 0"

    def from_prior(motion: Motion) -> float:
        followed = sweeps.motion(pose_prior="lively", pose_strength=1.0)
        return float(np.abs(motion.rotation - followed.rotation).mean())

    return [
        Sweep("speech_guidance", guidances, "sync correlation", sweeps.sync, "up", 0.1),
        Sweep("speech_guidance", guidances, "mouth opening, spread", named("opening_std"), "up", 0.02),
        Sweep(
            "emotion_guidance", (0.0, 1.0, 2.0), "smile, happiness", smile, "up", 0.05, held={"emotion": "happiness"}
        ),
        Sweep("identity_guidance", (0.0, 1.0, 2.0, 3.0), "distance from 1", away(base, whole), "change", 0.01),
        Sweep("emotion_strength", strengths, "smile, happiness", smile, "up", 0.05, held={"emotion": "happiness"}),
        Sweep("emotion_strength", strengths, "furrow - raise, anger", anger, "up", 0.05, held={"emotion": "anger"}),
        Sweep(
            "emotion_strength", strengths, "brow raise, surprise", surprise, "up", 0.05, held={"emotion": "surprise"}
        ),
        Sweep(
            "emotion_strength", strengths, "frown - smile, sadness", sadness, "up", 0.05, held={"emotion": "sadness"}
        ),
        Sweep("emotion", ("", "slightly happy", "happy", "ecstatic"), "smile", smile, "up", 0.05),
        Sweep(
            "pose_strength", (0.0, 0.25, 0.5, 0.75, 1.0), "degrees from lively", from_prior, "down", 0.3, held=lively
        ),
        Sweep("pose_strength", (0.0, 0.5, 1.0), "lips as before, r", sweeps.same_lips, "change", KEEP, near, lively),
        Sweep(
            "pose_prior",
            ("still", "gentle", "lively"),
            "turning, deg",
            named("yaw_std"),
            "up",
            0.3,
            held={"pose_strength": 1.0},
        ),
        Sweep("seed", seeds, "head, distance from first", away(base, POSE), "change", 0.1),
        Sweep("seed", seeds, "lips as in first, r", sweeps.same_lips, "change", KEEP, near),
        Sweep("steps", (1, 2, 4, 8, 16), "distance from 50 steps", from_fine, "down", 0.0),
        Sweep("solver", ("euler", "heun", "ab2"), "distance from 50 steps", from_fine, "change", 0.0),
        Sweep("schedule", ("reference", "full"), "distance from 50 steps", from_fine, "change", 0.0),
        Sweep("expression", (0.0, 0.5, 1.0, 1.5), "mouth opening, spread", named("opening_std"), "up", 0.05),
        Sweep("expression", (1.0, 1.0), "unchanged at 1", away(base, EXPRESSION), "change", KEEP, same),
        Sweep("head_motion", (0.0, 0.5, 1.0, 2.0), "turning, deg", named("yaw_std"), "up", 0.2),
        Sweep("blink", (0.0, 1.0, 2.0), "blinks a minute", named("blink_rate"), "up", 2.0),
        Sweep("gaze", (0.0, 1.0, 2.0), "gaze, spread", gaze_spread, "up", 0.001),
        Sweep("smoothing", (0.0, 1.0, 2.0, 4.0), "head jitter", named("head_jitter"), "down", 0.0),
        Sweep("drift_guard", (0.0, 0.5, 1.0), "head place, spread", named("head_shift"), "down", 0.0),
    ]


def sweep_all(sweeps: Sweeps) -> tuple[list[Effect], list[str]]:
    """The effects of `all_sweeps`, and a sentence for every control that the model refuses."""
    effects, refused = [], []
    for sweep in all_sweeps(sweeps):
        try:
            effects.append(sweeps.effect(sweep))
            print(effects[-1].line(), file=sys.stderr, flush=True)
        except UserError as refusal:
            refused.append(f"{sweep.control}: {refusal}")
    return effects, refused


def draw(effects: Sequence[Effect], told: ToldApart | None, path: Path) -> None:
    """A picture of all effects: one small chart a sweep, and the emotions' confusion table."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [effect for effect in effects if effect.least >= 0]
    count = len(shown) + (told is not None)
    rows = -(-count // 5)
    figure = Figure(figsize=(17, 2.7 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for i, effect in enumerate(shown):
        axes = figure.add_subplot(rows, 5, i + 1)
        axes.plot(range(len(effect.values)), effect.results, "o-", color="#2563eb" if effect.works else "#dc2626")
        axes.set_xticks(range(len(effect.values)), [str(v) or "none" for v in effect.values], fontsize=7)
        axes.set_title(f"{effect.control}: {effect.measure}", fontsize=8)
        axes.tick_params(axis="y", labelsize=7)
        axes.grid(alpha=0.3)
    if told is not None:
        axes = figure.add_subplot(rows, 5, count)
        axes.imshow(told.confusion / np.maximum(told.confusion.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(told.labels)), [n[:4] for n in told.labels], fontsize=6)
        axes.set_yticks(range(len(told.labels)), told.labels, fontsize=6)
        axes.set_title(f"emotion read from motion: {100 * told.accuracy:.0f} %", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def spoken(count: int = len(SENTENCES)) -> list[Speech]:
    """Fixed speeches by the offline voices, the same on every machine."""
    from moda.media.speak import speak

    voices = ("en-us+f2", "en-gb+Annie", "en-us+f3", "en-gb+f2")
    return [speak(text, voice, offline=True) for text, voice in zip(SENTENCES[:count], voices)]


def run(
    head: TalkingHead | None = None, output: Path | None = None, json: bool = False, settings: Settings | None = None,
    emotions: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Sweep all controls; print the table (or JSON), write effects.png and effects.json into `output`."""
    from moda.evaluate.measures.emotions import tell_apart
    from moda.evaluate.protocols.motion_model import any_portrait, load_head

    head = head or load_head("moda-lite", None)
    base = settings or Settings(seed=7)
    portrait, speeches = head.portrait(any_portrait()), spoken()
    effects, refused = sweep_all(Sweeps(head, portrait, speeches[0], base))
    told = tell_apart(head, portrait, speeches, base) if emotions else None
    facts: dict[str, Any] = {"effects": [{**asdict(e), "works": e.works} for e in effects], "refused": refused}
    if told is not None:
        facts["emotions"] = {"accuracy": told.accuracy, "labels": told.labels, "confusion": told.confusion.tolist()}
    swept = {effect.control for effect in effects}
    facts["not_swept"] = [name for name in CONTROLS if name not in swept]
    if output is not None:
        draw(effects, told, output / "effects.png")
        (output / "effects.json").write_text(jsonlib.dumps(facts, indent=1), encoding="utf-8")
    if json:
        print(jsonlib.dumps(facts))
    else:
        print("\n".join(effect.line() for effect in effects))
        if told is not None:
            print(told.table())
        print("\n".join(refused))
        print("not swept (they change the picture, not the motion, or were refused):", ", ".join(facts["not_swept"]))
    return facts
