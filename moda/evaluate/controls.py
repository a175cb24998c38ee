"""What every control does, measured: `python -m moda.evaluate.controls [-o FOLDER]`.

Portrait, speech and seed are held; one control is swept; what should answer to it is measured on the motion alone.
The table says whether it does, `effects.png` shows it, `effects.json` holds the numbers.
"""

from __future__ import annotations

import argparse
import json as jsonlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.errors import UserError
from moda.evaluate.signals import signals_of_motion
from moda.evaluate.sync import correlation, score
from moda.evaluate.takes import movement_measures
from moda.settings import CONTROLS, Settings

if TYPE_CHECKING:
    from moda.evaluate.emotions import ToldApart
    from moda.media.audio import Speech
    from moda.motion.space import Motion
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait

SENTENCES = (
    "The weather tomorrow will be mostly sunny, but people near the coast should bring a warm pullover.",
    "Please remember that every problem has a simple answer, and that it is probably the wrong one.",
    "My brother phoned about half past five, and we both agreed to move the meeting to Wednesday.",
    "Above the village the path becomes narrow, passes a small bridge, and follows the river for miles.",
)


@dataclass(frozen=True)
class Effect:
    """One sweep. values: settings tried; results: what was measured at each; expected: "up", "down" or "change".

    works: whether the measure moved as expected, by more than `least` from the first to the last value.
    """

    control: str
    measure: str
    expected: str
    values: list[Any]
    results: list[float]
    least: float
    note: str = ""

    @property
    def works(self) -> bool:
        moved = self.results[-1] - self.results[0]
        if self.expected == "change":
            return max(self.results) - min(self.results) > self.least
        return moved > self.least if self.expected == "up" else -moved > self.least

    def line(self) -> str:
        """One line of the table."""
        pairs = "  ".join(f"{v}: {r:.3g}" for v, r in zip(self.values, self.results))
        return f"{'ok  ' if self.works else 'NONE'} {self.control:18} {self.measure:34} {pairs}  {self.note}".rstrip()


Measure = Callable[["Motion"], float]


class Sweeps:
    """Fixed inputs, and the sweeps over them. Plans are kept, so that equal settings are planned once."""

    def __init__(self, head: TalkingHead, portrait: Portrait, speech: Speech, base: Settings) -> None:
        self.head, self.portrait, self.speech, self.base = head, portrait, speech, base
        self._planned: dict[str, Motion] = {}

    def motion(self, **changes: Any) -> Motion:
        """The motion of the base settings with these changes."""
        settings = self.base.changed(**changes)
        key = settings.digest()
        if key not in self._planned:
            self._planned[key] = self.head.plan(self.portrait, self.speech, settings).motion
        return self._planned[key]

    def sweep(
        self, control: str, values: Sequence[Any], label: str, measure: Measure, expected: str = "up",
        least: float = 0.0, note: str = "", **held: Any,
    ) -> Effect:  # fmt: skip
        """Measure the motion at each value of one control, everything else held."""
        results = [float(measure(self.motion(**{**held, control: value}))) for value in values]
        return Effect(control, label, expected, list(values), results, least, note)

    def named(self, name: str) -> Measure:
        """One of the measures of a take, as a function of its motion."""
        return lambda motion: movement_measures(signals_of_motion(motion), self.speech.waveform)[name]

    def sync(self, motion: Motion) -> float:
        """Lip-sync correlation with the speech."""
        return score(signals_of_motion(motion).opening, self.speech.waveform).correlation

    def away(self, other: Motion, part: slice) -> Measure:
        """rms distance of a part of the motion from that of another, in standard deviations of the space."""
        from moda.motion.space import normalise

        def distance(motion: Motion) -> float:
            return float(np.sqrt(((normalise(motion.array) - normalise(other.array))[:, part] ** 2).mean()))

        return distance


def mean_action(*names: str) -> Measure:
    """Mean over time of actions, added up; a minus sign in front of a name takes it away."""
    from moda.motion.actions import INDEX, read_actions

    def measure(motion: Motion) -> float:
        actions = read_actions(motion.expression, motion.neutral)
        return float(sum((-1 if n[0] == "-" else 1) * actions[:, INDEX[n.lstrip("-")]].mean() for n in names))

    return measure


def sweep_all(sweeps: Sweeps) -> list[Effect]:
    """Every control that decides a motion. Controls that a model refuses are left out."""
    from moda.motion.space import EXPRESSION, POSE, ROTATION

    base = sweeps.motion()
    opening = signals_of_motion(base).opening
    named, away = sweeps.named, sweeps.away

    def angle_from_prior(motion: Motion) -> float:
        followed = sweeps.motion(pose_prior="lively", pose_strength=1.0)
        return float(np.abs(motion.rotation - followed.rotation).mean())

    def same_lips(motion: Motion) -> float:
        return correlation(signals_of_motion(motion).opening, opening)

    def gaze(motion: Motion) -> float:
        from moda.motion.actions import INDEX, read_actions

        actions = read_actions(motion.expression, motion.neutral)
        return float(actions[:, [INDEX["gaze_x"], INDEX["gaze_y"]]].std(0).mean())

    fine = sweeps.motion(steps=50)
    jobs: list[Callable[[], Effect]] = [
        lambda: sweeps.sweep("speech_guidance", [0.0, 0.5, 1.0, 1.5, 2.0], "sync correlation", sweeps.sync, "up", 0.1),
        lambda: sweeps.sweep("speech_guidance", [0.0, 0.5, 1.0, 1.5, 2.0], "mouth opening, spread", named("opening_std"), "up", 0.02),
        lambda: sweeps.sweep("emotion_guidance", [0.0, 1.0, 2.0], "smile + cheeks, happiness", mean_action("smile", "cheek_raise"), "up", 0.05, emotion="happiness"),
        lambda: sweeps.sweep("identity_guidance", [0.0, 1.0, 2.0, 3.0], "distance from 1", away(base, slice(0, 70)), "change", 0.01),
        lambda: sweeps.sweep("emotion_strength", [0.0, 0.5, 1.0, 1.5], "smile + cheeks, happiness", mean_action("smile", "cheek_raise"), "up", 0.05, emotion="happiness"),
        lambda: sweeps.sweep("emotion_strength", [0.0, 0.5, 1.0, 1.5], "furrow - raise, anger", mean_action("brow_furrow", "-brow_raise"), "up", 0.05, emotion="anger"),
        lambda: sweeps.sweep("emotion_strength", [0.0, 0.5, 1.0, 1.5], "brow raise, surprise", mean_action("brow_raise"), "up", 0.05, emotion="surprise"),
        lambda: sweeps.sweep("emotion_strength", [0.0, 0.5, 1.0, 1.5], "frown - smile, sadness", mean_action("frown", "-smile"), "up", 0.05, emotion="sadness"),
        lambda: sweeps.sweep("emotion", ["", "slightly happy", "happy", "ecstatic"], "smile + cheeks", mean_action("smile", "cheek_raise"), "up", 0.05),
        lambda: sweeps.sweep("pose_strength", [0.0, 0.25, 0.5, 0.75, 1.0], "degrees from the prior (lively)", angle_from_prior, "down", 0.3, pose_prior="lively"),
        lambda: sweeps.sweep("pose_strength", [0.0, 0.5, 1.0], "lips as without, r", same_lips, "change", -1.0, "(should stay near 1)", pose_prior="lively"),
        lambda: sweeps.sweep("pose_prior", ["still", "gentle", "lively"], "turning, spread, degrees", named("yaw_std"), "up", 0.3, pose_strength=1.0),
        lambda: sweeps.sweep("seed", [sweeps.base.seed, 101, 202], "head, distance from first", away(base, POSE), "change", 0.1),
        lambda: sweeps.sweep("seed", [sweeps.base.seed, 101, 202], "lips as in first, r", same_lips, "change", -1.0, "(should stay high)"),
        lambda: sweeps.sweep("steps", [1, 2, 4, 8, 16], "distance from 50 steps", away(fine, slice(0, 70)), "down", 0.0),
        lambda: sweeps.sweep("solver", ["euler", "heun", "ab2"], "distance from 50 steps", away(fine, slice(0, 70)), "change", 0.0),
        lambda: sweeps.sweep("schedule", ["reference", "full"], "distance from 50 steps", away(fine, slice(0, 70)), "change", 0.0),
        lambda: sweeps.sweep("expression", [0.0, 0.5, 1.0, 1.5], "mouth opening, spread", named("opening_std"), "up", 0.05),
        lambda: sweeps.sweep("head_motion", [0.0, 0.5, 1.0, 2.0], "turning, spread, degrees", named("yaw_std"), "up", 0.2),
        lambda: sweeps.sweep("blink", [0.0, 1.0, 2.0], "blinks a minute", named("blink_rate"), "up", 2.0),
        lambda: sweeps.sweep("gaze", [0.0, 1.0, 2.0], "gaze, spread", gaze, "up", 0.001),
        lambda: sweeps.sweep("smoothing", [0.0, 1.0, 2.0, 4.0], "head jitter", named("head_jitter"), "down", 0.0),
        lambda: sweeps.sweep("drift_guard", [0.0, 0.5, 1.0], "head place, spread", named("head_shift"), "down", 0.0),
        lambda: sweeps.sweep("expression", [1.0, 1.0], "unchanged at 1", away(base, EXPRESSION), "change", -1.0, "(must be 0)"),
        lambda: sweeps.sweep("head_motion", [1.0, 1.0], "unchanged at 1", away(base, ROTATION), "change", -1.0, "(must be 0)"),
    ]  # fmt: skip
    effects = []
    for job in jobs:
        try:
            effects.append(job())
        except UserError as refusal:
            print(f"     left out: {refusal}")
    return effects


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

    voices = ("en-us", "en-gb+Annie", "en-us+f3", "en-gb")
    return [speak(text, voice, offline=True) for text, voice in zip(SENTENCES[:count], voices)]


def run(
    head: TalkingHead | None = None, output: Path | None = None, json: bool = False, settings: Settings | None = None,
    emotions: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Sweep all controls; print the table (or JSON), write effects.png and effects.json into `output`."""
    from moda.evaluate.emotions import tell_apart
    from moda.evaluate.model import any_portrait, load_head

    head = head or load_head("moda-lite", None)
    base = settings or Settings(seed=7)
    portrait, speeches = head.portrait(any_portrait()), spoken()
    effects = sweep_all(Sweeps(head, portrait, speeches[0], base))
    told = tell_apart(head, portrait, speeches, base) if emotions else None
    facts: dict[str, Any] = {"effects": [{**asdict(e), "works": e.works} for e in effects]}
    if told is not None:
        facts["emotions"] = {"accuracy": told.accuracy, "labels": told.labels, "confusion": told.confusion.tolist()}
    swept = {effect.control for effect in effects}
    facts["not_swept"] = [name for name in CONTROLS if name not in swept]
    if output is not None:
        draw(effects, told, output / "effects.png")
        (output / "effects.json").write_text(jsonlib.dumps(facts, indent=1))
    if json:
        print(jsonlib.dumps(facts))
    else:
        print("\n".join(effect.line() for effect in effects))
        if told is not None:
            print(told.table())
        print("not swept (they change the picture, not the motion, or were refused):", ", ".join(facts["not_swept"]))
    return facts


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    from moda.evaluate.model import load_head

    parser = argparse.ArgumentParser(prog="python -m moda.evaluate.controls", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="moda-lite")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    run(load_head(options.model, options.checkpoint), options.output, options.json)


if __name__ == "__main__":
    main()
