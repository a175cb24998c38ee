"""Mouth, brows and the spread of expression.

* opening_std, opening_high (90th percentile), in units of jaw_open (0.30 IOD = 1): how much the mouth moves.
* opening_above_5hz: share of the power of the opening above 5 Hz; people articulate below.
* closed_share: share of frames with the lips together (opening < 0.1 of jaw_open 1).
* quiet_opening: median opening in pauses of the speech of at least 0.4 s, in units of jaw_open; low is right.
* lip_movement: rms distance of twenty points of the lips from their mean places, IOD; lip_dimensions: how many shapes
  that movement has, the participation ratio (sum v)^2 / sum v^2 of the variances v of its principal components.
* brow_std: spread of brow height, IOD; brow_raises: raises of more than 0.045 IOD, at least 160 ms long, a minute.
* diversity_mouth, _cheeks, _eyes, _brows: rms distance of the region from its mean shape, IOD.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from moda.evaluate.measures.blinks import spans
from moda.evaluate.measures.head import share_above
from moda.evaluate.measures.signals import RATE, REGIONS, Array, Signals
from moda.motion.actions import GAP_PER_JAW

RAISE = 0.045
PAUSE_FRAMES = 10
PAUSE_DB = 24.0


def face_measures(signals: Signals, waveform: npt.ArrayLike | None = None) -> dict[str, float]:
    """Measures of mouth, brows and regions; `quiet_opening` only where a waveform (N,) at 16 kHz has pauses."""
    opening = signals.opening / GAP_PER_JAW
    brow = signals.brows.mean(1)
    raised = [1 for first, last in spans(brow - np.median(brow) > RAISE) if last - first >= 4]
    values = {
        "opening_std": float(opening.std()),
        "opening_high": float(np.percentile(opening, 90)),
        "opening_above_5hz": share_above(opening[:, None], 5.0),
        "closed_share": float((opening < 0.1).mean()),
        "quiet_opening": float("nan"),
        "lip_movement": float(np.sqrt((signals.lips**2).sum(-1).mean())),
        "lip_dimensions": dimensions(signals.lips),
        "brow_std": float(brow.std()),
        "brow_raises": 60 * len(raised) / signals.seconds,
    }
    if waveform is not None:
        mask = quiet(waveform, len(opening))
        if mask.any():
            values["quiet_opening"] = float(np.median(opening[mask]))
    for i, name in enumerate(REGIONS):
        values[f"diversity_{name}"] = float(np.sqrt((signals.regions[:, i] ** 2).mean()))
    return values


def dimensions(points: Array) -> float:
    """Participation ratio of the movement of points (T, P, D); NaN for what stands still."""
    flat = points.reshape(len(points), -1) - points.reshape(len(points), -1).mean(0)
    variances = np.linalg.svd(flat, compute_uv=False) ** 2
    total = float((variances**2).sum())
    return float(variances.sum() ** 2 / total) if total > 1e-16 else float("nan")


def quiet(waveform: npt.ArrayLike, frames: int) -> np.ndarray:
    """(frames,) mask of pauses of at least 0.4 s, less 0.16 s at both ends, where lips are still on their way.

    Quiet is 24 dB under the clip's loud frames (95th percentile of frame energy), or -60 dBFS.
    """
    level = loudness(waveform, frames)
    mask = level < max(float(np.percentile(level, 95)) - PAUSE_DB, -60.0)
    pauses = np.zeros(frames, bool)
    for first, last in spans(mask):
        if last - first >= PAUSE_FRAMES:
            pauses[first + 4 : last - 4] = True
    return pauses


def loudness(waveform: npt.ArrayLike, frames: int) -> Array:
    """(frames,) rms of 60 ms around the middle of each 25 fps frame, dB relative to full scale."""
    sound = np.asarray(waveform, np.float64).reshape(-1)
    total = np.concatenate([[0.0], np.cumsum(sound**2)])
    middle = (np.arange(frames) + 0.5) / RATE * 16_000
    low = np.clip((middle - 480).astype(int), 0, len(sound))
    high = np.clip((middle + 480).astype(int), 0, len(sound))
    power = (total[high] - total[low]) / np.maximum(high - low, 1)
    return 10 * np.log10(power + 1e-10)
