"""Is something before the mouth? A mask, a hand, a microphone, a cup: then no lips are seen where they should be.

Lips are redder than the skin around them, or at least of another brightness; the line between them is dark; the upper
lip is darker than the lower; chin and cheeks are much alike; what shows one even surface has no lips. The regression
was fitted on 87 drawn covers over 17 portraits and on 107 uncovered faces. Held against it: 250 covers of 17 other
kinds (cloth masks, scarves, cups, flowers, phones, tape, red microphones) over the faces of 15 people who were not
covered before, 248 noticed (250 in darkened pictures), none of 288 uncovered views of them taken for one.

A grey picture has no redness, so there it also counts how sure the landmarks of the lower half are and whether the
full-range detector knows the face. Fitted on half of 38 people (176 covers, 50 uncovered views); of the other half's
168 covers 167 are noticed and none of 49 uncovered views is taken for one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from moda.portrait.crop import upright
from moda.portrait.face import Face

_UNIT = 80
"""Pixels per IOD of the cut that is looked at."""
_SIDE = 3.4
_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78)
_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78)
_ACROSS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
"""Pairs of inner-lip landmarks, one above the other."""
_CHEEKS, _CHIN = (50, 280, 101, 330, 36, 266), (199, 175, 200)
_WEIGHTS = np.array([-0.2149, 0.1571, -0.2403, -0.0830, 0.2015, -0.1387])
"""Of `LipEvidence`'s first six numbers in a logistic regression; `_BIAS` is its offset."""
_BIAS = 4.41
_GREY = 2.0
"""Mean chroma below which a picture is grey."""
_GREY_WEIGHTS = np.array([0.77, -0.27, 0.07, 0.10, -0.22, -0.23])
"""Of what `_covered_in_grey` sees, in a logistic regression; `_GREY_BIAS` is its offset, `_GREY_SURE` its threshold."""
_GREY_BIAS, _GREY_SURE = 2.82, 0.5
_SURE = 2.0
"""Log odds from which the regression alone decides."""
_RED = 9.0
"""Redder than this there are lips, whatever else speaks against them (a dark beard around them does)."""
_FLAT_LINE, _FLAT_LIPS, _FLAT_SPREAD = 2.2, 3.0, 9.0
"""Below all three there is one even surface, of whatever colour: between lips the line is 3.7 deep or more."""
_UPSIDE_DOWN = -16.0
"""A lower lip so much darker than the upper is none: something covers one of them. (Lips: -13 or more.)"""
_LIT = 100.0
"""Mean grey value to which a darker face is lightened first, as far as four times."""


class LipEvidence(NamedTuple):
    """What is seen of lips; units of CIELAB unless said otherwise."""

    redder: float
    """How much redder (a*) than the skin around them."""
    lighter: float
    """How much lighter than the skin around them."""
    line: float
    """Depth of the dark line between them."""
    lower_lighter: float
    """How much lighter the lower lip is than the upper."""
    foreign: float
    """Difference in chroma of chin and cheeks."""
    spread: float
    """Spread of lightness over the lips."""
    difference: float
    """Distance in colour from the skin around them."""
    chroma: float
    """Mean chroma of the face: about 0 in a grey picture."""


def mouth_is_covered(image: np.ndarray, face: Face) -> bool:
    """Whether something hides the mouth of `face` in `image` (H, W, 3) uint8 RGB."""
    seen = lip_evidence(image, face)
    if seen.chroma < _GREY:
        return _covered_in_grey(seen, face)
    if seen.line < _FLAT_LINE and abs(seen.lower_lighter) < _FLAT_LIPS and seen.spread < _FLAT_SPREAD:
        return True
    if seen.lower_lighter < _UPSIDE_DOWN:
        return True
    if seen.redder >= _RED:
        return False
    if float(_WEIGHTS @ np.clip(seen[:6], -30, 30)) + _BIAS > _SURE:
        return True
    return seen.difference < 5.0 and seen.redder < 2.0 and seen.lower_lighter < 22


def _covered_in_grey(seen: LipEvidence, face: Face) -> bool:
    doubt = 100 * min(face.lower_error, 0.06)
    # Lips are some 8 darker than the skin around them, and the lower one is as much lighter than the upper.
    unlike = abs(seen.lower_lighter - 8), abs(seen.lighter + 8)
    known = doubt, min(seen.line, 20.0), *unlike, seen.spread, 10 * face.full_score
    return float(_GREY_WEIGHTS @ np.array(known)) + _GREY_BIAS > _GREY_SURE


def lip_evidence(image: np.ndarray, face: Face) -> LipEvidence:
    """Measure what is seen of the lips of `face` in `image` (H, W, 3) uint8 RGB."""
    import cv2

    cut, matrix = upright(image, face.pose, _SIDE, round(_SIDE * _UNIT))
    points = face.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    smooth = cv2.GaussianBlur(cut, (0, 0), 1.2).astype(np.float32) / 255
    middle = smooth[smooth.shape[0] // 3 : -smooth.shape[0] // 3, smooth.shape[1] // 3 : -smooth.shape[1] // 3]
    smooth = np.clip(smooth * min(max(_LIT / 255 / max(float(middle.mean()), 1e-3), 1.0), 4.0), 0, 1)
    lab = np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB))
    side = cut.shape[0]

    def area(landmarks: tuple[int, ...], grown: float = 0.0) -> np.ndarray:
        mask = np.zeros((side, side), np.uint8)
        cv2.fillPoly(mask, [np.round(points[list(landmarks)]).astype(np.int32)], (1,))
        if grown:
            wide = 2 * int(grown * _UNIT) + 1
            mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))))
        return mask > 0

    def spots(landmarks: tuple[int, ...]) -> np.ndarray:
        mask = np.zeros((side, side), np.uint8)
        for x, y in np.round(points[list(landmarks)]).astype(int):
            cv2.circle(mask, (int(x), int(y)), int(0.1 * _UNIT), (1,), -1)
        return mask > 0

    def colour(mask: np.ndarray) -> np.ndarray:
        return np.median(lab[mask], axis=0) if mask.any() else np.zeros(3)

    between = area(_INNER)
    upper, lower = area(_UPPER) & ~between, area(_LOWER) & ~between
    lips, skin = colour(upper | lower), colour(area(_OUTER, 0.16) & ~area(_OUTER, 0.05))
    cheeks, chin = colour(spots(_CHEEKS)), colour(spots(_CHIN))
    spread = float(lab[upper | lower, 0].std()) if (upper | lower).any() else 0.0
    return LipEvidence(
        redder=float(lips[1] - skin[1]),
        lighter=float(lips[0] - skin[0]),
        line=_line(lab[..., 0], points),
        lower_lighter=float(colour(lower)[0] - colour(upper)[0]),
        foreign=float(np.hypot(*(chin - cheeks)[1:])),
        spread=spread,
        difference=float(np.linalg.norm(lips - skin)),
        chroma=float(np.hypot(lab[..., 1], lab[..., 2]).mean()),
    )


def _line(light: np.ndarray, points: np.ndarray) -> float:
    """How much darker than its surroundings the darkest row near the middle of the mouth is."""
    away = np.arange(-16, 17)
    rows = []
    for upper, lower in _ACROSS:
        x, y = (points[upper] + points[lower]) / 2
        at = np.clip((y + away).astype(int), 0, light.shape[0] - 1)
        rows.append(light[at, int(np.clip(x, 0, light.shape[1] - 1))])
    profile = np.mean(rows, axis=0)
    return float(np.median(profile) - profile[10:23].min())
