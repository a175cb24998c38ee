"""The joint parameter space: layout, statistics, conventions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from moda.motion import space
from moda.motion.space import Motion
from tests.conftest import Parity

angles = st.floats(-80, 80)


def motion_of(frames: int, seed: int = 0, fps: float = 25.0) -> Motion:
    rng = np.random.default_rng(seed)
    return Motion(space.denormalise(rng.normal(size=(frames, space.DIM)).astype(np.float32) * 0.3), fps)


@given(arrays(np.float32, (3, 70), elements=st.floats(-5, 5, width=32)))
def test_normalise_is_undone_by_denormalise(values: np.ndarray) -> None:
    back = space.normalise(space.denormalise(values))
    scale = np.abs(space.MEAN) / (space.STD + space.STD_FLOOR) + 10
    assert (np.abs(back - values) <= 2e-6 * scale + 1e-5).all()


@given(angles, angles, angles)
def test_angles_come_back_from_the_matrix(pitch: float, yaw: float, roll: float) -> None:
    matrix = space.rotation_matrix(pitch, yaw, roll)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.allclose(space.rotation_angles(matrix), (pitch, yaw, roll), atol=1e-6)


def test_rotation_turns_row_vectors_as_the_published_code_does() -> None:
    # R = (Rz Ry Rx)^T acting on rows: a yaw turns the x axis towards -z for column vectors.
    yaw = space.rotation_matrix(0, 90, 0)
    assert np.allclose(np.array([1.0, 0, 0]) @ yaw, [0, 0, -1], atol=1e-12)
    roll = space.rotation_matrix(0, 0, 90)
    assert np.allclose(np.array([1.0, 0, 0]) @ roll, [0, 1, 0], atol=1e-12)


def test_rotation_equals_the_published_numbers(parity: Parity) -> None:
    expected = parity("motion.npz")
    for name, angle in (("30deg_pitch", (30, 0, 0)), ("30deg_yaw", (0, 30, 0)), ("30deg_roll", (0, 0, 30))):
        assert np.abs(space.rotation_matrix(*angle) - expected[f"rotation/{name}"]).max() < 1e-6


def test_statistics_are_the_published_ones(parity_folder: Path) -> None:
    published = json.loads((parity_folder / "motion_stats.json").read_text())
    assert np.array_equal(space.MEAN, np.array(published["mean"], dtype=np.float32))
    assert np.array_equal(space.STD, np.array(published["std"], dtype=np.float32))


def test_keypoints_are_turned_then_moved_then_scaled_and_t_z_is_ignored() -> None:
    vector = np.zeros(70, dtype=np.float32)
    vector[space.SCALE], vector[space.TRANSLATION], vector[space.YAW] = 2.0, (0.1, -0.2, 9.0), 90
    vector[0:3] = (0.5, 0, 0)
    points = np.zeros((21, 3))
    points[:, 0] = 1
    placed = space.transform_keypoints(points, vector)
    assert np.allclose(placed[0, 0], [2 * 0.5 + 0.1, -0.2, -2.0], atol=1e-6)
    assert np.allclose(placed[0, 1], [0.1, -0.2, -2.0], atol=1e-6)


@pytest.mark.parametrize("fps", [20.0, 24.0, 25.0, 29.97, 30.0, 50.0])
def test_resampling_keeps_duration_and_smooth_curves(fps: float) -> None:
    seconds = 4.0
    count = round(seconds * fps)
    at = (np.arange(count) + 0.5) / fps
    array = np.tile(np.sin(2 * np.pi * 0.8 * at)[:, None], (1, 70)).astype(np.float32)
    back = Motion(array, fps, reference=array[0]).resampled(25.0)
    assert back.fps == 25.0 and len(back) == 100
    expected = np.sin(2 * np.pi * 0.8 * (np.arange(100) + 0.5) / 25)
    assert np.abs(back.array[2:-2, 0] - expected[2:-2]).max() < 0.02


@pytest.mark.parametrize(
    "array", [np.zeros((0, 70)), np.zeros((3, 69)), np.zeros(70), np.full((2, 70), np.nan)], ids=str
)
def test_a_motion_of_wrong_shape_or_with_nan_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError):
        Motion(array)


def test_parts_of_a_motion_have_names() -> None:
    motion = motion_of(5)
    assert motion.expression.shape == (5, 21, 3)
    assert np.array_equal(motion.expression[2, 20], motion.array[2, 60:63])
    assert np.array_equal(motion.scale, motion.array[:, 63])
    assert np.array_equal(motion.translation, motion.array[:, 64:67])
    assert np.array_equal(motion.rotation, motion.array[:, 67:70])
