"""Frames to a video, streamed: encoded while they are rendered, exact timing, all or nothing.

Frames go to ffmpeg through a bounded queue and a pipe, so rendering and encoding overlap and memory does not grow
with length. The sound is encoded meanwhile (see `sound_track`) and joined at the end. Everything is written in the
same folder without a visible name and the video takes its own only when it is complete. If this process is killed,
the child sees the end of its input and ends, and nothing is left of the file (see `atomic`).
"""

from __future__ import annotations

import contextlib
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

from moda.errors import BadSetting, OutputFailed, why_unwritten
from moda.media import embedded, encoding
from moda.media.atomic import PartialFile
from moda.media.audio import Speech, load_speech
from moda.media.ffmpeg import Child, require
from moda.media.footage import Footage, probe, read_frames
from moda.media.formats import target_of
from moda.media.frame_writer import FrameWriter
from moda.media.provenance import tags
from moda.media.sound_track import SoundTrack
from moda.motion.space import FPS

__all__ = ["Footage", "VideoWriter", "probe", "read_frames"]

QUEUE = 8  # frames that may wait for the encoder
STALLED = 120.0  # seconds without progress after which the encoder counts as stuck


class VideoWriter(FrameWriter):
    """Write a video frame by frame.

        with VideoWriter("out.mp4", fps=25, size=(512, 512), audio=speech, metadata={"seed": 7}) as video:
            for frame in frames:          # (H, W, 3) uint8 RGB
                video.write(frame)

    path: its ending decides the format (see `formats`; PNG pictures have a writer of their own, `output.open_writer`
        knows both); parents are made; an existing file is replaced only at the very end.
    fps: frames a second. size: (width, height); an odd last column or row is cut where the codec needs even sizes.
    audio: Speech, a path, or None. The sound track is the original recording where it is still there, else the
        waveform. It is padded or cut to the length of the frames. Formats without sound leave it out.
    frames: how many frames are going to be written (default: as many as cover the speech).
    metadata: what made the video (model, seed, settings hash ...); that it is AI-generated is always written.
    alpha: frames are (H, W, 4) uint8, straight (not premultiplied) RGBA, and the video is transparent.
    captions: text of an SRT file, for a subtitle track that players can switch on, where the container has them.
    crf, preset, threads: x264's quality (19 = visually lossless), speed and threads (0 = let it choose).
    gpu: encode H.264 on an NVIDIA GPU (see `encoding.nvenc_works`).

    Leaving the block by an exception removes everything that was written. Raises OutputFailed where the file
    cannot be written, BadSetting for an impossible size, rate, name or format, FfmpegUnusable.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float = FPS,
        size: tuple[int, int] = (512, 512),
        audio: Speech | str | os.PathLike[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        frames: int | None = None,
        alpha: bool = False,
        captions: str = "",
        crf: int = 19,
        preset: str = "veryfast",
        threads: int = 0,
        gpu: bool = False,
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        width, height = (int(value) for value in size)
        self._format = form = target_of(self.path, alpha).format
        if form.is_sequence:
            raise BadSetting(f"The output '{self.path.name}' must be a video, not pictures.")
        if not (2 <= width <= form.longest_side and 2 <= height <= form.longest_side):
            raise BadSetting(f"A video of {width} x {height} pixels cannot be made: use 2 to 8192 on each side.")
        if not 1.0 <= fps <= 240.0:
            raise BadSetting(f"A video of {fps:g} frames a second cannot be made: use 1 to 240.")
        self._shape = (height, width, 4 if alpha else 3)
        self._rate = rate = Fraction(fps).limit_denominator(1001)
        self._tags, self._record = tags(metadata), metadata
        speech = load_speech(audio, allow_silence=True) if isinstance(audio, (str, os.PathLike)) else audio
        self._captions = captions if form.captions else ""
        self._sound: SoundTrack | None = None
        self._partial = PartialFile(self.path)
        try:
            if speech is not None and form.sound:
                planned = frames or speech.frames(fps)
                self._sound = SoundTrack(speech, planned / float(rate), form, self.path)
            planar = encoding.planar(form, alpha)
            if planar:
                width, height = width // 2 * 2, height // 2 * 2
            arguments = encoding.encode(form, (width, height), rate, alpha, crf, preset, threads, gpu)
            self._child = Child(
                [*arguments, *self._first_container()], stdin=subprocess.PIPE, seconds=None, memory=None
            )
        except BaseException as fault:
            self._partial.discard()
            if self._sound is not None:
                self._sound.discard()
            if isinstance(fault, OSError):
                raise OutputFailed(f"The video encoder could not be started ({fault.strerror or fault}).") from None
            raise
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(QUEUE)
        pipe = self._child.process.stdin
        assert pipe is not None
        _widen(pipe)
        self._thread = threading.Thread(
            target=_feed, args=(self._queue, pipe, planar), name="video-writer", daemon=True
        )
        self._thread.start()
        # Left without closing (an abandoned generator, the end of the interpreter): still remove everything.
        self._abandon = weakref.finalize(self, _abort, self._child, self._queue, self._partial, self._sound)

    @property
    def _one_pass(self) -> bool:
        return self._sound is None and not self._captions and not self._format.finish

    def _first_container(self) -> list[str]:
        target = self._partial.temporary
        if self._one_pass:
            return encoding.container(self._format, self._tags, target)
        return [*([] if self._format.finish else ["-f", self._format.muxer]), "-y", f"file:{target}"]

    def write(self, frame: np.ndarray) -> None:
        """Add one frame, (H, W, 3) uint8 RGB of the size given; it is copied, so the caller may reuse the array."""
        if not self._abandon.alive:
            raise OutputFailed("The video is already closed.")
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.shape} {frame.dtype}, expected {self._shape} uint8")
        self._put(frame.copy())
        self.frames += 1

    def close(self) -> Path:
        """Finish the file, give it its final name, and return that. Raises OutputFailed and removes it on failure."""
        if not self._abandon.alive:
            return self.path
        if self.frames == 0:
            self.abort()
            raise OutputFailed("The video has no frames: nothing was written.")
        self._put(None)
        try:
            sound = None if self._sound is None else self._sound.finish()  # while the last frames are encoded
        except BaseException:
            self.abort()
            raise
        self._thread.join()
        status = self._child.wait(STALLED + self.frames)
        if status != 0 or self._partial.temporary.stat().st_size == 0:
            self._fail()
        self._abandon.detach()
        self._child.close()
        try:
            if not self._one_pass:
                self._finish(sound)
            embedded.write(self._partial.temporary, self._format, self._record)
            self._partial.keep()
        except BaseException:
            self._partial.discard()
            raise
        finally:
            if self._sound is not None:
                self._sound.discard()
        return self.path

    def _finish(self, sound: Path | None) -> None:
        """Pictures and sound into one file; or the second pass of a format that needs it."""
        form, pictures = self._format, self._partial
        self._partial = PartialFile(self.path)
        captions = PartialFile(self.path) if self._captions else None
        try:
            if captions is not None:
                captions.temporary.write_text(self._captions, encoding="utf-8", newline="\n")
            if form.finish:
                arguments = encoding.second_pass(form, pictures.temporary)
            else:
                seconds = self.frames / float(self._rate)
                text = None if captions is None else captions.temporary
                arguments = encoding.join(pictures.temporary, sound, text, seconds, form)
            ending = encoding.container(form, self._tags, self._partial.temporary)
            with Child([*arguments, *ending], seconds=STALLED + self.frames) as child:
                status, log = child.wait(), child.text()
        finally:
            pictures.discard()
            if captions is not None:
                captions.discard()
        if status != 0:
            raise OutputFailed(_reason(self.path, log))

    def abort(self) -> None:
        """Stop the encoder and remove what was written. Safe to call at any time."""
        self._abandon()

    def _put(self, item: np.ndarray | None) -> None:
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
        require()
        raise OutputFailed(_reason(self.path, log))


def _reason(path: Path, log: str) -> str:
    if reason := why_unwritten(log):
        return f"The video '{path.name}' could not be written, because {reason}."
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it gave no reason")
    return f"The video '{path.name}' could not be encoded ({last.strip()[:160]}): check the disk, then try again."


def _feed(frames: queue.Queue[np.ndarray | None], pipe: IO[bytes], planar: bool) -> None:
    """Thread: move frames from the queue, as YUV where ``planar``, into the pipe until None; keep emptying the queue if
    the pipe breaks."""
    if planar:
        from moda.media.yuv import to_yuv420  # it loads numba
    broken = False
    while (frame := frames.get()) is not None:
        if broken:
            continue
        try:
            if planar:
                frame = to_yuv420(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2])
            view = frame.data.cast("B")
            while view:
                view = view[pipe.write(view) or 0 :]
        except (OSError, ValueError):  # ValueError: the pipe was closed by abort()
            broken = True
    with contextlib.suppress(OSError):
        pipe.close()


def _abort(
    child: Child, frames: queue.Queue[np.ndarray | None], partial: PartialFile, sound: SoundTrack | None
) -> None:
    child.process.kill()  # first, so that a blocked write to its pipe returns
    with contextlib.suppress(queue.Empty):
        while True:
            frames.get_nowait()
    frames.put(None)
    child.close()
    partial.discard()
    if sound is not None:
        sound.discard()


def _widen(pipe: IO[bytes]) -> None:
    """Let one frame fit into the pipe (Linux), which halves the switches between the two processes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)  # type: ignore[attr-defined,unused-ignore]
