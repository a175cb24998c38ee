"""Sweeping one control while everything else is held, and what it did to the motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.evaluate.measures.movement import movement_measures
from moda.evaluate.measures.signals import signals_of_motion
from moda.evaluate.measures.sync import correlation, score
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.motion.space import Motion
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait


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


@dataclass(frozen=True)
class Sweep:
    """What is tried: a control, its values, what is measured and what is expected of it; `held` are other settings."""

    control: str
    values: Sequence[Any]
    label: str
    measure: Measure
    expected: str = "up"
    least: float = 0.0
    note: str = ""
    held: dict[str, Any] = field(default_factory=dict)


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

    def effect(self, sweep: Sweep) -> Effect:
        """Measure the motion at each value of one control, everything else held."""
        results = [float(sweep.measure(self.motion(**{**sweep.held, sweep.control: v}))) for v in sweep.values]
        return Effect(sweep.control, sweep.label, sweep.expected, list(sweep.values), results, sweep.least, sweep.note)

    def named(self, name: str) -> Measure:
        """One of the measures of a take, as a function of its motion."""
        return lambda motion: movement_measures(signals_of_motion(motion), self.speech.waveform)[name]

    def same_lips(self, motion: Motion) -> float:
        """Correlation of the mouth's opening with that of the base settings."""
        base = signals_of_motion(self.motion()).opening
        return correlation(signals_of_motion(motion).opening, base)

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


def gaze_spread(motion: Motion) -> float:
    """Mean standard deviation of gaze to the side and up."""
    from moda.motion.actions import INDEX, read_actions

    actions = read_actions(motion.expression, motion.neutral)
    return float(actions[:, [INDEX["gaze_x"], INDEX["gaze_y"]]].std(0).mean())
