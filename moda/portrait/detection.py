"""Where faces may be: both detectors on the whole picture and on tiles of it, one box to a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moda.portrait import mediapipe_graphs

WORK_SIDE = 1280
"""Longest side of the copy in which whole-picture detection runs; tiles are cut from the full picture."""
SMALLEST_TILE = 700


def _boxes(image: np.ndarray, full_only: bool = False) -> list[mediapipe_graphs.Detection]:
    found = mediapipe_graphs.detect(image, full_range=True)
    return found if full_only else found + mediapipe_graphs.detect(image)


def _tiles(width: int, height: int, side: int) -> list[tuple[int, int]]:
    """Corners of tiles of `side` that cover the picture with a quarter of overlap or more."""

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = int(np.ceil((length - side) / (side * 0.75))) + 1
        return [round(v) for v in np.linspace(0, length - side, count)]

    return [(x, y) for y in starts(height) for x in starts(width)]


def candidates(image: np.ndarray, tiles: bool, thorough: bool) -> list[mediapipe_graphs.Detection]:
    """Raw detections in pixels of the picture, from the whole and (`tiles`) from ever smaller parts of it.

    `thorough` uses both detectors in the tiles, and tiles even in small pictures.
    """
    import cv2

    height, width = image.shape[:2]
    longest = max(height, width)
    factor = min(1.0, WORK_SIDE / longest)
    work = image
    if factor < 1.0:
        work = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    found = [_moved(d, 1 / factor, 0, 0) for d in _boxes(work)]
    # The full-range network sees a face from about a tenth of its view; a usable face has about 80 px.
    smallest = max(SMALLEST_TILE, longest / 6)
    sides = [smallest * 2.0**k for k in range(6) if tiles and smallest * 2**k < 0.8 * longest]
    if thorough:
        sides = sorted({*sides, longest * 0.6, longest * 0.4}, reverse=True)
    for side in sides:
        for x, y in _tiles(width, height, round(side)):
            tile = image[y : y + round(side), x : x + round(side)]
            shrink = min(1.0, 640 / max(tile.shape[:2]))
            if shrink < 1.0:
                size = (max(round(tile.shape[1] * shrink), 1), max(round(tile.shape[0] * shrink), 1))
                tile = cv2.resize(tile, size, interpolation=cv2.INTER_AREA)
            found += [_moved(d, 1 / shrink, x, y) for d in _boxes(tile, full_only=not thorough)]
    return found


def _moved(detection: mediapipe_graphs.Detection, scale: float, x: float, y: float) -> mediapipe_graphs.Detection:
    x0, y0, x1, y1 = detection.box
    box = (x0 * scale + x, y0 * scale + y, x1 * scale + x, y1 * scale + y)
    return mediapipe_graphs.Detection(box, detection.score)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over the smaller box: 1 when one lies inside the other."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / max(min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])), 1e-6)


def distinct(found: list[mediapipe_graphs.Detection], limit: int) -> list[mediapipe_graphs.Detection]:
    """Non-maximum suppression; the detectors' own leaves a dozen boxes to a face."""
    kept: list[mediapipe_graphs.Detection] = []
    for detection in sorted(found, key=lambda d: -d.score):
        if detection.score >= 0.5 and all(overlap(detection.box, k.box) < 0.5 for k in kept):
            kept.append(detection)
            if len(kept) == limit:
                break
    return kept
