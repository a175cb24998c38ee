"""Forced alignment: words and phonemes of a sound whose text is known, by both ways."""

from __future__ import annotations

import numpy as np
import pytest

from moda.errors import BadSpeech
from moda.media.alignment import align, arpabet, bands, by_recogniser, by_voice, warp
from moda.media.audio import RATE, Speech
from moda.media.clean import clean
from moda.media.speak import speak

TEXT = "Good morning! It is 10:05, and Mr. Zyxgorp paid $25.50 for the well-known book."


@pytest.fixture(scope="module")
def said() -> Speech:
    return speak(TEXT, "en-us+m1", offline=True)


def late(found: Speech, said: Speech) -> np.ndarray:
    assert [word.text for word in found.words] == [word.text for word in said.words] == TEXT.split()
    return np.array([a.start - b.start for a, b in zip(found.words, said.words)])


def test_the_recogniser_finds_words_numbers_and_names(said: Speech) -> None:
    pytest.importorskip("pocketsphinx", reason="the extra transcribe is not installed")
    found = by_recogniser(said, clean(TEXT))
    assert np.median(np.abs(late(found, said))) < 0.03
    ends = [phone.end for phone in found.phones]
    assert ends == sorted(ends) and ends[-1] == pytest.approx(said.seconds, abs=0.02)
    assert "".join(phone.symbol for phone in found.phones)[:5] == "ɡʊdmɔ"


def test_another_voice_finds_them_in_every_language(said: Speech) -> None:
    high = speak(TEXT, "en-us+f2", rate=1.15, pitch=4, offline=True)  # not the voice that aligns
    assert np.median(np.abs(late(by_voice(high, clean(TEXT), "en-us"), high))) < 0.05
    german = speak("Guten Morgen, heute scheint endlich die Sonne.", "de+m3", rate=0.85, offline=True)
    found = align(german, "Guten Morgen, heute scheint endlich die Sonne.")
    apart = [a.start - b.start for a, b in zip(found.words, german.words)]
    assert len(found.words) == 7 and np.median(np.abs(apart)) < 0.05 and found.phones[-1].end <= german.seconds


def test_what_is_no_text_of_a_sound_is_told(said: Speech) -> None:
    with pytest.raises(BadSpeech, match="give what this recording says"):
        align(said, TEXT * 5)
    with pytest.raises(BadSpeech, match="10 minutes"):
        align(Speech.of(np.zeros(601 * RATE, dtype=np.float32)), "Hello.")


def test_numbers_are_pronounced() -> None:
    assert arpabet("7") == ["S", "EH", "V", "AH", "N"] and arpabet("Dr.")[:2] == ["D", "AA"]


def test_a_stretched_sound_is_followed() -> None:
    rng = np.random.default_rng(3)
    one = np.cumsum(rng.normal(size=(200, 6)), axis=0).astype(np.float32)
    other = np.repeat(one, 2, axis=0)
    assert np.abs(warp(one, other) / 0.01 - (2 * np.arange(200) + 0.5)).mean() < 1.0
    assert bands(np.zeros(RATE, dtype=np.float32)).shape == (101, 40)
