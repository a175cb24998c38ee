from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from moda.motion.actions import INDEX, LIP_PER_JAW, NEUTRAL, lip_opening, read_actions, write_actions
from moda.motion.closures import DEEPEST, close_lips, is_bilabial
from moda.motion.space import DIM, Motion


def motion(opening: np.ndarray) -> Motion:
    """A mouth that opens by jaw_open (T,), with a smile that stays."""
    values = np.zeros((len(opening), len(INDEX)))
    values[:, INDEX["jaw_open"]], values[:, INDEX["smile"]] = opening, 0.4
    array = np.zeros((len(opening), DIM), dtype=np.float32)
    array[:, :63] = write_actions(values)
    return Motion(array, neutral=NEUTRAL)


def jaw(found: Motion) -> np.ndarray:
    return np.asarray(lip_opening(read_actions(found.array[:, :63], NEUTRAL)) / LIP_PER_JAW)


def test_lips_meet_within_the_span_and_nowhere_else() -> None:
    before = motion(0.25 + 0.2 * np.sin(np.arange(60) / 5.0))
    after = close_lips(before, [(0.96, 1.08)])
    assert jaw(after)[23:28].min() < 0.005
    assert np.array_equal(after.array[:20], before.array[:20]) and np.array_equal(after.array[31:], before.array[31:])
    assert np.abs(read_actions(after.array[:, :63])[:, INDEX["smile"]] - 0.4).max() < 1e-4
    assert np.abs(np.diff(jaw(after))).max() < 0.25  # no faster than people's lips


def test_closed_lips_and_spans_outside_change_nothing() -> None:
    shut = motion(np.full(30, -0.05))
    assert close_lips(shut, [(0.2, 0.4)]) is shut
    assert close_lips(motion(np.full(30, 0.3)), [(5.0, 6.0)]).array.shape == (30, DIM)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=8, max_size=60),
    st.lists(st.tuples(st.floats(-1, 3), st.floats(0.0, 0.3)), max_size=6),
)
def test_lips_are_only_ever_closed_and_never_pressed_through(
    opening: list[float], spans: list[tuple[float, float]]
) -> None:
    before = motion(np.array(opening))
    after = close_lips(before, [(start, start + length) for start, length in spans])
    assert np.all(jaw(after) <= jaw(before) + 1e-4) and np.all(jaw(after) >= np.minimum(jaw(before), 0) - 1e-4)
    assert np.all(jaw(before) - jaw(after) <= DEEPEST + 1e-4)


def test_which_sounds_are_made_with_both_lips() -> None:
    assert all(map(is_bilabial, ("p", "b", "m", "pʰ", "mʲ"))) and not any(map(is_bilabial, ("f", "v", "w", "", "n")))
