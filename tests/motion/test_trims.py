"""Trims change what they name and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from moda.motion import space, trims
from moda.motion.actions import ACTIONS, INDEX, read_actions, write_actions
from moda.motion.space import Motion
from moda.settings import Settings

FREE = {"drift_guard": 0.0}
BLINKS_AT = (30, 90, 170, 220)


@pytest.fixture
def talking() -> Motion:
    """Ten seconds with a moving jaw, four blinks, wandering gaze and a swaying head."""
    frames = np.arange(250)
    values = np.zeros((250, len(ACTIONS)), dtype=np.float32)
    values[:, INDEX["jaw_open"]] = 0.3 + 0.3 * np.sin(frames / 2.5)
    values[:, INDEX["gaze_x"]] = 0.1 * np.sin(frames / 20)
    shape = trims.blink_shape(25)
    for at in BLINKS_AT:
        for lid in ("blink_left", "blink_right"):
            values[at : at + len(shape), INDEX[lid]] = shape
    array = np.tile(space.neutral_reference(2, 5, 0), (250, 1))
    array[:, :63] = write_actions(values)
    array[:, space.YAW] += 6 * np.sin(frames / 25)
    array[:, space.SCALE] *= 1 + 0.2 * np.sin(frames / 40)
    return Motion(array, reference=space.neutral_reference(2, 5, 0))


def lids(motion: Motion) -> np.ndarray:
    values = read_actions(motion.expression, motion.neutral)
    return values[:, [INDEX["blink_left"], INDEX["blink_right"]]].mean(axis=1)


def test_default_trims_leave_lips_and_blinks_to_the_bit(talking: Motion) -> None:
    trimmed = trims.trim(talking, Settings())
    assert np.array_equal(trimmed.array[:, :63], talking.array[:, :63])
    assert np.array_equal(trims.trim(talking, Settings(**FREE)).array, talking.array)


def test_expression_amount_scales_the_jaw_but_not_the_blinks(talking: Motion) -> None:
    before = read_actions(talking.expression)
    after = read_actions(trims.trim(talking, Settings(expression=0.5, **FREE)).expression)
    assert np.abs(after[:, INDEX["jaw_open"]] - 0.5 * before[:, INDEX["jaw_open"]]).max() < 1e-4
    assert np.abs(after[:, INDEX["blink_left"]] - before[:, INDEX["blink_left"]]).max() < 1e-4


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (0.5, 2), (1.0, 4), (1.5, 6), (2.0, 8)])
def test_blink_rate_counts(talking: Motion, rate: float, count: int) -> None:
    trimmed = trims.trim(talking, Settings(blink=rate, **FREE))
    assert len(trims.find_blinks(lids(trimmed))) == count
    jaw = [read_actions(m.expression)[:, INDEX["jaw_open"]] for m in (talking, trimmed)]
    assert np.abs(jaw[0] - jaw[1]).max() < 1e-4


def test_removed_blinks_leave_no_bump(talking: Motion) -> None:
    assert lids(trims.trim(talking, Settings(blink=0, **FREE))).max() < 0.15


def test_head_motion_amount_scales_around_the_portraits_pose(talking: Motion) -> None:
    still = trims.trim(talking, Settings(head_motion=0, **FREE))
    assert np.allclose(still.rotation, [2, 5, 0], atol=1e-5)
    double = trims.trim(talking, Settings(head_motion=2, **FREE))
    assert np.ptp(double.rotation[:, 1]) == pytest.approx(2 * np.ptp(talking.rotation[:, 1]), rel=1e-4)
    assert np.array_equal(double.expression, talking.expression)


def test_drift_guard_bounds_the_size_of_the_head(talking: Motion) -> None:
    sizes = [trims.size_variation(trims.trim(talking, Settings(drift_guard=g))) for g in (0.0, 0.5, 0.9, 1.0)]
    assert sizes[0] == pytest.approx(0.4, abs=0.01)
    assert sizes[0] > sizes[1] > sizes[2] > sizes[3] == 0


def test_smoothing_calms_the_head_only(talking: Motion) -> None:
    rough = talking.array.copy()
    rough[:, space.PITCH] += np.random.default_rng(0).normal(0, 1, len(rough))
    noisy = talking.with_array(rough)
    calm = trims.trim(noisy, Settings(smoothing=2, **FREE))
    assert np.abs(np.diff(calm.rotation[:, 0])).mean() < 0.4 * np.abs(np.diff(noisy.rotation[:, 0])).mean()
    assert np.array_equal(calm.expression, noisy.expression)


def test_gaze_can_be_held(talking: Motion) -> None:
    held = read_actions(trims.trim(talking, Settings(gaze=0, **FREE)).expression)
    assert np.abs(held[:, INDEX["gaze_x"]]).max() < 1e-4
