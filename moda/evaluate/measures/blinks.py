"""Blinks: found in the openness of the lids, counted and timed.

* rate: blinks a minute. Inside the real range is right.
* length: width at half depth, ms, median over blinks.
* completeness: depth of a blink, 0 lids as they were, 1 shut; median over blinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moda.evaluate.measures.signals import RATE, Array

STARTS = 0.35  # closure that makes a dip worth looking at
COUNTS = 0.50  # closure that makes it a blink
LONGEST = 1.0  # seconds; longer is a look down or closed eyes


@dataclass(frozen=True)
class Blink:
    """One blink: frame numbers of start, deepest point and end; depth 0 to 1; seconds at half depth."""

    start: int
    peak: int
    end: int
    depth: float
    seconds: float


def closure(eyes: Array, shut: float) -> Array:
    """Lid openness (T, 2) -> closure (T,): 0 as open as usual at this time, 1 shut.

    "Usual" is the upper quartile of 3 s around, so that a look down or a squint is not a blink.
    """
    openness = eyes.mean(1)
    half = int(1.5 * RATE)
    usual = np.array([np.percentile(openness[max(0, t - half) : t + half], 75) for t in range(len(openness))])
    usual = _smooth(usual, 25)
    return (usual - openness) / np.maximum(usual - shut, 1e-3)


def find_blinks(eyes: Array, shut: float) -> list[Blink]:
    """Blinks in lid openness (T, 2) at 25 fps, in the order of time."""
    closed = closure(eyes, shut)
    found: list[Blink] = []
    for first, last in spans(closed > STARTS):
        peak = first + int(closed[first:last].argmax())
        depth = float(closed[peak])
        if depth < COUNTS:
            continue
        start = _outwards(closed, peak, -1, 0.2 * depth)
        end = _outwards(closed, peak, 1, 0.2 * depth)
        if (end - start + 1) / RATE > LONGEST or (found and start <= found[-1].end and peak - found[-1].peak < 5):
            continue
        width = _crossing(closed, peak, 1, 0.5 * depth) - _crossing(closed, peak, -1, 0.5 * depth)
        found.append(Blink(start, peak, end, min(depth, 1.2), width / RATE))
    return found


def blink_measures(eyes: Array, shut: float) -> dict[str, float]:
    """blink_rate (per minute), blink_ms, blink_completeness; NaN for the last two where nobody blinks."""
    found = find_blinks(eyes, shut)
    nothing = float("nan")
    return {
        "blink_rate": 60 * len(found) / (len(eyes) / RATE),
        "blink_ms": float(np.median([1000 * b.seconds for b in found])) if found else nothing,
        "blink_completeness": float(np.median([min(b.depth, 1.0) for b in found])) if found else nothing,
    }


def spans(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of True in a mask (T,): (first, one past the last)."""
    steps = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist()))


def _outwards(values: Array, at: int, step: int, level: float) -> int:
    while 0 <= at + step < len(values) and values[at + step] > level:
        at += step
    return at


def _crossing(values: Array, at: int, step: int, level: float) -> float:
    while 0 <= at + step < len(values) and values[at + step] > level:
        at += step
    if not 0 <= at + step < len(values):
        return float(at)
    return at + step * float((values[at] - level) / max(values[at] - values[at + step], 1e-9))


def _smooth(values: Array, frames: int) -> Array:
    kernel = np.hanning(frames + 2)[1:-1]
    padded = np.pad(values, frames // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")[: len(values)]
