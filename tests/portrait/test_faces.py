"""Every face is found, judged and picked; animals and chance patterns are not faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from moda.errors import BadSetting, NoFaceFound
from moda.portrait.canonical import fit_pose
from moda.portrait.face import Face
from moda.portrait.faces import find_all, find_faces, pick_face
from moda.portrait.pictures import load_picture
from tests.portrait.conftest import turned


def middle(face: Face) -> tuple[float, float]:
    return (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2


def test_one_face_with_landmarks_in_pixels(hopper: np.ndarray) -> None:
    faces = find_faces(hopper)
    assert len(faces) == 1
    face = faces[0]
    assert face.landmarks.shape == (478, 3) and face.landmarks.dtype == np.float32
    # Where her eyes, nose and mouth are in the picture.
    assert np.allclose(face.landmarks[468, :2], (222, 190), atol=5)
    assert np.allclose(face.landmarks[473, :2], (306, 186), atol=5)
    assert np.allclose(face.landmarks[[61, 291], :2].mean(0), (270, 281), atol=5)
    assert face.human and face.certainty > 1.4


def test_the_same_picture_gives_the_same_numbers(hopper: np.ndarray) -> None:
    a, b = find_faces(hopper)[0], find_faces(hopper)[0]
    assert np.array_equal(a.landmarks, b.landmarks) and a.certainty == b.certainty


@pytest.mark.parametrize("degrees", [-60, -30, 15, 45, 80])
def test_a_turned_head_is_found_and_its_roll_measured(hopper: np.ndarray, degrees: float) -> None:
    straight = fit_pose(find_faces(hopper)[0].landmarks).angles
    angles = fit_pose(find_faces(turned(hopper, degrees))[0].landmarks).angles
    assert angles[2] - straight[2] == pytest.approx(degrees, abs=1.5)
    assert np.allclose(angles[:2], straight[:2], atol=2.5)


def test_several_faces_largest_first(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    both = np.hstack([astronaut, hopper[:512]])
    faces = find_faces(both)
    assert len(faces) == 2
    assert faces[0].size > faces[1].size
    assert middle(faces[0])[0] > 512 > middle(faces[1])[0]
    assert pick_face(faces) is faces[0]
    assert pick_face(faces, 1) is faces[1]
    assert pick_face(faces, point=(225, 120)) is faces[1]
    assert pick_face(faces, point=(1000, 500)) is faces[0]
    with pytest.raises(BadSetting, match="2 faces"):
        pick_face(faces, 2)
    with pytest.raises(NoFaceFound):
        pick_face([])


@pytest.mark.slow
def test_small_faces_in_a_large_picture(hopper: np.ndarray, astronaut: np.ndarray) -> None:
    canvas = np.full((4000, 6000, 3), (110, 130, 120), np.uint8)
    small = cv2.resize(hopper, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    canvas[2500 : 2500 + small.shape[0], 4000 : 4000 + small.shape[1]] = small
    canvas[300:812, 200:712] = astronaut
    faces = find_faces(canvas)
    assert len(faces) == 2
    # Each lands where the same face is found in its own picture.
    alone = find_faces(hopper)[0].landmarks[:, :2] * 0.6 + (4000, 2500)
    assert np.abs(faces[0].landmarks[:, :2] - alone).mean() < 1.5
    alone = find_faces(astronaut)[0].landmarks[:, :2] + (200, 300)
    assert np.abs(faces[1].landmarks[:, :2] - alone).mean() < 1.5


def test_nothing_in_noise_blank_and_texture() -> None:
    rng = np.random.default_rng(0)
    assert find_faces(rng.integers(0, 255, (500, 600, 3), dtype=np.uint8)) == []
    assert find_all(np.full((500, 600, 3), 128, np.uint8)) == []


def test_no_face_in_a_cat_and_a_cup() -> None:
    folder = Path(skimage.__file__).parent / "data"
    for name in ("chelsea.png", "coffee.png", "brick.png"):
        if (folder / name).exists():
            assert find_faces(load_picture(folder / name)) == [], name


@pytest.mark.parametrize("change", ["grey", "dark", "bright", "half size", "double size", "noisy"])
def test_poor_pictures_still_give_the_same_landmarks(hopper: np.ndarray, change: str) -> None:
    scale = {"half size": 0.5, "double size": 2.0}.get(change, 1.0)
    noise = np.random.default_rng(3).normal(0, 12, hopper.shape)
    image = {
        "grey": np.repeat(hopper.mean(2, keepdims=True), 3, axis=2),
        "dark": hopper * 0.25,
        "bright": 255 - (255 - hopper.astype(float)) * 0.5,
        "noisy": np.clip(hopper + noise, 0, 255),
    }.get(change, cv2.resize(hopper, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    face = find_faces(image.astype(np.uint8))[0]
    reference = find_faces(hopper)[0]
    iod = fit_pose(reference.landmarks).scale
    error = np.linalg.norm(face.landmarks[:468, :2] / scale - reference.landmarks[:468, :2], axis=1).mean() / iod
    assert error < 0.03
