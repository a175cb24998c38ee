"""What a face does, measured from its landmarks: lips, eyes, brows, smile. Works on one face or on a whole track.

Every length is taken between landmarks with depth, so it hardly depends on how the head is turned, and is given in
IOD (distance of the eye centres) unless it is a ratio.
"""

from __future__ import annotations

import numpy as np

from moda.portrait.canonical import eye_centres

_LIDS_LEFT = ((160, 144), (159, 145), (158, 153))
_LIDS_RIGHT = ((387, 373), (386, 374), (385, 380))


def _distance(landmarks: np.ndarray, a: int, b: int, depth: float = 1.0) -> np.ndarray:
    gap = landmarks[..., a, :] - landmarks[..., b, :]
    length: np.ndarray = np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2 + (depth * gap[..., 2]) ** 2)
    return length


def eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """IOD in pixels, with depth: landmarks (..., 478, 3) -> (...)."""
    centres = eye_centres(landmarks)
    length: np.ndarray = np.linalg.norm(centres[..., 1, :] - centres[..., 0, :], axis=-1)
    return length


def lip_gap(landmarks: np.ndarray) -> np.ndarray:
    """Inner-lip opening over IOD: landmarks (..., 478, 3) px -> (...); 0 closed, about 0.30 a wide "ah"."""
    gaps = [_distance(landmarks, upper, lower) for upper, lower in ((82, 87), (13, 14), (312, 317))]
    return (gaps[0] + 2 * gaps[1] + gaps[2]) / 4 / eye_distance(landmarks)


def mouth_width(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the mouth corners over IOD: landmarks (..., 478, 3) px -> (...)."""
    return _distance(landmarks, 61, 291) / eye_distance(landmarks)


def eye_openness(landmarks: np.ndarray) -> np.ndarray:
    """Height over width of each eye: landmarks (..., 478, 3) px -> (..., 2), image-left first; open about 0.25-0.4.

    Depth is left out of the height: MediaPipe's lids carry too little of it.
    """
    sides = []
    for lids, corners in ((_LIDS_LEFT, (33, 133)), (_LIDS_RIGHT, (362, 263))):
        height = sum(_distance(landmarks, upper, lower, depth=0.0) for upper, lower in lids) / len(lids)
        sides.append(height / np.maximum(_distance(landmarks, *corners), 1e-6))
    return np.stack(sides, axis=-1)


def brow_height(landmarks: np.ndarray) -> np.ndarray:
    """Height of each brow above its eye's corners over IOD: (..., 478, 3) px -> (..., 2), image-left first."""
    unit = eye_distance(landmarks)[..., None]
    up = _face_up(landmarks)
    sides = []
    for brow, eye in (((105, 66, 63), (33, 133)), ((334, 296, 293), (362, 263))):
        rise = landmarks[..., brow, :].mean(-2) - landmarks[..., eye, :].mean(-2)
        sides.append((rise * up).sum(-1))
    return np.stack(sides, axis=-1) / unit


def smile_corner(landmarks: np.ndarray) -> np.ndarray:
    """Height of the mouth corners above the middle of the lips over IOD: (..., 478, 3) px -> (...); + = smile."""
    corners = landmarks[..., (61, 291), :].mean(-2)
    middle = landmarks[..., (13, 14), :].mean(-2)
    rise: np.ndarray = ((corners - middle) * _face_up(landmarks)).sum(-1) / eye_distance(landmarks)
    return rise


def _face_up(landmarks: np.ndarray) -> np.ndarray:
    """Unit vector from the nose's root to the top of the forehead, (..., 3): up in the face, whatever the pose."""
    up = landmarks[..., 10, :] - landmarks[..., 6, :]
    unit: np.ndarray = up / np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-6)
    return unit
