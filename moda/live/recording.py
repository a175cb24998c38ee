"""What a live session showed and heard, as a take with its speech: it can be edited and rendered like any other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from moda.live.hearing import FRAME
from moda.live.wire import samples16
from moda.motion.space import DIM, FPS

FloatArray = npt.NDArray[np.float32]

LONGEST = 300.0
"""Seconds of a recording: 14 MB."""


@dataclass
class Recording:
    """Frames from number `first` on, and their sound; told of everything that comes after it was made.

    Sound is kept as 16-bit samples, from the first sample of frame `first` on; what is missing is silence.
    """

    first: int
    motion: list[FloatArray] = field(default_factory=list)
    sound: list[npt.NDArray[np.int16]] = field(default_factory=list)
    samples: int = 0

    def hear(self, at: int, sound: FloatArray) -> None:
        """Samples (n,) of which the first is number `at` of the session."""
        skipped = max(0, FRAME * self.first - at)
        gap = at + skipped - (FRAME * self.first + self.samples)
        kept = np.concatenate([np.zeros(max(0, gap), np.int16), samples16(sound[skipped:])])
        self.sound.append(kept)
        self.samples += len(kept)

    def forget(self, at: int) -> None:
        """The sound from sample number `at` of the session on was not said after all."""
        whole = np.concatenate([np.zeros(0, np.int16), *self.sound])[: max(0, at - FRAME * self.first)]
        self.sound, self.samples = [whole], len(whole)

    def show(self, at: int, array: FloatArray) -> None:
        """Frames (n, 70) of which the first is number `at` of the session."""
        self.motion.append(array[max(0, self.first - at) :])

    @property
    def frames(self) -> int:
        return sum(map(len, self.motion))

    @property
    def full(self) -> bool:
        """Whether it is as long as a recording may be."""
        return self.frames >= LONGEST * FPS

    def done(self) -> tuple[FloatArray, FloatArray]:
        """The frames (T, 70) and their sound (640 T,) float32."""
        motion = np.concatenate([np.zeros((0, DIM), np.float32), *self.motion])
        sound = np.zeros(FRAME * len(motion), np.float32)
        heard = np.concatenate([np.zeros(0, np.int16), *self.sound])[: len(sound)]
        sound[: len(heard)] = heard.astype(np.float32) / 32768
        return motion, sound
