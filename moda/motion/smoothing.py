"""Filters along time for motion: small, causal where it matters, never across the ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def mean_of_neighbours(values: npt.ArrayLike) -> FloatArray:
    """(T, D) -> each frame replaced by the mean of itself and the neighbours that exist.

    The published sampler applies this to scale, translation and rotation of every segment and of the clip.
    """
    frames = np.asarray(values, dtype=np.float32)
    total = frames.copy()
    count = np.ones(len(frames), dtype=np.float32)
    total[1:] += frames[:-1]
    count[1:] += 1
    total[:-1] += frames[1:]
    count[:-1] += 1
    return total / count[:, None]


def exponential(values: npt.ArrayLike, keep: float = 0.99) -> FloatArray:
    """(T, ...) -> y_i = (1 - keep) x_i + keep y_(i-1), y_0 = x_0: the published optional pose smoothing."""
    frames = np.asarray(values, dtype=np.float32)
    out = frames.copy()
    for i in range(1, len(frames)):
        out[i] = (1 - keep) * frames[i] + keep * out[i - 1]
    return out


def gaussian(values: npt.ArrayLike, sigma: float) -> FloatArray:
    """(T, D) smoothed along time with a Gaussian of `sigma` frames; ends are mirrored, sigma 0 changes nothing."""
    frames = np.asarray(values, dtype=np.float32)
    if sigma <= 0 or len(frames) < 2:
        return frames.copy()
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(frames, sigma, axis=0, mode="nearest").astype(np.float32)
