from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.media.mark import mark
from moda.media.video import VideoWriter, read_frames


@pytest.mark.parametrize("size", [(512, 512), (360, 288), (1920, 1080), (64, 48), (2, 2)])
def test_the_mark_changes_only_its_corner(size: tuple[int, int]) -> None:
    frame = np.full((size[1], size[0], 3), 128, np.uint8)
    marked = mark(frame)
    assert np.all(frame == 128) and marked.shape == frame.shape
    assert not np.array_equal(marked, frame)
    if min(size) >= 200:
        assert np.array_equal(marked[: size[1] * 3 // 4], frame[: size[1] * 3 // 4])
        assert np.array_equal(marked[:, : size[0] // 2], frame[:, : size[0] // 2])
    assert np.array_equal(mark(frame), marked)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_mark_survives_encoding_at_low_quality_on_any_ground(shade: int, tmp_path: Path) -> None:
    frame = np.full((256, 256, 3), shade, np.uint8)
    marked = mark(frame)
    with VideoWriter(tmp_path / "a.mp4", 25, (256, 256), crf=32) as video:
        for _ in range(5):
            video.write(marked)
    read = list(read_frames(tmp_path / "a.mp4"))[-1].astype(float)
    box = np.argwhere((marked != frame).any(axis=2))
    (top, left), (bottom, right) = box.min(axis=0), box.max(axis=0) + 1
    seen, drawn = read[top:bottom, left:right].mean(axis=2), marked[top:bottom, left:right].mean(axis=2)
    assert np.corrcoef(seen.ravel(), drawn.ravel())[0, 1] > 0.8
    assert seen.max() - seen.min() > 60
