"""Lip sync: what the score says of lips that follow, lag, or belong to something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSetting
from moda.evaluate.measures.sync import (
    FEATURES,
    REACH,
    Regressor,
    closures,
    fit,
    lag_curve,
    score,
    score_against,
    sound_features,
)

FRAMES = 200


def mouth(seed: int = 0, frames: int = FRAMES) -> np.ndarray:
    """A mouth that opens four times a second or so, 0 to 0.3 IOD."""
    from scipy.ndimage import gaussian_filter1d

    raw = gaussian_filter1d(np.random.default_rng(seed).normal(size=frames), 1.5, mode="wrap")
    return 0.1 + 0.1 * raw / raw.std()


def sound_of(opening: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noise whose loudness and brightness follow a mouth, the way a vocal tract's do."""
    samples = np.interp(np.arange(len(opening) * 640) / 640 - 0.5, np.arange(len(opening)), opening)
    noise = np.random.default_rng(seed).normal(size=len(samples))
    dull = np.convolve(noise, np.ones(12) / 12, mode="same")
    loud = np.clip(samples, 0.01, None)
    return (0.3 * loud * (loud * noise + 0.3 * dull)).astype(np.float32)


@pytest.fixture(scope="module")
def heard() -> Regressor:
    return fit([(sound_features(sound_of(mouth(s), s), FRAMES), mouth(s)) for s in range(4)])


def test_lips_that_follow_the_sound_score_high_and_others_do_not(heard: Regressor) -> None:
    follows = score(mouth(9), sound_of(mouth(9), 9), heard)
    stranger = score(mouth(10), sound_of(mouth(9), 9), heard)
    assert follows.correlation > 0.6
    assert follows.confidence > 0.4
    assert abs(follows.lag_ms) < 25
    assert stranger.correlation < 0.3


@pytest.mark.parametrize("late", [-5, -2, 0, 3, 8])
def test_the_lag_is_found_with_its_sign(heard: Regressor, late: int) -> None:
    lips = np.roll(mouth(11), late)
    found = score(lips, sound_of(mouth(11), 11), heard)
    assert found.lag_ms == pytest.approx(40 * late, abs=25)
    assert found.best >= found.correlation


def test_a_lag_between_frames_is_found(heard: Regressor) -> None:
    fine = np.interp(np.arange(FRAMES) - 0.5, np.arange(FRAMES), mouth(12))
    assert score_against(fine, mouth(12)).lag_ms == pytest.approx(20, abs=5)


def test_known_lateness_is_taken_off(heard: Regressor) -> None:
    lips = np.roll(mouth(13), 3)
    assert abs(score(lips, sound_of(mouth(13), 13), heard, late_ms=120).lag_ms) < 25


@given(gain=st.floats(0.01, 100), offset=st.floats(-5, 5))
def test_the_score_ignores_gain_and_offset(gain: float, offset: float) -> None:
    a, b = mouth(1), mouth(2)
    assert np.allclose(lag_curve(a, b), lag_curve(gain * a + offset, b), atol=1e-6)


def test_loudness_of_the_recording_does_not_matter() -> None:
    sound = sound_of(mouth(3), 3)
    assert np.allclose(sound_features(sound, FRAMES), sound_features(0.2 * sound, FRAMES), atol=0.05)


def test_features_have_their_shape_also_past_the_end_of_the_sound() -> None:
    features = sound_features(np.zeros(1600, np.float32), 30)
    assert features.shape == (30, FEATURES)
    assert np.isfinite(features).all()


def test_lips_that_do_not_move_score_zero() -> None:
    still = score(np.zeros(FRAMES), sound_of(mouth(4), 4))
    assert still.correlation == 0.0
    assert still.confidence == 0.0


def test_very_short_clips_have_no_score() -> None:
    assert np.isnan(score(np.arange(5.0), np.zeros(3200)).correlation)


def test_the_shipped_regressor_hears_speech() -> None:
    from moda.media.speak import speak

    speech = speak("Papa and mama bought a big apple; nobody may be above my hobby.", "en-us+f2", offline=True)
    frames = speech.frames()
    expected = Regressor.load()(sound_features(speech.waveform, frames))
    from moda.evaluate.measures.face import loudness

    loud = loudness(speech.waveform, frames)
    assert np.median(expected[loud > -25]) > np.median(expected[loud < -50]) + 0.5
    assert "LJSpeech" in Regressor.load().source


def test_a_damaged_regressor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(BadSetting, match="cannot be read"):
        Regressor.load(path)
    Regressor(np.zeros(3), np.zeros(3)).save(path)
    with pytest.raises(BadSetting, match="another size"):
        Regressor.load(path)


def test_a_regressor_survives_its_file(tmp_path: Path, heard: Regressor) -> None:
    heard.save(tmp_path / "deep" / "r.npz")
    again = Regressor.load(tmp_path / "deep" / "r.npz")
    assert np.allclose(again.weights, heard.weights, atol=1e-6)


def test_closures_count_lips_that_shut() -> None:
    opening = np.full(100, 0.2)
    opening[25:28] = 0.0
    phonemes = [("B", 1.0, 1.1), ("p", 2.0, 2.1), ("AA", 3.0, 3.2)]
    assert closures(opening, phonemes) == pytest.approx(0.5)
    assert np.isnan(closures(opening, [("AA", 0.0, 1.0)]))


def test_the_curve_is_as_long_as_promised() -> None:
    assert len(lag_curve(mouth(1), mouth(2))) == 2 * REACH + 1
