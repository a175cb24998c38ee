from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from moda.compare.moments import by_opening, choose
from moda.errors import BadSetting
from moda.media.audio import Speech
from moda.media.speak import speak


def test_wide_and_closed_mouths_take_turns() -> None:
    opening = np.abs(np.sin(np.arange(100) / 4.0))
    found = by_opening(opening)
    assert len(found) == 6
    seen = opening[[int(m.seconds * 25) for m in found]]
    assert (seen[::2] > 0.9).all() and (seen[1::2] < 0.2).all()
    assert np.diff([m.seconds for m in found]).min() > 0.1


def test_nobody_blinks_in_a_figure() -> None:
    opening = np.abs(np.sin(np.arange(100) / 4.0))
    shut = np.zeros(100)
    for moment in by_opening(opening):
        shut[int(moment.seconds * 25)] = 1.0
    again = [int(m.seconds * 25) for m in by_opening(opening, shut)]
    assert shut[again].max() == 0
    assert (opening[again[::2]] > 0.8).all() and (opening[again[1::2]] < 0.35).all()


def test_seconds_are_sorted_and_checked(speech: Speech) -> None:
    assert [m.seconds for m in choose("0.9, 0.3s", speech, np.zeros(30))] == [0.3, 0.9]
    with pytest.raises(BadSetting, match="after its end"):
        choose("0.3,77", speech, np.zeros(30))
    with pytest.raises(BadSetting, match="At most"):
        choose(",".join(["0.1"] * 13), speech, np.zeros(30))


@pytest.mark.skipif(importlib.util.find_spec("pocketsphinx") is None, reason="pocketsphinx is not installed")
def test_phonemes_are_found_in_the_speech() -> None:
    said = "mama made some more jam"
    speech = speak(said, "en-us+f2", offline=True)
    found = choose("M,M,JH", speech, np.zeros(50), words=said)
    assert sorted(m.sound for m in found) == ["JH", "M", "M"]
    assert max(found, key=lambda m: m.sound == "JH").seconds > 0.5 * speech.seconds, "jam comes last but one"
    with pytest.raises(BadSetting, match="is not in this speech"):
        choose("ZH", speech, np.zeros(50), words=said)
