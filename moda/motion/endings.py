"""How a take ends: a video and the stage stand still on its last frame."""

from __future__ import annotations

import numpy as np

from moda.motion.actions import INDEX, change_actions, read_actions
from moda.motion.space import EXPRESSION, Motion
from moda.motion.trims import BLINK_EDGE, BLINK_REST, BLINK_SECONDS

LIDS = [INDEX["blink_left"], INDEX["blink_right"]]
CLOSED = 0.25
"""Closure of the lids from which people see that an eye is being shut; below, it is a look."""
LONGEST = 2 * sum(BLINK_SECONDS)
"""Seconds: lids that have been down for longer are not blinking, they are meant to be there."""


def with_open_eyes_at_last(motion: Motion) -> Motion:
    """The motion without a blink that its end cuts off; one that is over by then, and eyes that stay shut, stay."""
    expression = motion.array[:, EXPRESSION]
    lids = read_actions(expression, motion.neutral)[:, LIDS]
    closure = lids.mean(axis=1)
    closure = closure - min(float(np.median(closure)), BLINK_REST)
    first = len(closure)
    while first > 0 and closure[first - 1] > BLINK_EDGE:
        first -= 1
    down = len(closure) - first
    if first == 0 or not 0 < down <= LONGEST * motion.fps or closure[first:].max() < CLOSED:
        return motion
    changes = np.zeros((len(closure), len(INDEX)))
    changes[first:, LIDS] = np.minimum(lids[first - 1] - lids[first:], 0)
    array = motion.array.copy()
    array[first:, EXPRESSION] = change_actions(expression, changes)[first:]
    return motion.with_array(array)
