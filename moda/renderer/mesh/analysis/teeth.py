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


@dataclass(frozen=True)
class Arch:
    """Where a point of the flattened sheet stands: arc length -> x across and z back, IOD."""

    length: np.ndarray
    across: np.ndarray
    back: np.ndarray


def arch(half_width: float, depth: float) -> Arch:
    angle = np.linspace(-1.45, 1.45, 241)
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
    gum_line = np.full(w, 0.12)
    start = 0.0
    for k, (width, crown, step) in enumerate(zip(widths, crowns, steps)):
        for side in (-1, 1):
            x = (u * side - start - width / 2) / (width / 2)
            on = (x >= -1) & (x < 1)
            if not on.any():
                continue
            xs = x[on][None]
            mid = 0.12 if k < 2 else 0.0
            edge = step + 0.011 * np.abs(xs) ** 5 + 0.006 * np.clip(xs, 0, 1) ** 3
            if k == 2:
                edge = step + 0.013 * np.abs(xs - 0.08) ** 1.6
            gum = crown * (1 - 0.13 * xs**2 - mid * 0.1 * np.abs(xs))
            cover = np.clip((rise - edge) * PX / 2.2 + 0.5, 0, 1) * np.clip((gum - rise) * PX / 2.5 + 0.5, 0, 1)
            t = np.clip(rise / crown, 0, 1)
            tone = 0.99 - 0.13 * np.clip(t - 0.45, 0, 1) ** 1.2 - 0.035 * np.exp(-((t / 0.10) ** 2))
            tone = tone - 0.05 * np.abs(xs) ** 4
            tone = tone + 0.07 * np.exp(-(((xs + 0.12 * side) / 0.42) ** 2) - ((t - 0.42) / 0.26) ** 2)
            gap = (1 - np.abs(xs)) * width / 2
            tone = tone * (1 - 0.20 * np.exp(-((gap / 0.0050) ** 2)))
            shade[:, on] = tone
            enamel[:, on] = cover
            gum_line[on] = gum[0]
        start += width
    behind = np.abs(u) > start
    gum_cover = np.clip((rise - gum_line[None] + 0.004) * PX / 3.0 + 0.5, 0, 1) * (1 - enamel)
    enamel[:, behind] = 0
    gum_cover[:, behind] = 0
    return cv2.GaussianBlur(np.stack([shade, enamel, gum_cover], -1).astype(np.float32), (0, 0), 0.7)


def coloured(sheet: np.ndarray, tooth: np.ndarray, gum: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32: RGB 0..255 and alpha."""
    shade, enamel, pink = (sheet[..., k : k + 1] for k in range(3))
    # Enamel is warmer where it is darker (towards the gum), bluish where it is thin (biting edge).
    warm = np.clip(1.0 - shade, 0, 1)
    rgb = tooth[None, None] * shade * np.concatenate([1 + 0.05 * warm, np.ones_like(warm), 1 - 0.22 * warm], -1)
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
CHEEKS = (50, 280, 205, 425, 101, 330, 187, 411, 36, 266)


def measure_tones(image: np.ndarray, points: np.ndarray, iod: float, sclera: np.ndarray | None) -> Tones:
    """Colours for this portrait from its skin, lips and the white of its eyes (RGB, or None when not seen)."""
    reach = max(2, int(0.06 * iod))
    height, width = image.shape[:2]
    patches = []
    for k in CHEEKS:
        x, y = int(points[k, 0]), int(points[k, 1])
        patch = image[max(0, y - reach) : min(height, y + reach), max(0, x - reach) : min(width, x + reach)]
        if patch.size:
            patches.append(np.median(patch.reshape(-1, 3), axis=0))
    skins = np.array(patches) if patches else np.array([[180.0, 150.0, 130.0]])
    luma = skins @ LUMA
    lit = skins[luma >= np.median(luma)].mean(0)
    light = float(lit @ LUMA)
    warmth = float(np.clip((lit.max() - lit.min()) / max(light, 1.0) / 0.45, 0.0, 1.0))  # 0 for black and white
    # How the skin differs from skin in white light: small differences are the skin's own, large ones the light's.
    cast = np.clip(lit / max(light, 1.0) / SKIN_IN_WHITE_LIGHT, 0.04, 4.0)
    lamp = float(smoothstep(float(np.abs(np.log(cast)).max()), *COLOURED_LIGHT)) * warmth
    low, high = LEAST_CAST ** (1 + 3 * lamp), MOST_CAST ** (1 + 2 * lamp)
    tint = 1 + warmth * (np.clip(cast, low, high) ** (SHARED_CAST + (1 - SHARED_CAST) * lamp) - 1)
    tint[0], tint[2] = max(tint[0], 1.0 - lamp), min(tint[2], 0.98 + 3 * lamp)  # never colder than the light
    level = 1.08 * light
    if sclera is not None:
        white = float(sclera @ LUMA)
        if white > 20:
            level = max(1.05 * light, min(1.15 * white, 1.35 * light))
            own = np.clip(sclera / white, 0.75 ** (1 + 6 * lamp), 1.3 ** (1 + 4 * lamp))
            tint = 0.65 * tint + 0.35 * (1 + (0.75 + 0.25 * lamp) * (own - 1))
    tint = tint / float(tint @ LUMA)
    level = min(level, 232.0)
    enamel = ENAMEL ** (1 - lamp)  # in one colour's light there is no telling that enamel is yellow
    tooth = np.clip(level * tint * enamel, 0, 245)
    lamp_tint = (cast / float(cast @ LUMA)) ** lamp

    def flesh(rgb: tuple[float, float, float], amount: float) -> np.ndarray:
        colour = np.array(rgb)
        grey = float(colour @ LUMA)
        return (grey + (colour - grey) * warmth) * lamp_tint * amount * light / 170.0

    return Tones(
        tooth.astype(np.float32),
        flesh((196, 112, 108), 0.85).astype(np.float32),
        flesh((200, 97, 96), 1.0).astype(np.float32),
        flesh((72, 23, 20), 0.78).astype(np.float32),
        light / 255.0,
    )


def sclera_of(patches: list[np.ndarray], irises: list[tuple[float, float, float]]) -> np.ndarray | None:
    """Colour of the white of the eyes from the eyeball sheets, or None when there is too little of it."""
    found = []
    for patch, (u, v, radius) in zip(patches, irises):
        h, w = patch.shape[:2]
        y, x = np.mgrid[0:h, 0:w]
        ring = (
            (np.hypot(x - u, y - v) > 1.15 * radius) & (np.abs(x - w / 2) < 0.36 * w) & (np.abs(y - v) < 0.9 * radius)
        )
        colours = cv2.GaussianBlur(patch, (0, 0), 1.5)[ring].astype(np.float64)
        if len(colours) > 60:
            luma = colours @ LUMA
            low, high = np.percentile(luma, [70, 94])
            found.append(colours[(luma >= low) & (luma <= high)].mean(0))
    return np.mean(found, axis=0) if found else None
