"""Frames of a video file, streamed through the ffmpeg that imageio-ffmpeg carries."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from moda.errors import BadVideo

WORK_SIDE = 720
"""Frames are reduced so that their longer side has at most this many pixels."""

# Containers people have; playlists (hls, concat, dash) are left out, because they can name other files.
_FORMATS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,ogg,flv,asf,gif,mjpeg,apng,webp_pipe,ivf"


def read_frames(
    path: str | Path, fps: float = 25.0, max_seconds: float | None = None, side: int = WORK_SIDE
) -> Iterator[np.ndarray]:
    """Frames of a video at a steady rate, upright: yields (H, W, 3) uint8 RGB, longer side at most `side`.

    Raises:
        BadVideo: missing, empty, unreadable, or without pictures.
    """
    path = Path(path)
    name = f"The video {path.name!r}"
    try:
        if not path.is_file():
            raise BadVideo(f"{name} does not exist; please check its path.")
        if path.stat().st_size == 0:
            raise BadVideo(f"{name} is empty (0 bytes); please give another file.")
    except (OSError, ValueError) as fault:
        raise BadVideo(f"{name} cannot be read; please check its name and permissions.") from fault
    count = 0
    with tempfile.TemporaryFile() as log:
        process = _decoder(path, fps, max_seconds, side, log)
        assert process.stdout is not None
        try:
            while True:
                frame = _next_ppm(process.stdout)
                if frame is None:
                    break
                count += 1
                yield frame
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
        if count == 0:
            raise BadVideo(f"{name} is not a video that can be read; please give an MP4, MOV or WebM file.")


def _decoder(path: Path, fps: float, max_seconds: float | None, side: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    import imageio_ffmpeg

    fit = f"scale=w='min({side},iw)':h='min({side},ih)':force_original_aspect_ratio=decrease:flags=area"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"),
        *("-protocol_whitelist", "file", "-format_whitelist", _FORMATS),
        *("-i", f"file:{path.resolve()}", "-map", "0:v:0", "-an", "-sn", "-dn"),
        *(("-t", f"{max_seconds:g}") if max_seconds is not None else ()),
        *("-vf", f"fps={fps:g},{fit}", "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "-"),
    ]
    # A PPM stream states its own size, so nothing has to be probed beforehand.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, bufsize=1 << 20)


def _next_ppm(stream: IO[bytes]) -> np.ndarray | None:
    """The next picture of a binary PPM stream, or None at its end (or in mid-picture, when ffmpeg was cut off)."""
    if stream.readline().strip() != b"P6":
        return None
    width, height = (int(value) for value in stream.readline().split())
    stream.readline()
    data = stream.read(width * height * 3)
    if len(data) < width * height * 3:
        return None
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
