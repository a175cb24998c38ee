"""A public-domain portrait, and short videos made from it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from moda.media.audio import Speech
from moda.media.speak import speak
from moda.media.video import VideoWriter


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A real face, 320 px."""
    from PIL import Image

    image = Image.open(str(files("skimage") / "data" / "astronaut.png")).convert("RGB")
    return np.asarray(image.crop((90, 0, 410, 320)))


@pytest.fixture(scope="session")
def speech() -> Speech:
    return speak("Good morning, this is a short test.", "en-us+f2", offline=True).trim(0, 1.6)


@pytest.fixture(scope="session")
def still_video(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray, speech: Speech) -> Path:
    """The portrait, unmoved, with speech."""
    path = tmp_path_factory.mktemp("videos") / "still.mp4"
    with VideoWriter(path, 25.0, (320, 320), speech, frames=40) as video:
        for _ in range(40):
            video.write(picture)
    return path


@pytest.fixture(scope="session")
def poor_video(tmp_path_factory: pytest.TempPathFactory, picture: np.ndarray) -> Path:
    """The portrait blurred, flickering, rolling to and fro, without sound."""
    import cv2

    path = tmp_path_factory.mktemp("videos") / "poor.mp4"
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.6)
    with VideoWriter(path, 25.0, (320, 320)) as video:
        for i in range(40):
            turn = cv2.getRotationMatrix2D((135, 100), 4 * np.sin(2 * np.pi * i / 20), 1.0)
            frame = cv2.warpAffine(blurred, turn, (320, 320), borderMode=cv2.BORDER_REFLECT)
            video.write(np.clip(frame * (1.0 + 0.08 * (i % 2)), 0, 255).astype(np.uint8))
    return path
