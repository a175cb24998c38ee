"""The texture that frames sample: the picture enlarged, and so sharp that what moves looks as sharp as the picture."""

from __future__ import annotations

import cv2
import numpy as np

ENLARGED = 3  # odd, so that each pixel of the picture is one of the texture too
BETWEEN = np.array([(0.0, 0.25), (0.25, 0.75), (0.5, 0.0), (0.75, 0.5)], np.float32)
"""Where a moving face may lie beside the picture's pixels, px."""
AT_REST = np.zeros((1, 2), np.float32)
LOST_LATER = 0.08  # of the finest detail: bending the face and encoding take so much; less of a picture shown larger
LANCZOS_REACH = 5  # rows and columns around that enlarging looks at
COMPARED = 0.8  # of the smaller size: the finest octave does not survive encoding


def resampled(image: np.ndarray, scale: float, offset: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Picture into a raster with raster = scale * picture + offset (pixel positions)."""
    if scale < 0.75:  # smooth first, or fine texture would shimmer
        image = cv2.GaussianBlur(image, (0, 0), 0.42 / scale, borderType=cv2.BORDER_REPLICATE)
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    flags = cv2.INTER_LANCZOS4 if scale > 1.0 else cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def enlarged(raster: np.ndarray, interpolation: int = cv2.INTER_LANCZOS4) -> np.ndarray:
    """The raster at three times its size: pixel i of it is pixel 3i + 1, unchanged."""
    return cv2.resize(raster, None, fx=ENLARGED, fy=ENLARGED, interpolation=interpolation)


def crisp(
    raster: np.ndarray,
    raster_scale: float,
    picture: np.ndarray,
    scale: float,
    places: tuple[np.ndarray, np.ndarray],
    moves: np.ndarray,
    between: np.ndarray,
) -> np.ndarray:
    """The raster sharpened so far that a moving face shows the fine detail that it has in the picture: sampling between
    pixels takes up to a third of it. Never softened, and what rests stays as it is.

    raster_scale: raster px per frame px. picture: (h, w, 3) the face as it is in the picture. scale: frame px per
    picture px. places: where the frame's pixels of the still face lie in `enlarged(raster)`; what a moving one shows is
    the mean over the places ``between``. moves: (h, w) float32, 0 (rests) to 1 (moves), of the raster.
    """
    if min(*picture.shape[:2], *places[0].shape) < 16:
        return raster

    def detail(shown: np.ndarray, ratio: float) -> float:
        small = cv2.resize(shown, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        return float((cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F) ** 2).mean())

    ratio = COMPARED * min(1.0, scale)
    wanted, amount = (1 + LOST_LATER / max(1.0, scale) ** 2) * detail(picture, ratio), 0.0
    soft = cv2.GaussianBlur(raster, (0, 0), raster_scale * max(1.0, scale))
    steps = np.float32(ENLARGED * raster_scale) * between
    part, (x, y) = _around(places, raster.shape[:2], float(np.abs(steps).max()))
    seen, blurred = (
        [cv2.remap(large, places[0] - x + dx, places[1] - y + dy, cv2.INTER_LINEAR) for dx, dy in steps]
        for large in (enlarged(raster[part]), enlarged(soft[part]))
    )
    for more in (0.8, 0.4, 0.2, 0.1, 0.05):
        trial = amount + more
        sharper = (cv2.addWeighted(a, 1 + trial, b, -trial, 0) for a, b in zip(seen, blurred))
        if np.mean([detail(shown, ratio / scale) for shown in sharper]) <= wanted:
            amount = trial
    if not amount:
        return raster
    return cv2.blendLinear(cv2.addWeighted(raster, 1 + amount, soft, -amount, 0), raster, moves, 1 - moves)


def _around(
    places: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...], reach: float
) -> tuple[tuple[slice, slice], tuple[np.float32, np.float32]]:
    """The part of a raster of ``shape`` that `enlarged` px at ``places`` (x, y), give or take ``reach``, are made of,
    and where it begins when enlarged."""
    spans = []
    for place, length in zip(places, shape[::-1]):
        low, high = float(place.min()) - reach, float(place.max()) + reach
        start = max(int(low / ENLARGED) - LANCZOS_REACH, 0)
        spans.append(slice(start, min(int(high / ENLARGED) + LANCZOS_REACH + 2, length)))
    return (spans[1], spans[0]), (np.float32(ENLARGED * spans[0].start), np.float32(ENLARGED * spans[1].start))
