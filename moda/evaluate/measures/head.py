"""Head motion: how far, how fast, how smoothly.

* pitch_std, yaw_std, roll_std: standard deviation of the angle, degrees. Inside the real range is right.
* pitch_speed, ...: mean absolute speed, degrees a second, after a light smoothing that takes off tracker noise.
* head_above_5hz: share of the power of the three angles above 5 Hz (people 1 to 5 %); lower is calmer.
* head_jitter: rms of the second difference of the angles, degrees per frame squared; lower is smoother.
* head_size, head_shift: spread of the head's size (relative) and place (IOD).
"""

from __future__ import annotations

import numpy as np

from moda.evaluate.measures.signals import RATE, Array

AXES = ("pitch", "yaw", "roll")


def head_measures(rotation: Array, place: Array) -> dict[str, float]:
    """Measures of rotation (T, 3) in degrees and place (T, 3); see the module's text."""
    from scipy.ndimage import gaussian_filter1d

    calm = gaussian_filter1d(rotation, 0.8, axis=0, mode="nearest")
    speed = np.abs(np.gradient(calm, axis=0)).mean(0) * RATE if len(rotation) > 1 else np.zeros(3)
    values = {f"{axis}_std": float(rotation[:, i].std()) for i, axis in enumerate(AXES)}
    values |= {f"{axis}_speed": float(speed[i]) for i, axis in enumerate(AXES)}
    values["head_above_5hz"] = share_above(rotation, 5.0)
    values["head_jitter"] = jitter(rotation)
    values["head_size"] = float(place[:, 2].std())
    values["head_shift"] = float(np.sqrt((place[:, :2].std(0) ** 2).sum()))
    return values


def share_above(values: Array, hertz: float) -> float:
    """Share of the power of signals (T, D) above `hertz`, mean and slope taken off; 0 for what does not move."""
    from scipy.signal import detrend, welch

    if len(values) < 16 or float(values.std(0).max(initial=0.0)) < 1e-6:
        return 0.0
    frequency, power = welch(detrend(values, axis=0), RATE, nperseg=min(64, len(values)), axis=0)
    power = power[1:].sum(1)
    total = float(power.sum())
    return float(power[frequency[1:] > hertz].sum()) / total if total > 0 else 0.0


def jitter(values: Array) -> float:
    """Root mean square over time and axes of the second difference of (T, D), per frame squared."""
    return float(np.sqrt((np.diff(values, 2, axis=0) ** 2).mean())) if len(values) > 2 else 0.0
