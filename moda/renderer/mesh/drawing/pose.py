"""Head pose: holding it where the picture still looks right, and turning the mesh.

The head's frame has x to the image right, y down and z away from the viewer, the origin between the eyes and
the distance between the eye centres (IOD) as its unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moda.motion.space import KEYPOINT_UNIT, rotation_matrix
from moda.portrait.canonical import Pose

YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = 19.0, 15.0, 14.0
SHIFT_LIMIT = 0.26
TURN_LIMIT = 33.0
"""Degrees of yaw of the head in the picture, source and motion together."""

PIVOT = np.array([0.0, 0.35, 0.10])
"""What the head turns about in this renderer: between the eyes and the throat, in the head's frame."""


def hold(value: np.ndarray | float, limit: float, straight: float = 0.55) -> np.ndarray:
    """Identity up to ``straight * limit``, then bends smoothly and never passes ``limit``."""
    value = np.asarray(value, np.float64)
    knee = straight * limit
    room = limit - knee
    over = np.maximum(np.abs(value) - knee, 0.0)
    return np.sign(value) * (np.minimum(np.abs(value), knee) + room * np.tanh(over / room))


@dataclass(frozen=True)
class Turn:
    """Rigid motion of one frame in picture space: Y = linear @ (X - pivot) + pivot + shift (px)."""

    linear: np.ndarray
    pivot: np.ndarray
    shift: np.ndarray
    yaw: float  # degrees relative to the portrait, after holding

    def carry(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) px of the picture, where the head takes them."""
        return (points - self.pivot) @ self.linear.T + self.pivot + self.shift


def turns_of(poses: np.ndarray, reference: np.ndarray, head: Pose) -> list[Turn]:
    """Turn for each of T frames.

    poses (T, 7), reference (7,): scale, t xyz, pitch, yaw, roll (degrees) of the frames and of the portrait as it is.
    """
    relative = poses[:, 4:7] - reference[4:7]
    source_yaw = float(head.angles[1])
    # A portrait that is turned already has less room on that side, and shows less well when turned at all.
    room = float(np.clip(1.25 - abs(source_yaw) / 40.0, 0.35, 1.0))
    outward = max(4.0, TURN_LIMIT - abs(source_yaw))
    yaw = relative[:, 1] * room
    yaw = np.where(yaw * source_yaw > 0, hold(yaw, min(YAW_LIMIT, outward)), hold(yaw, YAW_LIMIT))
    pitch = hold(relative[:, 0], PITCH_LIMIT) * room
    roll = hold(relative[:, 2], ROLL_LIMIT)
    before = rotation_matrix(*reference[4:7])
    after = rotation_matrix(*(reference[4:7] + np.stack([pitch, yaw, roll], 1)).T)
    size = max(float(reference[0]), 1e-6)
    zoom = np.clip(1.0 + hold(poses[:, 0] / size - 1.0, 0.12), 0.85, 1.15)
    rotation = head.rotation.astype(np.float64)
    linear = zoom[:, None, None] * (rotation @ (before @ np.swapaxes(after, 1, 2)) @ rotation.T)
    shift = (poses[:, 1:4] - reference[1:4]) / (KEYPOINT_UNIT * size)
    length = np.hypot(shift[:, 0], shift[:, 1])
    shift = shift * (hold(length, SHIFT_LIMIT) / np.maximum(length, 1e-9))[:, None] * head.scale
    shift[:, 2] = 0.0
    pivot = head.translation.astype(np.float64) + rotation @ PIVOT * head.scale
    return [Turn(one, pivot, away, float(angle)) for one, away, angle in zip(linear, shift, yaw)]
