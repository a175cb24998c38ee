"""Lips that close on p, b and m where the phonemes of a speech are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moda.motion.actions import INDEX, LIP_PER_JAW, change_actions, lip_opening, read_actions
from moda.motion.space import EXPRESSION, Motion

REACH = 3  # frames before and after a closure over which the lips come together and part: 0.12 s, as people's do
BEFORE = 0.04  # seconds: the lips of a stop close before its burst, which is where some voices mark it
DEEPEST = 0.7  # units of jaw_open: more is no small correction, and the sound is hardly a closure then


def is_bilabial(symbol: str) -> bool:
    """Whether an IPA symbol is made with both lips: p, b, m and their variants."""
    return symbol[:1] in ("p", "b", "m", "ɓ")


def close_lips(motion: Motion, spans: Sequence[tuple[float, float]]) -> Motion:
    """The motion with lips that meet once within each span (start, end in seconds).

    Only what is open is closed, by the jaw alone, so cheeks, corners and everything between the spans stay as sampled.
    A span outside the motion has no effect.
    """
    expression = motion.array[:, EXPRESSION]
    opening = lip_opening(read_actions(expression, motion.neutral)) / LIP_PER_JAW
    lift = np.zeros(len(opening), dtype=np.float64)
    bell = 0.5 + 0.5 * np.cos(np.pi * np.arange(-REACH, REACH + 1) / (REACH + 1))
    for start, end in spans:
        first = max(0, int(np.floor((start - BEFORE) * motion.fps)))
        last = min(len(opening), int(np.ceil(end * motion.fps)))
        if last <= first:
            continue
        at = first + int(opening[first:last].argmin())
        needed = min(DEEPEST, max(0.0, float(opening[at])))
        low, high = max(0, at - REACH), min(len(opening), at + REACH + 1)
        lift[low:high] = np.maximum(lift[low:high], needed * bell[low - at + REACH : high - at + REACH])
    if not lift.any():
        return motion
    # Frames beside a closure are lowered no further than to lips that just touch.
    lift = np.minimum(lift, np.maximum(opening, 0.0))
    changes = np.zeros((len(opening), len(INDEX)))
    changes[:, INDEX["jaw_open"]] = -lift
    array = motion.array.copy()
    array[:, EXPRESSION] = change_actions(expression, changes)
    return motion.with_array(array)
