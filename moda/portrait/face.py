"""One face in a picture: where it is, its landmarks, and how sure we are that it is human."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from moda.portrait.canonical import Pose, fit_pose
from moda.portrait.evidence import upper_half

HUMAN_CERTAINTY = 1.12
"""Threshold of `Face.certainty`. Measured over sizes from 300 to 1400 pixels and mirror images: 15 humanlike faces
(paintings, a 3D character, photos) score 1.15 or more in all but 4 of 120 views, which the other two thresholds let
pass; a capuchin monkey 1.09 at most, a wooden figure 1.00, a dog 0.23. One threshold on the sum keeps twice the
distance that a threshold on each of the three numbers would."""

COVERED_CERTAINTY = 1.15
"""The same threshold where only the upper half of the face is held against its mirror image, for faces behind masks and
hands: the monkey scores 1.14 at most, the dog 0.28."""
NEAR_CERTAINTY = 0.65
"""Threshold of the short-range detector's score less 5 times `Face.upper_error`, as the full-range one hardly knows
covered faces. Chosen by the animals, which score 0.62 at most: of 168 views of covered faces 160 pass one of the three
thresholds, without this one 124."""


@dataclass(frozen=True)
class Face:
    """One face in a picture."""

    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the full picture: the hull of the 468 face landmarks."""
    landmarks: np.ndarray
    """(478, 3) float32 in pixels of the full picture: x right, y down, z away (scale of x)."""
    score: float
    """Short-range detector's score, 0..1, mean over the squares."""
    full_score: float = 1.0
    """Full-range detector's score, 0..1, mean over the squares."""
    mirror_error: float = 0.0
    """Mean distance, in IOD, between the landmarks and those found in the mirrored picture."""
    upper_error: float = 0.0
    """The same over the upper half of the face."""
    veiled: bool = False
    """Whether it shows human eyes above a cover (a niqab, a balaclava), which the numbers alone leave in doubt."""

    @functools.cached_property
    def pose(self) -> Pose:
        """Where the face stands, fitted once."""
        return fit_pose(self.landmarks)

    def scaled(self, factor: float) -> Face:
        """The same face in a picture `factor` times as large."""
        x0, y0, x1, y1 = (factor * v for v in self.box)
        return replace(self, box=(x0, y0, x1, y1), landmarks=self.landmarks * np.float32(factor))

    @property
    def size(self) -> float:
        """Larger side of the box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def certainty(self) -> float:
        """How surely this is a human-like face: both detectors agree and the mirror image gives the same mesh."""
        return self.score + self.full_score - 10.0 * self.mirror_error

    @property
    def lower_error(self) -> float:
        """`mirror_error` over the lower half of the face alone: what covers it leaves the landmarks in doubt."""
        share = upper_half().mean()
        return float((self.mirror_error - share * self.upper_error) / (1 - share))

    @property
    def human(self) -> bool:
        """Whether this is a human or human-like face rather than an animal or a chance pattern."""
        upper = self.score + self.full_score - 10.0 * self.upper_error
        near = self.score - 5.0 * self.upper_error
        sure = self.certainty >= HUMAN_CERTAINTY or upper >= COVERED_CERTAINTY or near >= NEAR_CERTAINTY
        return sure or self.veiled
