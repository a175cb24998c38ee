"""Sound that a client has sent and that nobody has spoken yet."""

from __future__ import annotations

from collections import deque

import numpy as np

from moda.live.limits import Refusal
from moda.live.wire import SAMPLE_RATE


class Waiting:
    """Sound that waits to be spoken: arrays (n,) float32, taken in any size."""

    def __init__(self, seconds: float) -> None:
        self.pieces: deque[np.ndarray] = deque()
        self.samples, self.most = 0, round(SAMPLE_RATE * seconds)

    def put(self, sound: np.ndarray) -> None:
        """Raises Refusal for more than may wait."""
        if self.samples + len(sound) > self.most:
            raise Refusal("Sound came faster than it can be spoken; send it as it is played.")
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
        return out

    def clear(self) -> None:
        self.pieces.clear()
        self.samples = 0

    def __bool__(self) -> bool:
        return bool(self.pieces)
