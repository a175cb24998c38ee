"""Lips that a network taught by films gives: closures where the sound keeps quiet, people's spread, films intact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.assets import asset
from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns
from moda.corpus.synthetic.build import FILMED_LATE, CorpusOptions, Performer
from moda.corpus.synthetic.coarticulation import LIPS, UNITS, Coarticulation
from moda.corpus.synthetic.pools import save_pool
from moda.corpus.synthetic.taught import (
    COLUMNS,
    REACH,
    SHAPED,
    SPREAD,
    Teacher,
    Teaching,
    at_the_dips,
    matching,
    opening,
    sharpened,
    with_rounding,
)  # fmt: skip
from moda.corpus.synthetic.voices import Espeak, Phone, Utterance
from moda.generator.network import MoDA
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import EXPRESSION, denormalise

MODEL = asset("moda-lite")
JAW, PRESS = LIPS.index("jaw_open"), LIPS.index("lips_press")


def hissing(seconds: float, quiet: tuple[float, float]) -> np.ndarray:
    wave = np.random.default_rng(0).normal(0, 0.2, round(seconds * 16000))
    wave[round(quiet[0] * 16000) : round(quiet[1] * 16000)] *= 0.01
    return wave.astype(np.float32)


@settings(deadline=None)
@given(st.floats(-0.035, 0.035))
def test_a_closure_moves_onto_the_dip_and_nothing_else_moves(wrong: float) -> None:
    wave = hissing(1.2, (0.56, 0.62))
    said = (Phone(0.2, 0.5, "a"), Phone(0.55 + wrong, 0.63 + wrong, "b"), Phone(0.66, 1.0, "a"))
    first, closure, last = at_the_dips(said, wave)
    assert (first, last) == (said[0], said[2])
    assert (closure.start + closure.end) / 2 == pytest.approx(0.59, abs=0.02)
    assert closure.end - closure.start == pytest.approx(0.08)


def test_a_closure_without_a_dip_moves_no_farther_than_an_alignment_errs() -> None:
    wave = np.random.default_rng(1).normal(0, 0.2, 16000).astype(np.float32)
    (closure,) = at_the_dips((Phone(0.5, 0.56, "m"),), wave)
    assert abs(closure.start - 0.5) <= REACH


@settings(deadline=None)
@given(st.floats(-1, 1), st.integers(3, 60))
def test_sharpening_keeps_what_rests_and_grows_what_is_quick(level: float, frames: int) -> None:
    still = np.full((frames, 9), level, np.float32)
    np.testing.assert_allclose(sharpened(still, 0.6), still, atol=1e-6)
    quick = still + 0.1 * (-1.0) ** np.arange(frames)[:, None]
    assert sharpened(quick, 0.6)[:, 0].std() > 1.4 * quick[:, 0].std() - 1e-6 or frames < 8


@pytest.fixture(scope="module")
def spoken() -> list[Utterance]:
    espeak = Espeak()
    texts = ("Poppa bought Mabel a big map of Bombay.", "My puppy jumped up and bumped a pump.", "Bob may hope.")
    return [espeak.speak(text, "en-us", "+f2", 150) for text in texts]


def said(utterance: Utterance, frames: int) -> np.ndarray:
    sound = columns(utterance.waveform, COLUMNS_PER_FRAME * frames + AFTER)
    return Coarticulation.load()(utterance.phones, sound, frames).actions


def test_a_teachers_lips_meet_at_bilabials_and_have_peoples_spread(spoken: list[Utterance]) -> None:
    teacher = Teacher(Teaching((MODEL,), 2.0))
    teacher.listen(spoken, [], said)
    spreads = []
    for utterance in spoken:
        frames = len(utterance.waveform) // 640
        lips = teacher.lips(utterance, frames, np.random.default_rng(0), said)
        assert lips.shape == (frames, len(LIPS))
        spreads.append(opening(lips).std())
        for phone in at_the_dips(utterance.phones, utterance.waveform):
            if phone.symbol in ("b", "p", "m") and phone.end < frames / 25:
                around = slice(max(0, int(phone.start * 25)), int(phone.end * 25) + 1)
                assert lips[around, JAW].min() < 0.05 or lips[around, PRESS].max() > 0.4, phone
    assert np.mean(spreads) == pytest.approx(SPREAD, rel=0.25)


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_lips_get_the_covariance_of_filmed_ones_and_rest_stays_rest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = np.array([UNITS[LIPS[k]] for k in SHAPED])

    def clips(count: int) -> list[np.ndarray]:
        mixing = np.eye(len(SHAPED)) + 0.1 * rng.normal(size=(len(SHAPED), len(SHAPED)))
        made = np.zeros((count, 400, len(LIPS)), np.float32)
        made[..., SHAPED] = rng.normal(size=(count, 400, len(SHAPED))) @ mixing * units
        return list(made)

    def covariance(some: list[np.ndarray]) -> np.ndarray:
        return np.mean([np.cov((clip[:, SHAPED] / units).T) for clip in some], axis=0)

    given_, wanted = clips(6), clips(6)
    found = matching(given_, wanted)
    scale = np.abs(covariance(wanted)).max()
    np.testing.assert_allclose(
        covariance([clip @ found.T for clip in given_]) / scale, covariance(wanted) / scale, atol=0.06
    )
    np.testing.assert_array_equal(np.zeros(len(LIPS)) @ found.T, 0)
    across = found[np.ix_(SHAPED, SHAPED)] * units / units[:, None]
    np.testing.assert_allclose(across, across.T, atol=1e-4)  # of all such maps the symmetric one moves them least
    np.testing.assert_allclose(matching(wanted, wanted), np.eye(len(LIPS)), atol=0.05)


def test_more_varied_lips_are_wider_in_all_directions_but_the_largest() -> None:
    rng = np.random.default_rng(3)
    units = np.array([UNITS[LIPS[k]] for k in SHAPED])
    lips = np.zeros((4000, len(LIPS)), np.float32)
    spread = np.array([3, *np.linspace(2, 1.2, len(SHAPED) - 1)])
    lips[:, SHAPED] = rng.normal(size=(4000, len(SHAPED))) * spread * units
    found = lips @ matching([lips], [lips], 2.0).T
    have, got = (np.linalg.eigvalsh(np.cov((x[:, SHAPED] / units).T)) for x in (lips, found))
    np.testing.assert_allclose(got[:-1], 2 * have[:-1], rtol=0.02)
    assert got[-1] == pytest.approx(have[-1], rel=0.02)


def test_several_teachers_give_the_mean_of_their_lips(spoken: list[Utterance], tmp_path: Path) -> None:
    still = MoDA.from_pretrained(MODEL)
    with torch.no_grad():
        still.final.linear.weight.mul_(0.8)
    still.save_pretrained(tmp_path / "other")
    wave = spoken[1].waveform
    frames = len(wave) // 640
    folders = (MODEL, tmp_path / "other")
    each = [Teacher(Teaching((folder,), sharpen=0.0)).sampled(wave, frames, 5) for folder in folders]
    both = Teacher(Teaching(folders, sharpen=0.0)).sampled(wave, frames, 5)
    assert np.abs(each[0] - each[1]).max() > 0.05
    apart = np.abs(both - (each[0] + each[1]) / 2)
    assert apart.max() < 0.03 and np.median(apart) < 1e-6  # each was kept above the lowest that lips can be


def test_lips_are_round_where_a_sound_is() -> None:
    lips = np.full((40, len(LIPS)), 0.1, np.float32)
    spoken = (Phone(0.0, 0.6, "i"), Phone(0.6, 1.0, "u", 1), Phone(1.0, 1.6, "i"))
    shown = with_rounding(lips, spoken)
    pucker, stretch = LIPS.index("pucker"), LIPS.index("stretch")
    assert shown[20, pucker] > 0.35 and shown[20, stretch] < 0.08
    others = [k for k in range(len(LIPS)) if k not in (pucker, stretch)]
    np.testing.assert_array_equal(shown[:, others], lips[:, others])
    np.testing.assert_allclose(shown[5], lips[5], atol=0.02)


def test_films_lips_are_set_into_a_sampled_performance(spoken: list[Utterance]) -> None:
    teacher = Teacher(Teaching((MODEL,), 1.5, performs=True))
    wave = spoken[0].waveform
    frames = len(wave) // 640
    filmed = np.abs(np.random.default_rng(2).normal(0.1, 0.05, (frames, len(LIPS)))).astype(np.float32)
    seen_plain = False
    for seed in range(6):
        made = teacher.performance(wave, filmed, np.random.default_rng(seed))
        if made["mixture"][-1] < 1:
            continue
        seen_plain = True
        shown = read_actions(denormalise(made["motion"].astype(np.float32))[:, EXPRESSION])
        np.testing.assert_allclose(shown[:, COLUMNS], filmed, atol=0.02)
        assert shown[:, INDEX["brow_raise"]].std() > 0.005  # the rest is alive
    assert seen_plain


def test_filmed_lips_come_earlier_than_the_camera_saw_them(tmp_path: Path, spoken: list[Utterance]) -> None:
    frames = len(spoken[1].waveform) // 640
    lips = np.zeros((frames, len(LIPS)), np.float32)
    filmed = Utterance(spoken[1].waveform, spoken[1].phones, "footage", "en-us", "s1", lips)
    save_pool([filmed], tmp_path / "footage.npz")
    performer = Performer(tmp_path, CorpusOptions(seed=1, shares=(("footage", 1.0), ("espeak", 0.0))))
    item = performer.item(0)
    assert len(item["columns"]) >= 4 * len(item["motion"])
    first = item["columns"][: FILMED_LATE + 1]
    np.testing.assert_array_equal(first, np.repeat(first[:1], FILMED_LATE + 1, 0))
