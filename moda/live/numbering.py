"""Numbers of frames where some are left out: a machine that is too slow skips speech rather than fall behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Numbering:
    """From the frames that a session makes to the numbers under which its client knows them. Both begin at 0 and are
    the same until something is left out; the client's go on counting with the sound that was sent."""

    places: list[tuple[int, int]] = field(default_factory=list)
    """Frame of the session, and how many frames are left out right in front of it; in order."""

    def leave_out(self, frame: int, count: int) -> None:
        """Leave so many frames out in front of this one."""
        self.places.append((frame, count))

    def __call__(self, frame: int) -> int:
        """The number of a frame of the session."""
        return frame + sum(count for at, count in self.places if at <= frame)

    def parts(self, first: int, count: int) -> list[tuple[int, range]]:
        """Frames `first` and `count` - 1 more as stretches of numbers without a gap: the first number, and which of
        the frames (from 0 on). What lies before `first` is not asked for again."""
        passed = sum(left for at, left in self.places if at <= first)
        self.places = [(first, passed), *(place for place in self.places if place[0] > first)]
        cuts = sorted({first, first + count, *(at for at, _ in self.places[1:] if at < first + count)})
        return [(self(start), range(start - first, stop - first)) for start, stop in pairwise(cuts)]
