"""Motion by M, with random weights of its own class: what the crop takes away is given back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from moda.corpus.footage.extract import extract_motion
from moda.motion.space import DIM, PITCH, ROLL, SCALE, TRANSLATION, YAW
from moda.motion.statistics import MEAN
from moda.portrait.portrait import Portrait
from moda.renderer.liveportrait.motion_extractor import MotionExtractor, MotionExtractorConfig


@pytest.fixture(scope="module")
def network() -> MotionExtractor:
    torch.manual_seed(3)
    return MotionExtractor(MotionExtractorConfig(depths=(1, 1, 1, 1), widths=(8, 12, 16, 24))).eval()


def turned(image: np.ndarray, landmarks: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Picture and landmarks turned clockwise as seen, about the picture's middle."""
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), -degrees, 1.0)
    points = landmarks.copy()
    points[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), points


def test_frames_become_motion_of_average_size(network: MotionExtractor, sitter: Portrait) -> None:
    frames = [np.roll(sitter.image, k, axis=1) for k in range(19)]  # more than one batch
    motion = extract_motion(network, frames, sitter.landmarks)
    assert motion.shape == (19, DIM) and np.isfinite(motion).all()
    assert motion[0, SCALE] == pytest.approx(MEAN[SCALE], rel=1e-5)
    assert (motion[:, TRANSLATION.stop - 1] == 0).all()
    assert np.abs(motion[0] - motion[18]).max() > 1e-4
    assert extract_motion(network, [], sitter.landmarks).shape == (0, DIM)


def test_roll_is_that_of_the_picture(network: MotionExtractor, sitter: Portrait) -> None:
    upright = extract_motion(network, [sitter.image], sitter.landmarks)[0]
    picture, points = turned(sitter.image, sitter.landmarks, 12.0)
    leaning = extract_motion(network, [picture], points)[0]
    assert leaning[ROLL] - upright[ROLL] == pytest.approx(12.0, abs=0.5)
    for axis in (PITCH, YAW):
        assert leaning[axis] == pytest.approx(upright[axis], abs=0.5), "the crop itself stands upright"
    angle = np.radians(12.0)
    x, y = upright[TRANSLATION][:2]
    expected = [np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y]
    assert leaning[TRANSLATION][:2] == pytest.approx(expected, abs=0.06), "the other way round it would be 0.12 off"
