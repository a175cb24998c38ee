"""From motion vectors to driving keypoints, and from the portrait's own pose to the first motion vector.

LivePortrait places canonical keypoints with ``scale * (kp R + expression) + t`` (arXiv 2407.03168, equation 1);
which parts come from the portrait and which from the motion is what this file decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting
from moda.motion.space import (
    EXPRESSION,
    ROTATION,
    SCALE,
    STD_FLOOR,
    TRANSLATION,
    FloatArray,
    Motion,
    normalise,
    rotation_angles,
    rotation_matrix,
    transform_keypoints,
)
from moda.motion.statistics import MEAN

KEYPOINTS = 21

Mode = Literal["auto", "absolute", "relative"]
MODES: tuple[str, ...] = get_args(Mode)

#: Expression axes (keypoint, axes) that speech drives; the others stay the portrait's own.
DRIVEN = {
    **dict.fromkeys((1, 2, 6, *range(11, 21)), (0, 1, 2)),
    **{3: (1,), 4: (1,), 5: (2,), 8: (2,), 9: (1, 2)},
}
#: Constant lift of the eyelid keypoints along y, so that the gaze meets the camera.
GAZE_LIFT = {11: 0.0025, 15: 0.0025, 13: 0.00075, 16: 0.00075}


def _driven_mask() -> npt.NDArray[np.bool_]:
    mask = np.zeros((KEYPOINTS, 3), dtype=bool)
    for keypoint, driven in DRIVEN.items():
        mask[keypoint, list(driven)] = True
    return mask.reshape(-1)


def _gaze_offset() -> FloatArray:
    offset = np.zeros((KEYPOINTS, 3), dtype=np.float32)
    for keypoint, lift in GAZE_LIFT.items():
        offset[keypoint, 1] = lift
    return offset.reshape(-1)


@dataclass(frozen=True)
class SourceFace:
    """What M says of the portrait: canonical ``keypoints`` (21, 3) and its motion ``vector`` (70,), physical units."""

    keypoints: FloatArray
    vector: FloatArray

    @property
    def placed(self) -> FloatArray:
        """The portrait's own keypoints where they are in the picture, (21, 3)."""
        return transform_keypoints(self.keypoints, self.vector)[0]


@dataclass(frozen=True)
class FirstMotion:
    """How a motion generator starts from a portrait (MoDA, the published inference).

    vector      (70,) the portrait's motion vector in the normalised space, the frame before the first.
    ratio       the portrait's scale over the training mean's: scale and translation are divided by it.
    keypoints   (63,) canonical keypoints: the identity condition.
    """

    vector: FloatArray
    ratio: float
    keypoints: FloatArray


def first_motion(source: SourceFace) -> FirstMotion:
    """What the generator is told about the portrait."""
    ratio = float((source.vector[SCALE] + STD_FLOOR) / (MEAN[SCALE] + STD_FLOOR))
    vector = source.vector.copy()
    vector[66] = 0.0  # depth of the translation is never used
    vector[63:67] /= np.float32(ratio)
    return FirstMotion(normalise(vector), ratio, source.keypoints.reshape(-1).astype(np.float32))


def choose_mode(mode: str, motion: Motion) -> Literal["absolute", "relative"]:
    """``auto``: the published generator speaks in M's own terms, everything else relative to its reference."""
    if mode not in MODES:
        raise BadSetting(f"The motion mode must be one of {', '.join(MODES)}; {mode!r} is not known.")
    if mode == "auto":
        return "absolute" if motion.origin.startswith("moda-base") else "relative"
    return "absolute" if mode == "absolute" else "relative"


def absolute_vectors(source: SourceFace, vectors: npt.ArrayLike) -> FloatArray:
    """The published way: generated rotation, translation and speech-driven expression; the portrait's own scale."""
    driving = np.array(vectors, dtype=np.float32, ndmin=2)
    driven = _driven_mask()
    driving[:, EXPRESSION] = np.where(driven, driving[:, EXPRESSION] + _gaze_offset(), source.vector[EXPRESSION])
    driving[:, SCALE] = source.vector[SCALE]
    return driving


def relative_vectors(source: SourceFace, vectors: npt.ArrayLike, reference: npt.ArrayLike) -> FloatArray:
    """Only what differs from ``reference`` (70,), the vector that shows the portrait as it is, is added to it.

    Rotations compose as ``R_i R_ref^T R_source`` (LivePortrait, section 3.3); scales multiply.
    """
    driving = np.array(vectors, dtype=np.float32, ndmin=2)
    origin = np.asarray(reference, dtype=np.float32)
    own = source.vector
    driving[:, EXPRESSION] += own[EXPRESSION] - origin[EXPRESSION]
    driving[:, TRANSLATION] += own[TRANSLATION] - origin[TRANSLATION]
    driving[:, SCALE] *= own[SCALE] / origin[SCALE]
    turn = np.swapaxes(rotation_matrix(*origin[ROTATION]), -1, -2) @ rotation_matrix(*own[ROTATION])
    driving[:, ROTATION] = rotation_angles(rotation_matrix(*driving[:, ROTATION].T) @ turn)
    return driving


def driving_vectors(source: SourceFace, motion: Motion, start: int, stop: int, mode: str = "auto") -> FloatArray:
    """Motion vectors (stop - start, 70) of these frames in the portrait's terms."""
    vectors = motion.array[start:stop]
    if choose_mode(mode, motion) == "absolute":
        return absolute_vectors(source, vectors)
    assert motion.reference is not None  # a Motion always has one
    return relative_vectors(source, vectors, motion.reference)


def driving_keypoints(source: SourceFace, motion: Motion, start: int, stop: int, mode: str = "auto") -> FloatArray:
    """Placed keypoints (stop - start, 21, 3) of these frames, before stitching."""
    return transform_keypoints(source.keypoints, driving_vectors(source, motion, start, stop, mode))


def head_moves(source: SourceFace, motion: Motion, start: int, stop: int, mode: str = "auto") -> FloatArray:
    """(stop - start, 2, 3): the plane affine that carries the portrait's keypoints to those of each frame best, the
    expression left out; points of the crop in -1..1."""
    vectors = driving_vectors(source, motion, start, stop, mode)
    vectors[:, EXPRESSION] = source.vector[EXPRESSION]
    there = transform_keypoints(source.keypoints, vectors)[..., :2]
    own = np.concatenate([source.placed[:, :2], np.ones((KEYPOINTS, 1))], axis=1)
    return np.swapaxes(np.linalg.pinv(own) @ there, 1, 2).astype(np.float32)
