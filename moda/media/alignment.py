"""Words and phonemes of a recording whose text is known: forced alignment.

English by pocketsphinx where it is installed (the extra `transcribe`): it carries a US English acoustic model and a
pronouncing dictionary; what the dictionary lacks (numbers, names, abbreviations) is pronounced by espeak-ng. Every
other language, and English without it, by espeak-ng itself: it speaks the text, knows when it says what, and dynamic
time warping of the two log-mel spectrograms carries its times over (as aeneas does).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from moda.errors import BadSpeech, BadText
from moda.media import recogniser
from moda.media.audio import RATE, Speech
from moda.media.clean import MAX_TEXT, clean
from moda.media.espeak import pronounce, synthesise, without_stress
from moda.media.language import guess_language
from moda.media.neural.voice import Said
from moda.media.offline import at_speech_rate
from moda.media.reading import reading
from moda.media.voices import to_espeak
from moda.media.words import Phone, Sound, Word, phones_of, words_of

FASTEST = 30.0  # letters a second; auctioneers reach 25
LONGEST = 600.0  # seconds that are aligned at once
STEP = 0.01  # seconds between frames of both ways
PADS = (0.2, 0.4, 0.7)  # seconds of faint noise put around a sound: pocketsphinx wants to end in silence
HISS = 8.0  # of 32,768: its standard deviation

#: ARPAbet, as pocketsphinx's dictionary writes it, as IPA.
IPA = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɜː", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "iː", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "uː", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
#: espeak-ng's symbols of American English that are not among the above, longest first where one begins another.
_OTHERS = {
    "aɪɚ": "AY ER", "aɪə": "AY AH", "oːɹ": "AO R", "ɔːɹ": "AO R", "ɑːɹ": "AA R", "ɛɹ": "EH R", "ɪɹ": "IH R",
    "ʊɹ": "UH R",
    "əl": "AH L", "n̩": "AH N", "l̩": "AH L", "ɚ": "ER", "ɜ": "ER", "ə": "AH", "ɐ": "AH", "ᵻ": "IH", "i": "IY", "u": "UW",
    "ɑ": "AA", "ɔ": "AO", "oː": "AO", "o": "OW", "e": "EY", "a": "AA", "ɾ": "T", "ʔ": "T", "g": "G", "r": "R", "x": "K",
    "ɬ": "L",
}  # fmt: skip
_ARPABET = dict(sorted({**{v: k for k, v in IPA.items()}, **_OTHERS}.items(), key=lambda pair: -len(pair[0])))


def align(speech: Speech, text: str) -> Speech:
    """The speech with the words of this text and their phonemes, timed.

    Raises BadText where there is nothing to say in the text, and BadSpeech where it does not fit the sound.
    """
    words = clean(text, max(MAX_TEXT, int(FASTEST * speech.seconds)))
    if len(words) > FASTEST * speech.seconds:
        raise BadSpeech(
            f"A text of {len(words):,} letters cannot be said in {speech.seconds:.1f} s: give what this recording says."
        )
    if speech.seconds > LONGEST:
        raise BadSpeech(f"Recordings of up to {LONGEST / 60:.0f} minutes are aligned with their text: cut this one.")
    language = guess_language(words)
    if language.startswith("en") and importlib.util.find_spec("pocketsphinx") is not None:
        try:
            return by_recogniser(speech, words)
        except BadSpeech:  # its beam has lost the path: a noisy sound, or words that differ a little
            pass
    return by_voice(speech, words, language)


def by_recogniser(speech: Speech, text: str) -> Speech:
    """English, by pocketsphinx. text: as `clean` gives it. Raises BadSpeech where the words do not fit."""
    decoder = recogniser.aligner()
    written = [piece for piece in text.split() if any(letter.isalnum() for letter in piece)]
    said = [_dictionary_words(decoder, piece, number) for number, piece in enumerate(written)]
    for pad in PADS:
        heard = _heard(decoder, [word for words in said for word in words], speech.waveform, pad)
        if len(heard) == sum(map(len, said)):
            break
    else:
        raise BadSpeech("The words do not fit what is heard: give what this recording says.")
    words, phones, at = [], [], 0
    for piece, parts in zip(written, said):
        sounds = [sound for word in heard[at : at + len(parts)] for sound in word]
        at += len(parts)
        words.append(Word(sounds[0][1], sounds[-1][2], piece))
        phones += [Phone(start, end, symbol) for symbol, start, end in sounds]
    return replace(speech, words=tuple(words), phones=_with_silence(phones, speech.seconds))


def _heard(decoder: Any, words: list[str], waveform: np.ndarray, pad: float) -> list[list[tuple[str, float, float]]]:
    """(IPA, start, end) of the sounds of each word, [] where there is no path. pad: see `PADS`."""
    rest = np.random.default_rng(0).normal(0, HISS, round(pad * RATE))
    loud = waveform * (26_000 / max(float(np.abs(waveform).max(initial=0.0)), 1e-6))
    samples = np.concatenate([rest, loud, rest]).astype("<i2").tobytes()
    last = len(waveform) / RATE

    def time(frame: int) -> float:
        return min(max(frame * STEP - pad, 0.0), last)

    return [
        [(IPA.get(name, ""), time(start), time(start + length)) for name, start, length in sounds]
        for word, sounds in recogniser.place(decoder, " ".join(words), samples)
        if word[:1] not in "<["
    ]


def _dictionary_words(decoder: Any, piece: str, number: int) -> list[str]:
    """Words of the decoder's dictionary that say one written word; what it lacks is added to it."""
    parts = [part.strip("'") for part in re.split(r"[^a-z']+", piece.lower().replace("’", "'")) if part.strip("'")]
    if parts and not any(letter.isdigit() for letter in piece) and all(decoder.lookup_word(part) for part in parts):
        return parts
    sounds = arpabet(piece)
    if not sounds:
        raise BadSpeech(f"The word {piece[:40]!r} cannot be pronounced: write it as it is said.")
    name = f"written{number}"
    decoder.add_word(name, " ".join(sounds), True)
    return [name]


def arpabet(piece: str) -> list[str]:
    """American English pronunciation of a written word, number or abbreviation as ARPAbet, by espeak-ng."""
    found: list[str] = []
    for mark in pronounce(reading(piece, "en-us").text, "en-us"):
        rest = without_stress(mark.symbol) if mark.kind == "phone" else ""
        while rest:
            symbol = next((name for name in _ARPABET if rest.startswith(name)), "")
            found += _ARPABET[symbol].split() if symbol else []
            rest = rest[len(symbol) or 1 :]
    return found


def _with_silence(phones: Sequence[Phone], seconds: float) -> tuple[Phone, ...]:
    """The phonemes with the silences between, before and after them."""
    found: list[Phone] = []
    at = 0.0
    for phone in phones:
        if phone.start > at + STEP / 2:
            found.append(Phone(at, phone.start, ""))
        found.append(phone)
        at = phone.end
    if seconds > at + STEP / 2:
        found.append(Phone(at, seconds, ""))
    return tuple(found)


def by_voice(speech: Speech, text: str, language: str) -> Speech:
    """Any language that espeak-ng speaks, by its own times. Raises BadText for others."""
    from moda.media.espeak import languages

    code = to_espeak(language, frozenset(known.code for known in languages()))
    if code is None:
        raise BadText("No voice here speaks the language of this text, so its words cannot be found in the sound.")
    read = reading(text, code)
    said = synthesise(read.text, code, max_seconds=3 * LONGEST)
    sounds = [replace(sound, place=read.written(sound.place)) for sound in said.sounds]
    if not any(sound.symbol for sound in sounds):
        raise BadText("Nothing in this text can be spoken: write it in words.")
    spoken = Said(said.rate, said.samples.astype(np.float32) / 32768.0, said.sounds)
    times = warp(bands(at_speech_rate(spoken)), bands(speech.waveform))
    knots = np.arange(len(times)) * STEP

    def there(second: float) -> float:
        return min(float(np.interp(second, knots, times)), speech.seconds)

    moved = tuple(Sound(there(s.start), there(s.end), s.symbol, s.place) for s in sounds)
    return replace(speech, words=words_of(text, moved), phones=phones_of(moved))


def bands(waveform: np.ndarray) -> np.ndarray:
    """(T, 40) float32: log energies in 20 mel bands every 10 ms and their changes, each of mean 0 and variance 1."""
    hop, width, count = round(STEP * RATE), 400, 20
    padded = np.pad(waveform.astype(np.float32), width // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(width).astype(np.float32), 512)) ** 2
    edges = 700 * (np.power(10, np.linspace(np.log10(1 + 100 / 700), np.log10(1 + 6500 / 700), count + 2)) - 1)
    bins = np.fft.rfftfreq(512, 1 / RATE)
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    energy = power @ np.clip(np.minimum(rising, falling), 0, None).T
    level = np.log(np.maximum(energy, energy.max(initial=1e-9) * 1e-6))
    change = np.gradient(level, axis=0) if len(level) > 1 else np.zeros_like(level)
    both = np.concatenate([level, 2 * change], axis=1)
    return np.asarray((both - both.mean(0)) / np.maximum(both.std(0), 1e-6), dtype=np.float32)


def warp(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Seconds in `other` of each frame of `one`, (len(one),), rising: the cheapest path through their distances.

    one (T, D), other (U, D): features every `STEP` seconds. Both begin and end together.
    """
    from moda.media.warping import cheapest_path

    pairs = cheapest_path(one, other)
    total = np.bincount(pairs[:, 0], weights=pairs[:, 1], minlength=len(one))
    return np.maximum.accumulate(total / np.bincount(pairs[:, 0], minlength=len(one))) * STEP
