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
    from moda.portrait.face import Face

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks along the outline of the face."""
BY_TRANSPARENCY = "by the picture's own transparency"
WORK_SIDE = 768
"""Longest side in pixels of the copy in which a large picture is worked on."""
COARSE_SIDE, FINE_SIDE = 320, 448
"""Longest side in pixels of the whole picture and of the head's window when they are solved."""
COARSE_STEPS, FINE_STEPS = 60, 25
SEEN = 0.6
"""Least mean of the mask over the face."""
SOME_BACKGROUND = 0.04
"""Least part of the picture that must be background."""
MOST_GREY = 1.5
"""Most area, in IOD², around the head that may be neither person nor background."""
CUT_OUT = 0.75
"""Mean of the mask over the opaque part from which a picture's transparency is taken for the person's outline."""
HEAD_SIDE = 5.0
"""Side in IOD of the head's window."""
HAIR_BAND, BODY_BAND = 0.13, 0.05
"""Half width in IOD of the band of doubt around the mask's edge: beside the head above the chin, and elsewhere."""
TRUST = 0.04
"""Weight of the mask inside the band: it decides where colours do not (black hair on black)."""


@dataclass(frozen=True)
class Matte:
    """The person cut out of the picture."""

    alpha: np.ndarray
    """(H, W) float32 in 0..1."""
    foreground: np.ndarray
    """(H, W, 3) uint8: the person's colours, freed of the background."""
    plate: np.ndarray
    """(H, W, 3) uint8: the picture without the person and its fringe; see `plate.split_layers`."""
    carried: np.ndarray
    """(H, W) float32 in 0..1: opacity of the person, fringe included, over its own plate; `plate.own_colours` over the
    plate is the picture, to one level."""
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
    found, how = person_alpha(image, face, alpha, others)
    if found is None:
        solid = np.ones(image.shape[:2], np.float32)
        return Matte(solid, image, image, solid, how, whole=True)
    return Matte(found, *split_layers(image, found), how)


def person_alpha(
    image: np.ndarray, face: Face, alpha: np.ndarray | None = None, others: Sequence[Face] = ()
) -> tuple[np.ndarray | None, str]:
    """The person's opacity (H, W) float32, None where nothing can be told apart, and how it was found.

    Large pictures are worked on in a smaller copy, and the opacity is carried back along the colours of the picture.
    """
    import cv2

    height, width = image.shape[:2]
    factor = WORK_SIDE / max(height, width)
    if factor >= 1:
        return _alpha_at_size(image, face, alpha, others)
    size = (round(width * factor), round(height * factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    clear = None if alpha is None else cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    found, how = _alpha_at_size(small, face.scaled(factor), clear, [other.scaled(factor) for other in others])
    if found is None:
        return None, how
    if alpha is not None and how == BY_TRANSPARENCY:
        return _clean(alpha), how
    grown = _enlarged(found, small, image)
    return (grown if alpha is None else np.minimum(grown, alpha)), how


def _clean(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha < 1 / 255, 0, alpha).astype(np.float32)


def _alpha_at_size(
    image: np.ndarray, face: Face, alpha: np.ndarray | None, others: Sequence[Face]
) -> tuple[np.ndarray | None, str]:
    mask = person_mask(image, face)
    area = _face_area(image.shape[:2], face)
    if alpha is not None:
        opaque = alpha > 0.5
        if mask[opaque].mean() > CUT_OUT or _unsure(mask, area, face) is not None:
            return _clean(alpha), BY_TRANSPARENCY
        mask = np.minimum(mask, alpha)
    fault = _unsure(mask, area, face)
    if fault is not None:
        return None, fault
    mask = _of_this_person(image, mask, area, face, others)
    found = refine(image, np.maximum(mask, area), face)
    if alpha is not None:
        return np.minimum(found, alpha), "by the picture's own transparency and by segmentation"
    return found, "by segmentation"


def _unsure(mask: np.ndarray, area: np.ndarray, face: Face) -> str | None:
    """Why `mask` (H, W) cannot be trusted to tell person from background; None when it can."""
    if float(mask[area > 0.5].mean()) < SEEN:
        return "as one sheet: the segmentation does not see a person where the face is"
    if float((mask < 0.5).mean()) < SOME_BACKGROUND:
        return "as one sheet: the person fills the picture"
    iod = float(face.pose.scale)
    x, y = face.pose.translation[:2]
    reach = HEAD_SIDE / 2 * iod
    around = (slice(max(0, int(y - reach)), int(y + reach)), slice(max(0, int(x - reach)), int(x + reach)))
    grey = float(((mask[around] > 0.25) & (mask[around] < 0.75)).sum()) / iod**2
    if grey > MOST_GREY:
        return "as one sheet: person and background look too much alike"
    return None


def _of_this_person(
    image: np.ndarray, mask: np.ndarray, area: np.ndarray, face: Face, others: Sequence[Face]
) -> np.ndarray:
    """`mask` (H, W) without people whose face is another one and without what does not hang together with this one."""
    import cv2

    if others:
        mask = np.where(_nearer_to_others(image, mask, face, others), 0, mask).astype(np.float32)
    _, labels = cv2.connectedComponents(((mask > 0.3) | (area > 0.5)).astype(np.uint8))
    own = np.bincount(labels[area > 0.5]).argmax()
    keep = cv2.dilate((labels == own).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(keep, mask, 0).astype(np.float32)


def _nearer_to_others(image: np.ndarray, mask: np.ndarray, face: Face, others: Sequence[Face]) -> np.ndarray:
    """Where the people of other faces stand (H, W) bool: a watershed grown from every face and the chest below it."""
    import cv2

    height, width = mask.shape
    factor = min(1.0, COARSE_SIDE / max(height, width))
    size = (max(round(width * factor), 4), max(round(height * factor), 4))
    seeds = np.zeros((size[1], size[0]), np.int32)
    seeds[cv2.resize(mask, size, interpolation=cv2.INTER_AREA) < 0.2] = len(others) + 2
    for number, one in reversed(list(enumerate((face, *others), start=1))):
        cv2.fillPoly(seeds, [np.round(one.landmarks[list(OVAL), :2] * factor).astype(np.int32)], number)  # type: ignore[call-overload]
        pose = one.pose
        chest = pose.translation[:2] + np.outer((1.6, 2.6), pose.rotation[:2, 1]) * float(pose.scale)
        ends = [tuple(int(v) for v in np.round(end * factor)) for end in chest]
        cv2.line(seeds, ends[0], ends[1], number, max(1, round(0.5 * float(pose.scale) * factor)))  # type: ignore[call-overload]
    grown = cv2.watershed(cv2.resize(image, size, interpolation=cv2.INTER_AREA), seeds)
    theirs = ((grown > 1) & (grown < len(others) + 2)).astype(np.uint8)
    return np.asarray(cv2.resize(theirs, (width, height), interpolation=cv2.INTER_NEAREST)) > 0


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
    return _along_colours(laplacian, solved, image, alpha, unknown)


def _along_colours(
    laplacian: MattingLaplacian, solved: np.ndarray, image: np.ndarray, alpha: np.ndarray, unknown: np.ndarray
) -> np.ndarray:
    """`alpha` (H, W) with its `unknown` pixels from a smaller solution, by its local linear models of the colours."""
    import cv2

    height, width = alpha.shape
    slopes, offset = laplacian.model(solved)
    model = cv2.resize(np.dstack([slopes, offset]), (width, height), interpolation=cv2.INTER_LINEAR)[unknown]
    full = alpha.astype(np.float32)
    full[unknown] = np.einsum("nc,nc->n", model[:, :3], image[unknown]) / 255.0 + model[:, 3]
    return np.clip(full, 0.0, 1.0)


def _enlarged(found: np.ndarray, small: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The opacity `found` (h, w) of `small` (h, w, 3) for `image` (H, W, 3), the same picture at full size."""
    import cv2

    size = (image.shape[1], image.shape[0])
    soft = cv2.dilate(((found > 0.01) & (found < 0.99)).astype(np.uint8), np.ones((3, 3), np.uint8))
    unknown = np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_NEAREST)) > 0
    grown = np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_LINEAR))
    sure = np.where(unknown, grown, np.rint(grown))
    return _along_colours(MattingLaplacian(small.astype(np.float32) / 255.0), found, image, sure, unknown)


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
