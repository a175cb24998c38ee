"""What moves looks as sharp as the picture; what rests is the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.evaluate.measures.pictures import COMPARED, detail_at, eye_distance
from moda.media.footage import read_frames
from moda.media.video import VideoWriter
from moda.renderer.mesh.analysis.texture import BETWEEN, ENLARGED, crisp, enlarged


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", ["hopper", "astronaut"])
def test_a_moving_face_is_as_sharp_in_the_video_as_in_the_picture(
    name: str, whole: bool, request: pytest.FixtureRequest, track: Any, tmp_path: Path
) -> None:  # fmt: skip
    sitter = request.getfixturevalue(name)
    # Slowly past all places between the pixels.
    frames = sitter.render(*({"yaw": 0.37 * k, "pitch": 0.23 * k} for k in range(1, 13)), whole=whole)
    with VideoWriter(tmp_path / "moving.mp4", 25, frames[0].shape[1::-1]) as video:
        for frame in frames:
            video.write(frame)
    image, source = sitter.portrait.image, sitter.portrait.landmarks
    ratios = []
    for frame in list(read_frames(tmp_path / "moving.mp4"))[2::3]:
        points = track(frame)
        distance = COMPARED * min(eye_distance(source), eye_distance(points))
        ratios.append(detail_at(frame, points, distance) / detail_at(image, source, distance))
    assert 0.9 < np.median(ratios) < 1.4
    assert max(ratios) < 1.25 * min(ratios)  # no pumping from place to place


def test_what_rests_is_not_sharpened() -> None:
    random = np.random.default_rng(5)
    picture = random.integers(0, 255, (64, 64, 3), np.uint8)
    moves = np.zeros((64, 64), np.float32)
    moves[:, 32:] = 1.0
    x, y = (axis.astype(np.float32) for axis in np.meshgrid(np.arange(8, 56), np.arange(8, 56)))
    places = (ENLARGED * x + 1, ENLARGED * y + 1)
    sharp = crisp(picture, 1.0, picture[8:56, 8:56], 1.0, places, moves, BETWEEN)
    assert (sharp[:, :32] == picture[:, :32]).all()
    assert np.abs(sharp[:, 40:].astype(int) - picture[:, 40:]).mean() > 2


def test_enlarging_keeps_every_pixel_in_its_place() -> None:
    picture = np.random.default_rng(6).integers(0, 255, (40, 50, 3), np.uint8)
    assert (enlarged(picture)[1::ENLARGED, 1::ENLARGED] == picture).all()
