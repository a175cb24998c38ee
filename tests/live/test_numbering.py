"""Numbers of frames where some are left out, and sound that waits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.live.limits import Refusal
from moda.live.numbering import Numbering
from moda.live.waiting import Waiting


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12), st.integers(0, 60)), max_size=20))
def test_every_frame_is_numbered_by_what_was_left_out_before_it(pieces: list[tuple[int, int, int]]) -> None:
    """pieces: frames given, and then so many frames ahead of them so many are left out."""
    numbering, first, places = Numbering(), 0, []
    for given_frames, ahead, left in pieces:
        expected = [f + sum(n for at, n in places if at <= f) for f in range(first, first + given_frames)]
        parts = numbering.parts(first, given_frames)
        assert [number + k for number, part in parts for k in range(len(part))] == expected
        assert [k for _, part in parts for k in part] == list(range(given_frames))
        first += given_frames
        last = max((at for at, _ in places), default=0)
        if left:
            places.append((max(first + ahead, last), left))
            numbering.leave_out(*places[-1])
        assert numbering(first) == first + sum(n for at, n in places if at <= first)


def test_numbering_forgets_what_has_passed() -> None:
    numbering = Numbering()
    for frame in range(0, 30_000, 3):
        numbering.leave_out(frame, 1)
        numbering.parts(frame, 3)
    assert len(numbering.places) < 3 and numbering(30_000) == 40_000


def test_sound_is_late_by_as_long_as_it_waits_longer_than_it_lasts() -> None:
    now = [100.0]
    waiting = Waiting(60.0, lambda: now[0])
    assert waiting.late == waiting.seconds == 0
    waiting.put(np.ones(16_000, np.float32))
    now[0] += 0.5  # half of it would have been spoken by now
    assert waiting.late == pytest.approx(0.5) and waiting.seconds == 1
    waiting.take(8_000)
    assert waiting.late == pytest.approx(0) and waiting.seconds == 0.5
    waiting.take(8_000)
    now[0] += 10  # a pause is nobody's fault
    waiting.put(np.ones(1_600, np.float32))
    assert waiting.late == pytest.approx(0)
    now[0] += 2
    assert waiting.late == pytest.approx(2)


def test_silence_lasts_as_long_as_what_waited_and_too_much_is_refused() -> None:
    waiting = Waiting(1.0)
    waiting.put(np.ones(4_000, np.float32))
    waiting.put(np.ones(5_000, np.float32))
    waiting.silence()
    assert len(waiting.take(4_500)) == 4_500 and not waiting.take(9_000).any()
    waiting.put(np.ones(16_000, np.float32))
    with pytest.raises(Refusal, match="faster than it can be spoken"):
        waiting.put(np.ones(1, np.float32))
