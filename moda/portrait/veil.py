"""Is it a person above a cover? Niqabs, balaclavas and scarves leave a detector of faces little more than two eyes.

A lower face is laid over what covers it, in the colour of the skin around the eyes, and the whole is looked at again:
human eyes above it make a face that both detectors and the mirror image agree on, an animal's rarely do. What is laid
over must have been a cover: no lips are seen where they should be, and it is of another colour than the skin.

Chosen on 240 drawn covers (niqabs with and without a scarf, balaclavas, gaiters, in six colours, half of them in grey)
over 12 people of films, and on 155 face-like things in photographs of animals and things. Held against others: of 192
niqabs over 16 people 180 are taken for people (21 without this), of 64 balaclavas 44 (0), of 64 gaiters 64 (56), of 102
niqabs over paintings, drawings and photographs 73 (1); of 75 face-like things in 260 pictures none.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from moda.portrait.crop import upright
from moda.portrait.evidence import LOOK_SIZE, look
from moda.portrait.face import Face
from moda.portrait.mouth_cover import mouth_is_covered

_SIDE = 5.0
"""IOD of the square that is looked at."""
_LOWER_FACE = Path(__file__).with_name("lower_face.webp")
"""Nose, cheeks, mouth and chin of NASA's public-domain portrait of Eileen Collins, mirrored about the middle, with a
soft border; it lies at `_PLACE` (row, column) of the square."""
_PLACE = (207, 120)
_TONE = np.array((78.25, 6.95, 15.97), np.float32)
"""CIELAB of her skin around the eyes."""
_AROUND_EYES = (229, 230, 231, 449, 450, 451, 6, 168, 122, 351)
_BELOW = (4, 5, 195, 50, 280, 205, 425, 207, 427, 199, 200, 152, 17, 0, 136, 365)
_SEEN = 0.25
"""Score of the short-range detector from which a face is looked at again."""
_SCORE_COUNTS, _ENOUGH = 0.5, 0.7
"""How much that score adds to the completed face's certainty, and from which on no more."""
_CERTAIN = 1.68
"""Their sum from which there is a person."""
_FOREIGN = 18.0
"""Distance in CIELAB, in the median, between the skin around the eyes and what is below, from which that is a cover."""
_GREY = 2.0
"""Mean chroma below which a picture is grey."""


def is_veiled(image: np.ndarray, face: Face) -> bool:
    """Whether `face` of `image` (H, W, 3) uint8 RGB is a person's whose lower half is covered."""
    if face.score < _SEEN or not mouth_is_covered(image, face):
        return False
    import cv2

    cut, matrix = upright(image, face.pose, _SIDE, LOOK_SIZE)
    points = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    lab = np.asarray(cv2.cvtColor(cut.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    tone = np.median(_colours(lab, points[list(_AROUND_EYES)]), axis=0)
    below = _colours(np.asarray(cv2.GaussianBlur(lab, (0, 0), 3.0)), points[list(_BELOW)])
    if np.median(np.linalg.norm(below - tone, axis=1)) < _FOREIGN:
        return False
    completed = _completed(cut, tone, bool(np.hypot(lab[..., 1], lab[..., 2]).mean() < _GREY))
    return look(completed, _SIDE).certainty + _SCORE_COUNTS * min(face.score, _ENOUGH) >= _CERTAIN


def _colours(lab: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.clip(points.astype(int), 0, LOOK_SIZE - 1).T
    return np.asarray(lab[y, x])


def _completed(cut: np.ndarray, tone: np.ndarray, grey: bool) -> np.ndarray:
    """The square with our lower face laid over, in the tone (CIELAB) of the skin around the eyes."""
    import cv2

    own, alpha = _lower_face()
    lab = np.asarray(own + (tone - _TONE), np.float32)
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    if grey:
        lab[..., 1:] = 0
    colour = 255 * np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
    rows, columns = (slice(start, start + size) for start, size in zip(_PLACE, alpha.shape))
    out = cut.copy()
    out[rows, columns] = (cut[rows, columns] * (1 - alpha) + colour * alpha).astype(np.uint8)
    return out


@functools.lru_cache(maxsize=1)
def _lower_face() -> tuple[np.ndarray, np.ndarray]:
    """CIELAB (h, w, 3) float32 and opacity (h, w, 1) of the lower face that is laid over."""
    import cv2
    from PIL import Image

    with Image.open(_LOWER_FACE) as picture:
        whole = np.asarray(picture.convert("RGBA")).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(whole[..., :3]), cv2.COLOR_RGB2LAB)), whole[..., 3:]
