from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadPicture, BadSetting
from moda.media.backdrop import Backdrop, open_backdrop, read_colour
from moda.media.mark import mark


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_mixing_is_rounded_right_everywhere(over: int, cover: int, under: int) -> None:
    frame = np.full((2, 2, 4), (over, over, over, cover), np.uint8)
    got = Backdrop((under,) * 3).behind(frame)[0, 0, 0]
    assert abs(int(got) - (over * cover + under * (255 - cover)) / 255) <= 0.5 + 1e-9


def test_a_picture_fills_the_frame_and_says_what_it_loses() -> None:
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, 30:70] = 200  # the middle
    backdrop = Backdrop(picture)
    shown = backdrop.behind(np.zeros((64, 64, 4), np.uint8))
    assert shown.shape == (64, 64, 3) and shown[:, 4:60].min() > 190
    assert "100 x 40" in backdrop.note((64, 64)) and "64 x 64" in backdrop.note((64, 64))
    assert Backdrop(picture).note((200, 80)) == "" and Backdrop((1, 2, 3)).note((64, 64)) == ""
    opaque = np.full((64, 64, 4), 255, np.uint8)
    opaque[..., :3] = 77
    assert (backdrop.behind(opaque) == 77).all()


def test_colours_are_read_as_css_writes_them() -> None:
    assert read_colour("green") == (0, 128, 0) and read_colour(" #00b140 ") == (0, 177, 64)
    assert read_colour("rgb(1, 2, 3)") == (1, 2, 3) and read_colour("#00b14080") == (0, 177, 64)
    assert read_colour("beach.jpg") is None


def test_neither_colour_nor_picture_is_one_sentence() -> None:
    def load(name: str) -> np.ndarray:
        raise BadPicture(f"The picture '{name}' does not exist; please check its path.")

    with pytest.raises(BadSetting) as caught:
        open_backdrop("greem", load)
    assert "colour" in str(caught.value) and "does not exist" in str(caught.value) and "\n" not in str(caught.value)
    assert open_backdrop("beach.jpg", lambda name: np.zeros((4, 4, 3), np.uint8)).behind(
        np.zeros((4, 4, 4), np.uint8)
    ).shape == (4, 4, 3)


def test_the_mark_is_seen_on_transparent_frames(tmp_path: Path) -> None:
    clear = np.zeros((256, 256, 4), np.uint8)
    marked = mark(clear)
    assert marked[..., 3].max() > 200 and (marked[:128] == 0).all()
    solid = np.full((256, 256, 4), 255, np.uint8)
    assert np.abs(mark(solid)[..., :3].astype(int) - mark(np.full((256, 256, 3), 255, np.uint8))).max() <= 1
    over = Backdrop((255, 255, 255)).behind(marked)
    assert np.abs(over.astype(int) - mark(np.full((256, 256, 3), 255, np.uint8))).max() <= 2
