"""What makes a face live besides the words: a head that never jumps, blinks in time, a gaze that wanders, nods.

Everything is a function of the seed and of the frame's number or of the frames before; nothing looks ahead.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from moda.motion.actions import INDEX, change_actions, read_actions
from moda.motion.space import FPS, POSE, ROTATION
from moda.motion.trims import blink_shape

FloatArray = npt.NDArray[np.float32]

LIDS = [INDEX["blink_left"], INDEX["blink_right"]]
GAZE = [INDEX["gaze_x"], INDEX["gaze_y"]]
FASTEST = 45.0
"""Degrees a second: a little above the fastest turns of offline takes (35)."""
RESPONSE = 0.09
"""Seconds after which the head has covered two thirds of the way to where the network puts it."""
BLINK_EVERY = (2.2, 5.5)
"""Seconds between blinks, drawn evenly: 16 a minute."""
NOD = 5.0
"""Depth of a listening nod, degrees."""
NOD_SECONDS = 0.7


class HeadFilter:
    """A head with inertia: pose (7,) follows its target critically damped and no faster than `FASTEST`."""

    def __init__(self, start: FloatArray) -> None:
        self.pose = start.astype(np.float64)
        self.speed = np.zeros(7)

    def __call__(self, targets: FloatArray) -> FloatArray:
        """Targets (n, 7) -> poses (n, 7); rotation in degrees comes last, as in POSE."""
        rate, dt = 2.0 / RESPONSE, 1.0 / FPS
        out = np.empty((len(targets), 7), dtype=np.float32)
        for k, target in enumerate(np.asarray(targets, dtype=np.float64)):
            # The exact solution of x'' = -rate^2 (x - target) - 2 rate x' over one frame.
            offset = self.pose - target
            decay, carried = math.exp(-rate * dt), self.speed + rate * offset
            moved = target + (offset + carried * dt) * decay - self.pose
            speed = (self.speed - rate * dt * carried) * decay
            turning = float(np.abs(moved[4:]).max()) / dt
            if turning > FASTEST:
                moved, speed = moved * (FASTEST / turning), speed * (FASTEST / turning)
            self.pose, self.speed = self.pose + moved, speed
            out[k] = self.pose
        return out


class Presence:
    """Blinks, nods and the head's inertia laid over sampled motion, frame after frame.

    `start` (7,): the pose before the first frame; `neutral` (63,): the portrait's relaxed expression.
    """

    def __init__(self, seed: int, start: FloatArray, neutral: FloatArray) -> None:
        self.rng = np.random.default_rng([seed, 77])
        self.head, self.neutral = HeadFilter(start), neutral
        self.frame = 0
        self.blinking = blink_shape(FPS)
        self.blink_at = self._next_blink()
        self.nods: list[int] = []

    def _next_blink(self) -> int:
        return self.frame + round(FPS * self.rng.uniform(*BLINK_EVERY))

    def nod(self) -> None:
        """Nod from the next frame on, unless a nod is under way."""
        if not self.nods or self.frame - self.nods[-1] > 2 * FPS * NOD_SECONDS:
            self.nods = [*self.nods[-1:], self.frame]

    def __call__(self, array: FloatArray, rate: float = 1.0) -> FloatArray:
        """(n, 70) physical, of the next frames -> the same with presence; rate scales how often it blinks."""
        out = array.copy()
        target = array[:, POSE].copy()
        time = self.frame + np.arange(len(array))
        for nod in self.nods:
            phase = np.clip((time - nod) / (FPS * NOD_SECONDS), 0, 1)
            target[:, 4] += (NOD * np.sin(np.pi * phase**0.85) ** 2).astype(np.float32)
        out[:, POSE] = self.head(target)
        values = read_actions(array[:, :63], self.neutral)
        changes = np.zeros_like(values)
        for k in range(len(array)):
            self._blink(values[k], changes[k], rate)
            self.frame += 1
        out[:, :63] = change_actions(array[:, :63], changes)
        return out

    def _blink(self, values: FloatArray, change: FloatArray, rate: float) -> None:
        """Close the lids of this frame where a blink is under way; one by the network puts ours off."""
        since = self.frame - self.blink_at
        if since < 0:
            if rate > 0 and float(values[LIDS].mean()) > 0.6:
                self.blink_at = self._next_blink()
            return
        if since < len(self.blinking) and rate > 0:
            change[LIDS] = np.maximum(self.blinking[since] - values[LIDS], 0)
            return
        self.blink_at = self.frame + max(len(self.blinking), round((self._next_blink() - self.frame) / max(rate, 0.1)))


def turning_speed(array: npt.ArrayLike) -> FloatArray:
    """(T - 1,) fastest of pitch, yaw and roll between frames of (T, 70), degrees a second."""
    return np.asarray(np.abs(np.diff(np.asarray(array)[:, ROTATION], axis=0)).max(axis=1) * FPS, dtype=np.float32)
