"""The same speech is known again after any encoding, another one of the same length is not taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.media.audio import load_speech
from moda.media.ffmpeg import Child
from moda.media.loudness import contour, is_the_same
from moda.media.speak import speak
from tests.sounds import write_wav


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return speak("We tried a new way home, and it was longer than the old one.", "en-us+f2", offline=True).waveform


@pytest.mark.parametrize("arguments", [("-b:a", "32k", "a.mp3"), ("-ar", "8000", "a.wav"), ("-b:a", "24k", "a.ogg")])
def test_an_encoding_is_the_same_speech(speech: np.ndarray, arguments: tuple[str, ...], tmp_path: Path) -> None:
    source = write_wav(tmp_path / "source.wav", speech * 0.5)
    with Child(["-i", str(source), *arguments[:-1], str(tmp_path / arguments[-1])]) as child:
        assert child.wait(60) == 0, child.text()
    again = load_speech(tmp_path / arguments[-1]).waveform[: len(speech)]
    assert is_the_same(contour(speech), contour(again))


def test_other_speech_of_the_same_length_is_another(speech: np.ndarray) -> None:
    other = speak("Nobody had told them about the bridge that the river took away.", "en-us+f2", offline=True).waveform
    count = min(len(speech), len(other))
    assert not is_the_same(contour(speech[:count]), contour(other[:count]))
    assert not is_the_same(contour(speech), contour(speech[::-1]))
    assert not is_the_same(contour(speech), contour(np.roll(speech, 16_000)))
    assert not is_the_same(contour(speech), contour(speech[: len(speech) // 2]))


def test_text_that_is_no_contour_is_never_the_same(speech: np.ndarray) -> None:
    assert not is_the_same(contour(speech), "no contour!")
    assert is_the_same(contour(np.zeros(16_000)), contour(np.zeros(16_000)))
