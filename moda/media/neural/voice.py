"""What every neural voice gives: sound with the time of each phoneme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from moda.media.neural.packages import VoiceMissing
from moda.media.neural.pronounce import Token
from moda.media.words import Sound


@dataclass(frozen=True)
class Said:
    """A spoken sentence: waveform (N,) float32 at `rate` Hz, and its phonemes with their times."""

    rate: int
    waveform: np.ndarray
    sounds: tuple[Sound, ...]


def session(model: bytes) -> Any:
    """An onnxruntime session on one thread of the CPU: a second one gains little and takes the page's.

    Raises VoiceMissing where onnxruntime is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise VoiceMissing("onnxruntime is not installed") from None

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def timed(read: list[Token], seconds: np.ndarray) -> tuple[Sound, ...]:
    """Times of the phonemes. seconds (len(read),): how long each token lasts; punctuation is a pause.

    A space is none: its time is the way to the sound after it (forced alignment hears that sound begin with it).
    """
    ends = np.cumsum(seconds)
    starts = ends - seconds
    for place, token in enumerate(read[:-1]):
        if token.read == " ":
            starts[place + 1] = starts[place]
    return tuple(
        Sound(float(start), float(end), token.symbol, token.place)
        for token, start, end in zip(read, starts, ends)
        if end > start and token.read != " "
    )
