"""How far generated motion is from real motion: clip against clip, and set against set.

Clip against clip (one speech has many good motions, so these are not zero for a perfect model):

* lips_r, lips_best, lips_lag_ms: correlation of the mouth opening with the real one, as it lies and at the best shift
* opening_error: mean |difference| of the opening, units of jaw_open
* expression_error: rms difference of opening, mouth width and brow height from their own medians, IOD
* pose_error: mean |difference| of pitch, yaw and roll from their first frame, degrees

Set against set: the Frechet distance between Gaussians over windows of one second, every half second. Feature of a
window: standard deviation and mean absolute speed of eight signals (mouth opening and width, lids, brows, pitch, yaw,
roll, head size; all smoothed by 40 ms), 16 numbers, standardised by the real windows. Its
square is reported, as for FID.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from moda.evaluate.measures.signals import RATE, Array, Signals
from moda.evaluate.measures.sync import score_against
from moda.motion.actions import GAP_PER_JAW

WINDOW, STEP = int(RATE), int(RATE) // 2
FEATURES = 16


def reconstruction(ours: Signals, real: Signals, late_ms: float = 0.0) -> dict[str, float]:
    """Clip against clip, over the frames that both have. late_ms: how late the real lips are known to be."""
    count = min(len(ours), len(real))
    frames = np.arange(count)
    at = frames + late_ms / 1000 * RATE
    opening = np.interp(at, np.arange(len(real)), real.opening)
    lips = score_against(ours.opening[:count], opening)
    moved = [
        (ours.opening[:count], opening),
        (ours.width[:count], real.width[:count]),
        (ours.brows[:count].mean(1), real.brows[:count].mean(1)),
    ]
    differences = np.stack([(a - np.median(a)) - (b - np.median(b)) for a, b in moved])
    turned = (ours.rotation[:count] - ours.rotation[0]) - (real.rotation[:count] - real.rotation[0])
    return {
        "lips_r": lips.correlation,
        "lips_best": lips.best,
        "lips_lag_ms": lips.lag_ms,
        "opening_error": float(np.abs(ours.opening[:count] - opening).mean()) / GAP_PER_JAW,
        "expression_error": float(np.sqrt((differences**2).mean())),
        "pose_error": float(np.abs(turned).mean()),
    }


def windows(signals: Signals) -> Array:
    """Features (W, 16) of all windows of one second; (0, 16) for a shorter clip."""
    from scipy.ndimage import gaussian_filter1d

    track = np.column_stack(
        [signals.opening, signals.width, signals.eyes.mean(1), signals.brows.mean(1), signals.rotation,
         signals.place[:, 2]]
    )  # fmt: skip
    track = gaussian_filter1d(track, 1.0, axis=0, mode="nearest")  # what a tracker trembles is no movement
    rows = []
    for first in range(0, len(track) - WINDOW + 1, STEP):
        part = track[first : first + WINDOW]
        rows.append(np.concatenate([part.std(0), np.abs(np.diff(part, axis=0)).mean(0) * RATE]))
    return np.array(rows).reshape(-1, FEATURES)


def frechet(real: Array, other: Array, scale: Array | None = None) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, D) and (M, D); NaN for too few rows.

    Both are standardised by the mean and spread of `scale` (default: of `real`). Covariances are shrunk a little
    towards their diagonals, so that few windows give no singular ones.
    """
    from scipy.linalg import sqrtm

    if min(len(real), len(other)) < 4:
        return float("nan")
    base = real if scale is None else scale
    middle, spread = base.mean(0), base.std(0) + 1e-9
    a, b = (real - middle) / spread, (other - middle) / spread
    first, second = _covariance(a), _covariance(b)
    root = np.real(sqrtm(first @ second))
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(first + second - 2 * root))


def _covariance(values: Array, shrink: float = 0.05) -> Array:
    full = np.cov(values, rowvar=False)
    return (1 - shrink) * full + shrink * np.diag(np.diag(full)) + 1e-6 * np.eye(len(full))


def half_against_half(clips: Sequence[Array], scale: Array) -> float:
    """The Frechet distance between the clips with even and with odd index: what real against real gives."""
    even, odd = clips[0::2], clips[1::2]
    if not even or not odd:
        return float("nan")
    return frechet(np.concatenate(even), np.concatenate(odd), scale)


def diversity(takes: Sequence[Signals]) -> dict[str, float]:
    """Mean rms difference between takes of one speech by different seeds: lips (jaw_open), head (degrees)."""
    if len(takes) < 2:
        return {"diversity_lips": float("nan"), "diversity_head": float("nan")}
    lips, head = [], []
    for a, b in combinations(takes, 2):
        lips.append(np.sqrt(((a.opening - b.opening) ** 2).mean()) / GAP_PER_JAW)
        head.append(np.sqrt(((a.rotation - b.rotation) ** 2).mean()))
    return {"diversity_lips": float(np.mean(lips)), "diversity_head": float(np.mean(head))}
