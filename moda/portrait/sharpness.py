"""Is the picture fit to be seen? Black, of one colour, blurred; and how sharp and bright a face is.

Sharpness is how much of the fine detail lies in the finest octave of a face-sized cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moda.portrait.crop import upright

if TYPE_CHECKING:
    from moda.portrait.face import Face

BLURRED = 0.33
"""Measured: 0.35 or more on 25 sharp faces (paintings, photos, video), 0.29-0.32 on faces blurred by more than 1.5 % of
the IOD or enlarged four times."""


BLACK, FLAT = 45.0, 3.0
"""Brightness, of 255, that 1 % of the pixels of a usable picture reach, and the least spread of brightness."""
SMEARED = 0.17
"""Least ratio of detail of 1.5 to 3 (512ths of the picture) to that of 3 to 12, which neither rounding nor the blocks
of a JPEG picture make up: 0.21 or more in nearly all pictures of whatever, less in 95 % of those that are blurred by 8
to 22 and stored at any quality."""


def sharpness(image: np.ndarray, face: Face) -> float:
    """Share of detail finer than 1 % of the IOD in that finer than 2 %, about 0.3 (blurred) to 0.7 (crisp)."""
    import cv2

    cut, _ = upright(image, face.pose, 3.0, 300)
    grey = cut.mean(2, dtype=np.float32)
    fine, coarse = (np.abs(grey - cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (1, 2))
    return float(np.percentile(fine, 95) / max(float(np.percentile(coarse, 95)), 1e-6))


def brightness(image: np.ndarray, face: Face) -> float:
    """Mean brightness of the middle of the face, 0..255."""
    cut, _ = upright(image, face.pose, 1.6, 48)
    return float(cut.mean())


def picture_fault(image: np.ndarray) -> str | None:
    """Why no face may be seen in `image` (H, W, 3) uint8 RGB, as the end of a sentence; None when it looks in order."""
    import cv2

    side = max(image.shape[:2])
    factor = min(1.0, 512 / side)
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    grey = cv2.resize(image, size, interpolation=cv2.INTER_AREA).mean(2, dtype=np.float32)
    if float(np.percentile(grey, 99)) < BLACK:
        return "the picture is almost black; please use a brighter one"
    if float(grey.std()) < FLAT:
        return "the picture is almost of one colour; please use one that shows a face"
    first, second, third = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1.5, 3.0, 12.0))
    if float(np.abs(first - second).mean()) < SMEARED * float(np.abs(second - third).mean()):
        return "the picture is very blurred; please use a sharper one"
    return None
