"""Square cuts around a face, for looking at it: shrunk by area, edges replicated, turned upright if wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moda.portrait.canonical import Pose

LOOK_DOWN = 0.42
"""How far below the eyes, in IOD, the centre of an `upright` cut lies."""


def square(
    image: np.ndarray, centre: Sequence[float] | np.ndarray, side: float, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut an upright square, replicate what lies outside, and shrink it to at most `limit` pixels.

    Returns the cut (n, n, 3) and `(scale, x0, y0)`, so that picture = cut / scale + (x0, y0).
    """
    import cv2

    height, width = image.shape[:2]
    n = max(round(side), 8)
    x0, y0 = round(centre[0] - n / 2), round(centre[1] - n / 2)
    part = image[max(y0, 0) : max(y0 + n, 0), max(x0, 0) : max(x0 + n, 0)]
    if part.size == 0:
        return np.zeros((8, 8, 3), np.uint8), np.array([8 / n, x0, y0])
    out = (max(-y0, 0), max(y0 + n - height, 0), max(-x0, 0), max(x0 + n - width, 0))
    factor = min(1.0, limit / n)
    if factor < 1.0:  # shrink before padding: the padding may be as large as the picture
        size = (max(round(part.shape[1] * factor), 1), max(round(part.shape[0] * factor), 1))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        out = tuple(round(v * factor) for v in out)  # type: ignore[assignment]
    if any(out):
        part = cv2.copyMakeBorder(part, *out, borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(part), np.array([factor, x0, y0])


def upright(image: np.ndarray, pose: Pose, side: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square of `side` IOD around the face, turned so that the eyes are level.

    Returns the cut (size, size, 3) and the matrix (2, 3) that takes picture pixels to cut pixels.
    """
    import cv2

    angle = np.radians(float(pose.angles[2]))
    across, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    centre = pose.translation[:2] + down * LOOK_DOWN * pose.scale
    wide = side * pose.scale
    factor = size / wide
    matrix = factor * np.stack([across, down])
    matrix = np.concatenate([matrix, (size / 2 - matrix @ centre)[:, None]], axis=1)
    # Shrink by area first: bilinear sampling of a much larger face would alias.
    reach = wide * (abs(across[0]) + abs(across[1])) + 8
    part, (scale, x0, y0) = square(image, centre, reach, round(reach * min(1.0, 1.5 * factor)))
    onto = matrix.copy()
    onto[:, 2] += matrix[:, :2] @ np.array([x0, y0])
    onto[:, :2] /= scale
    cut = cv2.warpAffine(part, onto, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cut, matrix


def from_cut(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Landmarks in an `upright` cut -> landmarks in the picture."""
    inverse = np.linalg.inv(matrix[:, :2])
    flat = (landmarks[:, :2] - matrix[:, 2]) @ inverse.T
    depth = landmarks[:, 2:] * np.sqrt(abs(np.linalg.det(inverse)))
    return np.concatenate([flat, depth], axis=1).astype(np.float32)
