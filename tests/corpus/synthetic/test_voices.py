"""Voices, phonemes and articulation: every sound has a mouth, closures close."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from moda.corpus.synthetic.articulation import OUTPUT, articulate
from moda.corpus.synthetic.phonemes import VISEMES, is_bilabial, to_ipa, visemes
from moda.corpus.synthetic.texts import READS_ALOUD, SENTENCES, random_text, sentences_of
from moda.corpus.synthetic.voices import SAMPLE_RATE, Espeak, Phone, Utterance, flite
from moda.training.held_out import closures

DECORATION = set('̧ːʲʰ̩̞̪̃ᵝ̝̈ˤ.-"̯̥ˀ̬͡ʷˠ̺̻ˌˈ()ˑ̆1234567890#?\u030a')


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def test_every_sound_of_every_language_has_a_mouth(espeak: Espeak) -> None:
    import unicodedata

    unknown = set()
    for language in (*SENTENCES, *READS_ALOUD):
        for text in (*sentences_of(language), "17158, 2880, 34."):
            for phone in espeak.speak(text, language).phones:
                if "(" not in phone.symbol:
                    unknown |= set(unicodedata.normalize("NFD", phone.symbol)) - set(VISEMES) - DECORATION
    assert not unknown
    assert len(SENTENCES) >= 15


def test_phones_cover_the_sound(espeak: Espeak) -> None:
    said = espeak.speak("Maybe Bob moved the paper.", "en-us", "f2")
    assert said.waveform.dtype == np.float32
    assert said.phones[0].start == 0.0
    assert said.phones[-1].end == pytest.approx(len(said.waveform) / SAMPLE_RATE, abs=0.02)
    for before, after in zip(said.phones, said.phones[1:]):
        assert before.end == pytest.approx(after.start, abs=1e-6)
        assert before.end > before.start


def test_the_same_text_gives_the_same_sound(espeak: Espeak) -> None:
    one, two = (espeak.speak("Maybe tomorrow.", "en-us", "m3", 170, 40) for _ in range(2))
    # espeak-ng keeps a little state between calls (its noise source): sounds agree, samples nearly.
    assert [p.symbol for p in one.phones if p.symbol] == [p.symbol for p in two.phones if p.symbol]
    assert abs(len(one.waveform) - len(two.waveform)) < 0.01 * len(one.waveform)


def test_an_unknown_voice_is_refused(espeak: Espeak) -> None:
    with pytest.raises(ValueError, match="no voice"):
        espeak.speak("hello", "xx-unknown")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_says_when() -> None:
    said = flite("Maybe Bob moved the paper.", "kal")
    assert [p.symbol for p in said.phones if p.symbol][:4] == ["m", "eɪ", "b", "i"]
    assert abs(said.phones[-1].end - len(said.waveform) / SAMPLE_RATE) < 0.05


def test_names_of_other_engines() -> None:
    assert to_ipa("AY") == ("aɪ", 0)
    assert to_ipa("a1", "it") == ("a", 2)
    assert to_ipa("rr", "ru")[0] == "r"
    assert to_ipa("pau") == ("", 0)
    assert len(visemes("aɪ")) == 2
    assert visemes("tʃ") == visemes("ʃ")
    assert is_bilabial("pʰ")
    assert not is_bilabial("")


@pytest.mark.parametrize("language", ["en-us", "de", "cmn", "ru"])
def test_lips_close_on_every_bilabial(espeak: Espeak, language: str) -> None:
    for text in SENTENCES[language][:4]:
        said = espeak.speak(text, language, rate=190)
        heard = articulate(said.phones, int(len(said.waveform) / SAMPLE_RATE * 25))
        values = np.zeros((len(heard.actions), 17), np.float32)
        values[:, :2] = heard.actions[:, :2]
        assert all(closures(values, said))


def test_vowels_open_and_round_as_they_should() -> None:
    def peak(symbol: str, name: str) -> float:
        phones = [Phone(0.0, 0.3, ""), Phone(0.3, 0.6, symbol, 2), Phone(0.6, 0.9, "")]
        return float(articulate(phones, 22).actions[:, OUTPUT.index(name)].max())

    assert 0.5 < peak("ɑ", "jaw_open") < 1.0
    assert peak("i", "jaw_open") < 0.6 * peak("ɑ", "jaw_open")
    assert peak("u", "pucker") > 0.6
    assert peak("ɑ", "pucker") < 0.15
    assert peak("i", "stretch") > 0.35


def test_silence_rests_and_mouth_is_on_time() -> None:
    phones = [Phone(0.0, 1.0, ""), Phone(1.0, 1.3, "ɑ", 2), Phone(1.3, 2.6, "")]
    jaw = articulate(phones, 65).actions[:, 0]
    assert jaw[:18].max() < 0.03
    assert jaw[45:].max() < 0.03
    middle = float((jaw * (np.arange(65) + 0.5) / 25).sum() / jaw.sum())
    assert middle == pytest.approx(1.15, abs=0.06)


def test_random_texts_are_reproducible_and_varied() -> None:
    texts = [random_text("fr", np.random.default_rng(i)) for i in range(20)]
    assert texts == [random_text("fr", np.random.default_rng(i)) for i in range(20)]
    assert len(set(texts)) > 12
    assert all(texts)


def test_no_phones_means_a_closed_mouth() -> None:
    heard = articulate((), 10)
    assert np.abs(heard.actions).max() < 1e-6
    assert Utterance(np.zeros(0, np.float32), (), "", "", "").phones == ()
