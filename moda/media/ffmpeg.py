"""The one place where ffmpeg is started: as a bounded child process, never through a shell.

Media files come from strangers, so every child reads its input from an already opened descriptor (``fd:``), with
a whitelist of protocols and container formats that leaves it no way to open another file or a network
connection, with bounds on time, memory and picture size, and without a terminal to wait on.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from moda.errors import FfmpegUnusable, UserError

FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gif,ivf,m4v,matroska,webm,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,mpegvideo,mxf,ogg,tta,voc,w64,wav,wv"
)
"""Container formats that may be opened: none of them is a playlist or refers to other files."""

UNTRUSTED = (
    "-protocol_whitelist", "fd,pipe", "-format_whitelist", FORMATS, "-max_pixels", "50000000", "-threads", "2"
)  # fmt: skip
"""Options that stand before ``-i`` for every file that a person gives us."""

CHILD_MEMORY = 4 << 30  # address space of a decoding child in bytes; real use stays far below
BLOCK = 1 << 18


NAMED_BY = "IMAGEIO_FFMPEG_EXE"
"""Environment variable that names another ffmpeg than the one that imageio-ffmpeg carries."""


@functools.cache
def executable() -> str:
    """Path of the ffmpeg that imageio-ffmpeg carries (or that IMAGEIO_FFMPEG_EXE names). Raises FfmpegUnusable."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FfmpegUnusable(f"There is no ffmpeg on this machine: {_remedy('')}.") from None


@dataclass(frozen=True)
class Ffmpeg:
    """The ffmpeg in use. fault: one sentence on why it cannot be used and what to do, "" if it can."""

    path: str
    version: str
    fault: str


def examine() -> Ffmpeg:
    """Look at the ffmpeg in use: that it starts, which version it is, and that it can do what is needed of it.

    Asked when something went wrong, and by `moda doctor`. Raises nothing.
    """
    try:
        path = executable()
    except FfmpegUnusable as fault:
        return Ffmpeg("", "", str(fault))
    try:
        done = subprocess.run(
            [path, "-hide_banner", "-version"], capture_output=True, timeout=20, stdin=subprocess.DEVNULL
        )
        reads = subprocess.run(
            [path, "-hide_banner", "-protocols"], capture_output=True, timeout=20, stdin=subprocess.DEVNULL
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as fault:
        reason = getattr(fault, "strerror", None) or "it gives no answer"
        return Ffmpeg(path, "", f"The ffmpeg '{path}' cannot be started ({reason.lower()}): {_remedy(path)}.")
    found = re.match(rb"ffmpeg version (\S+)", done.stdout)
    if found is None:
        return Ffmpeg(path, "", f"The program '{path}' is not an ffmpeg: {_remedy(path)}.")
    version = found[1].decode("utf-8", "replace")
    if not re.search(rb"^\s*fd\s*$", reads.stdout, re.MULTILINE):
        return Ffmpeg(
            path, version, f"The ffmpeg '{path}' ({version}) is too old, it cannot read open files: {_remedy(path)}."
        )
    return Ffmpeg(path, version, "")


def require() -> None:
    """Asked before a file is called damaged: raises FfmpegUnusable if it is ffmpeg that is at fault."""
    fault = examine().fault
    if fault:
        raise FfmpegUnusable(fault)


def _remedy(path: str) -> str:
    if path and os.environ.get(NAMED_BY) == path:
        return f"unset {NAMED_BY}, or let it name an ffmpeg of version 6 or later"
    return "install imageio-ffmpeg again with pip, which brings one"


def open_media(path: str | os.PathLike[str], fault: type[UserError], what: str, max_bytes: int) -> IO[bytes]:
    """Open a regular, non-empty file no larger than `max_bytes`; raise `fault` with one sentence otherwise."""
    name = Path(path).name
    try:
        # O_NONBLOCK: a named pipe in place of a file must not make us wait for its writer.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise fault(f"The {what} '{name}' was not found: check the path.") from None
    except PermissionError:
        raise fault(f"The {what} '{name}' may not be read: check its permissions.") from None
    except (OSError, ValueError):
        raise fault(f"The {what} '{name}' could not be opened: check the path.") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise fault(f"The {what} '{name}' is not a file: give a path to an audio or video file.")
    if status.st_size == 0:
        os.close(handle)
        raise fault(f"The {what} '{name}' is empty (0 bytes): choose another file.")
    if status.st_size > max_bytes:
        os.close(handle)
        size, limit = status.st_size / 2**20, max_bytes / 2**20
        raise fault(f"The {what} '{name}' has {size:.0f} MB and the limit is {limit:.0f} MB: use a smaller file.")
    return os.fdopen(handle, "rb")


class Child:
    """One ffmpeg process.

    Its last stderr lines are kept in `log`; it is killed after `seconds` (None = no limit), and when this object
    is closed. Because its input or output is a pipe held by this process, it also ends by itself when this
    process is killed: ffmpeg then sees the end of its input, or a broken output pipe.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        seconds: float | None = 120.0,
        memory: int | None = CHILD_MEMORY,
    ) -> None:
        self.log: deque[str] = deque(maxlen=200)
        self.timed_out = False
        try:
            self.process = subprocess.Popen(
                [executable(), "-nostdin", "-hide_banner", "-nostats", *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C in a terminal must reach only us: we then stop the child and remove what it wrote.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError:
            require()
            raise
        if memory is not None and sys.platform == "linux":
            import resource

            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(self.process.pid, resource.RLIMIT_AS, (memory, memory))
        assert self.process.stderr is not None
        self._reader = threading.Thread(
            target=_keep_lines, args=(self.process.stderr, self.log), name="ffmpeg-log", daemon=True
        )
        self._reader.start()
        self._timer: threading.Timer | None = None
        if seconds is not None:
            self._timer = threading.Timer(seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expire(self) -> None:
        if self.process.poll() is None:
            self.timed_out = True
            self.process.kill()

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Yield the child's standard output in pieces of exactly `size` bytes, the last one maybe shorter."""
        pipe = self.process.stdout
        assert pipe is not None
        while True:
            piece = bytearray(size)
            view, filled = memoryview(piece), 0
            while filled < size:
                count = pipe.readinto(view[filled:])  # type: ignore[attr-defined]
                if not count:
                    break
                filled += count
            if filled:
                yield bytes(view[:filled])
            if filled < size:
                return

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end and return the exit status; kill the child if it takes longer than `seconds`."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._expire()
            status = self.process.wait()
        self._reader.join(5.0)
        return status

    def close(self) -> None:
        """Stop the child if it still runs and release its pipes. Safe to call again."""
        if self._timer is not None:
            self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.process.wait()
        self._reader.join(5.0)

    def text(self) -> str:
        """What the child has said on stderr so far (its last 200 lines)."""
        return "\n".join(self.log)


def _keep_lines(pipe: IO[bytes], log: deque[str]) -> None:
    with pipe:
        rest = b""
        while piece := pipe.read(4096):
            *lines, rest = (rest + piece).split(b"\n")
            log.extend(line.decode("utf-8", "replace").rstrip()[:500] for line in lines)
            rest = rest[-4096:]
        if rest:
            log.append(rest.decode("utf-8", "replace")[:500])


def header_seconds(log: str) -> float | None:
    """Duration that the container states, read from ffmpeg's description of its input; None if it states none."""
    found = re.search(r"^\s*Duration: (\d+):(\d+):(\d+(?:\.\d+)?)", log, re.MULTILINE)
    return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def has_stream(log: str, kind: str) -> bool:
    """Whether ffmpeg's description of its input lists a stream of `kind` ("Audio" or "Video")."""
    return re.search(rf"^\s*Stream #0:\d+.*?: {kind}: ", log, re.MULTILINE) is not None


def packet_spans(pieces: Iterable[bytes]) -> dict[int, tuple[int, float]]:
    """Packet count and length in seconds of each stream, from the pieces of ffmpeg's framecrc table."""
    base: dict[int, tuple[int, int]] = {}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    count: dict[int, int] = {}
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            cells = line.split(b",")
            if line.startswith(b"#tb "):
                index, ratio = line[4:].split(b":")
                over, under = ratio.split(b"/")
                base[int(index)] = (int(over), int(under))
            elif line[:1].isdigit() and len(cells) >= 4:
                stream, shown, length = int(cells[0]), int(cells[2]), int(cells[3])
                first[stream] = min(first.get(stream, shown), shown)
                last[stream] = max(last.get(stream, shown + length), shown + length)
                count[stream] = count.get(stream, 0) + 1
    found = {}
    for stream, packets in count.items():
        ticks, second = base.get(stream, (0, 1))
        found[stream] = (packets, (last[stream] - max(first[stream], 0)) * ticks / second)
    return found
