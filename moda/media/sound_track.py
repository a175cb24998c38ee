"""The sound of a video: the original recording where it is still there, else the waveform, checked by ear.

It is encoded beside the pictures into a file of its own, by a process that reads the recording through an open
descriptor like everything that people hand in, and joins the pictures at the end. Before that, what was written is
compared with what was heard when the speech was read: a video whose lips move must not end up silent.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from moda.errors import OutputFailed, why_unwritten
from moda.media.atomic import PartialFile
from moda.media.audio import Speech
from moda.media.decode import RATE, TIMING, channel_filter
from moda.media.ffmpeg import UNTRUSTED, Child
from moda.media.formats import Format
from moda.media.tempfiles import spooled

TRACK_RATE = 48_000
BLOCK = RATE // 25  # samples over which loudness is compared: one video frame
ALIKE = 0.8  # least cosine between the loudness over time of what is written and of what was heard
WITHIN = 12.0  # dB by which the levels of the two may differ: stereo is louder than its mixture, by 3 as a rule
LOST = 30.0  # dB by which even what was heard, encoded as it is, may differ: codecs drop what nobody hears
QUIET = 1e-4  # root mean square of a whole speech below which there is nothing to compare: -80 dBFS


class SoundTrack:
    """The encoded sound of a video, in the making.

    speech: what is said. seconds: to which it is padded or cut. target: the video; the sound lies beside it meanwhile.
    Raises OutputFailed, FfmpegUnusable.
    """

    def __init__(self, speech: Speech, seconds: float, form: Format, target: Path) -> None:
        self._speech, self._seconds, self._form, self._target = speech, seconds, form, target
        self._patience = 120.0 + 2 * seconds
        original = _original(speech)
        self._original = original is not None
        self._start(original if original is not None else _as_waveform(speech))

    def _start(self, sound: tuple[IO[Any], list[str], str, str]) -> None:
        file, options, cut, channels = sound
        fit = f"apad=whole_dur={self._seconds:.6f},atrim=end={self._seconds:.6f}"
        self.partial = PartialFile(self._target)
        try:
            with file:
                self._child = Child(
                    [
                        *options, "-i", "fd:", "-map", f"0:a:{self._speech.track if self._original else 0}",
                        "-map_metadata", "-1", "-map_chapters", "-1",
                        # Filled and cut at its own rate first; one filter for both loses the sound after a gap.
                        "-af", f"{cut},aresample={TRACK_RATE}:resampler=soxr,{fit}", *self._form.sound,
                        "-ac", channels, "-f", self._form.muxer, "-y", f"file:{self.partial.temporary}",
                    ],
                    stdin=file, seconds=self._patience,
                )  # fmt: skip
        except BaseException:
            self.partial.discard()
            raise

    def finish(self) -> Path:
        """Wait for the sound, compare it with what was heard, and return where it is. Raises OutputFailed."""
        if self._done(ALIKE if self._original else 0.0, WITHIN if self._original else LOST):
            return self.partial.temporary
        if self._original:  # the recording cannot be carried over as it is: what was heard takes its place
            self.discard()
            self._original = False
            self._start(_as_waveform(self._speech))
            if self._done(0.0, LOST):
                return self.partial.temporary
        log = self._child.text()
        self.discard()
        if known := why_unwritten(log):
            raise OutputFailed(f"The sound of the video could not be written, because {known}.")
        reason = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "it gave no reason")
        raise OutputFailed(
            f"The sound of the video could not be written ({reason[:160]}): check the disk and try again."
        )

    def _done(self, alike: float, within: float) -> bool:
        return self._child.wait(self._patience) == 0 and self._sounds_right(alike, within)

    def _sounds_right(self, alike: float, within: float) -> bool:
        heard = self._speech.waveform[: round(self._seconds * RATE)]
        wanted = loudness([heard])
        level = float(np.sqrt(np.mean(np.square(wanted)))) if len(wanted) else 0.0
        if level < QUIET:
            return True
        with self.partial.temporary.open("rb") as file:
            arguments = ["-protocol_whitelist", "fd,pipe", "-i", "fd:", "-map", "0:a", "-ar", str(RATE), "-ac", "1",
                         "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]  # fmt: skip
            with Child(arguments, stdin=file, stdout=subprocess.PIPE, seconds=self._patience) as child:
                got = loudness(np.frombuffer(piece[: len(piece) // 4 * 4], "<f4") for piece in child.blocks())
        count = min(len(wanted), len(got))
        if count < len(wanted) - 2:
            return False
        wanted, got = wanted[:count], got[:count]
        written = float(np.sqrt(np.mean(np.square(got))))
        if not abs(20.0 * np.log10(max(written, 1e-9) / level)) < within:
            return False
        likeness = float(np.dot(wanted, got)) / (float(np.linalg.norm(wanted)) * float(np.linalg.norm(got)))
        return likeness >= alike

    def discard(self) -> None:
        """Stop, and drop what was written. Safe to call again."""
        self._child.close()
        self.partial.discard()


def loudness(pieces: Iterator[np.ndarray] | list[np.ndarray]) -> np.ndarray:
    """Standard deviation of every block of `BLOCK` samples, from pieces of any length: loudness without rumble."""
    found: list[np.ndarray] = []
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        joined = np.concatenate([rest, piece]) if len(rest) else piece
        whole = len(joined) // BLOCK * BLOCK
        found.append(joined[:whole].reshape(-1, BLOCK).std(axis=1, dtype=np.float64))
        rest = joined[whole:]
    return np.concatenate(found) if found else np.zeros(0)


def _original(speech: Speech) -> tuple[IO[Any], list[str], str, str] | None:
    """The recording, unchanged since it was read: file, input options, filter, channels."""
    if speech.source is None or speech.stamp is None:
        return None
    with contextlib.suppress(OSError):
        file = speech.source.open("rb")
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) == speech.stamp:
            part = f"atrim=start={speech.start:.6f}:duration={speech.seconds:.6f},asetpts=PTS-STARTPTS"
            return file, [*UNTRUSTED], f"{channel_filter(speech.channel)}{TIMING},{part}", "2"
        file.close()
    return None


def _as_waveform(speech: Speech) -> tuple[IO[Any], list[str], str, str]:
    parts = (np.clip(speech.waveform[k : k + (1 << 18)], -1.0, 1.0) for k in range(0, len(speech.waveform), 1 << 18))
    file = spooled((part * 32767.0).round().astype("<i2").tobytes() for part in parts)
    return file, ["-protocol_whitelist", "fd,pipe", "-f", "s16le", "-ar", str(RATE), "-ac", "1"], TIMING, "1"
