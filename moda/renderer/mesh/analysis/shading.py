"""Folds and bulges of the skin that come with an expression: light and shade that a warp alone cannot make.

One small map per action, laid over the face as it is in the picture and carried along by the flow. A map's value is
the relative change of brightness at the action's value 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from moda.motion.actions import INDEX

PX_PER_IOD = 72
MARGIN = 0.15  # IOD around the face
LEAST_SEEN = 0.02  # action value below which no map is laid on

# Landmarks, image-left and image-right.
FOLD = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
APPLE = (205, 425)
UNDER_EYE = ((25, 110, 24, 23, 22, 26), (255, 339, 254, 253, 252, 256))
CORNER = ((61, 57), (291, 287))
BROWS = (105, 66, 107, 9, 336, 296, 334)
INNER_BROWS = ((107, 55), (336, 285))
FOREHEAD, GLABELLA, NOSE_ROOT, BELOW_LIP = 10, 9, 8, 18
SMOOTH_SKIN = (151, 50, 280)  # forehead and cheeks


class Stroke(NamedTuple):
    """A soft line along landmarks."""

    light: float  # relative change of brightness at its middle
    width: float  # IOD
    shift: float = 0.0  # IOD from the landmarks, in the direction named where it is drawn
    taper: bool = True  # fades towards its ends


class Blob(NamedTuple):
    """A soft ellipse at a landmark."""

    light: float
    across: float  # half width at 1/e, IOD
    down: float
    shift: float = 0.0  # IOD downwards


# Light and shade of each action at its value 1, set by eye on rendered portraits; a fold is a dark line with a bright
# one beside it, where the skin bulges.
SMILE_FOLD, SMILE_BULGE = Stroke(-0.16, 0.032), Stroke(0.06, 0.055, 0.09)  # nasolabial; the bulge lies outwards
SMILE_APPLE = Blob(0.05, 0.22, 0.16, -0.05)
SMILE_CORNER, FROWN_CORNER = Stroke(0.16, 0.02, taper=False), Stroke(0.11, 0.022, 0.05, taper=False)
LID_FOLD, LID_BULGE = Stroke(-0.20, 0.012, 0.02), Stroke(0.06, 0.016, -0.03)
BROW_FOLD, BROW_BULGE = Stroke(-0.10, 0.013), Stroke(0.04, 0.014, 0.032)
BROW_FOLDS = ((0.17, 0.7), (0.27, 1.0), (0.38, 0.8))  # height over the brows (in FOREHEAD_HEIGHT), strength
FOREHEAD_HEIGHT = 0.52  # IOD from the glabella to the hairline in the mean face
FURROW_FOLD, FURROW_BULGE = Stroke(-0.26, 0.013), Stroke(0.06, 0.02, 0.3)  # the bulge: share of the way to the brow
FURROW_AT = 0.36  # of the way from the middle to the inner brow
FURROW_BLOB = Blob(0.05, 0.05, 0.08)
PUCKER_BLOB = Blob(0.07, 0.20, 0.05, 0.02)

FOLDS_IN_SMILE = 0.8  # share of the folds that a picture with a full smile already shows
LIFT_FOLDS, CHEEK_FOLDS = 0.5, 0.2  # how much of a smile's folds a raised lip and a raised cheek make
CHEEK_UNDER_EYE, SMILE_UNDER_EYE = 0.8, 0.4  # and how much of a squint's
SMOOTH_FOLDS, SMOOTH_FURROW = 0.55, 0.5  # strength of the folds on skin without lines of its own

# How lined a skin is: the fine contrast (median over mean brightness) of patches of this half size.
SKIN_HALF = (0.18, 0.14)  # IOD
LEAST_PX = 6
LINE_SIGMAS = (0.008, 0.05)  # IOD: what is finer than the second blur and coarser than the first
SMOOTH_CONTRAST, LINED_CONTRAST = 0.003, 0.008  # of smooth skin; how much more lined skin has
LEAST_LINES, UNKNOWN_LINES = 0.3, 0.6


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
            min(1.0, smile + LIFT_FOLDS * lift + CHEEK_FOLDS * cheek),
            min(1.0, max(squint, CHEEK_UNDER_EYE * cheek, SMILE_UNDER_EYE * smile)),
            float(np.clip(actions[INDEX["brow_raise"]], 0, 1)),
            float(np.clip(actions[INDEX["brow_furrow"]], 0, 1)),
            float(np.clip(actions[INDEX["frown"]], 0, 1)),
            float(np.clip(actions[INDEX["pucker"]], 0, 1)),
        ], np.float32)  # fmt: skip
        if float(weights.max()) < LEAST_SEEN:
            return None
        # einsum, not BLAS: OpenBLAS would wake a thread here that then spins where the encoder wants to work.
        return np.einsum("k,khw->hw", weights, self.maps)


def build_shade(points: np.ndarray, iod: float, smiling: float, lined: float = 1.0, covered: bool = False) -> SkinShade:
    """points (468+, 2+) px of the picture; smiling 0..1: folds that the picture already shows;
    lined 0..1: how strongly skin like this creases, see :func:`skin_lines`; covered: there is no skin to be seen around
    the mouth."""
    scale = PX_PER_IOD / iod
    low = points[:468, :2].min(0) - MARGIN * iod
    high = points[:468, :2].max(0) + MARGIN * iod
    w, h = (int(np.ceil(v)) for v in (high - low) * scale)

    def at(marks: tuple[int, ...]) -> np.ndarray:
        return (points[list(marks), :2] - low) * scale

    def stroke(line: np.ndarray, kind: Stroke) -> np.ndarray:
        """A soft line of height 1."""
        canvas = np.zeros((h, w), np.float32)
        t = np.linspace(0, len(line) - 1, 40)
        k = np.minimum(t.astype(int), len(line) - 2)
        fine = line[k] + (line[k + 1] - line[k]) * (t - k)[:, None]
        for j in range(len(fine) - 1):
            strength = np.sin(np.pi * (j + 1) / len(fine)) ** 0.7 if kind.taper else 1.0
            (ax, ay), (bx, by) = (np.round(p * 16).astype(int).tolist() for p in (fine[j], fine[j + 1]))
            thick = max(1, round(kind.width * PX_PER_IOD))
            cv2.line(canvas, (ax, ay), (bx, by), (float(strength),), thick, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(np.clip(canvas, 0, 1), (0, 0), max(0.8, kind.width * PX_PER_IOD))

    def blob(centre: np.ndarray, kind: Blob) -> np.ndarray:
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        d = ((x - centre[0]) / (kind.across * PX_PER_IOD)) ** 2 + ((y - centre[1]) / (kind.down * PX_PER_IOD)) ** 2
        return np.exp(-d)

    smile, under, raised, furrow, frown, pucker = (np.zeros((h, w), np.float32) for _ in range(6))
    fresh = (1.0 - FOLDS_IN_SMILE * smiling) * (SMOOTH_FOLDS + (1.0 - SMOOTH_FOLDS) * lined)
    down = np.array([0.0, PX_PER_IOD])
    for fold, apple, corner in zip(FOLD, APPLE, CORNER):
        line = at(fold)
        outward = at((apple,))[0] - line[2]
        outward /= max(float(np.linalg.norm(outward)), 1e-6)
        beside = line + outward * SMILE_BULGE.shift * PX_PER_IOD
        dark, bright = SMILE_FOLD.light * stroke(line, SMILE_FOLD), SMILE_BULGE.light * stroke(beside, SMILE_BULGE)
        smile += fresh * (dark + bright)
        smile += SMILE_APPLE.light * fresh * blob(at((apple,))[0] + down * SMILE_APPLE.shift, SMILE_APPLE)
        smile -= SMILE_CORNER.light * fresh * stroke(at(corner), SMILE_CORNER)
        frown -= FROWN_CORNER.light * stroke(at(corner) + down * FROWN_CORNER.shift, FROWN_CORNER)
    for marks in UNDER_EYE:
        under += LID_FOLD.light * stroke(at(marks) + down * LID_FOLD.shift, LID_FOLD)
        under += LID_BULGE.light * stroke(at(marks) + down * LID_BULGE.shift, LID_BULGE)
    brow = at(BROWS)
    for height, strength in BROW_FOLDS:
        up = (at((FOREHEAD,))[0] - at((GLABELLA,))[0]) / FOREHEAD_HEIGHT
        line = brow + up * height
        dark = BROW_FOLD.light * stroke(line, BROW_FOLD)
        raised += lined * strength * (dark + BROW_BULGE.light * stroke(line - up * BROW_BULGE.shift, BROW_BULGE))
    for pair in INNER_BROWS:
        inner = at(pair)
        middle = at((GLABELLA, NOSE_ROOT))
        line = middle + FURROW_AT * (inner - middle)
        dark = (SMOOTH_FURROW + (1.0 - SMOOTH_FURROW) * lined) * FURROW_FOLD.light * stroke(line, FURROW_FOLD)
        furrow += dark + FURROW_BULGE.light * stroke(line + FURROW_BULGE.shift * (inner - line), FURROW_BULGE)
    furrow += FURROW_BLOB.light * blob(at((GLABELLA,))[0], FURROW_BLOB)
    pucker -= PUCKER_BLOB.light * blob(at((BELOW_LIP,))[0] + down * PUCKER_BLOB.shift, PUCKER_BLOB)
    if covered:
        smile, frown, pucker = (np.zeros_like(smile) for _ in range(3))
    return SkinShade(np.stack([smile, under, raised, furrow, frown, pucker]), low, scale)


def skin_lines(image: np.ndarray, points: np.ndarray, iod: float) -> float:
    """0.3 for smooth skin (a child, a drawing) to 1 for skin with lines of its own.

    Measured as the fine contrast of forehead and cheeks, the smoothest of them, for hair may lie on the others.
    """
    height, width = image.shape[:2]
    found = []
    for mark in SMOOTH_SKIN:
        x, y = points[mark, :2]
        x0, x1 = (int(np.clip(v, 0, width)) for v in (x - SKIN_HALF[0] * iod, x + SKIN_HALF[0] * iod))
        y0, y1 = (int(np.clip(v, 0, height)) for v in (y - SKIN_HALF[1] * iod, y + SKIN_HALF[1] * iod))
        if x1 - x0 < LEAST_PX or y1 - y0 < LEAST_PX:
            continue
        grey = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = cv2.GaussianBlur(grey, (0, 0), LINE_SIGMAS[0] * iod + 0.3)
        fine = fine - cv2.GaussianBlur(grey, (0, 0), LINE_SIGMAS[1] * iod)
        found.append(float(np.median(np.abs(fine))) / max(float(grey.mean()), 20.0))
    if not found:
        return UNKNOWN_LINES
    lined = (min(found) - SMOOTH_CONTRAST) / LINED_CONTRAST
    return float(np.clip(LEAST_LINES + lined * (1 - LEAST_LINES), LEAST_LINES, 1.0))
