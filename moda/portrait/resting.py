"""What a face does in its picture, before anything moves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moda.portrait.face import Face
from moda.portrait.glasses import wears_glasses
from moda.portrait.measures import eye_openness, lip_gap, mouth_width, smile_corner
from moda.portrait.sharpness import brightness, sharpness


@dataclass(frozen=True)
class RestingFace:
    """Measures of a face at rest; lengths in IOD, the distance of the eye centres."""

    gap: float
    """Inner-lip opening: 0 closed, about 0.30 a wide "ah"."""
    mouth_width: float
    smile: float
    """Mouth corners above the middle of the lips; + is a smile."""
    eye_left: float
    """Height over width of the image-left eye."""
    eye_right: float
    glasses: bool
    """Framed glasses are seen."""
    sharpness: float
    """0.3 blurred to 0.7 crisp."""
    brightness: float
    """Mean over the face, 0..255."""


def resting_face(image: np.ndarray, face: Face) -> RestingFace:
    """Measure `face` in `image` (H, W, 3) uint8 RGB."""
    landmarks = face.landmarks
    eyes = eye_openness(landmarks)
    return RestingFace(
        gap=float(lip_gap(landmarks)),
        mouth_width=float(mouth_width(landmarks)),
        smile=float(smile_corner(landmarks)),
        eye_left=float(eyes[0]),
        eye_right=float(eyes[1]),
        glasses=wears_glasses(image, face),
        sharpness=sharpness(image, face),
        brightness=brightness(image, face),
    )
