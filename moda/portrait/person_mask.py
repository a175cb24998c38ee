"""Where the person stands: MediaPipe's selfie segmentation, looked at in several windows and both ways round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moda.portrait import mediapipe_graphs

if TYPE_CHECKING:
    from moda.portrait.faces import Face

WINDOWS = (7.5, 12.0)
"""Sides, in IOD, of the windows around the head that are looked at beside the whole picture. The network sees 256
pixels: with fewer than about 20 an IOD hair is lost, and a head that fills the window without shoulders is not taken
for a person."""
BELOW_EYES = 0.45
"""How far below the eyes, in IOD, the middle of the windows lies."""


def person_mask(image: np.ndarray, face: Face) -> np.ndarray:
    """Probability (H, W) float32 that a pixel of `image` (H, W, 3) uint8 RGB belongs to a person.

    The mean of what the network says of the whole picture and of windows around the head, each also mirrored.
    """
    height, width = image.shape[:2]
    total = _both_ways(image)
    weight = np.ones((height, width), np.float32)
    pose = face.pose
    iod = float(pose.scale)
    centre = pose.translation[:2] + pose.rotation[:2, 1] * BELOW_EYES * iod
    for side in WINDOWS:
        if side * iod > 0.85 * max(height, width):
            continue
        x0, y0, x1, y1 = _window(centre, side * iod, width, height)
        trust = _fading(x1 - x0, y1 - y0, (x0 > 0, y0 > 0, x1 < width, y1 < height))
        total[y0:y1, x0:x1] += trust * _both_ways(image[y0:y1, x0:x1])
        weight[y0:y1, x0:x1] += trust
    return np.asarray(total / weight)


def _window(centre: np.ndarray, side: float, width: int, height: int) -> tuple[int, int, int, int]:
    """A square of `side` pixels around `centre`, moved and cut so that it lies in the picture."""
    spans = []
    for middle, length in zip(centre, (width, height)):
        wide = min(round(side), length)
        low = int(np.clip(round(float(middle) - wide / 2), 0, length - wide))
        spans.append((low, low + wide))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def _fading(width: int, height: int, inner: Sequence[bool]) -> np.ndarray:
    """Trust (height, width) in a window: 2 inside, fading to 0 where its side cuts through the picture."""
    fade = 0.15 * min(width, height)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    far = np.full_like(x, np.inf)
    across = np.minimum(x if inner[0] else far, (width - x) if inner[2] else far)
    far = np.full_like(y, np.inf)
    down = np.minimum(y if inner[1] else far, (height - y) if inner[3] else far)
    near = np.minimum(across[None], down[:, None])
    return (2.0 * np.clip(near / fade, 0.0, 1.0)).astype(np.float32)


def _both_ways(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, (min(width, 256), min(height, 256)), interpolation=cv2.INTER_AREA)
    mask = mediapipe_graphs.person_mask(small)
    mask = (mask + mediapipe_graphs.person_mask(small[:, ::-1])[:, ::-1]) / 2
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR))
