from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from moda.media.ffmpeg import executable
from moda.media.mark import mark
from moda.media.provenance import record_of
from moda.media.video import VideoWriter, probe, read_frames


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


@pytest.mark.parametrize("scale", [512, 360, 256])
def test_the_mark_outlives_what_platforms_do_to_a_video(scale: int, tmp_path: Path) -> None:
    """Encoded again at crf 28, scaled down and stripped of its metadata: the words can still be read off a picture."""
    from skimage import data

    picture = data.astronaut()
    ours, theirs = tmp_path / "ours.mp4", tmp_path / "theirs.mp4"
    with VideoWriter(ours, 25, (512, 512), metadata={"seed": 7}) as video:
        for shift in range(12):
            video.write(mark(np.roll(picture, 2 * shift, axis=1)))
    again = ["-map_metadata", "-1", "-vf", f"scale={scale}:{scale}", "-c:v", "libx264", "-crf", "28", str(theirs)]
    subprocess.run([executable(), "-loglevel", "error", "-i", str(ours), *again], check=True, timeout=60)
    assert record_of(probe(ours).metadata)["seed"] == 7 and record_of(probe(theirs).metadata) == {}
    whole = _scaled(mark(np.full_like(picture, 90)), scale)
    box = np.argwhere(np.abs(whole - 90) > 10)
    (top, left), (bottom, right) = box.min(axis=0), box.max(axis=0) + 1
    words = whole[top:bottom, left:right].ravel()
    for frame in list(read_frames(theirs))[4:]:
        grey = frame.astype(float).mean(axis=2)
        assert np.corrcoef(grey[top:bottom, left:right].ravel(), words)[0, 1] > 0.8
        above = grey[2 * top - bottom : top, left:right]  # the same size of picture without the words
        assert np.corrcoef(above.ravel(), words)[0, 1] < 0.4


def _scaled(picture: np.ndarray, side: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), float).mean(axis=2)
