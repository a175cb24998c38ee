"""The plate: the picture behind the person, filled in where the person stood; and the colours of both layers.

Only a thin band along the person's edge is ever uncovered when the head turns, so that band is filled with care: lines
that meet the person go on behind it (coherence transport, Bornemann and März 2007, in a reduced picture), and the grain
of the surroundings is mirrored into it. What lies deeper is a smooth membrane.
"""

from __future__ import annotations

from typing import NamedTuple

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
FRINGE_OPACITY = 1.5
"""A fringe is so many times more opaque than it must be: then its colours are not extreme, and can be resampled."""
FOREIGN = (3.0, 5.0)
"""In the margin, what is so many times as far from the fill as the surroundings are from theirs, and so many levels
more, is fringe."""
ALONG = 0.02
"""Part of the longest side along the person's edge over which a halo is the same."""


class Layers(NamedTuple):
    """A picture taken apart; see `split_layers`."""

    foreground: np.ndarray  # (H, W, 3) uint8: the person's colours, freed of the background
    plate: np.ndarray  # (H, W, 3) uint8: the picture without the person and without its fringe
    carried: np.ndarray  # (H, W) float32: the opacity with which the person, fringe included, lies over this plate


def split_layers(image: np.ndarray, alpha: np.ndarray) -> Layers:
    """Person and plate.

    image: (H, W, 3) uint8 RGB; alpha: (H, W) float32 in 0..1, the person's opacity. The plate is continued from the
    surroundings where alpha is more than `CLEAR`, and freed there and in a margin around of the person's fringe: the
    halo of a sharpened picture, hair that alpha does not know of. Elsewhere it is `image` itself.

    alpha * foreground goes over other backgrounds. Over its own plate the person has `carried` and `own_colours`, which
    give `image` again, to one level: at least alpha, and what the plate alone cannot show.
    """
    hole = alpha > CLEAR
    if not hole.any() or hole.all():
        return Layers(image.copy(), image.copy(), alpha.astype(np.float32))
    plate = _filled(image, hole)
    foreground = _spread(image, alpha)
    band = (alpha > 0) & (alpha < 1)
    a = alpha[band].astype(np.float32)[:, None]
    seen, front, back = (part[band].astype(np.float32) for part in (image, foreground, plate))
    # What the two do not explain is laid to the person as far as it is seen.
    unexplained = seen - a * front - (1 - a) * back
    front += unexplained * a * PERSON_SHARE / (a * a * PERSON_SHARE + (1 - a) ** 2)
    foreground[band] = np.clip(np.rint(front), 0, 255).astype(np.uint8)
    return Layers(foreground, plate, _carried(image, alpha, plate))


def _carried(image: np.ndarray, alpha: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """(H, W) float32: alpha, or more where some colour over the plate could not give the picture otherwise."""
    carried = alpha.astype(np.float32)
    other = (plate != image).any(2) & (alpha < 1)
    seen, back = image[other].astype(np.float32), plate[other].astype(np.float32)
    needed = np.maximum((seen - back) / np.maximum(255 - back, 1), (back - seen) / np.maximum(back, 1)).max(1)
    carried[other] = np.maximum(carried[other], np.minimum(FRINGE_OPACITY * needed, 1.0))
    return carried


def own_colours(image: np.ndarray, plate: np.ndarray, carried: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: what the person shows over its own plate, times its opacity there."""
    return image - (1 - carried[..., None]) * plate


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
    _take_fringe(filled, coarse, hole, wide // 2)
    _mirror_grain(filled, coarse, calm, hole, DEPTH / factor)
    return filled


def _take_fringe(filled: np.ndarray, coarse: np.ndarray, hole: np.ndarray, margin: int) -> None:
    """Free what lies up to `margin` px around `hole` of `filled` of the person's fringe, in place.

    A halo is what all along the edge differs in the same way from the fill `coarse`; it is taken off. A single pixel
    that differs by more than pixels a little farther out do (a hair, a speck) is replaced by the fill.
    """
    import cv2

    # Places along the edge are numbered as a walk around it meets them.
    contours, _ = cv2.findContours(hole.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    walk = np.concatenate(contours)[:, 0]
    off_edge = np.ones(hole.shape, np.uint8)
    off_edge[walk[:, 1], walk[:, 0]] = 0
    away, labels = cv2.distanceTransformWithLabels(off_edge, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    count = len(walk)
    number = np.zeros(int(labels.max()) + 1, np.int64)
    number[labels[walk[:, 1], walk[:, 0]]] = np.arange(count)
    rows, columns = np.nonzero(~hole & (away <= 2 * margin))
    distance, place = away[rows, columns], number[labels[rows, columns]]
    differs = filled[rows, columns] - coarse[rows, columns]
    near = distance <= margin
    sigma = ALONG * max(hole.shape)
    usual = _along(np.abs(differs[~near]).mean(1, keepdims=True), place[~near], count, sigma)[:, 0]
    inner = np.flatnonzero(near)
    rows, columns, place = rows[inner], columns[inner], place[inner]
    distance, differs = distance[inner], differs[inner]
    step = np.rint(distance).astype(np.int64)
    same = np.zeros_like(differs)
    for k in np.unique(step):
        at = step == k
        same[at] = _along(differs[at], place[at], count, sigma)[place[at]]
    fade = np.clip(2.0 * (1.0 + (1.0 - distance) / margin), 0.0, 1.0)
    left = differs - same * fade[:, None]
    foreign = np.clip(np.abs(left).max(1) / (FOREIGN[0] * usual[place] + FOREIGN[1]) - 0.5, 0, 1) * fade
    left *= 1 - foreign[:, None]
    filled[rows, columns] = np.clip(np.rint(coarse[rows, columns] + left), 0, 255).astype(np.uint8)


def _along(values: np.ndarray, place: np.ndarray, count: int, sigma: float) -> np.ndarray:
    """(count, k) means of `values` (n, k), met at `place` (n,) on a walk of `count` steps, over `sigma` steps of it."""
    from scipy.ndimage import gaussian_filter1d

    columns = [np.bincount(place, column, count) for column in (*values.T, np.ones(len(values)))]
    spread = gaussian_filter1d(np.stack(columns, 1), sigma, axis=0, mode="wrap", truncate=3.0)
    return np.asarray(spread[:, :-1] / np.maximum(spread[:, -1:], 1e-6))


def _mirror_grain(filled: np.ndarray, coarse: np.ndarray, calm: np.ndarray, hole: np.ndarray, depth: float) -> None:
    """Lay on the fill `coarse` what `filled` has beyond `calm` around it, mirrored at the rim, fading over `depth` px.

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
    grain = np.clip(filled[from_rows, from_columns] - calm[from_rows, from_columns], -STRONGEST, STRONGEST)
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
