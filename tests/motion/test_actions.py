"""Actions: names for directions in expression space, checked against measured lips and lids of real clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from moda.motion import actions
from moda.motion.actions import ACTIONS, INDEX

CLIPS = ("d1", "d2", "d5", "d7", "d8")


@given(arrays(np.float32, (4, len(ACTIONS)), elements=st.floats(-3, 3, width=32)))
def test_write_in_then_read_out_is_the_identity(values: np.ndarray) -> None:
    assert np.abs(actions.read_actions(actions.write_actions(values)) - values).max() < 1e-4


@given(arrays(np.float32, (3, len(ACTIONS)), elements=st.floats(-1, 1, width=32)), st.integers(0, 999))
def test_changing_actions_leaves_the_rest_of_an_expression_alone(changes: np.ndarray, seed: int) -> None:
    expression = np.random.default_rng(seed).normal(0, 0.01, (3, 63)).astype(np.float32)
    changed = actions.change_actions(expression, changes)
    before, after = actions.read_actions(expression), actions.read_actions(changed)
    assert np.abs(after - before - changes).max() < 1e-4
    assert np.abs(actions.change_actions(changed, -changes) - expression).max() < 1e-6


def test_the_neutral_face_has_no_action_closed_lips_and_open_eyes() -> None:
    still = actions.read_actions(actions.NEUTRAL[None])
    assert np.abs(still).max() < 1e-6
    assert actions.lip_opening(still)[0] == pytest.approx(0, abs=1e-6)
    assert np.allclose(actions.eye_openness(still), actions.EYE_OPEN, atol=1e-6)


def test_openness_follows_jaw_and_lids() -> None:
    values = np.zeros((3, len(ACTIONS)), dtype=np.float32)
    values[1, INDEX["jaw_open"]] = 1
    values[2, INDEX["blink_left"]] = 1
    lips, eyes = actions.lip_opening(values), actions.eye_openness(values)
    assert lips[1] == pytest.approx(actions.LIP_PER_JAW, abs=1e-3) and lips[2] == pytest.approx(0, abs=1e-3)
    assert eyes[2, 0] < 0.02 and eyes[2, 1] == pytest.approx(actions.EYE_OPEN, abs=1e-3)


@pytest.mark.parametrize("clip", CLIPS)
def test_read_out_follows_the_openness_measured_in_real_clips(shared_data: Path, clip: str) -> None:
    """r >= 0.9 for lips and each eye. In d1 and d2 the lips never part (the measured range is below 0.008)."""
    real = np.load(shared_data / "motion" / f"{clip}.npz", allow_pickle=False)
    values = actions.read_actions(real["exp"])
    lips = np.corrcoef(actions.lip_opening(values), real["lips"][:, 0])[0, 1]
    eyes = [np.corrcoef(actions.eye_openness(values)[:, i], real["eyes"][:, i])[0, 1] for i in (0, 1)]
    assert lips >= 0.9
    assert min(eyes) >= 0.9


def test_real_talking_stays_within_a_natural_range(shared_data: Path) -> None:
    real = np.load(shared_data / "motion" / "talking.npz", allow_pickle=False)["exp"].reshape(-1, 63)
    values = actions.read_actions(real, np.median(real, axis=0))
    low, high = np.percentile(values, [2, 98], axis=0)
    assert (low > -2.0).all() and (high < 1.5).all()
