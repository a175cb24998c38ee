"""The matte: how opaque the person is at every pixel, soft at hair, and the person's own colours there.

A mask (`person_mask`) tells what is surely person and what surely background; in the band of doubt between them the
opacity is solved for (`closed_form`), first in a small copy of the whole picture, then finer around the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moda.portrait.closed_form import MattingLaplacian, solve_alpha
from moda.portrait.person_mask import person_mask
from moda.portrait.plate import split_layers

if TYPE_CHECKING:
    from moda.portrait.faces import Face

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks along the outline of the face."""
COARSE_SIDE, FINE_SIDE = 320, 448
"""Longest side in pixels of the whole picture and of the head's window when they are solved."""
COARSE_STEPS, FINE_STEPS = 60, 25
HEAD_SIDE = 5.0
"""Side in IOD of the head's window."""
HAIR_BAND, BODY_BAND = 0.16, 0.05
"""Half width in IOD of the band of doubt around the mask's edge: beside the head above the chin, and elsewhere."""
TRUST = 0.02
"""Weight of the mask inside the band: it decides where colours do not (black hair on black)."""


@dataclass(frozen=True)
class Matte:
    """The person cut out of the picture."""

    alpha: np.ndarray
    """(H, W) float32 in 0..1."""
    foreground: np.ndarray
    """(H, W, 3) uint8: the person's colours, freed of the background; alpha * foreground + (1 - alpha) * plate is the
    picture, to one level."""
    how: str
    """How person and background were told apart, in one sentence."""
    whole: bool = False
    """No background could be told from the person: alpha is 1 everywhere."""


def person_matte(image: np.ndarray, face: Face, alpha: np.ndarray | None = None, others: Sequence[Face] = ()) -> Matte:
    """Cut the person with `face` out of `image` (H, W, 3) uint8 RGB.

    Args:
        alpha: (H, W) float32 in 0..1, the picture's own transparency.
        others: further faces in the picture; their people belong to the background.
    """
    found, how, whole = person_alpha(image, face, alpha, others)
    return Matte(found, split_layers(image, found)[0], how, whole)


def person_alpha(
    image: np.ndarray, face: Face, alpha: np.ndarray | None = None, others: Sequence[Face] = ()
) -> tuple[np.ndarray, str, bool]:
    """Alpha (H, W), how it was found, and whether nothing could be told apart; see `person_matte`."""
    mask = person_mask(image, face)
    mask = np.maximum(mask, _face_area(image.shape[:2], face))
    return refine(image, mask, face), "segmentation", False


def _face_area(shape: tuple[int, ...], face: Face) -> np.ndarray:
    import cv2

    area = np.zeros(shape, np.float32)
    cv2.fillPoly(area, [np.round(face.landmarks[list(OVAL), :2]).astype(np.int32)], (1.0,))
    return area


def refine(image: np.ndarray, mask: np.ndarray, face: Face) -> np.ndarray:
    """Opacity (H, W) float32 from the probability `mask` (H, W), by solving for it in a band around its edge."""
    height, width = mask.shape
    unknown, sure = _band(mask, face)
    factor = min(1.0, COARSE_SIDE / max(height, width))
    alpha = np.where(unknown, mask, sure).astype(np.float32)
    alpha = _solve(image, alpha, unknown, mask, factor, COARSE_STEPS)
    # finer around the head
    pose = face.pose
    iod = float(pose.scale)
    half = HEAD_SIDE * iod / 2
    centre = pose.translation[:2] - pose.rotation[:2, 1] * 0.1 * iod
    x0, y0 = (int(max(0, v - half)) for v in centre)
    x1, y1 = int(min(width, centre[0] + half)), int(min(height, centre[1] + half))
    fine = min(1.0, FINE_SIDE / max(x1 - x0, y1 - y0))
    if fine > 1.2 * factor:
        part = (slice(y0, y1), slice(x0, x1))
        alpha[part] = _solve(image[part], alpha[part], unknown[part], mask[part], fine, FINE_STEPS)
    return alpha


def _solve(
    image: np.ndarray, alpha: np.ndarray, unknown: np.ndarray, mask: np.ndarray, factor: float, steps: int
) -> np.ndarray:
    import cv2

    height, width = alpha.shape
    size = (max(round(width * factor), 4), max(round(height * factor), 4))

    def small(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA)) if factor < 1 else values

    colours = small(image).astype(np.float32) / 255.0
    free = small(unknown.astype(np.float32)) > 0
    laplacian = MattingLaplacian(colours)
    solved = solve_alpha(laplacian, small(alpha), free, small(mask), TRUST, steps)
    if factor == 1:
        return np.where(unknown, solved, alpha)
    slopes, offset = laplacian.model(solved)
    slopes = cv2.resize(slopes, (width, height), interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(offset, (width, height), interpolation=cv2.INTER_LINEAR)
    full = np.clip((slopes * image).sum(2) / 255.0 + offset, 0.0, 1.0)
    return np.where(unknown, full, alpha).astype(np.float32)


def _band(mask: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Where to solve (H, W) bool, and what is surely person elsewhere."""
    import cv2

    pose = face.pose
    iod = float(pose.scale)
    height, width = mask.shape
    person = (mask > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(person, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    near = np.maximum(inside, outside)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    down = ((x - pose.translation[0]) * pose.rotation[0, 1] + (y - pose.translation[1]) * pose.rotation[1, 1]) / iod
    share = np.clip((1.3 - down) / 0.6, 0.0, 1.0)
    wide = iod * (BODY_BAND + (HAIR_BAND - BODY_BAND) * share)
    unknown = (near <= wide) | ((mask > 0.1) & (mask < 0.9))
    unknown &= _face_area(mask.shape, face) < 0.5
    return unknown, person.astype(np.float32)
