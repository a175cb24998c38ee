"""Real pictures that are always present: public-domain portraits carried by matplotlib and scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.portrait.pictures import load_picture
from moda.portrait.portrait import Portrait, open_portrait


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper, 512x600, framed glasses, looking at the camera."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins, 512x512, a small smiling face."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def hopper(hopper_path: Path) -> np.ndarray:
    return load_picture(hopper_path)


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> np.ndarray:
    return load_picture(astronaut_path)


@pytest.fixture(scope="session")
def hopper_portrait(hopper_path: Path) -> Portrait:
    return open_portrait(hopper_path)


def turned(image: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    """`image` turned clockwise as seen, and scaled, about its middle."""
    import cv2

    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, scale)
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    )
