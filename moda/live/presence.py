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
LISTENING = 0.6
"""Seconds of silence after which the face listens."""
GLANCE_EVERY, GLANCE_SECONDS = (2.5, 6.0), (0.5, 1.4)
"""Seconds between the glances of a listener, and how long they last."""
GLANCE = 0.22
"""How far a listener's eyes go aside, as an action."""
PHRASE = 0.8
"""Seconds that the other must have spoken for a nod where the phrase ends."""


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
        self.quiet = round(FPS * LISTENING)  # frames since this face said something
        self.heard_from: int | None = None  # the frame at which the other began to speak
        self.aside = np.zeros(2, dtype=np.float32)
        self.glance = (0, 0, np.zeros(2, dtype=np.float32))  # first and last frame, gaze
        self._next_glance()

    def _next_blink(self) -> int:
        return self.frame + round(FPS * self.rng.uniform(*BLINK_EVERY))

    def nod(self) -> None:
        """Nod from the next frame on, unless a nod is under way."""
        if not self.nods or self.frame - self.nods[-1] > 2 * FPS * NOD_SECONDS:
            self.nods = [*self.nods[-1:], self.frame]

    def hear(self, speaking: bool) -> None:
        """The other begins or ends a phrase: eyes stay on who speaks, and a nod says that it was heard."""
        if speaking and self.heard_from is None:
            self.heard_from = self.frame
        elif not speaking and self.heard_from is not None:
            if self.frame - self.heard_from >= FPS * PHRASE:
                self.nod()
            self.heard_from = None
            self._next_glance()

    def __call__(
        self, array: FloatArray, rate: float = 1.0, gaze: float = 1.0, speaking: npt.ArrayLike = False
    ) -> FloatArray:
        """(n, 70) physical, of the next frames -> the same with presence. rate scales how often it blinks, gaze how far
        a listener glances aside; speaking (n,): whether the frames say something."""
        out = array.copy()
        target = array[:, POSE].copy()
        time = self.frame + np.arange(len(array))
        for nod in self.nods:
            phase = np.clip((time - nod) / (FPS * NOD_SECONDS), 0, 1)
            target[:, 4] += (NOD * np.sin(np.pi * phase**0.85) ** 2).astype(np.float32)
        out[:, POSE] = self.head(target)
        values = read_actions(array[:, :63], self.neutral)
        changes = np.zeros_like(values)
        for k, says in enumerate(np.broadcast_to(speaking, len(array))):
            self._blink(values[k], changes[k], rate)
            self.quiet = 0 if says else self.quiet + 1
            changes[k, GAZE] += gaze * self._aside()
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

    def _next_glance(self) -> None:
        first = self.frame + round(FPS * self.rng.uniform(*GLANCE_EVERY))
        last = first + round(FPS * self.rng.uniform(*GLANCE_SECONDS))
        far = self.rng.uniform(0.5, 1.5) * GLANCE
        self.glance = (
            first,
            last,
            np.array([self.rng.choice((-1, 1)) * far, self.rng.uniform(-0.5, 0.5) * far], np.float32),
        )

    def _aside(self) -> FloatArray:
        """Gaze (2,) away from the viewer at this frame: eyes arrive after two frames."""
        first, last, where = self.glance
        if self.frame > last:
            self._next_glance()
        listens = self.quiet >= FPS * LISTENING and self.heard_from is None
        target = where if listens and first <= self.frame <= last else np.zeros_like(where)
        self.aside = (self.aside + 0.65 * (target - self.aside)).astype(np.float32)
        return self.aside


def turning_speed(array: npt.ArrayLike) -> FloatArray:
    """(T - 1,) fastest of pitch, yaw and roll between frames of (T, 70), degrees a second."""
    return np.asarray(np.abs(np.diff(np.asarray(array)[:, ROTATION], axis=0)).max(axis=1) * FPS, dtype=np.float32)
