"""When something is said: words and phonemes with their times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar


@dataclass(frozen=True)
class Word:
    """A written word, from `start` to `end` in seconds of the speech it belongs to."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Phone:
    """One sound of speech, from `start` to `end` in seconds; `symbol` is IPA without stress marks, "" for silence."""

    start: float
    end: float
    symbol: str


@dataclass(frozen=True)
class Sound:
    """A phoneme as a voice says it: times in seconds, IPA symbol, and where in the text its word begins (letters)."""

    start: float
    end: float
    symbol: str
    place: int


Timed = TypeVar("Timed", Word, Phone, Sound)


def moved(spans: Iterable[Timed], shift: float, stretch: float = 1.0) -> tuple[Timed, ...]:
    """The same spans with every time t at stretch * t + shift, none of them before 0."""
    return tuple(
        replace(span, start=max(0.0, stretch * span.start + shift), end=max(0.0, stretch * span.end + shift))
        for span in spans
    )


def phones_of(sounds: Iterable[Sound]) -> tuple[Phone, ...]:
    """The phonemes with their times."""
    return tuple(Phone(sound.start, sound.end, sound.symbol) for sound in sounds)


def words_of(text: str, sounds: Iterable[Sound]) -> tuple[Word, ...]:
    """The words of a text as they are written, timed by the phonemes that say them.

    Words that a voice runs together share their time by their letters; punctuation stays with the word before it.
    """
    spans: dict[int, tuple[float, float]] = {}
    for sound in sounds:
        if sound.symbol:
            place = _beginning(text, sound.place)
            start, end = spans.get(place, (sound.start, sound.end))
            spans[place] = min(start, sound.start), max(end, sound.end)
    places = sorted(spans)
    words: list[Word] = []
    for place, following in zip(places, [*places[1:], len(text)]):
        written = _words(text[place:following])
        if not written:
            continue
        (time, end), letters = spans[place], sum(map(len, written))
        for word in written:
            share = (end - spans[place][0]) * len(word) / letters
            words.append(Word(time, time + share, word))
            time += share
    return tuple(words)


def sounds_of(text: str, words: Iterable[Word]) -> tuple[Sound, ...]:
    """Words as a voice tells them, without punctuation, as spans with their places in the text; what is not found in
    it is left out."""
    found: list[Sound] = []
    at, lower = 0, text.lower()
    for word in words:
        place = lower.find(word.text.lower(), at)
        if place >= 0:
            found.append(Sound(word.start, word.end, word.text, place))
            at = place + len(word.text)
    return tuple(found)


def _beginning(text: str, place: int) -> int:
    """Where the written word around a place begins: a number is spoken as several words but written as one."""
    while 0 < place < len(text) and not text[place - 1].isspace() and not _joined(text[place - 1]):
        place -= 1
    return min(place, max(0, len(text) - 1))


def _joined(letter: str) -> bool:
    """Whether a letter is of a script that is written without spaces (Chinese, Japanese, Thai)."""
    return "\u0e00" <= letter <= "\u0e7f" or "\u3000" <= letter <= "\u9fff" or "\uff00" <= letter <= "\uffef"


def _words(text: str) -> list[str]:
    """Written words; a piece without letter or digit belongs to the word before it."""
    found: list[str] = []
    for piece in text.split():
        if any(letter.isalnum() for letter in piece) or not found:
            found.append(piece)
        else:
            found[-1] += f" {piece}"
    return found
