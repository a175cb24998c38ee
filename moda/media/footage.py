"""Reading videos: what a file holds, and its frames as a stream with bounded memory."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadVideo
from moda.media.decode import clock
from moda.media.ffmpeg import UNTRUSTED, Child, header_seconds, open_media, packet_spans, require

VIDEO_ENDINGS = (".mp4", ".mpg", ".mov", ".webm", ".mkv")
"""What counts as a video where a folder is searched."""
MAX_BYTES = 2 << 30
MAX_SECONDS = 3_600.0
MAX_PIXELS = 36_000_000


@dataclass(frozen=True)
class Footage:
    """What a video file holds.

    seconds: length of the picture track; audio_seconds: of the sound track (0 without one).
    fps: average frames a second; frames: number of coded frames, counted in the file, not estimated.
    size: (width, height) in pixels as shown (turned upright); video, audio: codec names, audio "" without sound.
    pixel_format: for example "yuv420p". metadata: the file's tags.
    """

    seconds: float
    audio_seconds: float
    fps: float
    frames: int
    size: tuple[int, int]
    video: str
    audio: str
    pixel_format: str
    metadata: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return asdict(self)


def probe(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, timeout: float = 60.0) -> Footage:
    """What a video file holds, measured from its packets without decoding. Raises BadVideo if it is not a video."""
    name = Path(path).name
    with open_media(path, BadVideo, "video", max_bytes) as file:
        arguments = [*UNTRUSTED, "-i", "fd:", "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy",
                     "-f", "framecrc", "pipe:1"]  # fmt: skip
        with Child(arguments, stdin=file, stdout=subprocess.PIPE, seconds=timeout) as child:
            spans = packet_spans(child.blocks())
            child.wait(timeout)
            log, timed_out = child.text(), child.timed_out
    if timed_out:
        raise BadVideo(f"The video '{name}' took longer than {timeout:g} s to read: convert it to mp4 and try again.")
    stream = re.search(r"^\s*Stream #0:\d+.*?: Video: (\w+)(.*)$", log, re.MULTILINE)
    if stream is None:
        require()
        what = "has no picture track" if "Input #0" in log else "is not a video that can be read, or it is damaged"
        raise BadVideo(f"The video '{name}' {what}: choose another file.")
    size = re.search(r"[ ,](\d{1,5})x(\d{1,5})[ ,\[]", stream[2] + ",")
    if size is None or 0 not in spans:
        raise BadVideo(f"The video '{name}' holds no pictures that can be read: it is empty or damaged.")
    width, height = int(size[1]), int(size[2])
    turned = re.search(r"rotation of (-?\d+(?:\.\d+)?) degrees", log)
    if turned and round(float(turned[1])) % 180 == 90:
        width, height = height, width
    frames, seconds = spans[0]
    seconds = seconds or header_seconds(log) or 0.0
    sound = re.search(r"^\s*Stream #0:\d+.*?: Audio: (\w+)", log, re.MULTILINE)
    layout = re.search(r", (yuv\w+|rgb\w+|gray\w*|nv12|gbrp\w*|bgr\w+|pal8)", stream[2])
    return Footage(
        seconds=seconds,
        audio_seconds=spans.get(1, (0, 0.0))[1],
        fps=frames / seconds if seconds > 0 else 0.0,
        frames=frames,
        size=(width, height),
        video=stream[1],
        audio=sound[1] if sound else "",
        pixel_format=layout[1] if layout else "",
        metadata=read_metadata(path),
    )


def read_metadata(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, str]:
    """The tags of a media file (title, comment, description ...), unescaped."""
    with open_media(path, BadVideo, "video", max_bytes) as file:
        arguments = [*UNTRUSTED, "-i", "fd:", "-f", "ffmetadata", "pipe:1"]
        with Child(arguments, stdin=file, stdout=subprocess.PIPE, seconds=30.0) as child:
            text = b"".join(child.blocks()).decode("utf-8", "replace")
    found: dict[str, str] = {}
    # A backslash hides =, ;, #, itself and line breaks; entries end at a bare line break.
    for key, value in re.findall(r"^((?:[^=;#\\\n\[]|\\.)+)=((?:[^\\\n]|\\[\s\S])*)$", text, re.MULTILINE):
        found[_unescape(key)] = _unescape(value)
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", text)


def read_frames(
    path: str | os.PathLike[str],
    fps: float | None = None,
    size: int | tuple[int, int] | None = None,
    *,
    start: float = 0.0,
    seconds: float | None = None,
    max_seconds: float = MAX_SECONDS,
    max_bytes: int = MAX_BYTES,
    timeout: float = 600.0,
) -> Iterator[np.ndarray]:
    """Yield frames (H, W, 3) uint8 RGB, one at a time.

    fps: resample to this rate (frames are repeated or dropped); None = as coded.
    size: (width, height), or the longest side (only ever shrinks); None = as coded.
    start, seconds: the part to read. Raises BadVideo for a file that is no video, too long, or too large.
    """
    name = Path(path).name
    about = probe(path, max_bytes=max_bytes)
    wanted = about.seconds if seconds is None else seconds
    if wanted > max_seconds:
        raise BadVideo(f"The video '{name}' lasts {clock(wanted)} and the limit is {clock(max_seconds)}: cut it.")
    width, height = about.size
    if isinstance(size, tuple):
        width, height = size
    elif size is not None and max(width, height) > size:
        width, height = (max(1, round(side * size / max(about.size))) for side in (width, height))
    if width * height > MAX_PIXELS:
        raise BadVideo(f"The video '{name}' has {width} x {height} pixels a frame, which is too large: shrink it.")
    filters = ([f"fps={fps:g}"] if fps else []) + [f"scale={width}:{height}:flags=area", "format=rgb24"]
    count = 0
    with open_media(path, BadVideo, "video", max_bytes) as file:
        part = ["-ss", f"{start:.6f}"] if start > 0 else []
        arguments = [*UNTRUSTED, *part, "-i", "fd:", *(["-t", f"{seconds:.6f}"] if seconds is not None else []),
                     "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", ",".join(filters),
                     "-fps_mode", "passthrough" if fps is None else "cfr",
                     "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"]  # fmt: skip
        with Child(arguments, stdin=file, stdout=subprocess.PIPE, seconds=timeout) as child:
            bytes_a_frame = width * height * 3
            bound = math.inf if fps is None else math.ceil((max_seconds + 1) * fps)
            for block in child.blocks(bytes_a_frame):
                if len(block) < bytes_a_frame or count >= bound:
                    break
                count += 1
                yield np.frombuffer(block, np.uint8).reshape(height, width, 3)
            timed_out = child.timed_out
    if timed_out:
        raise BadVideo(f"The video '{name}' took longer than {timeout:g} s to read: shorten it and try again.")
    if count == 0:
        require()
        raise BadVideo(f"The video '{name}' holds no pictures that can be read: it is empty or damaged.")
