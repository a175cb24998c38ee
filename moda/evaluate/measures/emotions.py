"""Can the emotions be told apart from motion alone? A plain classifier on action statistics.

A clip becomes the mean and the spread of every action and of the head's angles; linear discriminant analysis with
shrinkage learns the classes from some seeds and speeches and is tried on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.evaluate.measures.signals import Array
from moda.motion.emotions import FELT

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from moda.motion.space import Motion
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait
    from moda.settings import Settings


def action_statistics(motion: Motion) -> Array:
    """(40,) mean and standard deviation over time of the 17 actions and of pitch, yaw and roll."""
    from moda.motion.actions import read_actions

    angles = motion.rotation - np.asarray(motion.reference)[67:70]
    rows = np.column_stack([read_actions(motion.expression, motion.neutral), angles / 5.0]).astype(np.float64)
    return np.concatenate([rows.mean(0), rows.std(0)])


def classifier() -> Pipeline:
    """Linear discriminant analysis whose covariance is shrunk towards a multiple of the identity: fit, then predict."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))


@dataclass(frozen=True)
class ToldApart:
    """accuracy 0 to 1; confusion (8, 8): row = meant, column = read, counts; means (8, 40): statistics by emotion."""

    accuracy: float
    labels: tuple[str, ...]
    confusion: Array
    means: Array

    def table(self) -> str:
        """The confusion table as text."""
        short = [name[:5] for name in self.labels]
        lines = [f"emotions told apart from motion alone: {100 * self.accuracy:.0f} %"]
        lines.append(f"{'':10}" + "".join(f"{s:>7}" for s in short))
        for name, row in zip(self.labels, self.confusion):
            lines.append(f"{name:10}" + "".join(f"{int(count):7d}" if count else f"{'.':>7}" for count in row))
        return "\n".join(lines)


def tell_apart(
    head: TalkingHead,
    portrait: Portrait,
    speeches: Sequence[Any],
    settings: Settings,
    seeds: Sequence[int] = (1, 2, 3, 4),
    labels: Sequence[str] = FELT,
) -> ToldApart:
    """Plan every emotion with every speech and seed; learn from the first half of both, try on the second half."""
    half_seeds, half_speeches = len(seeds) // 2, len(speeches) // 2
    learn: tuple[list[Array], list[str]] = ([], [])
    test: tuple[list[Array], list[str]] = ([], [])
    for label in labels:
        for i, speech in enumerate(speeches):
            for k, seed in enumerate(seeds):
                learning = i < half_speeches and k < half_seeds
                testing = i >= half_speeches and k >= half_seeds
                if learning or testing:
                    motion = head.plan(portrait, speech, settings.changed(emotion=label, seed=seed)).motion
                    part = learn if learning else test
                    part[0].append(action_statistics(motion))
                    part[1].append(label)
    read = classifier().fit(np.stack(learn[0]), learn[1]).predict(np.stack(test[0]))
    confusion = np.zeros((len(labels), len(labels)))
    for meant, seen in zip(test[1], read):
        confusion[labels.index(meant), labels.index(seen)] += 1
    everything, names = np.stack(learn[0] + test[0]), np.asarray(learn[1] + test[1])
    means = np.stack([everything[names == label].mean(0) for label in labels])
    return ToldApart(float(np.trace(confusion) / confusion.sum()), tuple(labels), confusion, means)
