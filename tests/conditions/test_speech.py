"""Speech features of moda-lite: shape, streaming safety, evenness of level and colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.conditions.speech import (
    AFTER,
    CHANNELS,
    COLUMNS_PER_FRAME,
    FEATURES,
    LogMelFeatures,
    columns,
    log_mel_features,
    mel_points,
)


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Something that rises and falls like speech: a buzz with moving colour and pauses."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 16000)
    time = np.arange(count) / 16000
    buzz = np.sign(np.sin(2 * np.pi * 120 * time + 3 * np.sin(2 * np.pi * 1.3 * time)))
    steps = rng.uniform(0, 1, int(seconds * 8) + 2) ** 2
    loud = np.interp(time, np.linspace(0, seconds, len(steps)), steps)
    return (0.3 * loud * buzz + 0.02 * loud * rng.standard_normal(count)).astype(np.float32)


def test_shape_and_type() -> None:
    found = log_mel_features(babble(2.0), 50)
    assert found.shape == (50, FEATURES)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@settings(max_examples=20)
@given(ends=st.tuples(st.integers(-60, 60), st.integers(-60, 60)))
def test_any_stretch_is_that_part_of_the_whole(ends: tuple[int, int]) -> None:
    features = LogMelFeatures(babble(2.0), 50)
    assert len(features) == 50
    assert np.array_equal(features[ends[0] : ends[1]], features[:][ends[0] : ends[1]])
    with pytest.raises(IndexError, match="stride"):
        features[::2]


@settings(max_examples=8)
@given(cut=st.integers(min_value=8, max_value=70))
def test_cutting_the_end_leaves_earlier_frames(cut: int) -> None:
    wave = babble(3.0, 1)
    whole = log_mel_features(wave, 75)
    part = log_mel_features(wave[: cut * 640], cut)
    safe = cut - 4  # the look-ahead is 140 ms
    assert np.abs(whole[:safe] - part[:safe]).max() < 1e-3


def test_silence_is_the_floor_and_steady() -> None:
    found = columns(np.zeros(16000, np.float32), 100)
    assert np.ptp(found[20:80], axis=0).max() < 0.1
    assert found[50, 0] == -3.0


def test_gain_hardly_matters_after_the_first_second() -> None:
    wave = babble(6.0, 2)
    loud, soft = columns(wave, 600), columns(0.1 * wave, 600)
    assert np.abs(loud[300:] - soft[300:]).mean() < 0.15


def test_a_microphone_s_colour_is_evened_out() -> None:
    wave = babble(12.0, 3)
    spectrum = np.fft.rfft(wave)
    tilt = (np.maximum(np.arange(len(spectrum)), 1) / len(spectrum)) ** 0.5  # +3 dB an octave
    coloured = np.fft.irfft(spectrum * tilt, len(wave)).astype(np.float32)
    raw_shift = np.ptp(10 * np.log10(tilt[len(tilt) // 100 :] ** 2)) * np.log(10) / 10 / 3
    late = slice(900, 1180)
    change = np.abs(columns(wave, 1200)[late, 10:40].mean(0) - columns(coloured, 1200)[late, 10:40].mean(0)).mean()
    assert change < 0.35 * raw_shift


def test_short_and_missing_sound() -> None:
    assert log_mel_features(np.zeros(10, np.float32), 1).shape == (1, FEATURES)
    with pytest.raises(ValueError, match="at least 1"):
        log_mel_features(np.zeros(10, np.float32), 0)
    assert columns(np.zeros(0, np.float32), COLUMNS_PER_FRAME + AFTER).shape == (COLUMNS_PER_FRAME + AFTER, CHANNELS)


@pytest.mark.parametrize("warp", [0.8, 1.0, 1.25])
def test_warped_filters_stay_in_order(warp: float) -> None:
    points = mel_points(warp=warp)
    assert (np.diff(points) > 0).all()
    assert points[-1] <= 7600.1
