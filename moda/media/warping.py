"""Dynamic time warping of two sequences of feature vectors, in a band around the straight line between their ends."""

from __future__ import annotations

import numpy as np

BAND = 1_000  # frames either side of the straight line that are looked at
_DIAGONAL, _ONE, _OTHER = 0, 1, 2


def cheapest_path(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(P, 2) pairs of frames, from (0, 0) to the last of both, in order: the path of least summed distance.

    one (T, D), other (U, D). Row by row, each as cumulative minima (a step along `other` is a running sum), so that
    numpy does the work: T rows of at most 2 * BAND + 1.
    """
    rows, columns = len(one), len(other)
    width = min(columns, 2 * BAND + 1)
    starts = np.clip(
        np.round(np.arange(rows) * (columns - 1) / max(rows - 1, 1)).astype(int) - width // 2, 0, columns - width
    )
    steps = np.empty((rows, width), dtype=np.uint8)
    before = np.full(width, np.inf)
    for row, start in enumerate(starts):
        distance = np.sqrt(np.maximum(np.square(other[start : start + width] - one[row]).sum(axis=1), 0.0))
        distance = distance.astype(np.float64)
        if row == 0:
            arrive = np.full(width, np.inf)
            arrive[0] = 0.0
            came = np.zeros(width, dtype=np.uint8)
        else:
            shift = start - starts[row - 1]
            above = np.full(width, np.inf)
            above[: width - shift] = before[shift:]
            slanted = np.full(width, np.inf)
            slanted[1:] = above[:-1]
            if shift:
                slanted[0] = before[shift - 1]
            came = np.where(slanted <= above, _DIAGONAL, _ONE).astype(np.uint8)
            arrive = np.minimum(slanted, above)
        # cost[j] = distance[j] + min(arrive[j], cost[j - 1]): with sums of distances taken out, a running minimum.
        sums = np.cumsum(distance)
        free = arrive - np.concatenate([[0.0], sums[:-1]])
        best = np.minimum.accumulate(free)
        steps[row] = np.where(free > best, _OTHER, came)
        before = best + sums
    pairs = []
    row, column = rows - 1, columns - 1
    while row > 0 or column > 0:
        pairs.append((row, column))
        step = steps[row, column - starts[row]]
        if step == _OTHER or row == 0:
            column -= 1
        elif step == _ONE:
            row -= 1
        else:
            row, column = row - 1, column - 1
    pairs.append((0, 0))
    return np.array(pairs[::-1])
