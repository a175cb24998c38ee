"""What a live session has heard: moda-lite's features of the frames whose look-ahead is there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from moda.conditions.speech import (
    AFTER,
    BEFORE,
    CHANNELS,
    COLUMNS_PER_FRAME,
    CONTEXT,
    FFT,
    HOP,
    SAMPLE_RATE,
    StreamedColumns,
)
from moda.errors import BadSpeech
from moda.motion.space import FPS

FloatArray = npt.NDArray[np.float32]

FRAME = round(SAMPLE_RATE / FPS)
"""Samples a frame."""
LOOK_AHEAD = (AFTER - 1) * HOP + FFT // 2
"""Samples after a frame's start that its features need: 146 ms, of which the window's last 3 are nearly nothing."""
LOUDNESS = CHANNELS - 2
"""Channel of a column that says how loud it is against the running peak."""
HEARD = -1.5
"""Loudness above which somebody speaks: 20 dB below the peak, where the features' own followers listen as well."""
KEPT = 12
"""Frames that were given and can still be taken back."""
SILENCE = np.array([-3.0] * LOUDNESS + [-3.5, 0.0], dtype=np.float32)
"""The column of no sound at all."""


class Hearing:
    """Sound in pieces -> speech features of the frames that are due, in order.

    Frame i covers samples 640 i to 640 (i + 1) of all that was heard, silence put in by `wait` included.
    """

    def __init__(self) -> None:
        self.samples = 0  # heard so far
        self.spoken = 0  # where the last sound ended that did not come from `wait`
        self.frames = 0  # given so far
        self.ready = StreamedColumns()
        self.pending = np.zeros(0, dtype=np.float32)  # heard, but not yet looked at: it can still be forgotten
        self.columns = np.zeros((0, CHANNELS), dtype=np.float32)
        self.first = 0  # index of the first column that is kept

    def hear(self, samples: npt.ArrayLike) -> FloatArray:
        """Take in samples (n,) float in [-1, 1], 16 kHz mono, and return them as they were heard. Raises BadSpeech for
        what is not that."""
        try:
            sound = np.asarray(samples, dtype=np.float32)
        except (TypeError, ValueError):
            raise BadSpeech("Live speech must be numbers: float32 samples at 16 kHz, mono.") from None
        if sound.ndim != 1:
            raise BadSpeech(f"Live speech must be mono: shape (n,), not {sound.shape}.")
        if not np.isfinite(sound).all():
            raise BadSpeech("Live speech holds numbers that are not finite; send samples from -1 to 1.")
        sound = np.clip(sound, -1.0, 1.0)
        self._append(sound)
        self.spoken = self.samples
        return sound

    def _append(self, sound: FloatArray) -> None:
        self.pending = np.concatenate([self.pending, sound])
        self.samples += len(sound)

    def due_with(self, samples: int) -> int:
        """Frames not given yet whose look-ahead is there when so many samples more are."""
        return max(0, (self.samples + samples - LOOK_AHEAD) // FRAME + 1 - self.frames)

    @property
    def due(self) -> int:
        """Frames not given yet whose look-ahead is there."""
        return self.due_with(0)

    def wait(self, frames: int) -> None:
        """Let as much silence follow as makes so many frames due."""
        lacking = FRAME * (self.frames + frames - 1) + LOOK_AHEAD - self.samples
        if lacking > 0:
            self._append(np.zeros(lacking, dtype=np.float32))

    def forget(self, frames: int) -> None:
        """Take back the features of frame number `frames` and after it (at most `KEPT`), and hear silence from its
        start on instead of the sound that is there, just as long: what is heard next keeps its place in time."""
        if not 0 <= self.frames - frames <= KEPT:
            raise ValueError(f"frame {frames} of {self.frames} cannot be taken back")
        self.pending = np.zeros_like(self.pending)
        self.frames = frames
        self.columns[max(0, COLUMNS_PER_FRAME * frames - self.first) :] = SILENCE
        self.ready.forget()
        self.spoken = min(self.spoken, FRAME * frames)

    def features(self, frames: int) -> FloatArray:
        """Features (frames, FEATURES) of the next frames, which must be due."""
        needed = FRAME * (self.frames + frames - 1) + LOOK_AHEAD - (self.samples - len(self.pending))
        self.columns = np.concatenate([self.columns, self.ready(self.pending[: max(0, needed)])])
        self.pending = self.pending[max(0, needed) :]
        found = self._stacked(self.columns, frames)
        self.frames += frames
        keep = max(0, COLUMNS_PER_FRAME * (self.frames - KEPT) - BEFORE - self.first)
        self.columns, self.first = self.columns[keep:], self.first + keep
        return found

    def _stacked(self, columns: FloatArray, frames: int) -> FloatArray:
        start = COLUMNS_PER_FRAME * self.frames - BEFORE - self.first
        at = start + COLUMNS_PER_FRAME * np.arange(frames)[:, None] + np.arange(CONTEXT)
        return columns[np.clip(at, 0, len(columns) - 1)].reshape(frames, -1)


def speaking(features: FloatArray) -> npt.NDArray[np.bool_]:
    """(n,) whether there is speech in the sound that each of (n, FEATURES) looks at."""
    return np.asarray((features.reshape(len(features), CONTEXT, CHANNELS)[..., LOUDNESS] > HEARD).any(axis=1))
