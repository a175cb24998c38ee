"""The source crop: parity with the reference's matrices, and what any crop must obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.portrait.canonical import canonical_face
from moda.portrait.crop import SOURCE, CropSpec, crop_face, crop_matrices, eyes_and_mouth
from moda.portrait.portrait import Portrait
from tests.parity import fixture, largest_difference, seeded
from tests.portrait.points import mapped

CASES = ("106_12", "106_0", "106_-40", "106_170", "203_10", "68_-8", "5_25")


@pytest.mark.parametrize("case", CASES)
def test_matrices_equal_the_reference(case: str) -> None:
    expected = fixture("crop")
    landmarks = expected[f"affine/{case}/landmarks"]
    o2c, c2o = crop_matrices(landmarks)
    assert largest_difference(expected, f"affine/{case}/M_o2c", o2c) < 2e-3  # the reference works in float32
    assert largest_difference(expected, f"affine/{case}/M_c2o", c2o) < 2e-3
    assert largest_difference(expected, f"affine/{case}/eye_lip", np.stack(eyes_and_mouth(landmarks))) < 1e-4


def test_refiner_variant_equals_the_reference() -> None:
    expected = fixture("crop")
    o2c, _ = crop_matrices(expected["affine/106_12/landmarks"], CropSpec(224, 1.5, -0.1))
    assert largest_difference(expected, "affine/refine_106_12/M_o2c", o2c) < 2e-3


def test_source_crop_equals_the_reference() -> None:
    expected = fixture("crop")
    picture = seeded.picture("lp/picture", 400, 360)
    crop = crop_face(picture, expected["affine/106_12/landmarks"])
    assert largest_difference(expected, "source/M_o2c", crop.o2c) < 2e-3
    assert largest_difference(expected, "source/img_crop", crop.image.astype(int)) <= 3
    assert largest_difference(expected, "source/img_crop_256x256", crop.network_input().astype(int)) <= 3


def face(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * canonical_face()[:, :2].astype(np.float64) @ turn.T + (x, y)


SCALES, DEGREES, PLACES = st.floats(15, 900), st.floats(-179, 179), st.floats(-200, 5000)
SPECS = st.builds(CropSpec, st.integers(64, 1024), st.floats(1.0, 4.0), st.floats(-0.3, 0.3))


@settings(max_examples=60)
@given(SCALES, DEGREES, PLACES, PLACES, SPECS)
def test_matrices_are_inverse_similarities(scale: float, degrees: float, x: float, y: float, spec: CropSpec) -> None:
    o2c, c2o = crop_matrices(face(scale, degrees, x, y), spec)
    assert np.allclose(o2c @ c2o, np.eye(3), atol=1e-8)
    assert np.allclose(c2o @ o2c, np.eye(3), atol=1e-6)
    part = o2c[:2, :2]
    assert np.allclose(part @ part.T, np.eye(2) * abs(np.linalg.det(part)), atol=1e-9)
    assert np.linalg.det(part) > 0  # never mirrored


@settings(max_examples=60)
@given(SCALES, DEGREES, PLACES, PLACES)
def test_a_face_looks_the_same_in_its_crop_however_it_lies(scale: float, degrees: float, x: float, y: float) -> None:
    landmarks = face(scale, degrees, x, y)
    seen = mapped(crop_matrices(landmarks)[0], landmarks)
    upright = face(100, 0, 300, 300)
    assert np.allclose(seen, mapped(crop_matrices(upright)[0], upright), atol=1e-4)


def test_the_crop_shows_head_and_shoulders() -> None:
    landmarks = face(100, 0, 400, 300)
    o2c, _ = crop_matrices(landmarks)
    seen = mapped(o2c, landmarks)
    assert 0.35 < np.ptp(seen[:, 0]) / SOURCE.size < 0.55
    eye, mouth = eyes_and_mouth(seen)
    assert eye[0] == pytest.approx(256, abs=1) and mouth[0] == pytest.approx(256, abs=1)
    assert seen[:, 1].min() > 60 and seen[:, 1].max() < 440


def test_points_go_there_and_back(hopper_portrait: Portrait) -> None:
    crop = hopper_portrait.crop
    points = hopper_portrait.landmarks[:, :2].astype(np.float64)
    assert np.allclose(mapped(crop.c2o, mapped(crop.o2c, points)), points, atol=1e-6)


def test_outside_the_picture_is_black(hopper: np.ndarray, hopper_portrait: Portrait) -> None:
    moved = hopper_portrait.landmarks - np.array([150, 0, 0], np.float32)
    crop = crop_face(hopper, moved)
    assert (crop.image[:, :40] == 0).all() and crop.image[:, 300:].any()


def test_unknown_layouts_are_an_error() -> None:
    with pytest.raises(ValueError, match="17"):
        eyes_and_mouth(np.zeros((17, 2)))
