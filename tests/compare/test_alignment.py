from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.compare.alignment import GROUND, Aligned, align_video, fitted, framed, frames_at, letterbox, offset_of
from moda.compare.run import Comparison
from moda.errors import BadVideo
from moda.media.audio import Speech
from moda.media.speak import speak
from tests.compare.inputs import LATE


def test_the_speech_is_found_in_their_sound(speech: Speech, other_video: Path) -> None:
    found = align_video(other_video, speech)
    assert found.offset == pytest.approx(LATE, abs=0.003)
    assert found.note == ""


def test_a_video_of_another_speech_is_refused(other_video: Path) -> None:
    other = speak("Nobody has seen the yellow umbrella since last Thursday.", "en-gb", offline=True)
    with pytest.raises(BadVideo, match="not the speech"):
        align_video(other_video, other)


@settings(max_examples=20)
@given(st.integers(-6000, 9000), st.floats(0.1, 3.0))
def test_offsets_to_the_sample(shift: int, gain: float) -> None:
    rng = np.random.default_rng(abs(shift))
    wanted = rng.normal(size=20_000)
    heard = rng.normal(0, 0.05, 40_000)
    first, last = max(0, shift), min(40_000, shift + 20_000)
    heard[first:last] += gain * wanted[first - shift : last - shift]
    found, height = offset_of(wanted, heard)
    assert found == shift
    assert height > 0.8


def test_frames_start_with_the_speech(speech: Speech, other_video: Path) -> None:
    aligned = align_video(other_video, speech)
    frames = list(frames_at(aligned, (64, 64), 25.0, speech.frames()))
    assert len(frames) == speech.frames()
    # The left edge of the video is 4 x its frame number at 30 fps; its picture fills the middle 48 rows.
    seen = [float(frame[32, 2].mean()) / 4 / 30.0 for frame in frames]
    expected = LATE + np.arange(len(frames)) / 25.0
    assert np.abs(np.array(seen) - expected).max() < 0.06
    assert (frames[0][:7] == GROUND).all(), "a wide video keeps its shape"


def test_where_a_video_has_no_picture_it_is_grey(speech: Speech, other_video: Path) -> None:
    before = list(frames_at(Aligned(other_video, -0.2, 2.0), (64, 48), 25.0, 10))
    assert all((frame == GROUND).all() for frame in before[:5]) and not (before[5] == GROUND).all()
    after = list(frames_at(Aligned(other_video, 99.0, 2.0), (64, 48), 25.0, 3))
    assert all((frame == GROUND).all() for frame in after)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 600), st.integers(16, 600))
def test_fitted_stays_inside(width: int, height: int, room_x: int, room_y: int) -> None:
    x, y = fitted((width, height), (room_x, room_y))
    assert 1 <= x <= room_x and 1 <= y <= room_y
    assert letterbox(np.zeros((y, x, 3), np.uint8), (room_x, room_y)).shape == (room_y, room_x, 3)


def test_their_face_is_laid_where_ours_is(made: Comparison, other_video: Path) -> None:
    """Eyes of both in the cells of the grid: as far apart and in the same place, within a twentieth of a cell."""
    from moda.portrait.faces import find_all

    ours = Aligned(next((made.folder / "variants").glob("*.mp4")), 0.0, 1.2)
    theirs = framed(Aligned(other_video, LATE, 2.0), ours)
    assert theirs.window is not None and "same place as ours" in theirs.note
    size = (256, 256)
    places = []
    for video in (ours, theirs):
        points = find_all(next(frames_at(video, size, 25.0, 1)))[0].landmarks
        left, right = points[[33, 133], :2].mean(0), points[[362, 263], :2].mean(0)
        places.append([*((left + right) / 2), float(np.linalg.norm(right - left))])
    assert np.abs(np.subtract(*places)).max() < 13
    whole = Aligned(ours.path, 0.0, 1.2)
    assert framed(whole, ours).window is None
