"""pocketsphinx: which words an English sound holds, and where in it given words and their sounds lie.

An extra (`transcribe`, `train`). Sounds are named in ARPAbet; samples are 16-bit little-endian mono at 16 kHz.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FRAMES = 100  # a second


class Heard(NamedTuple):
    """A word, or a silence in angle brackets, and its sounds: (name, first frame, frames)."""

    word: str
    sounds: list[tuple[str, int, int]]


def aligner() -> Any:
    """A decoder that `place` takes."""
    from pocketsphinx import Decoder

    return Decoder(lm=None, loglevel="FATAL")


def hear(samples: bytes) -> str:
    """The words that are most likely said, "" where none are."""
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL")
    _listen(decoder, samples)
    guess = decoder.hyp()
    return guess.hypstr if guess else ""


def place(decoder: Any, words: str, samples: bytes) -> list[Heard]:
    """Where `words`, all of which the decoder's dictionary knows, lie in the sound; [] where they do not fit."""
    try:
        decoder.set_align_text(words)
        _listen(decoder, samples)
        if decoder.hyp() is None:  # (asking after the second pass crashes pocketsphinx)
            return []
        decoder.set_alignment()
        _listen(decoder, samples)
        return [
            Heard(word.name, [(sound.name, sound.start, sound.duration) for sound in word])
            for word in decoder.get_alignment()
        ]
    except (RuntimeError, TypeError):
        return []


def _listen(decoder: Any, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
