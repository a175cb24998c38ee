"""Teeth: two painted rows on a dental arch, in the light and tone of the portrait.

Sizes are those of adult teeth over the mean distance between the eyes (63 mm):
a central incisor of 8.6 mm is 0.136 IOD.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from moda.renderer.mesh.analysis.curves import smoothstep

PX = 210  # sheet px per IOD of arc length
HALF_SPAN = 0.78  # IOD of arc length, each side
SHEET_HEIGHT = 0.24  # IOD
EDGE_AT = 0.03  # IOD from the sheet's edge-side rim to the biting edge

UPPER_WIDTHS = (0.136, 0.106, 0.120, 0.112, 0.108, 0.160)
UPPER_CROWNS = (0.166, 0.148, 0.160, 0.138, 0.128, 0.115)
UPPER_STEPS = (0.0, 0.007, 0.002, 0.009, 0.014, 0.020)  # how far the biting edge stays back
LOWER_WIDTHS = (0.086, 0.093, 0.108, 0.110, 0.112, 0.170)
LOWER_CROWNS = (0.135, 0.138, 0.150, 0.130, 0.120, 0.110)
LOWER_STEPS = (0.0, 0.002, 0.0, 0.010, 0.014, 0.020)

# What follows has no source: it is set by eye on rendered portraits.
HALF_ANGLE = 1.45  # radians of the half ellipse on which the teeth stand
GUM_LINE = 0.12  # behind the last tooth, IOD
CANINE = 2  # the third tooth has a point
INCISORS = 2  # the first two have rounder gums
ROUNDED, ROUNDED_OUTSIDE = 0.011, 0.006  # IOD the biting edge falls back at the sides of a tooth
POINT, POINT_AT, POINT_POWER = 0.013, 0.08, 1.6
GUM_ARCH, GUM_ARCH_INCISOR = 0.13, 0.012  # of the crown
EDGE_SOFT, GUM_SOFT, GUM_SOFTER = 2.2, 2.5, 3.0  # px over which enamel and gum begin
GUM_OVERLAP = 0.004
ENAMEL_SHADE = 0.99
NECK_SHADE, NECK_FROM, NECK_POWER = 0.13, 0.45, 1.2  # darker towards the gum
RIM_SHADE, RIM = 0.035, 0.10  # and at the biting edge, where it is thin
SIDE_SHADE = 0.05
GLOSS, GLOSS_AT, GLOSS_SIZE = 0.07, (0.12, 0.42), (0.42, 0.26)  # the highlight; half widths and crowns
GAP_SHADE, GAP = 0.20, 0.0050  # the dark line between two teeth
SHEET_SIGMA = 0.7
DARK_IS_RED, DARK_IS_LESS_BLUE = 0.05, 0.22  # enamel is warmer where it is darker


@dataclass(frozen=True)
class Arch:
    """Where a point of the flattened sheet stands: arc length -> x across and z back, IOD."""

    length: np.ndarray
    across: np.ndarray
    back: np.ndarray


def arch(half_width: float, depth: float) -> Arch:
    angle = np.linspace(-HALF_ANGLE, HALF_ANGLE, 241)
    x, z = half_width * np.sin(angle), depth * (1 - np.cos(angle))
    step = np.hypot(np.diff(x), np.diff(z))
    length = np.concatenate([[0.0], np.cumsum(step)])
    return Arch(length - length[120], x, z)


UPPER_ARCH = arch(0.43, 0.60)
LOWER_ARCH = arch(0.40, 0.56)


@lru_cache(maxsize=2)
def row_sheet(widths: tuple[float, ...], crowns: tuple[float, ...], steps: tuple[float, ...]) -> np.ndarray:
    """(h, w, 3) float32: shade of the enamel, cover of the enamel, cover of the gum. Row 0 is the biting side."""
    h, w = round(SHEET_HEIGHT * PX), round(2 * HALF_SPAN * PX)
    u = (np.arange(w) + 0.5) / PX - HALF_SPAN
    rise = ((np.arange(h) + 0.5) / PX - EDGE_AT)[:, None]  # from the edge towards the gum
    shade, enamel = np.ones((h, w)), np.zeros((h, w))
    gum_line = np.full(w, GUM_LINE)
    start = 0.0
    for k, (width, crown, step) in enumerate(zip(widths, crowns, steps)):
        for side in (-1, 1):
            x = (u * side - start - width / 2) / (width / 2)
            on = (x >= -1) & (x < 1)
            if not on.any():
                continue
            xs = x[on][None]
            edge = step + ROUNDED * np.abs(xs) ** 5 + ROUNDED_OUTSIDE * np.clip(xs, 0, 1) ** 3
            if k == CANINE:
                edge = step + POINT * np.abs(xs - POINT_AT) ** POINT_POWER
            gum = crown * (1 - GUM_ARCH * xs**2 - (GUM_ARCH_INCISOR if k < INCISORS else 0.0) * np.abs(xs))
            enamelled = np.clip((rise - edge) * PX / EDGE_SOFT + 0.5, 0, 1)
            cover = enamelled * np.clip((gum - rise) * PX / GUM_SOFT + 0.5, 0, 1)
            t = np.clip(rise / crown, 0, 1)
            tone = ENAMEL_SHADE - NECK_SHADE * np.clip(t - NECK_FROM, 0, 1) ** NECK_POWER
            tone = tone - RIM_SHADE * np.exp(-((t / RIM) ** 2))
            tone = tone - SIDE_SHADE * np.abs(xs) ** 4
            across = (xs + GLOSS_AT[0] * side) / GLOSS_SIZE[0]
            tone = tone + GLOSS * np.exp(-(across**2) - ((t - GLOSS_AT[1]) / GLOSS_SIZE[1]) ** 2)
            gap = (1 - np.abs(xs)) * width / 2
            tone = tone * (1 - GAP_SHADE * np.exp(-((gap / GAP) ** 2)))
            shade[:, on] = tone
            enamel[:, on] = cover
            gum_line[on] = gum[0]
        start += width
    behind = np.abs(u) > start
    gum_cover = np.clip((rise - gum_line[None] + GUM_OVERLAP) * PX / GUM_SOFTER + 0.5, 0, 1) * (1 - enamel)
    enamel[:, behind] = 0
    gum_cover[:, behind] = 0
    return cv2.GaussianBlur(np.stack([shade, enamel, gum_cover], -1).astype(np.float32), (0, 0), SHEET_SIGMA)


def coloured(sheet: np.ndarray, tooth: np.ndarray, gum: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32: RGB 0..255 and alpha."""
    shade, enamel, pink = (sheet[..., k : k + 1] for k in range(3))
    # Enamel is warmer where it is darker (towards the gum), bluish where it is thin (biting edge).
    warm = np.clip(1.0 - shade, 0, 1)
    tint = np.concatenate([1 + DARK_IS_RED * warm, np.ones_like(warm), 1 - DARK_IS_LESS_BLUE * warm], -1)
    rgb = tooth[None, None] * shade * tint
    alpha = np.clip(enamel + pink, 0, 1)
    mixed = (rgb * enamel + gum[None, None] * pink) / np.maximum(enamel + pink, 1e-3)
    return np.concatenate([mixed, alpha], -1).astype(np.float32)


def softened(sheet: np.ndarray, sigma: float) -> np.ndarray:
    """A coloured sheet (h, w, 4) blurred by `sigma` sheet px: teeth are no sharper than the picture around them."""
    if sigma < 0.5:
        return sheet
    alpha = sheet[..., 3:]
    colour, cover = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (sheet[..., :3] * alpha, alpha))
    return np.concatenate([colour / np.maximum(cover[..., None], 1e-3), cover[..., None]], -1)


@dataclass(frozen=True)
class Tones:
    """Colours of the mouth's inside, RGB 0..255 float32."""

    tooth: np.ndarray
    gum: np.ndarray
    tongue: np.ndarray
    cavity: np.ndarray
    light: float  # brightness of the skin, 0..1


LUMA = np.array([0.299, 0.587, 0.114])
COLOURED_LIGHT = (0.45, 0.70)
"""Largest logarithm of the skin's cast: below the first it is the skin's own (the shared portraits are below .43),
above the second the light's."""
LEAST_CAST, MOST_CAST, SHARED_CAST = 0.55, 1.5, 0.75  # how much of a skin's own cast teeth take
ENAMEL = np.array([1.03, 1.0, 0.91])
SKIN_IN_WHITE_LIGHT = np.array([1.20, 0.94, 0.80])
"""Typical skin over its brightness, RGB."""
MOST_TINT, LEAST_TINT = 4.0, 0.04  # of the cast that is believed
GREY_AT = 0.45  # saturation of the skin from which the picture is in full colour
BLUE_LEAST = 0.98
OVER_SKIN, OVER_SKIN_LEAST, OVER_SKIN_MOST, OVER_SCLERA = 1.08, 1.05, 1.35, 1.15  # how bright teeth are
BRIGHTEST, LARGEST_TONE = 232.0, 245  # levels
SCLERA_SHARE, SCLERA_CAST = 0.35, (0.75, 1.3)  # of the tint; the cast of the white of the eyes that is believed
LEAST_SCLERA = 20  # levels
UNKNOWN_SKIN = (180.0, 150.0, 130.0)
FLESH_LIGHT = 170.0  # brightness of the skin in whose light these colours are given
GUM, TONGUE, CAVITY = ((196, 112, 108), 0.85), ((200, 97, 96), 1.0), ((72, 23, 20), 0.78)  # RGB, amount
CHEEK_HALF = 0.06  # IOD
CHEEKS = (50, 280, 205, 425, 101, 330, 187, 411, 36, 266)


def measure_tones(image: np.ndarray, points: np.ndarray, iod: float, sclera: np.ndarray | None) -> Tones:
    """Colours for this portrait from its skin, lips and the white of its eyes (RGB, or None when not seen)."""
    reach = max(2, int(CHEEK_HALF * iod))
    height, width = image.shape[:2]
    patches = []
    for k in CHEEKS:
        x, y = int(points[k, 0]), int(points[k, 1])
        patch = image[max(0, y - reach) : min(height, y + reach), max(0, x - reach) : min(width, x + reach)]
        if patch.size:
            patches.append(np.median(patch.reshape(-1, 3), axis=0))
    skins = np.array(patches) if patches else np.array([UNKNOWN_SKIN])
    luma = skins @ LUMA
    lit = skins[luma >= np.median(luma)].mean(0)
    light = float(lit @ LUMA)
    warmth = float(np.clip((lit.max() - lit.min()) / max(light, 1.0) / GREY_AT, 0.0, 1.0))  # 0 for black and white
    # How the skin differs from skin in white light: small differences are the skin's own, large ones the light's.
    cast = np.clip(lit / max(light, 1.0) / SKIN_IN_WHITE_LIGHT, LEAST_TINT, MOST_TINT)
    lamp = float(smoothstep(float(np.abs(np.log(cast)).max()), *COLOURED_LIGHT)) * warmth
    low, high = LEAST_CAST ** (1 + 3 * lamp), MOST_CAST ** (1 + 2 * lamp)
    tint = 1 + warmth * (np.clip(cast, low, high) ** (SHARED_CAST + (1 - SHARED_CAST) * lamp) - 1)
    tint[0], tint[2] = max(tint[0], 1.0 - lamp), min(tint[2], BLUE_LEAST + 3 * lamp)  # never colder than the light
    level = OVER_SKIN * light
    if sclera is not None:
        white = float(sclera @ LUMA)
        if white > LEAST_SCLERA:
            level = max(OVER_SKIN_LEAST * light, min(OVER_SCLERA * white, OVER_SKIN_MOST * light))
            least, most = SCLERA_CAST
            own = np.clip(sclera / white, least ** (1 + 6 * lamp), most ** (1 + 4 * lamp))
            shared = SHARED_CAST + (1 - SHARED_CAST) * lamp
            tint = (1 - SCLERA_SHARE) * tint + SCLERA_SHARE * (1 + shared * (own - 1))
    tint = tint / float(tint @ LUMA)
    level = min(level, BRIGHTEST)
    enamel = ENAMEL ** (1 - lamp)  # in one colour's light there is no telling that enamel is yellow
    tooth = np.clip(level * tint * enamel, 0, LARGEST_TONE)
    lamp_tint = (cast / float(cast @ LUMA)) ** lamp

    def flesh(rgb: tuple[float, float, float], amount: float) -> np.ndarray:
        colour = np.array(rgb)
        grey = float(colour @ LUMA)
        return (grey + (colour - grey) * warmth) * lamp_tint * amount * light / FLESH_LIGHT

    return Tones(
        tooth.astype(np.float32),
        flesh(*GUM).astype(np.float32),
        flesh(*TONGUE).astype(np.float32),
        flesh(*CAVITY).astype(np.float32),
        light / 255.0,
    )


# Where the white of an eye is looked for: outside the iris (its radii), within the sheet; neither lash nor light.
RING_FROM, RING_ACROSS, RING_DOWN = 1.15, 0.36, 0.9
LEAST_RING, RING_PERCENTILES = 60, [70, 94]


def sclera_of(patches: list[np.ndarray], irises: list[tuple[float, float, float]]) -> np.ndarray | None:
    """Colour of the white of the eyes from the eyeball sheets, or None when there is too little of it."""
    found = []
    for patch, (u, v, radius) in zip(patches, irises):
        h, w = patch.shape[:2]
        y, x = np.mgrid[0:h, 0:w]
        beside = (np.abs(x - w / 2) < RING_ACROSS * w) & (np.abs(y - v) < RING_DOWN * radius)
        ring = (np.hypot(x - u, y - v) > RING_FROM * radius) & beside
        colours = cv2.GaussianBlur(patch, (0, 0), 1.5)[ring].astype(np.float64)
        if len(colours) > LEAST_RING:
            luma = colours @ LUMA
            low, high = np.percentile(luma, RING_PERCENTILES)
            found.append(colours[(luma >= low) & (luma <= high)].mean(0))
    return np.mean(found, axis=0) if found else None
