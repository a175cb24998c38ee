"""Head, blinks, brows and mouth: known movements in, known numbers out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.evaluate.measures.blinks import blink_measures, find_blinks
from moda.evaluate.measures.face import face_measures, quiet
from moda.evaluate.measures.head import head_measures, jitter, share_above
from moda.evaluate.measures.signals import Signals, signals_of_motion
from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference

T = 250


def eyes_with(frames: list[int], depth: float = 1.0) -> np.ndarray:
    shape = np.array([0.21, 0.64, 1.0, 0.77, 0.47, 0.28])
    eyes = np.full((T, 2), 0.30)
    for frame in frames:
        eyes[frame - 2 : frame + 4] -= 0.25 * depth * shape[:, None]
    return eyes


@given(gaps=st.lists(st.integers(12, 40), min_size=1, max_size=6))
@settings(max_examples=25)
def test_every_blink_is_counted_once(gaps: list[int]) -> None:
    frames = [f for f in np.cumsum([10, *gaps]).tolist() if f < T - 10]
    found = find_blinks(eyes_with(frames), 0.05)
    assert [b.peak for b in found] == frames


def test_blink_rate_length_and_completeness() -> None:
    full = blink_measures(eyes_with([40, 100, 160, 220]), 0.05)
    assert full["blink_rate"] == pytest.approx(24)
    assert 80 < full["blink_ms"] < 180
    assert full["blink_completeness"] == pytest.approx(1.0, abs=0.05)
    assert blink_measures(eyes_with([40, 100], 0.7), 0.05)["blink_completeness"] == pytest.approx(0.7, abs=0.05)


def test_looks_down_and_twitches_are_no_blinks() -> None:
    eyes = np.full((T, 2), 0.30)
    eyes[50:120] = 0.15
    assert not [b for b in find_blinks(eyes, 0.05) if b.depth > 0.75]
    assert not find_blinks(eyes_with([60], 0.3), 0.05)


def test_without_blinks_their_length_is_unknown() -> None:
    none = blink_measures(np.full((T, 2), 0.3), 0.05)
    assert none["blink_rate"] == 0
    assert np.isnan(none["blink_ms"])


def test_a_sway_of_the_head_has_its_spread_and_speed() -> None:
    time = np.arange(T) / 25
    rotation = np.zeros((T, 3))
    rotation[:, 1] = 4 * np.sin(2 * np.pi * 0.4 * time)
    place = np.column_stack([0.1 * np.sin(time), np.zeros(T), np.ones(T)])
    values = head_measures(rotation, place)
    assert values["yaw_std"] == pytest.approx(4 / np.sqrt(2), rel=0.02)
    assert values["yaw_speed"] == pytest.approx(4 * 0.4 * 4, rel=0.05)  # 4 amplitudes a period
    assert values["pitch_std"] == values["head_size"] == 0
    assert values["head_above_5hz"] < 0.01


def test_trembling_shows_above_5_hz() -> None:
    time = np.arange(T)[:, None] / 25
    slow, fast = np.sin(2 * np.pi * time), np.sin(2 * np.pi * 9 * time)
    assert share_above(slow, 5) < 0.02
    assert share_above(fast, 5) > 0.95
    assert share_above(slow + fast, 5) == pytest.approx(0.5, abs=0.1)
    assert share_above(np.zeros((T, 3)), 5) == 0.0
    assert jitter(np.arange(10.0)[:, None]) == pytest.approx(0, abs=1e-12)


def motion_with(**tracks: np.ndarray) -> Motion:
    values = np.zeros((T, len(ACTIONS)), np.float32)
    for name, track in tracks.items():
        values[:, INDEX[name]] = track
    array = np.tile(neutral_reference(), (T, 1))
    array[:, :63] = write_actions(values)
    return Motion(array, 25.0, "made up", reference=neutral_reference())


def test_a_motion_is_read_in_the_units_of_real_faces() -> None:
    wave = 0.5 + 0.5 * np.sin(np.arange(T) / 3)
    blink = np.zeros(T)
    blink[100:103] = 1
    signals = signals_of_motion(motion_with(jaw_open=wave, blink_left=blink, blink_right=blink))
    assert np.allclose(signals.opening, 0.30 * wave, atol=0.01)
    assert len(find_blinks(signals.eyes, signals.shut)) == 1
    assert signals.eyes[101].mean() == pytest.approx(signals.shut, abs=0.02)


def test_mouth_brow_and_variety_measures() -> None:
    raised = np.zeros(T)
    raised[60:80] = raised[150:170] = 1.2
    signals = signals_of_motion(motion_with(jaw_open=np.abs(np.sin(np.arange(T) / 4)), brow_raise=raised))
    values = face_measures(signals)
    assert values["brow_raises"] == pytest.approx(2 * 60 / 10)
    assert values["opening_high"] == pytest.approx(0.98, abs=0.05)
    assert 0.0 < values["closed_share"] < 0.15
    assert values["diversity_mouth"] > 0.02
    assert np.isnan(values["quiet_opening"])


def test_pauses_are_found_and_the_mouth_in_them_measured() -> None:
    sound = 0.1 * np.random.default_rng(0).normal(size=T * 640)
    sound[100 * 640 : 150 * 640] *= 1e-3
    mask = quiet(sound, T)
    assert mask[110:140].all()
    assert not mask[:95].any()
    assert not mask[155:].any()
    jaw = np.full(T, 0.5)
    jaw[100:150] = 0.1
    values = face_measures(signals_of_motion(motion_with(jaw_open=jaw)), sound)
    assert values["quiet_opening"] == pytest.approx(0.1, abs=0.02)


def test_signals_survive_their_file_and_can_be_cut(tmp_path: Path) -> None:
    signals = signals_of_motion(motion_with(jaw_open=np.linspace(0, 1, T)))
    signals.save(tmp_path / "s.npz", waveform=np.zeros(5))
    again = Signals.load(tmp_path / "s.npz")
    assert np.array_equal(again.opening, signals.opening)
    assert again.shut == pytest.approx(signals.shut)
    assert len(again.part(10, 30)) == 20
