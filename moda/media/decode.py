"""Sound out of any audio or video file as 16 kHz mono samples: which track, which channel, and for how long.

ffmpeg decodes and resamples (soxr), so that the same sound gives the same samples whatever it came in. Files are
taken for what can be heard in them: of several sound tracks the one with speech, of channels that cancel each other
the louder one, and a length that is counted, not one that the file claims.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from moda.errors import BadSpeech
from moda.media.ffmpeg import Child, has_stream, header_seconds, packet_spans, require
from moda.media.provenance import voice_of

RATE = 16_000
"""Samples a second of every waveform in MoDA Studio."""

TIMING = r"asetpts=PTS-min(STARTPTS\,0),aresample=resampler=soxr:async=1:first_pts=0"
"""Filter: gaps in the time stamps (browser recordings) become silence, and a stream that starts late is padded, so
that sample n is always the sound at n / rate seconds of the file. A codec's priming (Opus in webm) may leave a
slightly negative first stamp, which must not cut the start. Another rate needs a filter of its own after this one:
made to fill and to convert at once, it loses the sound after a gap."""

PICTURES_BESIDE = ("-map", "0:v?", "-c:v", "copy", "-t", "0", "-f", "null", "-")
"""A second output that takes no picture. A transport stream's times are counted from the first stream that is used:
sound alone would begin at once, however late it is."""

MAX_TRACKS = 16  # sound tracks of one file that are listened to
SILENCE = 1e-3  # peak below which a sound counts as silent: -60 dBFS, under any usable recording
# How far the mixture of all channels may lie below the loudest one before that one is taken alone, in dB. Two channels
# that have nothing to do with each other lose 3, a silent one beside a loud one 6; what lies deeper cancels out.
CANCELLED = {2: 9.0}
CANCELLED_BY_MANY = 20.0


@dataclass(frozen=True)
class Heard:
    """What was decoded: (N,) float32 at 16 kHz, and where it was in the file.

    track: which of the sound tracks, from 0. channel: the one that was taken alone, None where all were mixed.
    voice: the synthetic voice that the file says is speaking, "" if it says none.
    """

    samples: np.ndarray
    track: int = 0
    channel: int | None = None
    voice: str = ""


def channel_filter(channel: int | None) -> str:
    """ffmpeg's filter that takes one channel alone, with a comma behind it; "" for None."""
    return "" if channel is None else f"pan=mono|c0=c{channel},"


def clock(seconds: float) -> str:
    """A duration for people: "45 s", "2 min 5 s", "2 h 0 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def check_length(seconds: float, min_seconds: float, max_seconds: float) -> None:
    """Raises BadSpeech for a sound that is too short or too long."""
    if seconds < min_seconds:
        raise BadSpeech(f"The speech lasts only {seconds:.2f} s: give at least {min_seconds:g} s of sound.")
    if seconds > max_seconds:
        raise BadSpeech(f"The speech lasts {clock(seconds)} and the limit is {clock(max_seconds)}: cut it into parts.")


def decode(file: IO[bytes], options: Sequence[str], what: str, max_seconds: float, timeout: float) -> Heard:
    """Decode an open file that can be read again from its start, stopping as soon as it is known to be too long.

    options: ffmpeg's, before the input. what: what the sound is to the person ("speech file 'a.wav'").
    Raises BadSpeech; FfmpegUnusable where it is ffmpeg that is at fault.
    """
    source = _Source(file, options, what, max_seconds, timeout)
    first, tracks = source.read(0)
    if tracks == 1:
        return first
    best, best_score = first, speech_score(first.samples)
    for track in range(1, min(tracks, MAX_TRACKS)):
        try:
            other, _ = source.read(track)
        except BadSpeech:
            continue  # a track that cannot be decoded beside one that can
        score = speech_score(other.samples)
        if score > best_score * (1.5 if best_score > 0 else 1.0):  # in doubt, the file's own order
            best, best_score = other, score
    return best


def speech_score(samples: np.ndarray) -> float:
    """How much a sound behaves like speech, 0 (silence) upwards; music and hum lie far below talk.

    The measure of Scheirer and Slaney (1997): the level of speech rises and falls some four times a second and
    pauses now and then. Here: the share of the log envelope's swing between 2 and 8 Hz, times its depth.
    """
    block = RATE // 50
    count = len(samples) // block
    if count < 10:
        return 0.0
    power = np.square(samples[: count * block].reshape(count, block)).mean(axis=1, dtype=np.float64)
    loudest = float(np.percentile(power, 95))
    if not loudest > SILENCE**2 / 10:
        return 0.0
    level = 10.0 * np.log10(power / loudest + 1e-4)  # dB under the loud parts, down to -40
    swing = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(count))) ** 2
    hertz = np.fft.rfftfreq(count, block / RATE)
    total = float(swing.sum())
    syllables = float(swing[(hertz >= 2) & (hertz <= 8)].sum())
    return 0.01 + (syllables / total if total > 0 else 0.0) * float(level.std())


class _Source:
    """An open file that may be decoded several times over."""

    def __init__(self, file: IO[bytes], options: Sequence[str], what: str, max_seconds: float, timeout: float) -> None:
        self.file, self.options, self.what, self.max_seconds, self.timeout = file, options, what, max_seconds, timeout
        self.length_known = False

    def read(self, track: int) -> tuple[Heard, int]:
        """One track, and how many there are."""
        samples, log = self._samples(track, None)
        channel = _uncancelled(samples, log, track)
        if channel is not None:
            samples, _ = self._samples(track, channel)
        comment = re.search(r"^\s*comment\s*: (.*)$", log, re.MULTILINE)
        voice = voice_of(comment[1]) if comment else ""
        return Heard(samples, track, channel, voice), len(
            re.findall(r"^\s*Stream #0:\d+.*?: Audio: ", log, re.MULTILINE)
        )

    def _samples(self, track: int, channel: int | None) -> tuple[np.ndarray, str]:
        limit = math.ceil((self.max_seconds + 1.0) * RATE) * 4
        arguments = [
            *self.options, "-i", "fd:", "-map", f"0:a:{track}", "-vn", "-sn", "-dn",
            # First the levels of every channel, told in the log: behind a resampler they would be mixed already.
            "-af", "astats=measure_perchannel=RMS_level:measure_overall=Number_of_samples,"
            f"{channel_filter(channel)}{TIMING},aresample={RATE}:resampler=soxr:precision=24,"
            "aformat=sample_fmts=flt:channel_layouts=mono",
            "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1",
            *PICTURES_BESIDE,
        ]  # fmt: skip
        samples = bytearray()
        with self._child(arguments) as child:
            for piece in child.blocks():
                if not self.length_known:  # the container's own word, given before the first sample is out
                    stated, self.length_known = header_seconds(child.text()), True
                    if stated is not None and stated > self.max_seconds + 1.0:
                        break
                samples += piece
                if len(samples) >= limit:
                    raise BadSpeech(
                        f"The {self.what} lasts longer than the limit of {clock(self.max_seconds)}: cut it into parts."
                    )
            else:
                child.wait(self.timeout)
                self._complain(child, len(samples))
                found = np.frombuffer(samples, dtype="<f4", count=len(samples) // 4)
                return found.astype(np.float32, copy=False), child.text()
        check_length(self._counted(track), 0.0, self.max_seconds)
        return self._samples(track, channel)

    def _counted(self, track: int) -> float:
        """Length of a track by its packets: some containers guess it from the bit rate, or a recorder never filled it
        in."""
        arguments = [*self.options, "-i", "fd:", "-map", f"0:a:{track}", "-c", "copy", "-f", "framecrc", "pipe:1"]
        with self._child(arguments) as child:
            return packet_spans(child.blocks()).get(0, (0, 0.0))[1]

    def _child(self, arguments: Sequence[str]) -> Child:
        os.lseek(self.file.fileno(), 0, os.SEEK_SET)  # the children share one place in the file
        return Child(arguments, stdin=self.file, stdout=subprocess.PIPE, seconds=self.timeout)

    def _complain(self, child: Child, length: int) -> None:
        if child.timed_out:
            raise BadSpeech(
                f"The {self.what} took longer than {self.timeout:g} s to read: convert it to wav or mp3 and try again."
            )
        if "Input #0" not in child.text():
            require()
        if length >= 4:
            return
        if "Input #0" not in child.text():
            raise BadSpeech(f"The {self.what} is not an audio or video file that can be read, or it is damaged.")
        if not has_stream(child.text(), "Audio"):
            raise BadSpeech(f"The {self.what} has no sound track: choose a file with speech in it.")
        raise BadSpeech(f"The {self.what} holds no sound that can be decoded: it is empty or damaged.")


def _uncancelled(samples: np.ndarray, log: str, track: int) -> int | None:
    """The channel to take alone, from the levels of all channels that ffmpeg's astats reported."""
    levels = [float(level) for level in re.findall(r"RMS level dB: (-?(?:\d+(?:\.\d+)?|inf))", log)]
    count = re.search(r"Number of samples: (\d+)", log)
    rates = re.findall(r"^\s*Stream #0:\d+.*?: Audio: .*?, (\d+) Hz", log, re.MULTILINE)
    if count is None or len(rates) <= track:
        return None
    # The levels are of the sound alone, the samples hold silence in gaps and before the start as well.
    heard = int(count[1]) / int(rates[track]) * RATE
    power = float(np.dot(samples, samples)) / max(1.0, heard)
    return uncancelled(10.0 * math.log10(power) if power > 0 else -math.inf, levels)


def uncancelled(mixed: float, levels: Sequence[float]) -> int | None:
    """The channel to take alone where the channels cancel each other out in the mixture, else None.

    mixed, levels: levels of the mixture and of every channel in dB relative to full scale.
    """
    if len(levels) < 2:
        return None
    loudest = int(np.argmax(levels))
    if not levels[loudest] > 20.0 * math.log10(SILENCE) - 20.0:
        return None
    return loudest if mixed < levels[loudest] - CANCELLED.get(len(levels), CANCELLED_BY_MANY) else None


def decibels(samples: np.ndarray) -> float:
    """Root mean square of some samples in dB relative to full scale; -inf for silence or none."""
    power = float(np.dot(samples, samples)) / max(1, len(samples))
    return 10.0 * math.log10(power) if power > 0 else -math.inf
