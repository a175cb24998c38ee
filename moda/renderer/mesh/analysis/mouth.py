"""The mouth's inside: what is seen between the lips, fitted to the portrait.

Upper teeth keep to the skull, lower teeth and tongue to the jaw; the lips only open the view on them. Where the
portrait shows its own teeth they are used: the picture between the lips becomes the upper row's sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from moda.renderer.mesh.analysis import teeth
from moda.renderer.mesh.analysis.curves import lip_lines
from moda.renderer.mesh.analysis.filling import filled, spread
from moda.renderer.mesh.analysis.topology import LIP_LOWER_INNER, LIP_UPPER_INNER

# Lengths in IOD; numbers without a source are set by eye on rendered portraits.
OWN_PX = 200  # own-teeth sheet px per IOD
OWN_HALF = (0.75, 0.35)  # half width, half height
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Teeth in the picture: bright (of the tone expected) and hardly coloured, between the lips.
TOOTH_BRIGHT, TOOTH_SATURATION = 0.60, 0.42
LEAST_TOOTHY, LEAST_GAP = 0.18, 0.05  # share of the inside that must be teeth; opening below which there are none
TOOTH_PERCENTILE = 55  # the brighter of the teeth seen give their tone
EDGE, EDGE_RANGE = 0.046, (0.05, 0.16)  # biting edge below the seam: of painted teeth; of the picture's own
MIDDLE_COLUMNS = (0.35, 0.65)  # of the sheet, where the biting edge is looked for
SIDE_PX, CORNER_PX = 14.0, 4  # own teeth go over into the dark towards the corners
BEYOND_PX, BEYOND_LIGHT = 44.0, 0.36  # and on behind them, in the cheeks' shade: a mouth drawn wider shows no hole
LOWER_TOOTH, LOWER_GUM = 0.84, 0.8  # the lower row lies in the lip's shade
SEAM = np.array([0.58, 0.44, 0.40])  # of the lips' colour
SEAM_MARKS = [12, 38, 268, 15, 86, 316]
UPPER_LIP_SHARE = 0.1  # of the opening; the rest is the jaw's

PART_FROM, PART, PART_SHARE = 0.045, 0.014, 0.25  # opening from which rims are parted, by how much, at most of it

# The dental arch, over that of a mouth of the usual width.
ARCH_WIDER, ARCH_USUAL, ARCH_RANGE = 0.06, 0.84, (0.62, 1.05)


@dataclass(frozen=True)
class Mouth:
    """The mouth of one portrait. Lengths in IOD unless said otherwise."""

    centre: np.ndarray  # (3,) px: middle of the seam in the picture, with its depth
    along: np.ndarray  # (2,) unit vector of the mouth line
    gap: float  # inner-lip opening in the picture
    width: float  # inner corner to corner
    edge: float  # biting edge of the upper teeth below the middle of the seam
    upper: np.ndarray  # (h, w, 4) float32 sheet
    lower: np.ndarray
    own: np.ndarray  # (h, w, 4) float32: the picture's own inside, alpha 0 where it has none
    toothy: float  # 0..1: how much of the own inside is teeth
    arch: float  # width of the dental arch over the usual one
    tones: teeth.Tones
    seam: np.ndarray  # (3,) float32 RGB of the line between closed lips
    covered: bool  # something is before the mouth: its inside is never seen


def _own_inside(
    image: np.ndarray, points: np.ndarray, centre: np.ndarray, along: np.ndarray, iod: float, tones: teeth.Tones
) -> tuple[np.ndarray, float, float]:
    """Sheet of the picture between the lips, how toothy it is, and where its teeth end (IOD below the centre)."""
    half_u, half_v = OWN_HALF
    w, h = int(2 * half_u * OWN_PX), int(2 * half_v * OWN_PX)
    v, u = np.mgrid[0:h, 0:w].astype(np.float64)
    su, sv = ((u + 0.5) / OWN_PX - half_u) * iod, ((v + 0.5) / OWN_PX - half_v) * iod
    x = centre[0] + su * along[0] - sv * along[1]
    y = centre[1] + su * along[1] + sv * along[0]
    rgb = cv2.remap(
        image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)  # fmt: skip
    top, bottom = lip_lines(points)

    def local(line: np.ndarray) -> np.ndarray:
        d = (line - centre[:2]) / iod
        return np.stack(
            [(d @ along + half_u) * OWN_PX, (d @ np.array([-along[1], along[0]]) + half_v) * OWN_PX], 1
        )  # fmt: skip

    mask = filled(np.vstack([local(top), local(bottom)[::-1]]), (h, w))
    inside = cv2.erode(mask, np.ones((5, 5), np.uint8)).astype(np.float32) / 255
    luma = rgb @ LUMA
    saturation = (rgb.max(-1) - rgb.min(-1)) / np.maximum(rgb.max(-1), 1.0)
    reference = float(tones.tooth @ LUMA)
    white = (luma > TOOTH_BRIGHT * reference) & (saturation < TOOTH_SATURATION) & (inside > 0.5)
    toothy = float(white.sum() / max((inside > 0.5).sum(), 1))
    end = 0.0
    cover, dim = np.zeros((h, w), np.float32), np.ones(w)
    if toothy > LEAST_TOOTHY:
        # The upper row: from the upper lip down to where the bright run of a column ends.
        solid = cv2.morphologyEx(white.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))
        lowest = np.where(solid.any(0), h - 1 - solid[::-1].argmax(0), 0)
        columns = np.flatnonzero(solid.any(0))
        middle = columns[(columns > MIDDLE_COLUMNS[0] * w) & (columns < MIDDLE_COLUMNS[1] * w)]
        if len(middle):
            end = float(np.median(lowest[middle])) / OWN_PX - half_v
            rows = np.arange(h)[:, None]
            run = np.interp(np.arange(w), columns, lowest[columns])
            run = cv2.blur(run.astype(np.float32)[None], (9, 1))[0]
            # Sideways as far as the picture shows the inside: its dark corners are the best ones.
            open_columns = np.flatnonzero((inside > 0.5).any(0))
            first, last = open_columns[0] + CORNER_PX, open_columns[-1] - CORNER_PX
            within = np.minimum(np.arange(w) - first, last - np.arange(w))
            dim = BEYOND_LIGHT + (1 - BEYOND_LIGHT) * np.clip(within / SIDE_PX, 0, 1)
            side = np.clip(1 + within / BEYOND_PX, 0, 1)
            cover = (rows <= run[None] + 1).astype(np.float32)
            cover = cv2.GaussianBlur(cover, (0, 0), 1.6) * side[None]
        # Continue upwards and sideways, for when the lips bare more than the picture shows.
        # Only sure teeth count as known: near the lips the picture mixes in their colour.
        sure = cv2.erode((inside > 0.9).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32) * (cover > 0.3)
        continued = spread(rgb, sure.astype(np.float32), (2.0, 5.0, 12.0, 30.0), tones.tooth, gain=12.0)
        soft = cv2.GaussianBlur(cv2.erode(inside, np.ones((3, 3), np.uint8)), (0, 0), 1.2)[..., None]
        rgb = rgb * soft + continued * (1 - soft) * dim[:, None]
    return np.concatenate([rgb, cover[..., None]], -1).astype(np.float32), toothy, end


def _seam_colour(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A dark shade of the lips."""
    height, width = image.shape[:2]
    marks = points[SEAM_MARKS, :2].astype(int)
    lips = np.median(image[np.clip(marks[:, 1], 0, height - 1), np.clip(marks[:, 0], 0, width - 1)], axis=0)
    return (lips * SEAM).astype(np.float32)


def part_lips(points: np.ndarray, iod: float) -> np.ndarray:
    """Open mouths: move the inner rims a little into the lips (in a copy), or teeth would stick to their edges."""
    points = points.copy()
    upper, lower = np.array(LIP_UPPER_INNER[1:-1]), np.array(LIP_LOWER_INNER[1:-1])
    gap = points[lower, :2] - points[upper, :2]
    length = np.linalg.norm(gap, axis=1, keepdims=True)
    if float(length.max()) < PART_FROM * iod:
        return points
    push = gap / np.maximum(length, 1e-6) * np.minimum(PART * iod, PART_SHARE * length)
    points[upper, :2] -= push
    points[lower, :2] += push
    return points


def build_mouth(
    image: np.ndarray, points: np.ndarray, iod: float, tones: teeth.Tones, position: np.ndarray, covered: bool = False
) -> Mouth:
    """Analyse the mouth. points (478, 3) px as found; position (468+, 3) px the mesh (closed lips merged)."""
    up, lo = points[13, :2], points[14, :2]
    left, right = position[78, :2], position[308, :2]
    width = float(np.linalg.norm(right - left))
    along = (right - left) / max(width, 1e-6)
    down = np.array([-along[1], along[0]])
    gap = max(0.0, float((lo - up) @ down)) / iod
    if np.allclose(position[13], position[14]):
        gap = 0.0
    # The seam: where the lips meet when closed; a jaw that drops takes most of the opening downwards.
    middle = position[13].astype(np.float64).copy()
    middle[:2] += UPPER_LIP_SHARE * gap * iod * down
    own, toothy, end = _own_inside(image, points, middle, along, iod, tones)
    if gap < LEAST_GAP:
        toothy = 0.0
    edge = EDGE
    if toothy > LEAST_TOOTHY:
        edge = float(np.clip(end, *EDGE_RANGE))
        bright = own[..., 3] > 0.7
        if bright.sum() > 100:
            seen = own[..., :3][bright]
            luma = seen @ LUMA
            found = seen[luma > np.percentile(luma, TOOTH_PERCENTILE)].mean(0)
            tones = teeth.Tones(found, tones.gum, tones.tongue, tones.cavity, tones.light)
    else:
        own = np.zeros((2, 2, 4), np.float32)
    upper = teeth.row_sheet(teeth.UPPER_WIDTHS, teeth.UPPER_CROWNS, teeth.UPPER_STEPS)
    lower = teeth.row_sheet(teeth.LOWER_WIDTHS, teeth.LOWER_CROWNS, teeth.LOWER_STEPS)
    blur = 0.5 * teeth.PX / iod  # half a pixel of the picture
    rows = (
        teeth.softened(teeth.coloured(upper, tones.tooth, tones.gum), blur),
        teeth.softened(teeth.coloured(lower, tones.tooth * LOWER_TOOTH, tones.gum * LOWER_GUM), blur),
    )
    return Mouth(
        middle, along, gap, width / iod, edge, *rows,
        np.ascontiguousarray(own), toothy if toothy > LEAST_TOOTHY else 0.0,
        float(np.clip((width / iod + ARCH_WIDER) / ARCH_USUAL, *ARCH_RANGE)), tones,
        _seam_colour(image, points), covered,
    )  # fmt: skip
