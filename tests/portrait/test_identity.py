"""The identity descriptor depends on the face, not on how the picture lies or what the mouth does."""

from __future__ import annotations

import numpy as np
import pytest

from moda.portrait.canonical import canonical_face
from moda.portrait.faces import find_faces
from moda.portrait.identity import POINTS, identity_descriptor, identity_drift
from tests.portrait.conftest import turned


@pytest.fixture(scope="module")
def hopper_landmarks(hopper: np.ndarray) -> np.ndarray:
    return find_faces(hopper)[0].landmarks


def test_shape_scale_and_order(hopper_landmarks: np.ndarray) -> None:
    identity = identity_descriptor(hopper_landmarks)
    assert identity.shape == (63,) and identity.dtype == np.float32
    points = identity.reshape(21, 3)
    assert np.allclose(points.mean(0), 0, atol=1e-6)
    assert 0.08 < identity.std() < 0.2 and np.abs(identity).max() < 0.5  # as LivePortrait's canonical keypoints
    assert points[20, 1] > points[0, 1]  # chin below forehead
    assert np.array_equal(identity, identity_descriptor(hopper_landmarks))
    assert len(set(POINTS.tolist())) == 21


@pytest.mark.parametrize(("degrees", "scale"), [(12, 1.0), (-30, 1.0), (0, 0.6), (20, 0.8)])
def test_turning_and_scaling_the_picture_keeps_it(
    hopper: np.ndarray, hopper_landmarks: np.ndarray, degrees: float, scale: float
) -> None:
    again = find_faces(turned(hopper, degrees, scale))[0].landmarks
    assert identity_drift(hopper_landmarks, again) < 0.012
    assert np.abs(identity_descriptor(again) - identity_descriptor(hopper_landmarks)).max() < 0.008


def test_exact_invariance_of_the_geometry(hopper_landmarks: np.ndarray) -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = 2.3 * hopper_landmarks @ turn.T + [100, -40, 7]
    assert identity_drift(hopper_landmarks, moved) < 1e-4


def test_opening_the_jaw_hardly_changes_it() -> None:
    closed = canonical_face() * 100
    opened = closed.copy()
    opened[14] += [0, 30, 10]
    opened[199] += np.array([0, 0.46, 0.35]) * 30
    assert identity_drift(closed, opened) < 1e-3


def test_two_people_differ_more_than_two_pictures_of_one(
    hopper: np.ndarray, astronaut: np.ndarray, hopper_landmarks: np.ndarray
) -> None:
    other = find_faces(astronaut)[0].landmarks
    same = find_faces(turned(hopper, 10, 0.8))[0].landmarks
    assert identity_drift(hopper_landmarks, other) > 2 * identity_drift(hopper_landmarks, same)
