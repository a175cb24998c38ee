"""Where keypoints are placed and how a generator starts, against the reference and by what must hold."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.errors import BadSetting
from moda.motion.space import (
    DIM,
    EXPRESSION,
    ROTATION,
    SCALE,
    STD_FLOOR,
    Motion,
    denormalise,
    normalise,
    rotation_matrix,
)
from moda.motion.statistics import STD
from moda.renderer.liveportrait import convert, drive
from moda.renderer.liveportrait.motion_extractor import angle_from_bins
from moda.renderer.liveportrait.stitching import stitch
from tests.renderer.liveportrait.conftest import Expected, SeededFiles, driving

ANGLES = ("pitch", "yaw", "roll")


def degrees(seeded: ModuleType, name: str, count: int, scale: float = 1.0) -> np.ndarray:
    return angle_from_bins(torch.from_numpy(seeded.tensor(name, (count, 66), scale))).numpy()


@pytest.fixture(scope="module")
def face(seeded: ModuleType) -> drive.SourceFace:
    angles = [degrees(seeded, f"motion/source/{angle}", 1) for angle in ANGLES]
    parts = [
        seeded.tensor("motion/source/exp", (63,), 0.05),
        seeded.tensor("motion/source/scale", (1,), 0.05, 1.4),
        seeded.tensor("motion/source/t", (3,), 0.05),
        *angles,
    ]
    keypoints = seeded.tensor("motion/source/kp", (21, 3), 0.4)
    return drive.SourceFace(keypoints, np.concatenate(parts).astype(np.float32))


@pytest.fixture(scope="module")
def motion() -> Motion:
    """Four frames of a generated motion, physical units."""
    return driving("motion/drive", 4, (8, 10, 6))


def test_angles_come_from_bins(expected_motion: Expected, seeded: ModuleType) -> None:
    assert expected_motion.difference("degrees/out", degrees(seeded, "motion/bins", 5, 2.0)) < 1e-4


def test_rotation(expected_motion: Expected, seeded: ModuleType) -> None:
    sizes = dict(zip(ANGLES, (20, 30, 15)))
    angles = [seeded.tensor(f"motion/{angle}", (6,), size) for angle, size in sizes.items()]
    assert expected_motion.difference("rotation/out", rotation_matrix(*angles)) < 1e-5
    for i, angle in enumerate(ANGLES):
        turned = rotation_matrix(*(30 * np.eye(3)[i]))
        assert expected_motion.difference(f"rotation/30deg_{angle}", turned) < 1e-5


def test_placement_of_the_source(expected_motion: Expected, face: drive.SourceFace) -> None:
    assert expected_motion.difference("transform_keypoint/out", face.placed) < 1e-5


def test_first_motion(expected_motion: Expected, face: drive.SourceFace) -> None:
    first = drive.first_motion(face)
    assert first.ratio == pytest.approx(expected_motion["prev_motion/rescale_ratio"].item(), rel=1e-6)
    wanted = expected_motion["prev_motion/out"].reshape(DIM)  # thousands where the deviation is about 1e-6
    assert np.abs(first.vector - wanted).max() / (1 + np.abs(wanted)).max() < 1e-5
    np.testing.assert_allclose(first.vector, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(first.keypoints, face.keypoints.reshape(63))


def test_back_to_physical_units(expected_motion: Expected, seeded: ModuleType) -> None:
    ratio = expected_motion["prev_motion/rescale_ratio"].item()
    found = denormalise(seeded.tensor("motion/normalised", (5, 70)), ratio)
    columns = {"exp": EXPRESSION, "scale": SCALE, "t": slice(64, 67), "pitch": 67, "yaw": 68, "roll": 69}
    for name, where in columns.items():
        assert expected_motion.difference(f"sequence/{name}", found[:, where]) < 1e-5, name


def test_first_motion_and_back_is_the_portrait(face: drive.SourceFace) -> None:
    first = drive.first_motion(face)
    back = denormalise(first.vector[None], first.ratio)[0]
    flat = face.vector.copy()
    flat[66] = 0
    np.testing.assert_allclose(back, flat, atol=2e-5)


def test_driving(expected_motion: Expected, face: drive.SourceFace, motion: Motion, files: SeededFiles) -> None:
    driven = torch.from_numpy(drive.driving_keypoints(face, motion, 0, 4))
    placed = torch.from_numpy(face.placed)[None].expand(4, -1, -1)
    assert expected_motion.difference("driven/plain/x_s", placed) < 1e-5
    assert expected_motion.difference("driven/plain/x_d", driven) < 1e-5
    network = convert.load_retargeting(files.retargeting(), "S").stitching
    assert expected_motion.difference("driven/stitched/x_s", placed) < 1e-5
    assert expected_motion.difference("driven/stitched/x_d", stitch(network, placed, driven)) < 1e-5


def test_frames_are_independent_of_how_they_are_cut(face: drive.SourceFace, motion: Motion) -> None:
    whole = drive.driving_keypoints(face, motion, 0, 4)
    np.testing.assert_array_equal(whole[1:3], drive.driving_keypoints(face, motion, 1, 3))


@pytest.mark.parametrize("origin", ["moda-lite", "template d5.pkl"])
def test_relative_motion_at_its_reference_shows_the_portrait(face: drive.SourceFace, origin: str) -> None:
    reference = np.linspace(-0.02, 0.02, DIM, dtype=np.float32)
    reference[SCALE], reference[ROTATION] = 1.7, (5, -12, 3)
    motion = Motion(np.repeat(reference[None], 2, 0), origin=origin, reference=reference)
    for keypoints in drive.driving_keypoints(face, motion, 0, 2):
        np.testing.assert_allclose(keypoints, face.placed, atol=1e-5)


@settings(max_examples=30)
@given(st.integers(0, 2**31))
def test_relative_adds_exactly_the_difference(face: drive.SourceFace, seed: int) -> None:
    random = np.random.default_rng(seed)
    reference = (random.normal(size=DIM) * 0.05).astype(np.float32)
    reference[SCALE], reference[ROTATION] = 1.3, random.uniform(-25, 25, 3)
    vector = reference + (random.normal(size=DIM) * 0.02).astype(np.float32)
    vector[ROTATION] = random.uniform(-25, 25, 3)
    driven = drive.relative_vectors(face, vector, reference)[0]
    np.testing.assert_allclose(
        driven[EXPRESSION] - face.vector[EXPRESSION], vector[EXPRESSION] - reference[EXPRESSION], atol=1e-6
    )
    assert driven[SCALE] / face.vector[SCALE] == pytest.approx(vector[SCALE] / reference[SCALE], rel=1e-5)
    turned = rotation_matrix(*driven[ROTATION]) @ rotation_matrix(*face.vector[ROTATION]).T
    np.testing.assert_allclose(
        turned, rotation_matrix(*vector[ROTATION]) @ rotation_matrix(*reference[ROTATION]).T, atol=1e-5
    )


def test_absolute_leaves_what_speech_does_not_drive(face: drive.SourceFace, motion: Motion) -> None:
    driven = drive.absolute_vectors(face, motion.array)
    own = face.vector[EXPRESSION].reshape(21, 3)
    expression = driven[:, EXPRESSION].reshape(-1, 21, 3)
    for keypoint in (0, 7, 10):
        np.testing.assert_array_equal(expression[:, keypoint], np.repeat(own[None, keypoint], 4, 0))
    np.testing.assert_array_equal(expression[:, 3, [0, 2]], np.repeat(own[None, 3, [0, 2]], 4, 0))
    assert (driven[:, SCALE] == face.vector[SCALE]).all()
    assert not np.shares_memory(driven, motion.array)


def test_a_mode_nobody_knows(face: drive.SourceFace, motion: Motion) -> None:
    with pytest.raises(BadSetting, match="auto, absolute, relative"):
        drive.driving_keypoints(face, motion, 0, 1, "sideways")


def test_statistics_hide_nothing(face: drive.SourceFace) -> None:
    """Some axes have deviations near zero: the floor keeps the round trip finite."""
    assert (STD + STD_FLOOR > 0).all()
    assert np.isfinite(normalise(face.vector)).all()
