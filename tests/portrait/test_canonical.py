"""The canonical face is symmetric and level; poses are recovered with their documented signs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.motion.space import rotation_angles, rotation_matrix
from moda.portrait.canonical import (
    canonical_face,
    eye_centres,
    face_triangles,
    fit_pose,
    mirror_map,
    straighten,
)

DEGREES = st.floats(-60, 60)


def column_rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    return np.asarray(rotation_matrix(np.float64(pitch), np.float64(yaw), np.float64(roll)), np.float64).T


def test_canonical_face_is_measured_as_stated() -> None:
    face = canonical_face()
    assert face.shape == (468, 3) and face.dtype == np.float32
    centres = eye_centres(face)
    assert np.allclose(centres.mean(0), 0, atol=1e-5)
    assert np.linalg.norm(centres[1] - centres[0]) == pytest.approx(1, abs=1e-5)
    assert np.allclose(face[mirror_map()[:468]] * [-1, 1, 1], face, atol=1e-6)
    assert face[10, 2] == pytest.approx(face[152, 2], abs=1e-4)  # forehead and chin at one depth
    assert face[4, 2] == face[:, 2].min()  # the tip of the nose is nearest
    assert face[152, 1] > face[13, 1] > face[4, 1] > 0 > face[10, 1]
    assert np.linalg.norm(face[13] - face[14]) < 0.03  # lips closed
    with pytest.raises(ValueError):
        face[0, 0] = 1


def test_mirror_map_is_an_involution() -> None:
    twin = mirror_map()
    assert twin.shape == (478,) and np.array_equal(twin[twin], np.arange(478))
    assert twin[33] == 263 and twin[61] == 291 and twin[4] == 4 and twin[468] == 473


def test_triangles_cover_the_face_and_look_at_the_viewer() -> None:
    triangles, face = face_triangles(), canonical_face()
    assert triangles.shape == (852, 3) and set(triangles.ravel()) == set(range(468))
    a, b, c = (face[triangles[:, i]] for i in range(3))
    assert (np.cross(b - a, c - a)[:, 2] < 0).mean() > 0.99
    edges: dict[tuple[int, int], int] = {}
    for triangle in triangles.tolist():
        for i in range(3):
            edge = (min(triangle[i], triangle[i - 1]), max(triangle[i], triangle[i - 1]))
            edges[edge] = edges.get(edge, 0) + 1
    # Face outline 36, two eyes of 16, inner lips 20 are the only borders.
    assert sorted(set(edges.values())) == [1, 2] and list(edges.values()).count(1) == 88


@settings(max_examples=40)
@given(DEGREES, DEGREES, DEGREES, st.floats(20, 800), st.floats(-500, 3000))
def test_pose_is_recovered_with_the_rotation_of_motion_space(
    pitch: float, yaw: float, roll: float, scale: float, place: float
) -> None:
    rotation = column_rotation(pitch, yaw, roll)
    landmarks = scale * canonical_face() @ rotation.T + [place, -place, 3.0]
    pose = fit_pose(landmarks)
    assert np.allclose(pose.angles, [pitch, yaw, roll], atol=0.02)
    assert pose.scale == pytest.approx(scale, rel=1e-4)
    assert np.allclose(pose.rotation, rotation, atol=1e-4)
    assert np.allclose(straighten(landmarks, pose), canonical_face(), atol=2e-3)
    assert np.allclose(rotation_angles(rotation.T), [pitch, yaw, roll], atol=1e-3)


@pytest.mark.parametrize(
    ("angles", "moves"),
    [((20, 0, 0), (0, 1)), ((0, 20, 0), (-1, 0))],
    ids=["pitch > 0 looks down", "yaw > 0 points the nose to image left"],
)
def test_signs(angles: tuple[float, float, float], moves: tuple[int, int]) -> None:
    nose = column_rotation(*angles) @ canonical_face()[4] - canonical_face()[4] * [1, 1, 1]
    assert np.sign(np.round(nose[:2], 1)).tolist() == [float(m) for m in moves]


def test_roll_is_clockwise() -> None:
    eyes = eye_centres(canonical_face() @ column_rotation(0, 0, 20).T)
    assert eyes[1, 1] > eyes[0, 1]  # the image-right eye sinks
