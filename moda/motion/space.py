"""The joint parameter space: LivePortrait's motion parameters, 70 numbers a frame.

Layout (MoDA section 3.1, the order of the published statistics): expression of 21 keypoints x 3 (0-62), scale (63),
translation x, y, z (64-66), pitch, yaw, roll in degrees (67-69). Keypoints are row vectors, x to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.motion.statistics import MEAN, STD

FloatArray = npt.NDArray[np.float32]

EXPRESSION = slice(0, 63)
SCALE = 63
TRANSLATION = slice(64, 67)
PITCH, YAW, ROLL = 67, 68, 69
ROTATION = slice(67, 70)
POSE = slice(63, 70)
#: Scale and translation: what the ratio of a portrait's size to the training mean multiplies.
PLACED = slice(63, 67)
DIM = 70
KEYPOINTS = 21
FPS = 25.0
#: The published code divides by std + 1e-5, because some keypoint axes hardly move.
STD_FLOOR = 1e-5

KEYPOINT_UNIT = 0.23
"""Distance of the eye centres (IOD) in canonical units of LivePortrait's keypoints."""
NECK = (-0.36, 0.18, 0.45)
"""t_x = NECK0 sin(yaw) + NECK1 sin(roll), t_y = NECK2 sin(pitch), canonical units.

LivePortrait turns the head about a point in front of the neck; a head that turns about its neck moves besides.
"""


@dataclass(frozen=True)
class Motion:
    """A sequence of frames in the joint parameter space.

    array      (T, 70) float32, physical units (not normalised); a piece with a reference may have no frame.
    fps        frames per second, > 0.
    origin     where it came from, e.g. "moda-lite" or "template d5.pkl".
    reference  (70,) float32: the vector that shows the portrait as it is (its own pose and expression).
    neutral    (63,) float32: the expression that means relaxed, lips closed, eyes open for this portrait.
    meta       anything that a take wants to remember, JSON-able.
    """

    array: FloatArray
    fps: float = FPS
    origin: str = ""
    reference: FloatArray | None = None
    neutral: FloatArray | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = np.ascontiguousarray(self.array, dtype=np.float32)
        if array.ndim != 2 or array.shape[1] != DIM or (len(array) == 0 and self.reference is None):
            raise ValueError(f"motion must have shape (T, {DIM}) with T >= 1, not {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError("motion holds numbers that are not finite")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps must be positive, not {self.fps}")
        object.__setattr__(self, "array", array)
        reference = array[0] if self.reference is None else self.reference
        object.__setattr__(self, "reference", _vector(reference, DIM, "reference"))
        if self.neutral is None:
            from moda.motion.actions import NEUTRAL

            neutral: npt.ArrayLike = NEUTRAL
        else:
            neutral = self.neutral
        object.__setattr__(self, "neutral", _vector(neutral, 63, "neutral"))

    def __len__(self) -> int:
        return len(self.array)

    @property
    def seconds(self) -> float:
        return len(self.array) / self.fps

    @property
    def expression(self) -> FloatArray:
        """(T, 21, 3) expression offsets of the keypoints, canonical units."""
        return self.array[:, EXPRESSION].reshape(-1, KEYPOINTS, 3)

    @property
    def scale(self) -> FloatArray:
        """(T,) scale factor."""
        return self.array[:, SCALE]

    @property
    def translation(self) -> FloatArray:
        """(T, 3) translation, canonical units."""
        return self.array[:, TRANSLATION]

    @property
    def rotation(self) -> FloatArray:
        """(T, 3) pitch, yaw, roll in degrees."""
        return self.array[:, ROTATION]

    def with_array(self, array: npt.ArrayLike, **changes: Any) -> Motion:
        """The same motion with other numbers; reference and neutral stay."""
        return replace(self, array=np.asarray(array, dtype=np.float32), **changes)

    def resampled(self, fps: float) -> Motion:
        """This motion at another frame rate: linear in time, same duration to within half a frame."""
        if fps == self.fps:
            return self
        count = max(1, round(len(self.array) * fps / self.fps))
        return self.with_array(resample(self.array, self.fps, fps, count), fps=fps)


def _vector(values: npt.ArrayLike, size: int, name: str) -> FloatArray:
    vector = np.ascontiguousarray(values, dtype=np.float32)
    if vector.shape != (size,) or not np.isfinite(vector).all():
        raise ValueError(f"{name} must be {size} finite numbers")
    return vector


def resample(values: npt.ArrayLike, fps_from: float, fps_to: float, count: int) -> FloatArray:
    """Linear interpolation of (T, D) frames to `count` frames at `fps_to`; the ends are held.

    Frames are taken at their centres, so that time 0 of both is the same instant whatever the rates.
    """
    frames = np.asarray(values, dtype=np.float64)
    at = (np.arange(count) + 0.5) * (fps_from / fps_to) - 0.5
    at = np.clip(at, 0, len(frames) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(frames) - 1)
    share = (at - low)[:, None]
    return (frames[low] * (1 - share) + frames[high] * share).astype(np.float32)


def normalise(array: npt.ArrayLike) -> FloatArray:
    """(..., 70) physical -> (v - mean) / (std + 1e-5), the space in which the generator works."""
    return ((np.asarray(array, dtype=np.float32) - MEAN) / (STD + STD_FLOOR)).astype(np.float32)


def denormalise(array: npt.ArrayLike, ratio: float = 1.0) -> FloatArray:
    """Inverse of `normalise`; ratio: by which scale and translation are multiplied, the portrait's over the mean's."""
    physical = (np.asarray(array, dtype=np.float32) * (STD + STD_FLOOR) + MEAN).astype(np.float32)
    physical[..., PLACED] *= np.float32(ratio)
    return physical


def rotation_matrix(pitch: npt.ArrayLike, yaw: npt.ArrayLike, roll: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(...,) degrees each -> (..., 3, 3), R = (Rz Ry Rx)^T, for keypoints as rows: `kp @ R`."""
    from scipy.spatial.transform import Rotation

    angles = np.stack(np.broadcast_arrays(roll, yaw, pitch), axis=-1).astype(np.float64)
    columns = Rotation.from_euler("ZYX", angles.reshape(-1, 3), degrees=True).as_matrix()
    return np.asarray(np.swapaxes(columns.reshape(*angles.shape, 3), -1, -2))


def rotation_angles(matrix: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(..., 3, 3) -> (..., 3) pitch, yaw, roll in degrees; inverse of `rotation_matrix` for |yaw| < 90.

    Rows that are not quite orthonormal, as files hold them, are read as they are.
    """
    m = np.swapaxes(np.asarray(matrix, dtype=np.float64), -1, -2)
    yaw = np.arcsin(np.clip(-m[..., 2, 0], -1, 1))
    pitch = np.arctan2(m[..., 2, 1], m[..., 2, 2])
    roll = np.arctan2(m[..., 1, 0], m[..., 0, 0])
    return np.degrees(np.stack([pitch, yaw, roll], axis=-1))


def transform_keypoints(canonical: npt.ArrayLike, vectors: npt.ArrayLike) -> FloatArray:
    """LivePortrait's placement x = scale * (x_c R + expression) + t with t_z = 0.

    canonical (21, 3) or (T, 21, 3); vectors (T, 70) physical -> (T, 21, 3).
    """
    frames = np.asarray(vectors, dtype=np.float64).reshape(-1, DIM)
    rotation = rotation_matrix(frames[:, PITCH], frames[:, YAW], frames[:, ROLL])
    points = np.asarray(canonical, dtype=np.float64) @ rotation + frames[:, EXPRESSION].reshape(-1, KEYPOINTS, 3)
    shift = frames[:, TRANSLATION].copy()
    shift[:, 2] = 0
    return (frames[:, SCALE, None, None] * points + shift[:, None, :]).astype(np.float32)


def neutral_reference(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> FloatArray:
    """The (70,) vector of a relaxed face in the middle of the picture with this head pose in degrees."""
    from moda.motion.actions import NEUTRAL

    vector = MEAN.copy()
    vector[EXPRESSION] = NEUTRAL
    vector[TRANSLATION] = 0
    vector[ROTATION] = (pitch, yaw, roll)
    return vector
