"""Draw what is seen through the openings of the skin: eyeballs between the lids, teeth and tongue between the lips.

Every pixel is computed on its own from the parameters, so that a fragment shader can repeat it. A kernel's parameters
are one NamedTuple of floats; lengths are frame px unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types

from moda.compiled import jit

SHEET, TEETH = types.uint8[:, :, ::1], types.float32[:, :, ::1]
ARCH, LINE, COLOUR = types.float64[:, ::1], types.float64[::1], types.float32[::1]
FAINT = 0.003
"""Opacity below which nothing is drawn: less than one of 255 levels."""


def floats(fields: type) -> types.Type:
    """numba's type of a NamedTuple all of whose fields are floats."""
    return types.NamedUniTuple(types.float64, len(fields._fields), fields)  # type: ignore[attr-defined]


class EyeShape(NamedTuple):
    """One eye in one frame."""

    left: float  # left corner x, y
    top: float
    along_x: float  # unit vector to the other corner
    along_y: float
    width: float
    sheet_per_u: float  # sheet px per frame px along the corner line
    sheet_per_v: float  # and across it
    sheet_u: float  # sheet position of the left corner
    sheet_v: float
    iris_u: float  # sheet px
    iris_v: float
    iris_radius: float
    gaze_u: float  # iris shift, sheet px
    gaze_v: float
    lid_shadow: float  # 0..1: darkness of the upper lid's shadow on the eyeball
    shadow_depth: float  # how far it reaches down
    lash: float  # opacity of the closed lash line
    lash_half: float  # half its width
    sharpness: float  # 1 / width of the soft rim
    opacity: float
    drawn_iris: float  # how much the drawn iris replaces the picture's own
    lifted: float  # how far the upper lid has been lifted from its lash line, 0..1
    painted_lid: float  # share of the opening that a painted lid covers (0 = lids are warped)
    smoothed_lid: float  # how much the stretched skin of a warped lid is smoothed


class MouthShape(NamedTuple):
    """The mouth in one frame. "Below" counts from the line between the inner corners."""

    left: float  # left inner corner x, y
    top: float
    along_x: float
    along_y: float
    width: float
    unit: float  # px per IOD
    upper_edge: float  # biting edge of the upper teeth below the line
    lower_edge: float
    sheet_per_px: float  # sheet px per frame px
    sheet_edge: float  # sheet row of the biting edge
    tongue_top: float
    tongue_half: float
    tongue: float  # opacity
    own_per_px: float  # sheet px of the picture's own inside per frame px
    own_u: float  # its sheet position of the left corner
    own_v: float
    own: float  # opacity
    opacity: float
    upper_teeth: float  # opacity
    middle: float  # px from the left corner to the middle of the jaw
    sharpness: float


# Set by eye on close-ups of the shared portraits at 1024 px, then frozen; lengths in eye widths or IOD.
LID_FOLD_REACH = 0.4  # below the fold a stretched lid takes on its own tone over this share of its height
LID_LEAST = 0.35  # and takes it by at least this share also where it looks like skin: its own grain stays visible
LID_BULGE, LID_HANG = 0.03, 0.02  # light on the eyeball under it, and the shade towards its rim
PAINTED_FOLD = 0.22  # darkness of the fold that a painted lid hangs from
LID_STRANGE = 90.0  # summed RGB difference from the lid's colour that is surely lash or eyeball
LID_OVERLAP, LID_SHARE = 0.03, 0.92  # a painted lid closes so far over the lower rim, and does so much of the way
FIXED_SHADE_TOP, FIXED_SHADE_BOTTOM = 0.36, 0.22  # the lids' standing shadow on the eyeball
IRIS_RIM = 0.10  # width of the iris's soft rim, radii
IRIS_ZONE, IRIS_ZONE_FADE = 1.42, 0.30  # around the iris the eyeball is drawn anew, radii
LASH_FLANK = 0.45  # opacity of the lash line's soft upper flank
TONGUE_DOME, TONGUE_GROOVE = 0.22, 0.16  # IOD from tip to flank; darkness of the groove
LIP_SHADE_TOP, LIP_SHADE_TOP_DEPTH = 0.40, 0.035  # the upper lip's shadow and its depth, IOD
LIP_SHADE_BOTTOM, LIP_SHADE_BOTTOM_DEPTH = 0.24, 0.03
NARROW_GAP, NARROW_LIGHT = 0.09, 0.46  # a gap below so many IOD lets in less light, down to this share
WARM_DARK, OWN_WARM_DARK = 0.13, 0.06  # light inside comes through flesh: green and blue fall faster by so much


@jit()
def clamp01(x: float) -> float:
    return min(max(x, 0.0), 1.0)


@jit()
def smooth(t: float) -> float:
    """Smoothstep of t in 0..1."""
    return t * t * (3 - 2 * t)


@jit()
def slant(slope: float) -> float:
    """Length of a step along a line that rises by ``slope`` a px."""
    return np.sqrt(1.0 + slope * slope)


@jit()
def bilinear(sheet: np.ndarray, row: int, column: int, down: float, right: float, channel: int) -> float:
    """The sheet (h, w, c) between pixel (row, column) and its neighbours; down, right 0..1."""
    above = sheet[row, column, channel] * (1 - right) + sheet[row, column + 1, channel] * right
    below = sheet[row + 1, column, channel] * (1 - right) + sheet[row + 1, column + 1, channel] * right
    return above * (1 - down) + below * down


@jit()
def blend(frame: np.ndarray, y: int, x: int, channel: int, value: float, alpha: float) -> None:
    """Lay a value 0..255 over one channel of a pixel."""
    frame[y, x, channel] = np.uint8(frame[y, x, channel] * (1 - alpha) + min(value, 255.0) * alpha + 0.5)


@jit()
def bounds(
    left: float, top: float, ex: float, ey: float, u0: float, u1: float, v0: float, v1: float
) -> tuple[int, int, int, int]:
    """Pixels x0, y0, x1, y1 (exclusive, not clipped) that hold the tilted rectangle u0..u1, v0..v1."""
    x_min, x_max, y_min, y_max = 1e9, -1e9, 1e9, -1e9
    for u in (u0, u1):
        for v in (v0, v1):
            x = left + u * ex - v * ey
            y = top + u * ey + v * ex
            x_min, x_max, y_min, y_max = min(x_min, x), max(x_max, x), min(y_min, y), max(y_max, y)
    return int(x_min), int(y_min), int(x_max) + 2, int(y_max) + 2


@jit()
def _lid_tone(tones: np.ndarray, i: int, f: float, down: float, channel: int) -> float:
    """Skin of a closed lid between columns i and i + 1 (f), ``down`` 0..1 of the way from the crease to the rim."""
    last = tones.shape[0] - 1
    at = down * last
    row = min(int(at), last - 1)
    bulge = 1.0 + LID_BULGE * np.sin(3.14159 * down) - LID_HANG * smooth(clamp01(2.0 * down - 1.0))
    return bilinear(tones, row, i, at - row, f, channel) * bulge


@jit()
def _smooth_lid(
    frame: np.ndarray, y: int, x: int, i: int, f: float, t: float, v: float, roof: float, top: float, eye: EyeShape,
    tones: np.ndarray,
) -> None:  # fmt: skip
    """The stretched skin of a warped lid between its fold (roof) and rim (top) takes on the tones around the eye."""
    down = (v - roof) / (top - roof)
    a = smooth(min(down / LID_FOLD_REACH, 1.0)) * min(1.0, 6.0 * t, 6.0 * (1 - t)) * eye.smoothed_lid
    # Skin may stay as it is; stretched lashes and eyeball may not.
    strange = 0.0
    for c in range(3):
        strange += abs(frame[y, x, c] - _lid_tone(tones, i, f, down, c))
    a *= LID_LEAST + (1 - LID_LEAST) * min(1.0, strange / LID_STRANGE)
    for c in range(3):
        blend(frame, y, x, c, _lid_tone(tones, i, f, down, c), a)


@jit()
def _painted_lid(
    frame: np.ndarray, y: int, x: int, i: int, f: float, t: float, v: float, roof: float, top: float, eye: EyeShape,
    tones: np.ndarray,
) -> None:  # fmt: skip
    """A lid painted over the eyeball, for eyes behind glasses; it hangs from roof down to top."""
    skin = clamp01((v - roof) / (0.04 * eye.width) + 0.2) * clamp01((top - v) * eye.sharpness + 0.5)
    skin *= min(1.0, 5.0 * t, 5.0 * (1 - t)) * min(1.0, 4.0 * eye.painted_lid)
    if skin > FAINT:
        down = clamp01((v - roof) / max(top - roof, 1.0))
        shade = 1.0 - PAINTED_FOLD * (1 - smooth(clamp01(down / 0.3)))
        for c in range(3):
            blend(frame, y, x, c, _lid_tone(tones, i, f, down, c) * shade, skin)


@jit()
def _eyeball(
    frame: np.ndarray, y: int, x: int, u: float, v: float, top: float, bottom: float, cover: float, eye: EyeShape,
    seen: np.ndarray, white: np.ndarray, disc: np.ndarray,
) -> None:  # fmt: skip
    ph, pw = seen.shape[0], seen.shape[1]
    pu = min(max(eye.sheet_u + u * eye.sheet_per_u, 0.0), pw - 1.001)
    pv = min(max(eye.sheet_v + v * eye.sheet_per_v, 0.0), ph - 1.001)
    iu, iv = int(pu), int(pv)
    fu, fv = pu - iu, pv - iv
    own, clear = bilinear(seen, iv, iu, fv, fu, 3), bilinear(white, iv, iu, fv, fu, 3)
    own = (own * (1 - eye.lifted) + min(own, clear) * eye.lifted) / 255.0
    du, dv = pu - eye.iris_u - eye.gaze_u, pv - eye.iris_v - eye.gaze_v
    away = np.sqrt(du * du + dv * dv)
    inside = clamp01((eye.iris_radius - away) / (IRIS_RIM * eye.iris_radius) + 0.5)
    # Only where the iris was or is now: elsewhere the picture's own white is the best.
    du, dv = pu - eye.iris_u, pv - eye.iris_v
    away = min(away, np.sqrt(du * du + dv * dv))
    zone = clamp01((IRIS_ZONE * eye.iris_radius - away) / (IRIS_ZONE_FADE * eye.iris_radius))
    own *= 1.0 - eye.drawn_iris * smooth(zone)
    qu = min(max(pu - eye.gaze_u, 0.0), pw - 1.001)
    qv = min(max(pv - eye.gaze_v, 0.0), ph - 1.001)
    ju, jv = int(qu), int(qv)
    gu, gv = qu - ju, qv - jv
    shade = 1.0 - eye.lid_shadow * np.exp(-max(v - top, 0.0) / eye.shadow_depth)
    fixed = 1.0 - FIXED_SHADE_TOP * np.exp(-max(v - top, 0.0) / eye.shadow_depth)
    fixed *= 1.0 - FIXED_SHADE_BOTTOM * np.exp(-max(bottom - v, 0.0) / (0.4 * eye.shadow_depth))
    for c in range(3):
        mine, ball = bilinear(seen, iv, iu, fv, fu, c), bilinear(white, iv, iu, fv, fu, c)
        iris = bilinear(disc, jv, ju, gv, gu, c)
        drawn = (ball * (1 - inside) + iris * inside) * fixed
        blend(frame, y, x, c, mine * shade * own + drawn * (1 - own), cover)


@jit()
def _lash_line(
    frame: np.ndarray, y: int, x: int, t: float, v: float, top: float, bottom: float, eye: EyeShape, lash: np.ndarray
) -> None:
    thick = eye.lash_half * (0.35 + 0.65 * clamp01(4.0 * t * (1 - t)))
    d = (v - max(top, bottom)) / thick if top > bottom else (v - top) / thick
    if d > -6.0 and d < 3.0:
        soft = LASH_FLANK * np.exp(-d * d / 9.0) if d < 0.0 else LASH_FLANK * np.exp(-d * d)
        a = eye.lash * ((1 - LASH_FLANK) * np.exp(-d * d) + soft) * min(1.0, 5.0 * t, 5.0 * (1 - t))
        for c in range(3):
            blend(frame, y, x, c, lash[c], a)


@jit(types.void(SHEET, SHEET, SHEET, SHEET, LINE, LINE, LINE, floats(EyeShape), COLOUR, TEETH))
def paint_eye(
    frame: np.ndarray,
    seen: np.ndarray,
    white: np.ndarray,
    disc: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    crease: np.ndarray,
    eye: EyeShape,
    lash: np.ndarray,
    tones: np.ndarray,
) -> None:
    """Draw the eyeball between the lids, the lash line and the lid itself into ``frame`` (H, W, 3) uint8.

    seen (h, w, 4) uint8: the picture's own eyeball, alpha where the picture shows it; white (h, w, 4) uint8: the
    eyeball without its iris, alpha where the picture is clear of lashes; disc (h, w, 3) uint8: the whole iris.
    upper, lower, crease: (n,) the rims and the fold above in px below the corner line, over equal steps from corner
    to corner. lash: (3,) colour. tones (m, n, 3): a closed lid from its crease down to its rim.
    """
    height, width = frame.shape[0], frame.shape[1]
    n = upper.shape[0]
    low, high = 1e9, -1e9
    for i in range(n):
        low = min(low, upper[i], lower[i])
        high = max(high, upper[i], lower[i])
        if eye.smoothed_lid > 0.0:
            low = min(low, crease[i])
    low -= 6 * eye.lash_half + 2
    high += 3 * eye.lash_half + 2
    x0, y0, x1, y1 = bounds(eye.left, eye.top, eye.along_x, eye.along_y, -2.0, eye.width + 2.0, low, high)
    for y in range(max(0, y0), min(height, y1)):
        for x in range(max(0, x0), min(width, x1)):
            dx, dy = x - eye.left, y - eye.top
            u = dx * eye.along_x + dy * eye.along_y
            v = -dx * eye.along_y + dy * eye.along_x
            if u <= 0.0 or u >= eye.width:
                continue
            t = u / eye.width
            i = min(int(t * (n - 1)), n - 2)
            f = t * (n - 1) - i
            top = upper[i] * (1 - f) + upper[i + 1] * f
            bottom = lower[i] * (1 - f) + lower[i + 1] * f
            if eye.smoothed_lid > 0.0:
                roof = crease[i] * (1 - f) + crease[i + 1] * f
                roof = top - (top - roof) * np.sqrt(4.0 * t * (1.0 - t))  # round, as the eyeball under it
                if top - roof > 2.0 and v > roof and v < top:
                    _smooth_lid(frame, y, x, i, f, t, v, roof, top, eye, tones)
            if eye.painted_lid > 0.0:
                roof = top
                top = roof + (bottom + LID_OVERLAP * eye.width - roof) * LID_SHARE * eye.painted_lid
                bottom = bottom - 0.06 * (bottom - roof) * eye.painted_lid
                _painted_lid(frame, y, x, i, f, t, v, roof, top, eye, tones)
            cover = clamp01((v - top) * eye.sharpness + 0.5) * clamp01((bottom - v) * eye.sharpness + 0.5)
            cover *= clamp01((bottom - top) * 0.8) * eye.opacity
            if cover > FAINT:
                _eyeball(frame, y, x, u, v, top, bottom, cover, eye, seen, white, disc)
            if eye.lash > FAINT:
                _lash_line(frame, y, x, t, v, top, bottom, eye, lash)


@jit()
def _tongue(colour: np.ndarray, u: float, v: float, mouth: MouthShape, tones: np.ndarray) -> None:
    side = (u - mouth.middle) / mouth.tongue_half
    if side > -1.0 and side < 1.0:
        dome = np.sqrt(1.0 - side * side)
        surface = mouth.tongue_top + (1.0 - dome) * TONGUE_DOME * mouth.unit
        depth = (v - surface) / mouth.unit
        a = clamp01(depth / 0.03 + 0.5) * mouth.tongue * min(1.0, 4.0 * (1.0 - abs(side)))
        if a > 0.0:
            groove = 1.0 - TONGUE_GROOVE * np.exp(-((side / 0.10) ** 2))
            lit = (0.52 + 0.50 * clamp01(depth / 0.16)) * (0.72 + 0.28 * dome) * groove
            for c in range(3):
                colour[c] = colour[c] * (1 - a) + tones[1, c] * lit * a


@jit()
def _teeth(colour: np.ndarray, sheet: np.ndarray, column: float, row: float, light: float, opacity: float) -> None:
    rows, columns = sheet.shape[0], sheet.shape[1]
    if column < 0.0 or column >= columns - 1.001 or row < 0.0:
        return
    row = min(row, rows - 1.001)
    iu, iv = int(column), int(row)
    fu, fv = column - iu, row - iv
    a = bilinear(sheet, iv, iu, fv, fu, 3) * opacity
    if a > FAINT:
        for c in range(3):
            colour[c] = colour[c] * (1 - a) + bilinear(sheet, iv, iu, fv, fu, c) * light * a


@jit(types.void(SHEET, LINE, LINE, ARCH, ARCH, TEETH, TEETH, TEETH, types.float32[:, ::1], floats(MouthShape)))
def paint_mouth(
    frame: np.ndarray,
    top: np.ndarray,
    bottom: np.ndarray,
    arch_upper: np.ndarray,
    arch_lower: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    own: np.ndarray,
    tones: np.ndarray,
    mouth: MouthShape,
) -> None:
    """Draw the mouth's inside between the lips into ``frame`` (H, W, 3) uint8.

    top, bottom: (n,) inner rims in px below the mouth line, over equal steps along it. arch_upper, arch_lower
    (n, 2): sheet column and light for each step. upper, lower, own: (h, w, 4) float32 sheets. tones (2, 3): cavity and
    tongue colour.
    """
    height, width = frame.shape[0], frame.shape[1]
    n, unit = top.shape[0], mouth.unit
    per_px = (n - 1) / max(mouth.width, 1e-6)
    low, high = 1e9, -1e9
    for i in range(n):
        low = min(low, top[i], bottom[i])
        high = max(high, top[i], bottom[i])
    x0, y0, x1, y1 = bounds(
        mouth.left, mouth.top, mouth.along_x, mouth.along_y, -1.0, mouth.width + 1.0, low - 2.0, high + 2.0
    )
    colour = np.zeros(3)
    for y in range(max(0, y0), min(height, y1)):
        for x in range(max(0, x0), min(width, x1)):
            dx, dy = x - mouth.left, y - mouth.top
            u = dx * mouth.along_x + dy * mouth.along_y
            v = -dx * mouth.along_y + dy * mouth.along_x
            if u <= 0.0 or u >= mouth.width:
                continue
            at = u / mouth.width * (n - 1)
            i = min(int(at), n - 2)
            f = at - i
            lip_top = top[i] * (1 - f) + top[i + 1] * f
            lip_bottom = bottom[i] * (1 - f) + bottom[i + 1] * f
            gap = lip_bottom - lip_top
            if gap <= 0.0:
                continue
            # Across the rims, which are steep near the corners.
            above = (v - lip_top) / slant((top[i + 1] - top[i]) * per_px)
            below = (lip_bottom - v) / slant((bottom[i + 1] - bottom[i]) * per_px)
            cover = clamp01(above * mouth.sharpness + 0.5) * clamp01(below * mouth.sharpness + 0.5)
            cover *= smooth(clamp01((gap / unit - 0.002) / 0.024)) * mouth.opacity
            if cover < 0.004:
                continue
            depth = clamp01((v - lip_top) / max(gap, 1.0))
            for c in range(3):  # the cavity: dark, a little lighter and redder downwards
                colour[c] = tones[0, c] * (0.55 + 0.75 * depth)
            if mouth.tongue > FAINT:
                _tongue(colour, u, v, mouth, tones)
            column = arch_lower[i, 0] * (1 - f) + arch_lower[i + 1, 0] * f
            light = arch_lower[i, 1] * (1 - f) + arch_lower[i + 1, 1] * f
            _teeth(colour, lower, column, (v - mouth.lower_edge) * mouth.sheet_per_px + mouth.sheet_edge, light, 1.0)
            column = arch_upper[i, 0] * (1 - f) + arch_upper[i + 1, 0] * f
            light = arch_upper[i, 1] * (1 - f) + arch_upper[i + 1, 1] * f
            row = (mouth.upper_edge - v) * mouth.sheet_per_px + mouth.sheet_edge
            _teeth(colour, upper, column, row, light, mouth.upper_teeth)
            # Shade under the upper lip, above the lower lip, and in a narrow gap.
            shade = 1.0 - LIP_SHADE_TOP * np.exp(-(v - lip_top) / (LIP_SHADE_TOP_DEPTH * unit))
            shade *= 1.0 - LIP_SHADE_BOTTOM * np.exp(-(lip_bottom - v) / (LIP_SHADE_BOTTOM_DEPTH * unit))
            shade *= NARROW_LIGHT + (1 - NARROW_LIGHT) * min(gap / (NARROW_GAP * unit), 1.0)
            ou = mouth.own_u + u * mouth.own_per_px
            ov = mouth.own_v + v * mouth.own_per_px
            inside = ou >= 0.0 and ov >= 0.0 and ou < own.shape[1] - 1.001 and ov < own.shape[0] - 1.001
            if mouth.own > FAINT and inside:  # the portrait's own teeth, which carry their own shade
                iu, iv = int(ou), int(ov)
                fu, fv = ou - iu, ov - iv
                a = bilinear(own, iv, iu, fv, fu, 3) * mouth.own
                for c in range(3):
                    dim = shade * (1.0 - OWN_WARM_DARK * c * (1.0 - shade))
                    value = bilinear(own, iv, iu, fv, fu, c) * (1.0 - 0.5 * (1.0 - dim))
                    colour[c] = colour[c] * dim * (1 - a) + value * a
            else:
                for c in range(3):
                    colour[c] *= shade * (1.0 - WARM_DARK * c * (1.0 - shade))
            for c in range(3):
                blend(frame, y, x, c, max(colour[c], 0.0), cover)
