"""The plate: the picture behind the person, filled in where the person stood; and the colours of both layers.

Only a thin band along the person's edge is ever uncovered when the head turns, so that band is filled with care: lines
that meet the person go on behind it (coherence transport, Bornemann and März 2007, in a reduced picture), and the grain
of the surroundings is mirrored into it. What lies deeper is a smooth membrane.
"""

from __future__ import annotations

import numpy as np

WORK_SIDE = 256
"""Longest side of the reduced picture in which lines are continued."""
DEPTH = 28
"""How many pixels of the reduced picture lines are continued into the hole."""
GRAIN, STRONGEST = 1.0, 24.0
"""Grain is what a Gaussian of so many reduced pixels takes away, at most so many levels of it."""
REACH = 4
"""Radius in reduced pixels from which a pixel of the hole takes its colour."""
CLEAR, SOLID = 0.02, 0.98
"""Alpha up to which a pixel shows the background alone, and from which it shows the person alone."""
MARGIN = 9
"""Side in pixels of the square by which the person's colours are continued beyond its edge."""
UNSURE = 0.012
"""Part of the longest side by which the hole is widened before its surroundings are believed: the last of the hair."""
PERSON_SHARE = 40.0
"""How much rather a colour that neither layer expects is laid to the person than to the plate."""


def split_layers(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours of the person, freed of the background, and the plate; each (H, W, 3) uint8.

    image: (H, W, 3) uint8 RGB; alpha: (H, W) float32 in 0..1, the person's opacity. The plate is `image` itself where
    alpha is 0, and continued from the surroundings where it is 1. In between
    alpha * foreground + (1 - alpha) * plate is `image`, to one level. Each layer starts from what its own side of the
    edge expects; what the two do not explain goes to both, mostly to the person, as far as it is visible there.
    """
    hole = alpha > CLEAR
    if not hole.any() or hole.all():
        return image.copy(), image.copy()
    plate = _filled(image, hole)
    foreground = _spread(image, alpha)
    band = (alpha > 0) & (alpha < 1)
    a = alpha[band].astype(np.float32)[:, None]
    seen, front, back = (part[band].astype(np.float32) for part in (image, foreground, plate))
    unexplained = seen - a * front - (1 - a) * back
    back += unexplained * (1 - a) / (a * a * PERSON_SHARE + (1 - a) ** 2)
    # Only such plates as leave the person a colour between 0 and 255.
    back = np.clip(back, (seen - 255 * a) / (1 - a), seen / (1 - a))
    back = np.clip(back, 0, 255)
    front = np.clip(np.rint((seen - (1 - a) * back) / a), 0, 255)
    # Rounding costs half a level at most when the layer that is seen more has the last word.
    solid = a[:, 0] >= 0.5
    back[solid] = np.rint(back[solid])
    front[solid] = np.clip(np.rint((seen - (1 - a) * back)[solid] / a[solid]), 0, 255)
    back[~solid] = np.clip(np.rint((seen - a * front)[~solid] / (1 - a[~solid])), 0, 255)
    foreground[band], plate[band] = front.astype(np.uint8), back.astype(np.uint8)
    return foreground, plate


def _spread(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The picture with the person's own colours continued over the edge, also a little beyond it, (H, W, 3) uint8.

    Beyond it because a renderer that samples between pixels must not find the background there.
    """
    import cv2

    height, width = alpha.shape
    factor = min(1.0, 2 * WORK_SIDE / max(height, width))
    size = (max(round(width * factor), 8), max(round(height * factor), 8))
    own = (alpha >= SOLID).astype(np.float32)
    share = np.asarray(cv2.resize(own, size, interpolation=cv2.INTER_AREA))
    colour = cv2.resize(image * own[..., None], size, interpolation=cv2.INTER_AREA)
    smooth = membrane(colour / np.maximum(share, 1e-6)[..., None], share < 0.5)
    smooth = np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))
    margin = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((MARGIN, MARGIN), np.uint8)) > 0
    outer = margin & (alpha < SOLID)
    spread = image.copy()
    spread[outer] = np.clip(np.rint(smooth[outer]), 0, 255).astype(np.uint8)
    return spread


def membrane(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`image` (h, w, 3) with `hole` (h, w) bool filled smoothly from its rim (means of ever coarser pictures)."""
    import cv2

    weight = (~hole).astype(np.float32)
    colour = np.where(hole[..., None], np.float32(0), image).astype(np.float32)
    sizes, levels = [], []
    while min(weight.shape) > 2 and not weight.all():
        sizes.append((weight.shape[1], weight.shape[0]))
        levels.append((colour, weight))
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        colour = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA))
        weight = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA))
        full = np.minimum(4.0 * weight, 1.0) / np.maximum(weight, 1e-6)  # a quarter known is enough
        colour, weight = colour * full[..., None], weight * full
    filled = colour / np.maximum(weight, 1e-6)[..., None]
    for size, (colour, weight) in zip(reversed(sizes), reversed(levels)):
        filled = np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR))
        filled = colour + (1 - weight)[..., None] * filled
    return np.asarray(filled)


def _filled(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`image` with `hole` (H, W) bool filled: lines continued, grain mirrored."""
    import cv2

    height, width = hole.shape
    factor = min(1.0, WORK_SIDE / max(height, width))
    size = (max(round(width * factor), 8), max(round(height * factor), 8))
    wide = 2 * round(UNSURE * max(height, width)) + 1
    known = 1 - cv2.dilate(hole.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    share = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA))
    small = cv2.resize(image.astype(np.float32) * known[..., None], size, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(share, 1e-6)[..., None]
    inner = (share >= 0.5).astype(np.float32)
    spread = cv2.GaussianBlur(np.dstack([small * inner[..., None], inner]), (0, 0), GRAIN)
    small = _continue_lines(small, share < 0.5)
    smooth = np.where(inner[..., None] > 0, spread[..., :3] / np.maximum(spread[..., 3:], 1e-6), small)
    coarse = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    filled = image.copy()
    filled[hole] = np.clip(np.rint(coarse[hole]), 0, 255).astype(np.uint8)
    calm = np.asarray(cv2.resize(smooth.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))
    _mirror_grain(filled, image, coarse, calm, hole, DEPTH / factor)
    return filled


def _mirror_grain(
    filled: np.ndarray, image: np.ndarray, coarse: np.ndarray, calm: np.ndarray, hole: np.ndarray, depth: float
) -> None:
    """Lay on the fill `coarse` what `image` has beyond `calm`, mirrored at the hole's rim, fading over `depth` px.

    Only so much as grain has: the edge of a thing would be mirrored into a corner.
    """
    import cv2

    height, width = hole.shape
    away, labels = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place_of = np.zeros(labels.max() + 1, np.int64)
    known = np.flatnonzero(~hole)
    place_of[labels.ravel()[known]] = known
    rows, columns = np.nonzero(hole & (away < depth))
    nearest = place_of[labels[rows, columns]]
    from_rows = np.clip(2 * (nearest // width) - rows, 0, height - 1)
    from_columns = np.clip(2 * (nearest % width) - columns, 0, width - 1)
    outside = ~hole[from_rows, from_columns]
    rows, columns, from_rows, from_columns = (v[outside] for v in (rows, columns, from_rows, from_columns))
    grain = np.clip(image[from_rows, from_columns] - calm[from_rows, from_columns], -STRONGEST, STRONGEST)
    grain *= (1.0 - away[rows, columns] / depth)[:, None]
    there = coarse[rows, columns] + grain
    filled[rows, columns] = np.clip(np.rint(there), 0, 255).astype(np.uint8)


def _continue_lines(small: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill `hole` (h, w) bool of `small` (h, w, 3) float32 layer by layer from its rim, along the lines met there."""
    import cv2

    filled = small.copy()
    filled[hole] = membrane(small, hole)[hole]
    if not hole.any() or hole.all():
        return filled
    across, strength = _directions(filled, hole)
    away = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    span = np.arange(-REACH, REACH + 1)
    dy, dx = (v.ravel() for v in np.meshgrid(span, span, indexing="ij"))
    inside = (dx**2 + dy**2 <= REACH**2) & ((dx != 0) | (dy != 0))
    dx, dy = dx[inside], dy[inside]
    length = np.hypot(dx, dy).astype(np.float32)
    colours = np.pad(filled, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    known = np.pad((~hole).astype(np.float32), REACH)
    for depth in range(1, DEPTH + 1):
        rows, columns = np.nonzero(hole & (away > depth - 1) & (away <= depth))
        if not len(rows):
            break
        normal = across[rows, columns]  # unit vectors across the line met, (n, 2) as x, y
        off = (normal[:, :1] * dx + normal[:, 1:] * dy) * strength[rows, columns][:, None]
        there, beside = rows[:, None] + REACH + dy, columns[:, None] + REACH + dx
        weight = known[there, beside] * np.exp(-2.0 * off * off) / length
        total = np.einsum("nk->n", weight)
        sure = total > 1e-4
        mean = np.einsum("nk,nkc->nc", weight, colours[there, beside])[sure] / total[sure][:, None]
        colours[rows[sure] + REACH, columns[sure] + REACH] = mean
        known[rows[sure] + REACH, columns[sure] + REACH] = 1.0
        filled[rows[sure], columns[sure]] = mean
    deep = away > DEPTH
    if deep.any():  # the membrane, hung up on what was continued
        filled[deep] = membrane(filled, deep)[deep]
    return filled


def _directions(filled: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (h, w, 2) across the lines near each pixel, and how clearly there are lines, (h, w) in 0..1.

    The structure tensor of the known surroundings, spread into the hole.
    """
    import cv2

    grey = cv2.GaussianBlur(filled.mean(2), (0, 0), 1.0)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    sure = cv2.erode((~hole).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    tensor = np.stack([gx * gx, gx * gy, gy * gy], axis=-1) * sure[..., None]
    near = np.zeros((*hole.shape, 4), np.float32)
    for sigma in (3.0, 12.0):  # what is near counts more, but something is found everywhere
        spread = np.dstack([tensor, sure])
        near += np.asarray(cv2.GaussianBlur(spread, (0, 0), sigma)) * (1.0 if sigma < 5 else 0.05)
    xx, xy, yy = (near[..., i] / np.maximum(near[..., 3], 1e-6) for i in range(3))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    difference, total = np.hypot(xx - yy, 2 * xy), xx + yy
    strength = difference / (total + 30.0)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32), strength.astype(np.float32)
