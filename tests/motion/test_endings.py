from __future__ import annotations

import numpy as np
import pytest

from moda.motion.actions import NEUTRAL, change_actions, read_actions
from moda.motion.endings import LIDS, with_open_eyes_at_last
from moda.motion.space import EXPRESSION, Motion
from moda.motion.trims import blink_shape

SHAPE = blink_shape(25.0)


def eyes(closure: np.ndarray, smile: float = 0.0) -> Motion:
    """A motion whose lids close like this, (T,)."""
    from moda.motion.actions import INDEX

    changes = np.zeros((len(closure), len(INDEX)))
    changes[:, LIDS] = np.asarray(closure)[:, None]
    changes[:, INDEX["smile"]] = smile
    array = np.zeros((len(closure), 70), np.float32)
    array[:, 63] = 1
    array[:, EXPRESSION] = change_actions(np.tile(NEUTRAL, (len(closure), 1)), changes)
    return Motion(array, 25.0)


def closure(motion: Motion) -> np.ndarray:
    return np.asarray(read_actions(motion.array[:, EXPRESSION], motion.neutral)[:, LIDS].mean(axis=1))


@pytest.mark.parametrize("seen", range(2, len(SHAPE)))
def test_a_blink_that_the_end_cuts_off_is_taken_out(seen: int) -> None:
    lids = np.zeros(60)
    lids[60 - seen :] = SHAPE[:seen]
    lids[10 : 10 + len(SHAPE)] = SHAPE
    before = eyes(lids, smile=0.3)
    after = with_open_eyes_at_last(before)
    assert closure(after)[-1] < 0.15
    assert closure(after)[10 : 10 + len(SHAPE)].max() == pytest.approx(1, abs=0.02)
    assert np.array_equal(after.array[:50], before.array[:50])
    rest = [k for k in range(len(read_actions(NEUTRAL, NEUTRAL))) if k not in LIDS]
    expressions = (read_actions(one.array[:, EXPRESSION], one.neutral)[:, rest] for one in (before, after))
    np.testing.assert_allclose(*expressions, atol=1e-3)


@pytest.mark.parametrize(
    "lids",
    [
        np.concatenate([np.zeros(50), SHAPE, np.zeros(2)]),  # over in time
        np.concatenate([np.zeros(40), np.full(20, 0.9)]),  # shut for good
        np.full(60, 0.35),  # tired
        np.concatenate([np.zeros(50), np.full(5, 0.2)]),  # a look
        np.full(3, 0.9),
    ],
)
def test_eyes_that_are_meant_to_be_as_they_are_stay(lids: np.ndarray) -> None:
    motion = eyes(lids)
    assert with_open_eyes_at_last(motion) is motion
