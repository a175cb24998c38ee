"""The picture with a numbered box around every face, to click on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from moda.portrait.faces import Face

WIDEST = 900
CHOSEN, OTHER = (20, 184, 166), (255, 255, 255)


def boxed(image: np.ndarray, faces: Sequence[Face], chosen: int) -> tuple[np.ndarray, float]:
    """(picture (h, w, 3) uint8 at most 900 px wide with boxes and numbers, its scale against the original)."""
    import cv2

    scale = min(1.0, WIDEST / image.shape[1])
    shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    for number, face in enumerate(faces):
        x0, y0, x1, y1 = (round(scale * value) for value in face.box)
        colour = CHOSEN if number == chosen else OTHER
        cv2.rectangle(shown, (x0, y0), (x1, y1), (0, 0, 0), 5)
        cv2.rectangle(shown, (x0, y0), (x1, y1), colour, 3)
        at = (x0 + 4, max(y0 - 8, 26))
        cv2.putText(shown, str(number + 1), at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 6, cv2.LINE_AA)
        cv2.putText(shown, str(number + 1), at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, 2, cv2.LINE_AA)
    return shown, scale


def which(portrait_box: Sequence[float], faces: Sequence[Face]) -> int:
    """Number of the face whose box is nearest to this one."""
    box = np.asarray(portrait_box)
    return int(np.argmin([np.abs(np.asarray(face.box) - box).sum() for face in faces])) if faces else 0
