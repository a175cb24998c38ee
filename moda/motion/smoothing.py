"""Filters along time for motion: small, causal where it matters, never across the ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def gaussian(values: npt.ArrayLike, sigma: float) -> FloatArray:
    """(T, D) smoothed along time with a Gaussian of `sigma` frames; ends are held, sigma 0 changes nothing."""
    frames = np.asarray(values, dtype=np.float32)
    if sigma <= 0 or len(frames) < 2:
        return frames.copy()
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(frames, sigma, axis=0, mode="nearest").astype(np.float32)
