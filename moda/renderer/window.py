"""The upright square about head and shoulders that every renderer shows when it crops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait


def upright_window(portrait: Portrait, person: np.ndarray | None = None) -> tuple[float, float, float]:
    """Left, top and side of the square in picture px, inside the picture; hair and hats are not cut at its top.

    person: (H, W) how surely each pixel is the person, the portrait's matte where not given.
    """
    window, (width, height) = face_window(portrait), portrait.size
    if person is None:
        person = opacity_of(portrait)
    region = (0.0, 0.0, float(width - 1), float(height - 1))
    return with_headroom(window, person, region, float(portrait.placement.scale))


def opacity_of(portrait: Portrait) -> np.ndarray:
    """(H, W) the matte's alpha, or what the segmentation thinks where it is not sure enough for a matte."""
    if not portrait.matte.whole:
        return portrait.matte.alpha
    from moda.portrait.person_mask import person_mask

    return person_mask(portrait.image, portrait.face)


def face_window(portrait: Portrait) -> tuple[float, float, float]:
    """The square before it is moved up for hair and hats."""
    head = portrait.placement
    iod = float(head.scale)
    centre = np.asarray(head.translation[:2], np.float64) + head.rotation[:2, 1].astype(np.float64) * 0.45 * iod
    return crop_window(centre, iod, (portrait.image.shape[0], portrait.image.shape[1]))


def crop_window(face_centre: np.ndarray, iod: float, picture: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square shown in crop mode, px; kept inside a picture of (height, width)."""
    height, width = picture
    side = min(5.0 * iod, float(height), float(width))
    x = float(np.clip(face_centre[0] - side / 2, 0, width - side))
    y = float(np.clip(face_centre[1] - side / 2, 0, height - side))
    return x, y, side


def with_headroom(
    window: tuple[float, float, float], person: np.ndarray, region: tuple[float, float, float, float], iod: float
) -> tuple[float, float, float]:
    """The window moved up, by at most 0.5 IOD, where hair or a hat would be cut at its upper rim.

    person: (h, w) probability of "person" over the region (x0, y0, x1, y1) px.
    """
    x, y, side = window
    h, w = person.shape
    per_x, per_y = (region[2] - region[0]) / w, (region[3] - region[1]) / h
    left, right = (int(np.clip((x + side * t - region[0]) / per_x, 0, w - 1)) for t in (0.3, 0.7))
    rows = np.flatnonzero((person[:, left : right + 1] > 0.5).mean(1) > 0.15)
    if not len(rows):
        return window
    top = region[1] + rows[0] * per_y
    lift = float(np.clip(y + 0.16 * iod - top, 0.0, 0.5 * iod))
    return x, max(0.0, y - lift), side
