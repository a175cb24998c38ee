"""The voices that need no internet, behind one interface: text of one sentence in, sound with phoneme times out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from moda.media import espeak
from moda.media.audio import RATE
from moda.media.neural import kokoro, piper
from moda.media.neural.voice import Said
from moda.media.words import Sound

LIVELINESS = 1.25  # range of espeak-ng's melody; its own is flatter than people are


class Speaker(Protocol):
    """A voice in one language. `say` raises BadText, and VoiceMissing where its package is absent or changed; `check`
    finds that out before."""

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str: ...

    def say(self, sentence: str, rate: float, pitch: float) -> Said: ...

    def check(self) -> None: ...


@dataclass(frozen=True)
class Robot:
    """espeak-ng with one of its variants ("" for none)."""

    language: str
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.language}+{self.variant}" if self.variant else self.language

    def say(self, sentence: str, rate: float, pitch: float) -> Said:
        made = espeak.synthesise(sentence, self.language, self.variant, rate, pitch, LIVELINESS)
        return Said(made.rate, made.samples.astype(np.float32) / 32768.0, made.sounds)

    def check(self) -> None:
        """Always there."""


@dataclass(frozen=True)
class Joe:
    """Piper's joe, who speaks American English."""

    language: str = "en-us"
    name: str = "joe"

    def say(self, sentence: str, rate: float, pitch: float) -> Said:
        lift = 2.0 ** (pitch / 12.0)
        return _lifted(piper.say(sentence, self.language, rate / lift), lift)

    def check(self) -> None:
        piper.missing()


@dataclass(frozen=True)
class Kokoro:
    """One of Kokoro's speakers; `name` is what people call it ("kumo")."""

    name: str
    speaker: str
    language: str = "en-us"

    def say(self, sentence: str, rate: float, pitch: float) -> Said:
        lift = 2.0 ** (pitch / 12.0)
        return _lifted(kokoro.say(sentence, self.language, self.speaker, rate / lift), lift)

    def check(self) -> None:
        kokoro.missing()


def _lifted(said: Said, lift: float) -> Said:
    """Played faster by `lift`: pitch rises by that factor, and so does the tempo, which was slowed before."""
    if lift == 1.0:
        return said
    sounds = tuple(Sound(s.start / lift, s.end / lift, s.symbol, s.place) for s in said.sounds)
    return Said(round(said.rate * lift), said.waveform, sounds)


#: name -> (speaker, gender) of Kokoro's Japanese speakers; they speak English and some Romance languages clearly
#: (docs/voices.md). A fifth, jf_alpha, is left out: a recogniser mishears every thirteenth word of hers.
KOKORO = {
    "gongitsune": ("jf_gongitsune", "female"),
    "nezumi": ("jf_nezumi", "female"),
    "tebukuro": ("jf_tebukuro", "female"),
    "kumo": ("jm_kumo", "male"),
}


_BEST: dict[str, dict[str, tuple[str, ...]]] = {
    "en-us": {"female": ("gongitsune",), "male": ("joe", "kumo"), "": ("joe", "kumo")},
    "en-gb": {"female": ("gongitsune",), "male": ("kumo",), "": ("gongitsune",)},
    **{code: {"female": ("gongitsune",), "male": ("kumo",), "": ("kumo",)} for code in ("es", "it", "pt-br")},
    "fr-fr": {"female": ("gongitsune",), "male": (), "": ("gongitsune",)},
}
"""By language and gender, the best first. Beyond English only who was understood in that language (bench.languages)."""


def neural(name: str, language: str) -> Speaker | None:
    """The neural voice of that name in a language code; None where there is none, or none that is understood."""
    if name == "joe" and language == "en-us":
        return Joe()
    understood = {one for order in _BEST.get(language, {}).values() for one in order}
    if name in KOKORO and (language in ("en-us", "en-gb") or name in understood):
        return Kokoro(name, KOKORO[name][0], language)
    return None


def speakers(language: str, gender: str, variant: str) -> tuple[Speaker, ...]:
    """Who speaks a language without internet, the best first: neural voices where one speaks it, then espeak-ng.

    gender: "female", "male" or "" for whoever is best.
    """
    order = _BEST.get(language, {}).get(gender, ())
    found = [voice for name in order if (voice := neural(name, language)) is not None]
    return (*found, Robot(language, variant))


def at_speech_rate(said: Said) -> np.ndarray:
    """The waveform (N,) float32 at 16 kHz."""
    from math import gcd

    from scipy.signal import resample_poly

    if said.rate == RATE:
        return said.waveform
    divisor = gcd(RATE, said.rate)
    return np.asarray(resample_poly(said.waveform, RATE // divisor, said.rate // divisor), dtype=np.float32)
