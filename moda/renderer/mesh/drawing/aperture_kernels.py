"""Draw what is seen through the openings of the skin: eyeballs between the lids, teeth and tongue between the lips."""

from __future__ import annotations

import numpy as np

from moda.renderer.mesh.drawing.compiled import jit

SHEET, TEETH, ARCH, LINE = "u1[:,:,::1]", "f4[:,:,::1]", "f8[:,::1]", "f8[::1]"  # in numba's notation


@jit(f"void({SHEET}, {SHEET}, {SHEET}, {SHEET}, {LINE}, {LINE}, {LINE}, f4[::1], f4[::1], {LINE})")
def paint_eye(
    frame: np.ndarray,
    seen: np.ndarray,
    white: np.ndarray,
    disc: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    numbers: np.ndarray,
    lash: np.ndarray,
    lid: np.ndarray,
    crease: np.ndarray,
) -> None:
    """Draw the eyeball between the lids, the lash line and the lid itself into ``frame`` (H, W, 3) uint8.

    seen (h, w, 4) uint8: the picture's own eyeball, alpha where the picture shows it; white (h, w, 4) uint8: the
    eyeball without its iris, alpha where the picture is clear of lashes; disc (h, w, 3) uint8: the whole iris.
    upper, lower, crease: (n,) the rims and the fold above in px below the corner line, over equal steps from corner
    to corner. lash, lid: (3,) colours. ``numbers``: 0-1 left corner (x, y), 2-3 unit vector along, 4 width px, 5 sheet
    px per frame px along, 6 the same down, 7-8 sheet position of the left corner, 9-11 iris u, v, radius, 12-13 iris
    shift in sheet px, 14 lid shadow 0..1, 15 shadow depth px, 16 lash line alpha, 17 lash half width px, 18 sharpness
    (1 / soft px), 19 opacity, 20 how much the drawn iris replaces the picture's own, 21 how far the upper lid has been
    lifted from its lash line, 0..1, 22 share of the opening that a painted lid covers (0 = lids are warped), 23 how
    much the stretched skin of a warped lid is smoothed.
    """
    height, width = frame.shape[0], frame.shape[1]
    ph, pw = seen.shape[0], seen.shape[1]
    n = upper.shape[0]
    ax, ay, ex, ey, span = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    iris_u, iris_v, radius = numbers[9], numbers[10], numbers[11]
    half = numbers[17]
    low_y, high_y = 1e9, -1e9
    for i in range(n):
        low_y = min(low_y, upper[i], lower[i])
        high_y = max(high_y, upper[i], lower[i])
        if numbers[23] > 0.0:
            low_y = min(low_y, crease[i])
    low_y -= 6 * half + 2
    high_y += 3 * half + 2
    x_min, x_max, y_min, y_max = 1e9, -1e9, 1e9, -1e9
    for su in range(2):
        for sv in range(2):
            u = -2.0 + su * (span + 4.0)
            v = low_y if sv == 0 else high_y
            x = ax + u * ex - v * ey
            y = ay + u * ey + v * ex
            x_min, x_max, y_min, y_max = min(x_min, x), max(x_max, x), min(y_min, y), max(y_max, y)
    for y in range(max(0, int(y_min)), min(height, int(y_max) + 2)):
        for x in range(max(0, int(x_min)), min(width, int(x_max) + 2)):
            dx, dy = x - ax, y - ay
            u = dx * ex + dy * ey
            v = -dx * ey + dy * ex
            if u <= 0.0 or u >= span:
                continue
            at = u / span * (n - 1)
            i = min(int(at), n - 2)
            f = at - i
            top = upper[i] * (1 - f) + upper[i + 1] * f
            bottom = lower[i] * (1 - f) + lower[i + 1] * f
            sharp = numbers[18]
            if numbers[23] > 0.0:
                roof = crease[i] * (1 - f) + crease[i + 1] * f
                tall = top - roof
                if tall > 2.0 and v > roof and v < top:
                    from_roof, from_rim = (v - roof) / tall, (top - v) / span
                    t = u / span
                    a = min(from_roof / 0.6, 1.0) * min(from_rim / 0.07, 1.0) * min(1.0, 4.0 * t, 4.0 * (1 - t))
                    a = a * a * (3 - 2 * a) * numbers[23]
                    lit = (0.93 + 0.10 * np.sin(3.14159 * t)) * (0.95 + 0.08 * np.sin(3.14159 * from_roof))
                    # Skin may stay as it is; stretched lashes and eyeball may not.
                    strange = 0.0
                    for c in range(3):
                        strange += abs(frame[y, x, c] - lid[c] * lit)
                    a *= 0.45 + 0.55 * min(1.0, strange / 150.0)
                    for c in range(3):
                        frame[y, x, c] = np.uint8(frame[y, x, c] * (1 - a) + min(lid[c] * lit, 255.0) * a + 0.5)
            if numbers[22] > 0.0:
                roof = top
                closing = numbers[22]
                top = roof + (bottom + 0.03 * span - roof) * 0.92 * closing
                bottom = bottom - 0.06 * (bottom - roof) * closing
                skin = min(max((v - roof) / (0.04 * span) + 0.2, 0.0), 1.0) * min(
                    max((top - v) * sharp + 0.5, 0.0), 1.0
                )
                skin *= min(1.0, 5.0 * u / span, 5.0 * (1 - u / span)) * min(1.0, 4.0 * closing)
                if skin > 0.003:
                    fall = (v - roof) / max(top - roof, 1.0)
                    lit = 0.60 + 0.42 * np.sin(min(max(fall, 0.0), 1.0) * 2.6)
                    lit *= 0.80 + 0.22 * np.sin(3.14159 * u / span)
                    for c in range(3):
                        frame[y, x, c] = np.uint8(frame[y, x, c] * (1 - skin) + min(lid[c] * lit, 255.0) * skin + 0.5)
            cover = min(max((v - top) * sharp + 0.5, 0.0), 1.0) * min(max((bottom - v) * sharp + 0.5, 0.0), 1.0)
            cover *= min(max((bottom - top) * 0.8, 0.0), 1.0) * numbers[19]
            if cover > 0.003:
                pu = min(max(numbers[7] + u * numbers[5], 0.0), pw - 1.001)
                pv = min(max(numbers[8] + v * numbers[6], 0.0), ph - 1.001)
                iu, iv = int(pu), int(pv)
                fu, fv = pu - iu, pv - iv
                w00, w10 = (1 - fu) * (1 - fv), fu * (1 - fv)
                w01, w11 = (1 - fu) * fv, fu * fv
                own = w00 * seen[iv, iu, 3] + w10 * seen[iv, iu + 1, 3] + w01 * seen[iv + 1, iu, 3]
                own += w11 * seen[iv + 1, iu + 1, 3]
                clear = w00 * white[iv, iu, 3] + w10 * white[iv, iu + 1, 3] + w01 * white[iv + 1, iu, 3]
                clear += w11 * white[iv + 1, iu + 1, 3]
                own = (own * (1 - numbers[21]) + min(own, clear) * numbers[21]) / 255.0
                du, dv = pu - iris_u - numbers[12], pv - iris_v - numbers[13]
                away = np.sqrt(du * du + dv * dv)
                inside = min(max((radius - away) / (0.10 * radius) + 0.5, 0.0), 1.0)
                # Only where the iris was or is now: elsewhere the picture's own white is the best.
                du, dv = pu - iris_u, pv - iris_v
                away = min(away, np.sqrt(du * du + dv * dv))
                zone = min(max((1.42 * radius - away) / (0.30 * radius), 0.0), 1.0)
                own *= 1.0 - numbers[20] * zone * zone * (3 - 2 * zone)
                qu = min(max(pu - numbers[12], 0.0), pw - 1.001)
                qv = min(max(pv - numbers[13], 0.0), ph - 1.001)
                ju, jv = int(qu), int(qv)
                gu, gv = qu - ju, qv - jv
                shade = 1.0 - numbers[14] * np.exp(-max(v - top, 0.0) / numbers[15])
                fixed = 1.0 - 0.36 * np.exp(-max(v - top, 0.0) / numbers[15])
                fixed *= 1.0 - 0.22 * np.exp(-max(bottom - v, 0.0) / (0.4 * numbers[15]))
                for c in range(3):
                    mine = w00 * seen[iv, iu, c] + w10 * seen[iv, iu + 1, c] + w01 * seen[iv + 1, iu, c]
                    mine += w11 * seen[iv + 1, iu + 1, c]
                    ball = w00 * white[iv, iu, c] + w10 * white[iv, iu + 1, c] + w01 * white[iv + 1, iu, c]
                    ball += w11 * white[iv + 1, iu + 1, c]
                    iris = (disc[jv, ju, c] * (1 - gu) + disc[jv, ju + 1, c] * gu) * (1 - gv) + (
                        disc[jv + 1, ju, c] * (1 - gu) + disc[jv + 1, ju + 1, c] * gu
                    ) * gv
                    drawn = (ball * (1 - inside) + iris * inside) * fixed
                    value = mine * shade * own + drawn * (1 - own)
                    frame[y, x, c] = np.uint8(frame[y, x, c] * (1 - cover) + value * cover + 0.5)
            if numbers[16] > 0.003:
                t = u / span
                bell = min(max(4.0 * t * (1 - t), 0.0), 1.0)
                thick = half * (0.35 + 0.65 * bell)
                d = (v - max(top, bottom)) / thick if top > bottom else (v - top) / thick
                if d > -6.0 and d < 3.0:
                    soft = 0.34 * np.exp(-d * d / 9.0) if d < 0.0 else 0.34 * np.exp(-d * d)
                    a = numbers[16] * (0.66 * np.exp(-d * d) + soft) * min(1.0, 5.0 * t, 5.0 * (1 - t))
                    for c in range(3):
                        frame[y, x, c] = np.uint8(frame[y, x, c] * (1 - a) + lash[c] * a + 0.5)


@jit(f"void({SHEET}, {LINE}, {LINE}, {ARCH}, {ARCH}, {TEETH}, {TEETH}, {TEETH}, f4[:,::1], {LINE})")
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
    numbers: np.ndarray,
) -> None:
    """Draw the mouth's inside between the lips into ``frame`` (H, W, 3) uint8.

    top, bottom: (n,) inner rims in px below the mouth line, over equal steps along it. arch_upper, arch_lower
    (n, 2): sheet column and light for each step. upper, lower, own: (h, w, 4) float32 sheets. tones (3, 3): cavity,
    tongue, lip shadow colour. ``numbers``: 0-1 start of the line (x, y), 2-3 unit vector along, 4 length px, 5 px
    per IOD, 6 upper biting edge px below the line, 7 lower biting edge px, 8 sheet px per frame px, 9 sheet row of
    the biting edge, 10 tongue top px, 11 tongue half width px, 12 tongue opacity, 13 own sheet px per frame px, 14-15
    own sheet position of the line's start, 16 own opacity, 17 opacity, 18 upper teeth opacity, 19 middle px from the
    start (tongue and corners), 20 sharpness, 21 largest gap px.
    """
    height, width = frame.shape[0], frame.shape[1]
    n = top.shape[0]
    ax, ay, ex, ey, span, unit = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    low_v, high_v = 1e9, -1e9
    for i in range(n):
        low_v = min(low_v, top[i], bottom[i])
        high_v = max(high_v, top[i], bottom[i])
    x_min, x_max, y_min, y_max = 1e9, -1e9, 1e9, -1e9
    for su in range(2):
        for sv in range(2):
            u = -1.0 + su * (span + 2.0)
            v = low_v - 2.0 if sv == 0 else high_v + 2.0
            x = ax + u * ex - v * ey
            y = ay + u * ey + v * ex
            x_min, x_max, y_min, y_max = min(x_min, x), max(x_max, x), min(y_min, y), max(y_max, y)
    colour = np.zeros(3)
    for y in range(max(0, int(y_min)), min(height, int(y_max) + 2)):
        for x in range(max(0, int(x_min)), min(width, int(x_max) + 2)):
            dx, dy = x - ax, y - ay
            u = dx * ex + dy * ey
            v = -dx * ey + dy * ex
            if u <= 0.0 or u >= span:
                continue
            at = u / span * (n - 1)
            i = min(int(at), n - 2)
            f = at - i
            lip_top = top[i] * (1 - f) + top[i + 1] * f
            lip_bottom = bottom[i] * (1 - f) + bottom[i + 1] * f
            gap = lip_bottom - lip_top
            if gap <= 0.0:
                continue
            cover = min(max((v - lip_top) * numbers[20] + 0.5, 0.0), 1.0) * min(
                max((lip_bottom - v) * numbers[20] + 0.5, 0.0), 1.0
            )
            thin = min(max((gap / unit - 0.002) / 0.024, 0.0), 1.0)
            cover *= thin * thin * (3 - 2 * thin) * numbers[17]
            if cover < 0.004:
                continue
            # cavity: dark, a little lighter and redder downwards
            t = min(max((v - lip_top) / max(gap, 1.0), 0.0), 1.0)
            for c in range(3):
                colour[c] = tones[0, c] * (0.55 + 0.75 * t)
            # tongue
            if numbers[12] > 0.003:
                side = (u - numbers[19]) / numbers[11]
                if side > -1.0 and side < 1.0:
                    dome = np.sqrt(1.0 - side * side)
                    height_here = numbers[10] + (1.0 - dome) * 0.22 * unit
                    depth = (v - height_here) / unit
                    a = min(max(depth / 0.03 + 0.5, 0.0), 1.0) * numbers[12] * min(1.0, 4.0 * (1.0 - abs(side)))
                    if a > 0.0:
                        groove = 1.0 - 0.16 * np.exp(-((side / 0.10) ** 2))
                        lit = (0.52 + 0.50 * min(max(depth / 0.16, 0.0), 1.0)) * (0.72 + 0.28 * dome) * groove
                        for c in range(3):
                            colour[c] = colour[c] * (1 - a) + tones[1, c] * lit * a
            # lower, then upper teeth
            for row in range(2):
                if row == 0:
                    column = arch_lower[i, 0] * (1 - f) + arch_lower[i + 1, 0] * f
                    light = arch_lower[i, 1] * (1 - f) + arch_lower[i + 1, 1] * f
                    line = (v - numbers[7]) * numbers[8] + numbers[9]
                    rows, columns = lower.shape[0], lower.shape[1]
                else:
                    column = arch_upper[i, 0] * (1 - f) + arch_upper[i + 1, 0] * f
                    light = arch_upper[i, 1] * (1 - f) + arch_upper[i + 1, 1] * f
                    line = (numbers[6] - v) * numbers[8] + numbers[9]
                    rows, columns = upper.shape[0], upper.shape[1]
                if column < 0.0 or column >= columns - 1.001 or line < 0.0:
                    continue
                line = min(line, rows - 1.001)
                iu, iv = int(column), int(line)
                fu, fv = column - iu, line - iv
                sheet = lower if row == 0 else upper
                a = (sheet[iv, iu, 3] * (1 - fu) + sheet[iv, iu + 1, 3] * fu) * (1 - fv) + (
                    sheet[iv + 1, iu, 3] * (1 - fu) + sheet[iv + 1, iu + 1, 3] * fu
                ) * fv
                if row == 1:
                    a *= numbers[18]
                if a > 0.003:
                    for c in range(3):
                        value = (sheet[iv, iu, c] * (1 - fu) + sheet[iv, iu + 1, c] * fu) * (1 - fv) + (
                            sheet[iv + 1, iu, c] * (1 - fu) + sheet[iv + 1, iu + 1, c] * fu
                        ) * fv
                        colour[c] = colour[c] * (1 - a) + value * light * a
            # shade: under the upper lip, above the lower lip, towards the corners
            shade = 1.0 - 0.40 * np.exp(-(v - lip_top) / (0.035 * unit))
            shade *= 1.0 - 0.24 * np.exp(-(lip_bottom - v) / (0.03 * unit))
            narrow = min(gap / (0.09 * unit), 1.0)
            shade *= 0.46 + 0.54 * narrow
            # the portrait's own teeth, which carry their own shade
            if numbers[16] > 0.003:
                ou = numbers[14] + u * numbers[13]
                ov = numbers[15] + v * numbers[13]
                if ou >= 0.0 and ov >= 0.0 and ou < own.shape[1] - 1.001 and ov < own.shape[0] - 1.001:
                    iu, iv = int(ou), int(ov)
                    fu, fv = ou - iu, ov - iv
                    a = (own[iv, iu, 3] * (1 - fu) + own[iv, iu + 1, 3] * fu) * (1 - fv) + (
                        own[iv + 1, iu, 3] * (1 - fu) + own[iv + 1, iu + 1, 3] * fu
                    ) * fv
                    a *= numbers[16]
                    for c in range(3):
                        value = (own[iv, iu, c] * (1 - fu) + own[iv, iu + 1, c] * fu) * (1 - fv) + (
                            own[iv + 1, iu, c] * (1 - fu) + own[iv + 1, iu + 1, c] * fu
                        ) * fv
                        dim = shade * (1.0 - 0.06 * c * (1.0 - shade))
                        colour[c] = colour[c] * dim * (1 - a) + value * (1.0 - 0.5 * (1.0 - dim)) * a
                else:
                    for c in range(3):
                        colour[c] *= shade * (1.0 - 0.13 * c * (1.0 - shade))
            else:
                for c in range(3):  # light that gets in there comes through flesh: red falls least, blue most
                    colour[c] *= shade * (1.0 - 0.13 * c * (1.0 - shade))
            for c in range(3):
                value = frame[y, x, c] * (1 - cover) + min(max(colour[c], 0.0), 255.0) * cover
                frame[y, x, c] = np.uint8(value + 0.5)
