"""The canonical face: a mean face mesh without pose, and the pose of any face against it.

`canonical_face.npz` was measured by this project: the mean of MediaPipe's own 3D landmarks over near-frontal,
closed-mouth pictures of about twenty people, aligned rigidly, made symmetric with its mirror image, turned so that
forehead and chin stand at the same depth, eye midpoint at 0, distance of the eye centres (IOD) 1.
Axes: x right in the picture, y down, z away from the viewer.

Angles follow LivePortrait: column vectors turn by R = Rz(roll) Ry(yaw) Rx(pitch), right-handed about those axes, so
* pitch > 0: the face looks down,
* yaw > 0: the nose points to the LEFT edge of the picture,
* roll > 0: the head leans clockwise as seen by the viewer (image-left eye higher).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from moda.motion.space import rotation_angles

RIGID = np.array(
    [
        *(10, 338, 297, 332, 109, 67, 103, 54, 284, 21, 251, 162, 389, 127, 356),  # forehead and temples
        *(168, 6, 197, 195, 5, 8, 9, 151, 107, 336),  # bridge of the nose, between the brows
        *(33, 133, 362, 263, 234, 454),  # eye corners, front of the ears
    ]
)
"""Landmarks that speech and expression hardly move: forehead, temples, nose bridge, eye corners."""

EYE_LEFT, EYE_RIGHT = (33, 133), (362, 263)
"""Corners of the image-left and the image-right eye."""

_IRIS_MIRROR = np.array([473, 476, 475, 474, 477, 468, 471, 470, 469, 472])


class Pose(NamedTuple):
    """Where a face stands: pixel = scale * rotation @ canonical + translation."""

    scale: float
    """Pixels per IOD, measured in the plane of the face (so it does not shrink as the head turns)."""
    rotation: np.ndarray
    """(3, 3) float32, column vectors."""
    translation: np.ndarray
    """(3,) float32: the canonical origin (eye midpoint) in pixels."""
    angles: np.ndarray
    """(3,) float32: pitch, yaw, roll in degrees, LivePortrait's signs (see the module's text)."""


@functools.cache
def _table(name: str) -> np.ndarray:
    with np.load(Path(__file__).with_name("canonical_face.npz"), allow_pickle=False) as file:
        table: np.ndarray = file[name]
    table.setflags(write=False)
    return table


def canonical_face() -> np.ndarray:
    """The mean face (468, 3) float32, read-only: x right, y down, z away, eye midpoint 0, IOD 1, mouth closed."""
    return _table("vertices")


@functools.cache
def face_triangles() -> np.ndarray:
    """The 852 triangles (852, 3) int32 of the face mesh, wound so that cross(b-a, c-a) points to the viewer.

    The eyes and the inner mouth are holes.
    """
    return _table("triangles").astype(np.int32)


@functools.cache
def mirror_map() -> np.ndarray:
    """For each of the 478 landmarks the index of its mirror twin (478,) int32; its own inverse."""
    return np.concatenate([_table("mirror"), _IRIS_MIRROR]).astype(np.int32)


def eye_centres(landmarks: np.ndarray) -> np.ndarray:
    """Mean of each eye's corners: landmarks (..., 468|478, D) -> (..., 2, D), image-left eye first."""
    return np.stack([landmarks[..., EYE_LEFT, :].mean(-2), landmarks[..., EYE_RIGHT, :].mean(-2)], axis=-2)


def fit_pose(landmarks: np.ndarray) -> Pose:
    """Pose of one face (468|478, 3) px, by the least-squares similarity (Umeyama 1991) on the `RIGID` landmarks."""
    source = canonical_face()[RIGID].astype(np.float64)
    target = np.asarray(landmarks, np.float64)[RIGID]
    centre_s, centre_t = source.mean(0), target.mean(0)
    u, values, vt = np.linalg.svd((target - centre_t).T @ (source - centre_s))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((values * signs).sum() / ((source - centre_s) ** 2).sum())
    translation = centre_t - scale * rotation @ centre_s
    angles = rotation_angles(rotation.T).astype(np.float32)
    return Pose(scale, rotation.astype(np.float32), translation.astype(np.float32), angles)


def straighten(landmarks: np.ndarray, pose: Pose | None = None) -> np.ndarray:
    """Take pose and size off a face: (N, 3) px -> (N, 3) float32 in the canonical frame (IOD 1)."""
    pose = pose or fit_pose(landmarks)
    moved = (np.asarray(landmarks, np.float32) - pose.translation) @ pose.rotation / pose.scale
    return moved.astype(np.float32)
