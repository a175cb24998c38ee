"""Square cuts around a face: LivePortrait's source crop with its matrices, and cuts for looking at a face.

Geometry as in the published reference: from the eye and mouth centres of the landmarks, 2.3 times the larger side of
their box, moved up by 0.125 of it, at 512 px (`SOURCE`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moda.portrait.canonical import Pose


@dataclass(frozen=True)
class CropSpec:
    """How a crop is laid around a face."""

    size: int
    """Side of the crop in pixels."""
    scale: float
    """Side of the crop over the larger side of the landmarks' box."""
    shift: float
    """Downward offset of the centre as a part of the side (negative: up, towards the forehead)."""


SOURCE = CropSpec(512, 2.3, -0.125)
NETWORK_SIDE = 256
"""Side of the picture that LivePortrait's networks read."""

# Landmark layouts: points whose means are the two eye centres and the mouth centre (mean of means).
_EYES_MOUTH: dict[int, tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]] = {
    5: (((0,), (1,)), (3, 4)),
    68: (((36, 39), (42, 45)), (48, 54)),
    106: (((33, 35, 40, 39), (87, 89, 94, 93)), (52, 61)),
    203: (((0, 6, 12, 18), (24, 30, 36, 42)), (48, 66)),
    468: (((33, 159, 133, 145), (362, 386, 263, 374)), (61, 291)),
}
_EYES_MOUTH[478] = _EYES_MOUTH[468]

# The reference's landmarks reach from the brows to the chin and have no forehead, so neither may our box:
# jaw line from ear to ear, brows, eyes, nose, lips.
_BOX_POINTS = np.array(
    [
        *(127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
        *(377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356),
        *(70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
        *(33, 133, 159, 145, 362, 263, 386, 374, 1, 2, 98, 327, 61, 291, 0, 17),
    ]
)


@dataclass(frozen=True)
class Crop:
    """The upright square around a face.

    `o2c` and `c2o` are (3, 3) float64 and act on column vectors (x, y, 1): picture -> crop and back.
    """

    image: np.ndarray
    """(size, size, 3) uint8 RGB; black where the square reaches beyond the picture."""
    o2c: np.ndarray
    c2o: np.ndarray
    size: int

    def network_input(self) -> np.ndarray:
        """The (256, 256, 3) uint8 picture that LivePortrait's networks read (reduced by area)."""
        import cv2

        return cv2.resize(self.image, (NETWORK_SIDE, NETWORK_SIDE), interpolation=cv2.INTER_AREA)


def eyes_and_mouth(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Midpoint between the eye centres and centre of the mouth, each (2,) float64.

    Layouts known: 5, 68, 106, 203 (the reference's) and 468 or 478 points (MediaPipe).
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    if len(points) not in _EYES_MOUTH:
        raise ValueError(f"no layout of {len(points)} landmarks is known")
    eyes, mouth = _EYES_MOUTH[len(points)]
    centres = [points[list(eye)].mean(0) for eye in eyes]
    return (centres[0] + centres[1]) / 2, points[list(mouth)].mean(0)


def crop_matrices(landmarks: np.ndarray, spec: CropSpec = SOURCE) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (o2c, c2o), each (3, 3) float64, of the crop around `landmarks` (N, 2 or more) px."""
    eye, mouth = eyes_and_mouth(landmarks)
    points = np.asarray(landmarks, np.float64)[:, :2]
    if len(points) in (468, 478):
        points = points[_BOX_POINTS]
    down = mouth - eye
    length = float(np.hypot(*down))
    down = down / length if length > 1e-6 else np.array([0.0, 1.0])
    axes = np.stack([np.array([down[1], -down[0]]), down])  # rows: across, down
    seen = points @ axes.T
    low, high = seen.min(0), seen.max(0)
    side = float((high - low).max()) * spec.scale
    centre = (low + high) / 2 + np.array([0.0, spec.shift * side])  # in the turned axes
    factor = spec.size / side
    o2c = np.eye(3)
    o2c[:2, :2] = factor * axes
    o2c[:2, 2] = spec.size / 2 - factor * centre
    c2o = np.eye(3)
    c2o[:2, :2] = axes.T / factor
    c2o[:2, 2] = axes.T @ (centre - spec.size / 2 / factor)
    return o2c, c2o


def crop_face(image: np.ndarray, landmarks: np.ndarray, spec: CropSpec = SOURCE) -> Crop:
    """Cut the source crop of a face out of `image` (H, W, 3) uint8: bilinear, black outside."""
    import cv2

    o2c, c2o = crop_matrices(landmarks, spec)
    cut = cv2.warpAffine(image, o2c[:2], (spec.size, spec.size), flags=cv2.INTER_LINEAR)
    return Crop(cut, o2c, c2o, spec.size)


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
