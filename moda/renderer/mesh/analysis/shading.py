"""Folds and bulges of the skin that come with an expression: light and shade that a warp alone cannot make.

One small map per action, laid over the face as it is in the picture and carried along by the flow. A map's value is
the relative change of brightness at the action's value 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from moda.motion.actions import INDEX

PX_PER_IOD = 72
FOLD = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
APPLE = (205, 425)
UNDER_EYE = ((25, 110, 24, 23, 22, 26), (255, 339, 254, 253, 252, 256))
CORNER = ((61, 57), (291, 287))
ALA_TO_APPLE = ((50, 101), (280, 330))


@dataclass(frozen=True)
class SkinShade:
    """Maps (k, h, w) float32 over the face; raster px = scale * (picture px - origin)."""

    maps: np.ndarray
    origin: np.ndarray
    scale: float

    def combined(self, actions: np.ndarray) -> np.ndarray | None:
        """The change of brightness (h, w) for relative actions (17,), or None when there is nothing to see."""
        smile = float(np.clip(actions[INDEX["smile"]], 0, 1))
        lift = float(np.clip(actions[INDEX["upper_lip_raise"]], 0, 1))
        cheek = float(np.clip(actions[INDEX["cheek_raise"]], 0, 1))
        squint = float(np.clip(actions[INDEX["squint"]], 0, 1))
        weights = np.array([
            min(1.0, smile + 0.5 * lift + 0.2 * cheek),
            min(1.0, max(squint, 0.8 * cheek, 0.4 * smile)),
            float(np.clip(actions[INDEX["brow_raise"]], 0, 1)),
            float(np.clip(actions[INDEX["brow_furrow"]], 0, 1)),
            float(np.clip(actions[INDEX["frown"]], 0, 1)),
            float(np.clip(actions[INDEX["pucker"]], 0, 1)),
        ], np.float32)  # fmt: skip
        if float(weights.max()) < 0.02:
            return None
        # einsum, not BLAS: OpenBLAS would wake a thread here that then spins where the encoder wants to work.
        return np.einsum("k,khw->hw", weights, self.maps)


def build_shade(points: np.ndarray, iod: float, smiling: float, lined: float = 1.0, covered: bool = False) -> SkinShade:
    """points (468+, 2+) px of the picture; smiling 0..1: folds that the picture already shows;
    lined 0..1: how strongly skin like this creases, see :func:`skin_lines`; covered: there is no skin to be seen around
    the mouth."""
    scale = PX_PER_IOD / iod
    low = points[:468, :2].min(0) - 0.15 * iod
    high = points[:468, :2].max(0) + 0.15 * iod
    w, h = (int(np.ceil(v)) for v in (high - low) * scale)

    def at(marks: tuple[int, ...]) -> np.ndarray:
        return (points[list(marks), :2] - low) * scale

    def stroke(line: np.ndarray, width: float, taper: bool = True) -> np.ndarray:
        """A soft line of height 1; width in IOD."""
        canvas = np.zeros((h, w), np.float32)
        t = np.linspace(0, len(line) - 1, 40)
        k = np.minimum(t.astype(int), len(line) - 2)
        fine = line[k] + (line[k + 1] - line[k]) * (t - k)[:, None]
        for j in range(len(fine) - 1):
            strength = np.sin(np.pi * (j + 1) / len(fine)) ** 0.7 if taper else 1.0
            (ax, ay), (bx, by) = (np.round(p * 16).astype(int).tolist() for p in (fine[j], fine[j + 1]))
            thick = max(1, round(width * PX_PER_IOD))
            cv2.line(canvas, (ax, ay), (bx, by), (float(strength),), thick, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(np.clip(canvas, 0, 1), (0, 0), max(0.8, width * PX_PER_IOD))

    def blob(centre: np.ndarray, rx: float, ry: float) -> np.ndarray:
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        d = ((x - centre[0]) / (rx * PX_PER_IOD)) ** 2 + ((y - centre[1]) / (ry * PX_PER_IOD)) ** 2
        return np.exp(-d)

    smile, under, raised, furrow, frown, pucker = (np.zeros((h, w), np.float32) for _ in range(6))
    fresh = (1.0 - 0.8 * smiling) * (0.55 + 0.45 * lined)
    down = np.array([0.0, PX_PER_IOD])
    for fold, apple, corner in zip(FOLD, APPLE, CORNER):
        line = at(fold)
        outward = at((apple,))[0] - line[2]
        outward /= max(float(np.linalg.norm(outward)), 1e-6)
        smile += fresh * (-0.16 * stroke(line, 0.032) + 0.06 * stroke(line + outward * 0.09 * PX_PER_IOD, 0.055))
        smile += 0.05 * fresh * blob(at((apple,))[0] - down * 0.05, 0.22, 0.16)
        smile -= 0.16 * fresh * stroke(at(corner), 0.02, taper=False)
        frown -= 0.11 * stroke(at(corner) + down * 0.05, 0.022, taper=False)
    for marks in UNDER_EYE:
        under += -0.20 * stroke(at(marks) + down * 0.02, 0.012)
        under += 0.06 * stroke(at(marks) - down * 0.03, 0.016)
    brow = at((105, 66, 107, 9, 336, 296, 334))
    for height, strength in ((0.17, 0.7), (0.27, 1.0), (0.38, 0.8)):
        up = (at((10,))[0] - at((9,))[0]) / 0.52
        line = brow + up * height
        raised += lined * strength * (-0.10 * stroke(line, 0.013) + 0.04 * stroke(line - up * 0.032, 0.014))
    for a, b in ((107, 55), (336, 285)):
        inner = at((a, b))
        middle = at((9, 8))
        line = middle + 0.36 * (inner - middle)
        furrow += (0.5 + 0.5 * lined) * -0.26 * stroke(line, 0.013) + 0.06 * stroke(line + 0.3 * (inner - line), 0.02)
    furrow += 0.05 * blob(at((9,))[0], 0.05, 0.08)
    lower = at((18,))[0]
    pucker -= 0.07 * blob(lower + down * 0.02, 0.20, 0.05)
    if covered:
        smile, frown, pucker = (np.zeros_like(smile) for _ in range(3))
    return SkinShade(np.stack([smile, under, raised, furrow, frown, pucker]), low, scale)


def skin_lines(image: np.ndarray, points: np.ndarray, iod: float) -> float:
    """0.3 for smooth skin (a child, a drawing) to 1 for skin with lines of its own.

    Measured as the fine contrast of forehead and cheeks, the smoothest of them, for hair may lie on the others.
    """
    height, width = image.shape[:2]
    found = []
    for mark in (151, 50, 280):
        x, y = points[mark, :2]
        x0, x1 = (int(np.clip(v, 0, width)) for v in (x - 0.18 * iod, x + 0.18 * iod))
        y0, y1 = (int(np.clip(v, 0, height)) for v in (y - 0.14 * iod, y + 0.14 * iod))
        if x1 - x0 < 6 or y1 - y0 < 6:
            continue
        grey = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = cv2.GaussianBlur(grey, (0, 0), 0.008 * iod + 0.3) - cv2.GaussianBlur(grey, (0, 0), 0.05 * iod)
        found.append(float(np.median(np.abs(fine))) / max(float(grey.mean()), 20.0))
    if not found:
        return 0.6
    return float(np.clip(0.3 + (min(found) - 0.003) / 0.008 * 0.7, 0.3, 1.0))
