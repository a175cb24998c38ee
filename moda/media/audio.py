"""Speech: any audio or video file, or an array from a microphone, as 16 kHz mono float32.

Everything is decoded and resampled by ffmpeg (soxr), so that the same sound gives the same waveform whatever it
came in. The sound is checked before it is used: how long, how loud, damaged or not.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, Union

import numpy as np

from moda.errors import BadSpeech
from moda.media.decode import RATE as RATE
from moda.media.decode import SILENCE, check_length, decibels, decode, uncancelled
from moda.media.ffmpeg import UNTRUSTED, open_media
from moda.media.spoken import known_of
from moda.media.tempfiles import spooled
from moda.media.words import Phone, Word
from moda.motion.space import FPS

MIN_SECONDS = 0.3
MAX_SECONDS = 1_800.0
MAX_BYTES = 1 << 30

KEPT = (
    "name",
    "notice",
    "source",
    "start",
    "stamp",
    "track",
    "channel",
    "words",
    "phones",
    "voice",
    "script",
)  # of a Speech read again

_Timed = TypeVar("_Timed", Word, Phone)
SpeechSource = Union[str, "os.PathLike[str]", tuple[int, Any], bytes, "Speech"]


@dataclass(frozen=True, eq=False)
class Speech:
    """What is said.

    waveform: (N,) float32, 16 kHz mono, within [-1, 1], read-only.
    seconds: N / 16000.
    digest: sha256 of the waveform's bytes.
    name: file name without folder, or "" for arrays.
    notice: one sentence for the person, for example that an online voice was replaced; "" if there is none.
    source, start, stamp: the file it came from, where in it the speech starts (seconds) and the file's size and
        time of change, so that a video can carry the original sound; None for arrays.
    track, channel: which sound track of the file, and which channel of it (None = all), as others are silent.
    words, phones: what is said when, in order, where it is known (a spoken text, a transcript); else empty.
    voice: the synthetic voice that speaks, "" for a recording.
    script: the text that is said, with its cues (:mod:`moda.script`), "" where it is not known.
    """

    waveform: np.ndarray
    seconds: float
    digest: str
    name: str = ""
    notice: str = ""
    source: Path | None = None
    start: float = 0.0
    stamp: tuple[int, int] | None = None
    track: int = 0
    channel: int | None = None
    words: tuple[Word, ...] = ()
    phones: tuple[Phone, ...] = ()
    voice: str = ""
    script: str = ""

    @classmethod
    def of(cls, waveform: np.ndarray, **about: Any) -> Speech:
        """Wrap a copy of a 16 kHz mono waveform (N,) already within [-1, 1]; nothing is checked or resampled."""
        return cls._owning(np.array(waveform, dtype=np.float32).reshape(-1), about)

    @classmethod
    def _owning(cls, array: np.ndarray, about: dict[str, Any]) -> Speech:
        array.flags.writeable = False
        return cls(array, len(array) / RATE, hashlib.sha256(array.data).hexdigest(), **about)

    @property
    def peak(self) -> float:
        """Largest absolute sample, 0 to 1."""
        return _peak(self.waveform)

    @property
    def level(self) -> float:
        """Root mean square of the whole waveform in dB relative to full scale (0 = loudest, -inf = silence)."""
        return decibels(self.waveform)

    def frames(self, fps: float = FPS) -> int:
        """Number of video frames that just cover the speech (the last one may end up to one frame later)."""
        return max(1, math.ceil(len(self.waveform) * fps / RATE - 1e-6))

    def trim(self, start: float = 0.0, end: float | None = None, min_seconds: float = MIN_SECONDS) -> Speech:
        """The part from `start` to `end` seconds (None = to the end).

        Raises BadSpeech where the part lies outside the speech or is shorter than `min_seconds`.
        """
        stop = self.seconds if end is None else end
        if not (math.isfinite(start) and math.isfinite(stop)) or start < 0 or stop > self.seconds + 0.05:
            raise BadSpeech(
                f"The part from {start:g} s to {stop:g} s is outside the speech, which lasts {self.seconds:.2f} s."
            )
        first, last = round(start * RATE), min(round(stop * RATE), len(self.waveform))
        if (last - first) / RATE < min_seconds:
            raise BadSpeech(f"The part from {start:g} s to {stop:g} s is too short: keep at least {min_seconds:g} s.")
        part = Speech.of(self.waveform[first:last])
        return replace(
            self, waveform=part.waveform, seconds=part.seconds, digest=part.digest, start=self.start + first / RATE,
            words=_within(self.words, first / RATE, last / RATE),
            phones=_within(self.phones, first / RATE, last / RATE), script="",
        )  # fmt: skip


def load_speech(
    source: SpeechSource,
    *,
    min_seconds: float = MIN_SECONDS,
    max_seconds: float = MAX_SECONDS,
    max_bytes: int = MAX_BYTES,
    allow_silence: bool = False,
    timeout: float = 120.0,
) -> Speech:
    """Speech from a file, from a (rate, array) pair, or from the bytes of a file.

    source: path of any audio or video file that ffmpeg reads; or (rate in Hz, array (N,) or (N, channels), integer
        or float), as a microphone in Gradio gives it; or the bytes of such a file; or a Speech (checked again).
    min_seconds, max_seconds, max_bytes: limits; a longer sound is refused before it is decoded where the file says
        how long it is, and otherwise as soon as the limit is passed.
    allow_silence: accept a sound without any signal.

    Raises BadSpeech with one sentence for everything that is wrong with the sound.
    """
    about: dict[str, Any] = {}
    if isinstance(source, Speech):
        waveform = source.waveform
        about = {name: getattr(source, name) for name in KEPT}
        check_length(len(waveform) / RATE, min_seconds, max_seconds)
    elif isinstance(source, tuple):
        waveform = _from_array(source, max_seconds, timeout)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        if not len(source):
            raise BadSpeech("The speech is empty (0 bytes): choose another file.")
        with spooled([source]) as file:
            waveform = decode(file, UNTRUSTED, "speech", max_seconds, timeout).samples
    elif isinstance(source, (str, os.PathLike)):
        if not os.fspath(source):
            raise BadSpeech("No speech was given: choose an audio file.")
        path = Path(source)
        with open_media(path, BadSpeech, "speech file", max_bytes) as file:
            status = os.fstat(file.fileno())
            heard = decode(file, UNTRUSTED, f"speech file '{path.name}'", max_seconds, timeout)
        waveform, stamp = heard.samples, (status.st_size, status.st_mtime_ns)
        about = {
            "name": path.name, "source": path.resolve(), "stamp": stamp, "track": heard.track, "channel": heard.channel,
            "voice": heard.voice, **known_of(path, waveform),
        }  # fmt: skip
    else:
        raise BadSpeech("No speech was given: choose an audio file, record one, or type a text.")
    return _checked(waveform, min_seconds, max_seconds, allow_silence, about)


def _checked(
    waveform: np.ndarray, min_seconds: float, max_seconds: float, allow_silence: bool, about: dict[str, Any]
) -> Speech:
    check_length(len(waveform) / RATE, min_seconds, max_seconds)
    peak = _peak(waveform)
    if not math.isfinite(peak):
        raise BadSpeech("The speech holds damaged samples (not numbers): record or export it again.")
    if peak < SILENCE and not allow_silence:
        raise BadSpeech("The speech is silent: check the recording, or the microphone, and try again.")
    if peak > 1.0:  # lossy formats overshoot a little; clipping would distort what scaling keeps
        waveform = waveform / np.float32(peak)
    return Speech._owning(waveform, about)


def _within(spans: Sequence[_Timed], start: float, end: float) -> tuple[_Timed, ...]:
    """Words or phonemes whose middle lies in a part, their times counted from its start."""
    return tuple(
        replace(span, start=max(0.0, span.start - start), end=min(end, span.end) - start)
        for span in spans
        if start <= (span.start + span.end) / 2 < end
    )


def _peak(waveform: np.ndarray) -> float:
    """Largest absolute sample; NaN or infinite if any sample is. Makes no copy, as ten minutes are 38 MB."""
    return max(float(waveform.max()), -float(waveform.min())) if len(waveform) else 0.0


def _from_array(pair: tuple[int, Any], max_seconds: float, timeout: float) -> np.ndarray:
    """(rate, array) to (N,) float32 at 16 kHz; integers are scaled by their type's range."""
    if len(pair) != 2 or pair[1] is None:
        raise BadSpeech("No speech was recorded: record again, or choose a file.")
    try:
        rate, array = int(pair[0]), np.asarray(pair[1])
    except (TypeError, ValueError, OverflowError):
        raise BadSpeech("A recorded speech must be a pair of a rate in Hz and an array of samples.") from None
    if not 1_000 <= rate <= 768_000:
        raise BadSpeech(f"A rate of {rate} samples a second is not usable: record at 8,000 to 192,000.")
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or array.size == 0:
        raise BadSpeech("The recorded speech is empty or not an array of samples: record it again.")
    if array.ndim == 2 and array.shape[0] < array.shape[1] and array.shape[0] <= 8:
        array = array.T  # channels first
    check_length(len(array) / rate, 0.0, max_seconds)
    if array.dtype.kind == "i":
        samples = array.astype(np.float64) / float(-np.iinfo(array.dtype).min)
    elif array.dtype.kind == "u":
        half = (float(np.iinfo(array.dtype).max) + 1.0) / 2.0
        samples = array.astype(np.float64) / half - 1.0
    else:
        samples = array.astype(np.float64)
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    if samples.ndim == 2:
        channel = uncancelled(decibels(mono), [decibels(samples[:, k]) for k in range(samples.shape[1])])
        mono = mono if channel is None else samples[:, channel]
    mono = mono.astype("<f4")
    if rate == RATE:
        return mono.astype(np.float32)
    if not np.isfinite(mono).all():
        raise BadSpeech("The speech holds damaged samples (not numbers): record or export it again.")
    with spooled([mono.tobytes()]) as file:
        raw = ("-protocol_whitelist", "fd,pipe", "-f", "f32le", "-ar", str(rate), "-ac", "1")
        return decode(file, raw, "recorded speech", max_seconds, timeout).samples
