"""Where a video cuts from one shot to the next, found while its frames go by.

Frames are compared as tiny thumbnails. A cut is a change that is large in itself and large against the changes just
before it, so that a head that moves, or a camera that pans, is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

THUMB = (32, 18)
LEAST = 0.075
"""Smallest mean difference of neighbouring thumbnails, 0..1, that can be a cut."""
AGAINST = 4.0
"""How many times the usual difference of the frames before it must be."""
MEMORY = 12
LONGEST = 60.0
"""Seconds after which a shot is parted all the same, so that memory stays bounded."""


class CutFinder:
    """Sees frame after frame and says where a new shot begins."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._usual: deque[float] = deque(maxlen=MEMORY)

    def begins(self, frame: np.ndarray) -> bool:
        """Whether this frame (H, W, 3) uint8 RGB is the first of a shot (the very first is)."""
        import cv2

        small = cv2.resize(frame, THUMB, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        last, self._last = self._last, small
        if last is None:
            return True
        change = float(np.abs(small - last).mean())
        usual = float(np.median(self._usual)) if self._usual else 0.0
        if change > LEAST and change > AGAINST * usual:
            self._usual.clear()
            return True
        self._usual.append(change)
        return False


class Shots:
    """Parts a stream of frames into shots: iterate for pairs (number of the first frame, iterator of frames).

    As with itertools.groupby, a shot's frames must be read before the next shot is asked for; what is left unread
    is passed over. `frames` counts all that went by.
    """

    def __init__(self, frames: Iterable[np.ndarray], fps: float, longest: float = LONGEST) -> None:
        self._source = iter(frames)
        self._limit = max(2, round(longest * fps))
        self._finder = CutFinder()
        self._next: np.ndarray | None = None
        self.frames = 0

    def __iter__(self) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
        self._advance()
        while self._next is not None:
            shot = self._shot()
            yield self.frames - 1, shot
            for _ in shot:
                pass

    def _advance(self) -> bool:
        """Fetch the next frame; True where it goes on with the shot."""
        self._next = next(self._source, None)
        if self._next is None:
            return False
        self.frames += 1
        return not self._finder.begins(self._next)

    def _shot(self) -> Iterator[np.ndarray]:
        count = 0
        while self._next is not None:
            yield self._next
            count += 1
            if not self._advance() or count == self._limit:
                return
