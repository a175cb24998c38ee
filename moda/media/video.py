"""Frames to an mp4, streamed: H.264 (yuv420p) and AAC, index in front, exact timing, all or nothing.

Frames go to ffmpeg through a bounded queue and a pipe, so rendering and encoding overlap and memory does not grow
with length. The file is written in the same folder without a visible name and takes its own only when it is
complete. If this process is killed, the child sees the end of its input and ends, and nothing is left of the file
(see `partial`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np

from moda.errors import BadSetting, OutputFailed
from moda.media.atomic import PartialFile
from moda.media.audio import TIMING, Speech, load_speech
from moda.media.ffmpeg import UNTRUSTED, Child
from moda.media.footage import Footage, probe, read_frames
from moda.media.provenance import tags
from moda.media.tempfiles import spooled

__all__ = ["Footage", "VideoWriter", "probe", "read_frames"]

QUEUE = 8  # frames that may wait for the encoder
STALLED = 120.0  # seconds without progress after which the encoder counts as stuck


class VideoWriter:
    """Write an mp4 frame by frame.

        with VideoWriter("out.mp4", fps=25, size=(512, 512), audio=speech, metadata={"seed": 7}) as video:
            for frame in frames:          # (H, W, 3) uint8 RGB
                video.write(frame)

    path: ends in .mp4; parents are made; an existing file is replaced only at the very end.
    fps: frames a second. size: (width, height); an odd last column or row is cut, as H.264 needs even sizes.
    audio: Speech, a path, or None. The sound track is the original recording where it is still there, else the
        waveform. It is padded or cut to the length of the frames.
    frames: how many frames are going to be written (default: as many as cover the speech). Writing fewer works but
        costs one more pass over the file.
    metadata: what made the video (model, seed, settings hash ...); that it is AI-generated is always written.
    crf, preset, threads: x264's quality (19 = visually lossless), speed and threads (0 = let it choose).

    Leaving the block by an exception removes everything that was written. Raises OutputFailed where the file
    cannot be written, BadSetting for an impossible size, rate or name.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float = 25.0,
        size: tuple[int, int] = (512, 512),
        audio: Speech | str | os.PathLike[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        frames: int | None = None,
        crf: int = 19,
        preset: str = "veryfast",
        threads: int = 0,
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        width, height = (int(value) for value in size)
        if not (2 <= width <= 8192 and 2 <= height <= 8192):
            raise BadSetting(f"A video of {width} x {height} pixels cannot be made: use 2 to 8192 on each side.")
        if not 1.0 <= fps <= 240.0:
            raise BadSetting(f"A video of {fps:g} frames a second cannot be made: use 1 to 240.")
        if self.path.suffix.lower() != ".mp4":
            raise BadSetting(f"The output '{self.path.name}' must be an mp4: give a name that ends in .mp4.")
        self._shape = (height, width, 3)
        self._rate = rate = Fraction(fps).limit_denominator(1001)
        speech = load_speech(audio, allow_silence=True) if isinstance(audio, (str, os.PathLike)) else audio
        self._partial = PartialFile(self.path)
        try:
            length = 0.0 if speech is None else (frames or speech.frames(fps)) / float(rate)
            self._planned = None if speech is None else frames or speech.frames(fps)
            sound, options = (None, []) if speech is None else _sound_track(speech, length)
            with sound or contextlib.nullcontext():
                self._child = Child(
                    [
                        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}",
                        "-framerate", str(rate), "-i", "pipe:0", *options,
                        "-map", "0:v", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,"
                        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd,format=yuv420p",
                        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
                        # B-frames would shift the brightness of the whole face by a level from frame to frame.
                        "-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-bf", "0", "-threads", str(threads),
                        # As usual, rounding down, it would take the grain off skin and canvas.
                        "-x264-params", "deadzone-inter=6:deadzone-intra=6",
                        *tags(metadata), "-movflags", "+faststart", "-f", "mp4", "-y",
                        f"file:{self._partial.temporary}",
                    ],
                    stdin=subprocess.PIPE,
                    descriptors=[] if sound is None else [sound.fileno()],
                    seconds=None,
                    memory=None,
                )  # fmt: skip
        except OSError as fault:
            self._partial.discard()
            raise OutputFailed(f"The video encoder could not be started ({fault.strerror or fault}).") from None
        except BaseException:
            self._partial.discard()
            raise
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUE)
        pipe = self._child.process.stdin
        assert pipe is not None
        _widen(pipe)
        self._thread = threading.Thread(target=_feed, args=(self._queue, pipe), name="video-writer", daemon=True)
        self._thread.start()
        # Left without closing (an abandoned generator, the end of the interpreter): still remove everything.
        self._abandon = weakref.finalize(self, _abort, self._child, self._queue, self._partial)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, frame: np.ndarray) -> None:
        """Add one frame, (H, W, 3) uint8 RGB of the size given; it is copied, so the caller may reuse the array."""
        if not self._abandon.alive:
            raise OutputFailed("The video is already closed.")
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.shape} {frame.dtype}, expected {self._shape} uint8")
        self._put(frame.tobytes())
        self.frames += 1

    def close(self) -> Path:
        """Finish the file, give it its final name, and return that. Raises OutputFailed and removes it on failure."""
        if not self._abandon.alive:
            return self.path
        if self.frames == 0:
            self.abort()
            raise OutputFailed("The video has no frames: nothing was written.")
        self._put(None)
        self._thread.join()
        status = self._child.wait(STALLED + self.frames)
        if status != 0:
            self._fail()
        self._abandon.detach()
        self._child.close()
        if self._planned is not None and self.frames < self._planned:
            self._shorten()
        self._partial.keep()
        return self.path

    def _shorten(self) -> None:
        """Cut the sound to the frames that came, without encoding again."""
        whole, self._partial = self._partial, PartialFile(self.path)
        seconds = f"{self.frames / float(self._rate):.6f}"
        try:
            with whole.temporary.open("rb") as file:
                copy = [
                    "-protocol_whitelist",
                    "fd,pipe",
                    "-f",
                    "mov",
                    "-i",
                    "fd:",
                    "-map",
                    "0",
                    "-c",
                    "copy",
                    "-t",
                    seconds,
                ]
                rest = ["-movflags", "+faststart", "-f", "mp4", "-y", f"file:{self._partial.temporary}"]
                with Child([*copy, *rest], stdin=file, seconds=STALLED + self.frames) as child:
                    status, log = child.wait(), child.text()
        finally:
            whole.discard()
        if status != 0:
            self._partial.discard()
            raise OutputFailed(_reason(self.path, log))

    def abort(self) -> None:
        """Stop the encoder and remove what was written. Safe to call at any time."""
        self._abandon()

    def _put(self, item: bytes | None) -> None:
        started = time.monotonic()
        while True:
            if self._child.process.poll() is not None and item is not None:
                self._fail()
            try:
                return self._queue.put(item, timeout=0.25)
            except queue.Full:
                if time.monotonic() - started > STALLED:
                    self._fail()

    def _fail(self) -> None:
        """Remove everything and raise OutputFailed with the reason that the encoder gave."""
        self._child.wait(1.0)
        log = self._child.text()
        self.abort()
        raise OutputFailed(_reason(self.path, log))


def _reason(path: Path, log: str) -> str:
    for sign, sentence in (
        (os.strerror(errno.ENOSPC), "the disk is full: free some space and try again"),
        (os.strerror(errno.EDQUOT), "the disk quota is used up: free some space and try again"),
        (os.strerror(errno.EFBIG), "the file grew larger than allowed here: use a shorter speech or another folder"),
        (os.strerror(errno.EACCES), "the folder may not be written to: choose another one"),
        (os.strerror(errno.EROFS), "the folder is read-only: choose another one"),
        (os.strerror(errno.EIO), "the disk reported a fault: choose another folder"),
    ):
        if sign in log:
            return f"The video '{path.name}' could not be written, because {sentence}."
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it gave no reason")
    return f"The video '{path.name}' could not be encoded ({last.strip()[:160]}): check the disk, then try again."


def _feed(frames: queue.Queue[bytes | None], pipe: IO[bytes]) -> None:
    """Thread: move frames from the queue into the pipe until None; keep emptying the queue if the pipe breaks."""
    broken = False
    while (frame := frames.get()) is not None:
        if broken:
            continue
        try:
            view = memoryview(frame)
            while view:
                view = view[pipe.write(view) or 0 :]
        except (OSError, ValueError):  # ValueError: the pipe was closed by abort()
            broken = True
    with contextlib.suppress(OSError):
        pipe.close()


def _abort(child: Child, frames: queue.Queue[bytes | None], partial: PartialFile) -> None:
    child.process.kill()  # first, so that a blocked write to its pipe returns
    with contextlib.suppress(queue.Empty):
        while True:
            frames.get_nowait()
    frames.put(None)
    child.close()
    partial.discard()


def _widen(pipe: IO[bytes]) -> None:
    """Let one frame fit into the pipe (Linux), which halves the switches between the two processes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)  # type: ignore[attr-defined,unused-ignore]


def _sound_track(speech: Speech, seconds: float) -> tuple[IO[Any], list[str]]:
    """An open file with the sound, and ffmpeg's options to read it, fit it to `seconds` exactly and encode it."""
    fit = f"apad=whole_dur={seconds:.6f},atrim=end={seconds:.6f}"
    encode = ["-map", "1:a:0", "-af", f"{TIMING},{fit}", "-c:a", "aac", "-b:a", "160k", "-ar", "48000"]
    if speech.source is not None and speech.stamp is not None:
        with contextlib.suppress(OSError):
            file: IO[Any] = speech.source.open("rb")
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) == speech.stamp:
                part = f"{TIMING},atrim=start={speech.start:.6f}:duration={speech.seconds:.6f},asetpts=PTS-STARTPTS"
                encode[3] = f"{part},{fit}"
                return file, [*UNTRUSTED, "-fd", str(file.fileno()), "-i", "fd:", *encode, "-ac", "2"]
            file.close()
    parts = (np.clip(speech.waveform[k : k + (1 << 18)], -1.0, 1.0) for k in range(0, len(speech.waveform), 1 << 18))
    file = spooled((part * 32767.0).round().astype("<i2").tobytes() for part in parts)
    raw = ["-protocol_whitelist", "fd,pipe", "-f", "s16le", "-ar", "16000", "-ac", "1"]
    return file, [*raw, "-fd", str(file.fileno()), "-i", "fd:", *encode, "-ac", "1"]
