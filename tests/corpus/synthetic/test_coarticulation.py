"""Coarticulation: learnt from examples, exact where lips must meet, at home in sounds that nobody filmed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns
from moda.corpus.synthetic.articulation import articulate, closure_gates
from moda.corpus.synthetic.coarticulation import (
    INPUTS,
    LIPS,
    Coarticulation,
    Example,
    fit_coarticulation,
    sound_track,
    with_closures,
)
from moda.corpus.synthetic.phonemes import is_bilabial
from moda.corpus.synthetic.voices import Espeak, Phone, Utterance

TEXTS = ("Bob may buy a map of Panama.", "We saw two blue moons over a farm.", "Father found five funny vases.",
         "Pete beat the big red drum.", "My mother moved above the shop.", "Put it by the window now.")  # fmt: skip


def heard(said: Utterance) -> np.ndarray:
    frames = int(len(said.waveform) / 16_000 * 25)
    return columns(said.waveform, COLUMNS_PER_FRAME * frames + AFTER)


def filmed(said: Utterance) -> Example:
    """A speaker of our own: opens half as far, rounds twice as much and smiles where lips spread."""
    cols = heard(said)
    frames = (len(cols) - AFTER) // COLUMNS_PER_FRAME
    given = articulate(said.phones, frames).actions
    lips = np.zeros((frames, len(LIPS)), np.float32)
    lips[:, :6] = given * np.array([0.5, 1.0, 2.0, 1.0, 1.0, 1.0], np.float32)
    lips[:, LIPS.index("smile")] = 0.4 * given[:, 3]
    return Example(said.phones, cols, lips)


@pytest.fixture(scope="module")
def learnt() -> Coarticulation:
    espeak = Espeak()
    clips = [filmed(espeak.speak(text, "en-us")) for text in TEXTS]
    return fit_coarticulation(clips[:5] * 2, clips[5:], steps=120, say=lambda _: None)


def test_a_speakers_way_is_learnt_and_kept(learnt: Coarticulation, tmp_path: Path) -> None:
    said = Espeak().speak("Move the purple boat to the harbour.", "en-us")
    example = filmed(said)
    ours = learnt(said.phones, example.columns, len(example.lips))
    assert ours.names == LIPS and ours.actions.shape == example.lips.shape
    for name in ("jaw_open", "pucker"):
        column = LIPS.index(name)
        assert np.corrcoef(ours.actions[:, column], example.lips[:, column])[0, 1] > 0.75
    learnt.save(tmp_path / "kept.npz")
    again = Coarticulation.load(tmp_path / "kept.npz")(said.phones, example.columns, len(example.lips))
    assert np.abs(again.actions - ours.actions).max() < 0.03, "kept in half precision"


@pytest.mark.parametrize("language", ["de", "hi", "cmn"])
def test_lips_meet_in_every_language(learnt: Coarticulation, language: str) -> None:
    from moda.corpus.synthetic.texts import SENTENCES

    said = Espeak().speak(" ".join(SENTENCES[language][:3]), language)
    cols = heard(said)
    frames = (len(cols) - AFTER) // COLUMNS_PER_FRAME
    lips = learnt(said.phones, cols, frames).actions
    assert np.isfinite(lips).all() and lips[:, 0].max() < 2.0
    closed = [p for p in said.phones if is_bilabial(p.symbol) and p.end < (frames - 1) / 25]
    assert closed
    for phone in closed:
        window = lips[int((phone.start - 0.03) * 25) : int(np.ceil((phone.end + 0.01) * 25)) + 1]
        assert window[:, 0].min() < 0.05 and window[:, 1].max() > 0.4


def test_silence_is_heard_as_silence(learnt: Coarticulation) -> None:
    from moda.corpus.synthetic.voices import Phone

    track = sound_track((Phone(0.0, 2.0, ""),), np.zeros((4 * 50 + AFTER, 50), np.float32), 50)
    assert track.shape == (100, INPUTS)
    assert (track[:, 6 + 11] == 1).all() and not track[:, : 6 + 5].any()
    quiet = learnt((Phone(0.0, 2.0, ""),), np.zeros((4 * 50 + AFTER, 50), np.float32), 50)
    assert not quiet.actions.any()


def test_filmed_closures_are_only_helped(learnt: Coarticulation) -> None:
    said = Espeak().speak("Maybe.", "en-us")
    frames = int(len(said.waveform) / 16_000 * 25)
    open_lips = np.zeros((frames, len(LIPS)), np.float32)
    open_lips[:, 0] = 0.5
    helped, certain = (with_closures(open_lips, said.phones, strength)[:, 0].min() for strength in (0.7, 1.0))
    assert certain < 0.01 < helped < 0.2


@settings(deadline=None)
@given(st.floats(0.5, 1.0), st.floats(0.02, 0.12))
def test_every_closure_is_seen_in_a_frame_and_is_over_as_quickly_as_a_mouths(start: float, length: float) -> None:
    press, bite = closure_gates((Phone(0.0, start, "a"), Phone(start, start + length, "m"), Phone(1.3, 2.0, "a")), 50)
    times = (np.arange(50) + 0.5) / 25
    assert press.max() == pytest.approx(1) and bite.max() == 0
    assert press[(times < start - 0.1) | (times > start + length + 0.07)].max() == 0
