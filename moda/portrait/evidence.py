"""What an upright square around a face tells of it: both detectors' scores, and whether its mirror image agrees."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from moda.portrait import mediapipe_graphs
from moda.portrait.canonical import canonical_face, mirror_map

LOOK_SIZE = 512
UPPER = 0.35
"""The upper half of the face: so far below the eyes, in IOD, at most."""
DOUBT = 0.5
"""Distance between landmarks and their mirror image, IOD, where the mesh finds no face in one of the two."""
AGREED = 0.06
"""Below this mean distance both views see the same face."""


@dataclass(frozen=True)
class Look:
    """score, full_score, mirror_error, upper_error: as `Face` has them; landmarks (478, 3) px of the square."""

    score: float
    full_score: float
    mirror_error: float
    upper_error: float
    landmarks: np.ndarray | None

    @property
    def marks(self) -> tuple[float, float, float, float]:
        return self.score, self.full_score, self.mirror_error, self.upper_error

    @property
    def certainty(self) -> float:
        """How surely there is a human-like face: both detectors see it and the mirror image gives the same mesh."""
        return self.score + self.full_score - 10.0 * self.mirror_error


def look(cut: np.ndarray, side: float) -> Look:
    """Look at an upright square (512, 512, 3) uint8 RGB of `side` IOD around a face."""
    found = mediapipe_graphs.mesh_landmarks(cut)
    twins = mediapipe_graphs.mesh_landmarks(np.ascontiguousarray(cut[:, ::-1]))
    error = upper_error = DOUBT
    landmarks = None
    if found and twins:
        twin = twins[0][mirror_map()]
        twin[:, 0] = LOOK_SIZE - twin[:, 0]
        apart = np.linalg.norm((twin - found[0])[:468, :2], axis=1) / (LOOK_SIZE / side)
        error, upper_error = float(apart.mean()), float(apart[upper_half()].mean())
        # Both views err independently, so their mean is the better measurement.
        landmarks = (found[0] + twin) / 2 if error < AGREED else found[0]
    return Look(_best(cut, False), _best(cut, True), error, upper_error, landmarks)


@functools.lru_cache(maxsize=1)
def upper_half() -> np.ndarray:
    """(468,) bool: which landmarks lie in the upper half of the face."""
    return canonical_face()[:, 1] < UPPER


def _best(cut: np.ndarray, full_range: bool) -> float:
    """Best score among detections that lie over the middle of a face square."""
    half = cut.shape[0] / 2
    inside = [
        d.score
        for d in mediapipe_graphs.detect(cut, full_range)
        if d.box[0] < half < d.box[2] and d.box[1] - 0.1 * half < half * 0.95 < d.box[3] + 0.1 * half
    ]
    return max(inside, default=0.0)
