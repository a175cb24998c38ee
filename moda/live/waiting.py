"""Sound that a client has sent and that nobody has spoken yet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from moda.live.limits import Refusal
from moda.live.wire import SAMPLE_RATE


class Waiting:
    """Sound that waits to be spoken: arrays (n,) float32, taken in any size."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.pieces: deque[np.ndarray] = deque()
        self.samples, self.most = 0, round(SAMPLE_RATE * seconds)
        self.clock = clock
        self.taken = 0
        self.began = 0.0  # when sample 0 would have come, had sound come without a pause

    def put(self, sound: np.ndarray) -> None:
        """Raises Refusal for more than may wait."""
        if self.samples + len(sound) > self.most:
            raise Refusal("Sound came faster than it can be spoken; send it as it is played.")
        if not self.samples:
            self.began = self.clock() - self.taken / SAMPLE_RATE
        self.samples += len(sound)
        self.pieces.append(sound)

    def take(self, most: int) -> np.ndarray:
        """At most so many samples; none where nothing waits."""
        taken: list[np.ndarray] = []
        while self.pieces and most > 0:
            piece = self.pieces.popleft()
            if len(piece) > most:
                self.pieces.appendleft(piece[most:])
                piece = piece[:most]
            taken.append(piece)
            most -= len(piece)
        out = np.concatenate(taken) if taken else np.zeros(0, np.float32)
        self.samples -= len(out)
        self.taken += len(out)
        return out

    @property
    def seconds(self) -> float:
        """How much waits."""
        return self.samples / SAMPLE_RATE

    @property
    def late(self) -> float:
        """Seconds that what comes next has waited longer than sound that is spoken as it is played would have."""
        return self.clock() - self.began - self.taken / SAMPLE_RATE if self.samples else 0.0

    def clear(self) -> None:
        self.pieces.clear()
        self.samples = 0

    def silence(self) -> None:
        """Silence instead of what waits, just as long."""
        self.pieces = deque(np.zeros_like(piece) for piece in self.pieces)

    def __bool__(self) -> bool:
        return bool(self.pieces)
