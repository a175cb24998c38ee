"""Idle loops: alive, seamless, repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from moda.errors import BadSetting
from moda.live.idle import idle_loop
from moda.live.presence import turning_speed
from moda.models.motion_model import Start
from moda.motion.actions import INDEX, NEUTRAL, read_actions
from moda.motion.space import ROTATION, neutral_reference, normalise
from moda.settings import Settings

REFERENCE = neutral_reference(3.0, -5.0, 2.0)
START = Start(np.zeros(63, np.float32), normalise(REFERENCE), REFERENCE, NEUTRAL)


@pytest.mark.parametrize("seconds", [2.0, 3.7, 10.0, 60.0])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_loop_has_no_seam(seconds: float, seed: int) -> None:
    motion = idle_loop(START, seconds, Settings(seed=seed))
    assert len(motion) == round(25 * seconds)
    twice = np.concatenate([motion.array, motion.array])
    steps = np.abs(np.diff(twice, axis=0)).max(axis=0)
    seam = np.abs(twice[len(motion)] - twice[len(motion) - 1])
    within = np.abs(np.diff(motion.array, axis=0)).max(axis=0)
    assert (seam <= within + 1e-5).all() and (steps <= within + 1e-5).all()
    assert turning_speed(twice).max() < 12


def test_it_is_alive_about_the_portrait_s_own_pose() -> None:
    motion = idle_loop(START, 30.0, Settings(seed=3))
    turned = motion.rotation - REFERENCE[ROTATION]
    assert (turned.std(axis=0) > 0.6).all() and np.abs(turned).max() < 7 and np.abs(turned.mean(axis=0)).max() < 1
    values = read_actions(motion.expression, NEUTRAL)
    shut = values[:, INDEX["blink_left"]] > 0.6
    assert 4 <= int((np.diff(shut.astype(int)) == 1).sum()) <= 14
    assert values[:, INDEX["jaw_open"]].max() < 0.05 and np.abs(values[:, INDEX["gaze_x"]]).max() > 0.1


def test_seeds_differ_and_repeat() -> None:
    one, again, other = (idle_loop(START, 5.0, Settings(seed=s)).array for s in (1, 1, 2))
    assert np.array_equal(one, again) and np.abs(one - other).max() > 0.5


def test_lengths_out_of_range_are_refused() -> None:
    for seconds in (0.5, 500.0, float("nan")):
        with pytest.raises(BadSetting, match="2 to 120"):
            idle_loop(START, seconds, Settings())
