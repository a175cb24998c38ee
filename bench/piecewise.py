"""The plain way to warp a face: every triangle on its own with OpenCV, frame after frame. Our baseline.

For each triangle of the face mesh: its affine map, a warp of its bounding box, a mask, a blend into the frame. This is
what tutorials and most face-swapping scripts do. It moves the face only: no background, no eyes, no teeth.
"""

from __future__ import annotations

import numpy as np


def warp(image: np.ndarray, source: np.ndarray, target: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """`image` (H, W, 3) uint8 with the triangles (F, 3) of the points `source` (N, 2) moved to `target` (N, 2)."""
    import cv2

    out = image.copy()
    height, width = image.shape[:2]
    for triangle in triangles:
        before = source[triangle].astype(np.float32)
        after = target[triangle].astype(np.float32)
        x, y, w, h = cv2.boundingRect(after)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x1 <= x0 or y1 <= y0:
            continue
        corner = np.array([x0, y0], np.float32)
        bx, by, bw, bh = cv2.boundingRect(before)
        bx, by = max(bx, 0), max(by, 0)
        piece = image[by : by + bh, bx : bx + bw]
        if piece.size == 0:
            continue
        affine = cv2.getAffineTransform(before - np.array([bx, by], np.float32), after - corner)
        moved = cv2.warpAffine(
            piece, affine, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, np.round(after - corner).astype(np.int32), 1)
        region = out[y0:y1, x0:x1]
        region[mask > 0] = moved[mask > 0]
    return out


def swaying(points: np.ndarray, index: int, size: float) -> np.ndarray:
    """Where the points are in a frame: a head that turns and nods a little, lips and lids that open and close."""
    phase = 0.25 * index
    centre = points.mean(axis=0)
    angle = 0.05 * np.sin(phase)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (points - centre) @ turn.T + centre
    moved[:, 1] += 0.01 * size * np.sin(2 * phase) * (points[:, 1] > centre[1])
    return np.asarray(moved + 0.008 * size * np.array([np.sin(0.7 * phase), np.cos(0.9 * phase)]))
