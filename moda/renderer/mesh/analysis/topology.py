"""Which landmarks make the face mesh, and how they are joined.

The 468 landmarks of MediaPipe's face mesh, with the triangles of :mod:`moda.portrait.canonical`. The eye
openings and the mouth opening are holes there; they are closed here by strips, and kept apart, because what is
seen through them (eyeballs, teeth) is drawn by its own sheets. "Left" always means the left of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moda.portrait.canonical import face_triangles

COUNT = 468

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Mouth: columns from the left corner to the right one.
LIP_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIP_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
# Rows of the lips between the outer and the inner rim, from outside to inside.
LIP_UPPER_ROWS = ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
                  (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
                  (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292))  # fmt: skip
LIP_LOWER_ROWS = ((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
                  (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
                  (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292))  # fmt: skip


@dataclass(frozen=True)
class EyeLandmarks:
    """One eye: lid rims from the image-left to the image-right corner, and the rings of skin around them."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    crease: tuple[int, ...]  # the first ring above the upper rim
    above: tuple[int, ...]  # the second ring above, below the brow
    below: tuple[int, ...]  # the first ring below the lower rim
    brow: tuple[int, ...]
    iris: int  # centre; the four rim points follow it


LEFT_EYE = EyeLandmarks(
    upper=(33, 246, 161, 160, 159, 158, 157, 173, 133),
    lower=(33, 7, 163, 144, 145, 153, 154, 155, 133),
    crease=(130, 247, 30, 29, 27, 28, 56, 190, 243),
    above=(226, 113, 225, 224, 223, 222, 221, 189, 244),
    below=(130, 25, 110, 24, 23, 22, 26, 112, 243),
    brow=(46, 53, 52, 65, 55),
    iris=468,
)
RIGHT_EYE = EyeLandmarks(
    upper=(362, 398, 384, 385, 386, 387, 388, 466, 263),
    lower=(362, 382, 381, 380, 374, 373, 390, 249, 263),
    crease=(463, 414, 286, 258, 257, 259, 260, 467, 359),
    above=(464, 413, 441, 442, 443, 444, 445, 342, 446),
    below=(463, 341, 256, 252, 253, 254, 339, 255, 359),
    brow=(285, 295, 282, 283, 276),
    iris=473,
)
EYES = (LEFT_EYE, RIGHT_EYE)


def _strip(upper: tuple[int, ...], lower: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Triangles between two chains that share their two ends."""
    faces = []
    for k in range(len(upper) - 1):
        a, b, c, d = upper[k], upper[k + 1], lower[k], lower[k + 1]
        if len({a, b, d}) == 3:
            faces.append((a, b, d))
        if len({a, d, c}) == 3:
            faces.append((a, d, c))
    return faces


LASH_ROWS = (tuple(range(COUNT, COUNT + 9)), tuple(range(COUNT + 9, COUNT + 18)))
"""Extra vertices of the mesh above each upper rim: between the rim and them lie the lashes, which must not stretch."""
FACE = COUNT + 18
LASH_BAND = 0.36
"""Where the lash row lies between the rim (0) and the crease (1)."""


def with_lash_rows(values: np.ndarray) -> np.ndarray:
    """(..., 468, k) values of the landmarks -> (..., 486, k) with the lash rows put between rim and crease."""
    rows = [
        (1 - LASH_BAND) * values[..., list(eye.upper), :] + LASH_BAND * values[..., list(eye.crease), :] for eye in EYES
    ]
    return np.concatenate([values[..., :COUNT, :], *rows], axis=-2)


@lru_cache(maxsize=1)
def skin_triangles() -> np.ndarray:
    """(n, 3) int32: the skin, without eye and mouth openings; clockwise on the picture (y down)."""
    faces = face_triangles()[:, ::-1]
    added = []
    for eye, lash in zip(EYES, LASH_ROWS):
        upper, crease = set(eye.upper), set(eye.crease)
        between = np.array([{*f} <= upper | crease and bool({*f} & upper) and bool({*f} & crease) for f in faces])
        faces = faces[~between]
        added += _strip(eye.crease, lash) + _strip(lash, eye.upper)
    return np.ascontiguousarray(np.vstack([faces, np.array(added)]), np.int32)


def landmark_triangles() -> np.ndarray:
    """(852, 3) int32: the same over the 468 landmarks alone."""
    return np.ascontiguousarray(face_triangles()[:, ::-1])


@lru_cache(maxsize=1)
def hole_triangles() -> np.ndarray:
    """(46, 3) int32: the two eye openings and the mouth opening."""
    faces = [f for eye in EYES for f in _strip(eye.upper, eye.lower)]
    faces += _strip(LIP_UPPER_INNER, LIP_LOWER_INNER)
    return np.array(faces, np.int32)
