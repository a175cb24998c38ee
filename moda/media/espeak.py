"""The offline voice: espeak-ng, in a child process of its own (see `espeak_child`).

It is fast, hundreds of times faster than real time, speaks more than a hundred languages, and sounds like a
machine: formant synthesis. The variants chosen in `voices` are its least harsh ones.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moda.errors import BadText
from moda.media.espeak_child import NO_SUCH_VOICE
from moda.media.words import Sound

WORDS_A_MINUTE = 165  # espeak's default of 175 sounds hurried
TIME_LIMIT = 60.0  # seconds for one request; the longest text allowed takes about two
# A test voice, scripts that fonts lack, languages whose dictionary is not in the package, and scripts that it reads
# wrongly (it leaves out vowels of Thai and Burmese).
_SKIPPED = frozenset({"xex", "chr-US-Qaaa-x-west", "en-shaw", "fo", "kaa", "th", "my"})


class Language(NamedTuple):
    """A language that espeak-ng speaks: code ("en-gb"), English name, and the voice file behind it ("gmw/en")."""

    code: str
    name: str
    file: str


@dataclass(frozen=True)
class Synthesis:
    """A spoken text: (N,) int16 samples at `rate` Hz, and its phonemes in order."""

    rate: int
    samples: np.ndarray
    sounds: tuple[Sound, ...]


@dataclass(frozen=True)
class Mark:
    """A word ("word"), a phoneme ("phone": IPA symbol with stress marks, "" for a pause) or the end of a clause
    ("clause"), in the order of speaking. place: letters of the text before it; seconds: where it begins."""

    kind: str
    place: int
    seconds: float
    symbol: str


@functools.cache
def languages() -> tuple[Language, ...]:
    """Every language of the installed espeak-ng, by code."""
    found: dict[str, Language] = {}
    for code, name, file in json.loads(_ask({}))["voices"]:
        if code not in _SKIPPED:
            found.setdefault(code, Language(code, name, file))
    return tuple(sorted(found.values(), key=lambda language: language.code))


@functools.cache
def variants() -> frozenset[str]:
    """Names of the voice variants ("Annie", "m3" ...) that can follow a language."""
    import espeakng_loader

    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def synthesise(
    text: str,
    language: str,
    variant: str = "",
    rate: float = 1.0,
    pitch: float = 0.0,
    liveliness: float = 1.0,
    max_seconds: float = 1_800.0,
) -> Synthesis:
    """Speak a text; the same arguments give the same samples.

    rate: 1 = normal, 2 = twice as fast. pitch: semitones, -12 to 12. liveliness: range of the melody, 1 = normal.
    Synthesis stops at `max_seconds`. Raises BadText for a language or variant that is not there, and where
    espeak-ng fails on the text.
    """
    answer = _ask(
        {
            "text": text,
            "voice": f"{_file(language)}+{variant}" if variant else _file(language),
            "rate": round(float(np.clip(WORDS_A_MINUTE * rate, 80, 449))),
            # espeak doubles the base frequency over 50 steps of its pitch scale.
            "pitch": round(float(np.clip(50 + 50 * pitch / 12, 0, 99))),
            "range": round(float(np.clip(50 * liveliness, 0, 99))),
            "max_seconds": max_seconds,
        }
    )
    head, _, data = answer.partition(b"\n")
    told = json.loads(head)
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    return Synthesis(int(told["rate"]), samples, _sounds(_marks(told["marks"]), len(samples) / told["rate"]))


def pronounce(text: str, language: str) -> list[Mark]:
    """How a text is pronounced. Raises BadText as `synthesise` does."""
    asked: dict[str, Any] = {"text": text, "voice": _file(language), "rate": 449, "pitch": 50, "range": 50}
    answer = _ask(asked | {"max_seconds": 1_800.0, "silent": True})
    return _marks(json.loads(answer.partition(b"\n")[0])["marks"])


def _file(language: str) -> str:
    return next((known.file for known in languages() if known.code == language), language)


def _marks(told: list[list[Any]]) -> list[Mark]:
    """Without those that say "(en)" where the language changes: they are no phonemes."""
    return [mark for mark in (Mark(*one) for one in told) if not mark.symbol.startswith("(")]


def _sounds(marks: list[Mark], seconds: float) -> tuple[Sound, ...]:
    """Phonemes from where they begin; each lasts until the next one does."""
    phones = [mark for mark in marks if mark.kind == "phone"]
    ends = [mark.seconds for mark in phones[1:]] + [seconds]
    return tuple(
        Sound(mark.seconds, max(mark.seconds, min(end, seconds)), without_stress(mark.symbol), mark.place)
        for mark, end in zip(phones, ends)
    )


def without_stress(symbol: str) -> str:
    """An IPA symbol without its stress marks."""
    return symbol.replace("ˈ", "").replace("ˌ", "")


def _ask(request: dict[str, Any]) -> bytes:
    import espeakng_loader

    request |= {"library": str(espeakng_loader.get_library_path()), "data": str(espeakng_loader.get_data_path())}
    script = Path(__file__).with_name("espeak_child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(script)],
            input=json.dumps(request).encode("ascii"),
            capture_output=True,
            timeout=TIME_LIMIT,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except subprocess.TimeoutExpired:
        raise BadText("The offline voice took too long over this text: shorten it and try again.") from None
    if done.returncode == NO_SUCH_VOICE:
        raise BadText(f"The offline voice '{request['voice']}' is not available: choose one from the list of voices.")
    if done.returncode != 0 or not done.stdout:
        raise BadText("The offline voice could not speak this text: change it, or choose another voice.")
    return done.stdout
