"""Fill outlines, and the unknown part of a small picture from what is known around it."""

from __future__ import annotations

import cv2
import numpy as np


def filled(outline: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8: 255 inside the closed line (n, 2) px, with soft rims."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)  # 4 bits of a pixel
    return mask


def spread(
    rgb: np.ndarray, known: np.ndarray, sigmas: tuple[float, ...], fallback: np.ndarray, gain: float = 10.0
) -> np.ndarray:
    """Weighted means of the known pixels, from near to far.

    rgb (h, w, 3) float32, known (h, w) float32 0..1, sigmas in px from small to large, fallback (3,) for places that
    nothing known reaches. Returns (h, w, 3) float32; known pixels are smoothed too.
    """
    h, w = known.shape
    total = np.zeros((h, w, 1), np.float32)
    filled = np.zeros((h, w, 3), np.float32)
    stacked = np.dstack([rgb * known[..., None], known]).astype(np.float32)
    for sigma in sigmas:
        step = max(1, int(sigma / 3))  # wide blurs on a smaller raster
        small = (
            cv2.resize(stacked, (max(2, w // step), max(2, h // step)), interpolation=cv2.INTER_AREA)
            if step > 1
            else stacked
        )
        small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
        blurred = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR) if step > 1 else small
        weight = blurred[..., 3:]
        share = np.clip(weight * gain, 0, 1) * (1 - total)
        filled += blurred[..., :3] / np.maximum(weight, 1e-4) * share
        total += share
    return filled + np.asarray(fallback, np.float32) * (1 - total)
