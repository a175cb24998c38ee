"""YUV frames against ffmpeg's own conversion."""

from __future__ import annotations

import subprocess

import numpy as np

from moda.media.ffmpeg import executable
from moda.media.formats import COLOUR
from moda.media.yuv import to_yuv420


def test_yuv_is_what_ffmpeg_makes_of_a_picture() -> None:
    from skimage.data import astronaut

    picture = astronaut()[:380, 20:500]
    height, width = picture.shape[:2]
    command = ["-v", "error", "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-i", "-"]
    command += ["-vf", COLOUR.format(pixels="yuv420p"), "-f", "rawvideo", "-"]
    answer = subprocess.run([executable(), *command], input=picture.tobytes(), capture_output=True, check=True)
    theirs = np.frombuffer(answer.stdout, np.uint8).reshape(height * 3 // 2, width).astype(int)
    away = np.abs(to_yuv420(picture).astype(int) - theirs)
    assert away[:height].max() <= 1
    assert away[height:].mean() < 0.3 and np.quantile(away[height:], 0.999) <= 3


def test_one_colour_stays_that_colour() -> None:
    known = {(255, 255, 255): (235, 128, 128), (0, 0, 0): (16, 128, 128), (255, 0, 0): (82, 90, 240)}
    for colour, wanted in known.items():
        planes = to_yuv420(np.full((4, 6, 3), colour, np.uint8))
        assert np.abs(planes[:4].astype(int) - wanted[0]).max() <= 1
        assert np.abs(planes[4:].reshape(2, -1).astype(int) - np.array(wanted[1:])[:, None]).max() <= 1
