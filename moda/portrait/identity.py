"""Who a face is, as geometry: a 63-number descriptor in the shape of LivePortrait's canonical keypoints."""

from __future__ import annotations

import functools

import numpy as np

from moda.motion.space import KEYPOINT_UNIT
from moda.portrait.canonical import Pose, mirror_map, straighten

POINTS = np.array(
    [
        *(10, 109, 338),  # 0-2 top of the forehead
        *(127, 356, 234, 454),  # 3-6 temples and cheekbones at the ears
        *(33, 133, 362, 263),  # 7-10 eye corners
        *(168, 6, 4, 98, 327),  # 11-15 bridge, tip and wings of the nose
        *(50, 280),  # 16-17 cheekbones
        *(132, 361),  # 18-19 jaw under the ears
        199,  # 20 chin (read with the jaw closed, see below)
    ]
)
"""MediaPipe landmark of each of the 21 points; none of them lies on lips, lids or brows."""

_LIP_UPPER, _LIP_LOWER, _CHIN = 13, 14, 20
_JAW_SHARE = np.array([0.0, 0.46, 0.35], np.float32)
"""How far the chin goes (down and back) for each unit of inner-lip opening, the median of fits on 18 talking videos;
taken off, so that speech does not change identity."""


@functools.cache
def _twins() -> np.ndarray:
    """For each of the 21 points the position of its mirror twin among them."""
    order = {int(point): place for place, point in enumerate(POINTS)}
    return np.array([order[int(twin)] for twin in mirror_map()[POINTS]])


def face_points(landmarks: np.ndarray, pose: Pose | None = None) -> np.ndarray:
    """The 21 points without pose, size and jaw opening: landmarks (468|478, 3) px -> (21, 3) float32 in IOD."""
    still = straighten(landmarks, pose)
    points = still[POINTS].copy()
    opening = max(float(still[_LIP_LOWER, 1] - still[_LIP_UPPER, 1]), 0.0)
    points[_CHIN] -= _JAW_SHARE * opening
    return points


def identity_descriptor(landmarks: np.ndarray, pose: Pose | None = None) -> np.ndarray:
    """Identity (63,) float32 of a face with `landmarks` (468|478, 3) px; `pose` is fitted when not given.

    21 points x (x, y, z), mean 0, on the scale of LivePortrait's canonical keypoints; made symmetric, because what is
    left of pose after the fit shows as asymmetry. Turning, moving or scaling the picture does not change it.
    """
    points = face_points(landmarks, pose)
    points = (points + points[_twins()] * np.array([-1, 1, 1], np.float32)) / 2
    points -= points.mean(0)
    return (points * KEYPOINT_UNIT).astype(np.float32).reshape(63)


def identity_drift(landmarks_a: np.ndarray, landmarks_b: np.ndarray) -> float:
    """How far two faces differ in build: mean distance of their 21 points in IOD.

    Measured: 0.01-0.03 between frames of one talking person, 0.02-0.08 (mean 0.045) between people. Build alone does
    not tell people apart for certain; it shows when a renderer bends the head.
    """
    a = identity_descriptor(landmarks_a).reshape(21, 3)
    b = identity_descriptor(landmarks_b).reshape(21, 3)
    return float(np.linalg.norm(a - b, axis=1).mean() / KEYPOINT_UNIT)
