"""Rasterise the moved mesh into a map that says, for each output pixel, where in the texture it comes from."""

from __future__ import annotations

import numpy as np
from numba import types

from moda.compiled import jit


@jit("void(f4[:,::1], f4[::1], f4[:,::1], i4[:,::1], f4[::1], f4[:,::1], f4[:,::1], f4[:,::1])")
def rasterise(
    position: np.ndarray,
    depth: np.ndarray,
    source: np.ndarray,
    triangles: np.ndarray,
    sides: np.ndarray,
    out_x: np.ndarray,
    out_y: np.ndarray,
    zbuf: np.ndarray,
) -> None:
    """Interpolate ``source`` (n, 2) over the triangles placed at ``position`` (n, 2) into ``out_x``, ``out_y`` (h, w).

    Pixel (i, j) is at position (j, i). Nearer (smaller depth) wins. ``sides`` (t,) is +1 or -1: the orientation that
    a triangle has at rest; one that has turned over since only shows where nothing else does. ``zbuf`` (h, w) comes
    filled with large values and the outputs with what to keep where there is no mesh.
    """
    height, width = zbuf.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = position[a, 0], position[a, 1]
        bx, by = position[b, 0], position[b, 1]
        cx, cy = position[c, 0], position[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-6:
            continue
        behind = 0.0 if area * sides[t] > 0 else 1e5
        if sides[t] < 0:
            behind += 5e4
        x0 = max(int(np.ceil(min(ax, bx, cx) - 1e-4)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) + 1e-4)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 1e-4)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) + 1e-4)), height - 1)
        inverse = np.float32(1.0 / area)
        # Barycentric weights, depth and source are linear: start of the row and step along it.
        step_b, step_c = (cy - ay) * inverse, (ay - by) * inverse
        za, zb, zc = depth[a], depth[b], depth[c]
        step_z = step_b * (zb - za) + step_c * (zc - za)
        ua, ub, uc = source[a, 0], source[b, 0], source[c, 0]
        va, vb, vc = source[a, 1], source[b, 1], source[c, 1]
        for y in range(y0, y1 + 1):
            wb0 = ((x0 - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
            wc0 = ((bx - ax) * (y - ay) - (by - ay) * (x0 - ax)) * inverse
            # The part of the row inside the triangle: three half-planes, each a bound on the step k.
            low, high = 0.0, float(x1 - x0)
            for edge in range(3):
                if edge == 0:
                    at, slope = wb0, step_b
                elif edge == 1:
                    at, slope = wc0, step_c
                else:
                    at, slope = 1.0 - wb0 - wc0, -step_b - step_c
                at += 1e-4
                if slope > 1e-12:
                    low = max(low, -at / slope)
                elif slope < -1e-12:
                    high = min(high, -at / slope)
                elif at < 0.0:
                    high = -1.0
            if high < low:
                continue
            first, last = int(np.ceil(low)), int(np.floor(high))
            z0 = za + wb0 * (zb - za) + wc0 * (zc - za) + behind
            u0 = ua + wb0 * (ub - ua) + wc0 * (uc - ua)
            v0 = va + wb0 * (vb - va) + wc0 * (vc - va)
            step_u = step_b * (ub - ua) + step_c * (uc - ua)
            step_v = step_b * (vb - va) + step_c * (vc - va)
            for k in range(first, last + 1):
                z = z0 + k * step_z
                if z < zbuf[y, x0 + k]:
                    zbuf[y, x0 + k] = z
                    out_x[y, x0 + k] = u0 + k * step_u
                    out_y[y, x0 + k] = v0 + k * step_v


@jit(
    types.void(
        types.float32[:, ::1],
        types.float32[:, ::1],
        types.float32[:, ::1],
        types.int32[:, ::1],
        types.float64,
        types.float64[:, ::1],
    )
)
def extents(
    position: np.ndarray,
    rest: np.ndarray,
    source: np.ndarray,
    triangles: np.ndarray,
    rows: float,
    out: np.ndarray,
) -> None:
    """Where anything changes, by strips of ``rows`` px: out (n, 4) left, top, right, bottom; right < left: nothing.

    A moved triangle changes the picture where it is, ``position`` (V, 2), and where it was, ``rest`` (V, 2).
    """
    out[:, :2] = 1e9
    out[:, 2:] = -1e9
    count = out.shape[0]
    for t in range(triangles.shape[0]):
        moved = False
        low_x, low_y, high_x, high_y = 1e9, 1e9, -1e9, -1e9
        for k in range(3):
            v = triangles[t, k]
            moved = moved or source[v, 0] != 0 or source[v, 1] != 0
            low_x, high_x = min(low_x, position[v, 0], rest[v, 0]), max(high_x, position[v, 0], rest[v, 0])
            low_y, high_y = min(low_y, position[v, 1], rest[v, 1]), max(high_y, position[v, 1], rest[v, 1])
        if not moved:
            continue
        first = min(max(int((low_y - 3.0) / rows), 0), count)
        last = min(max(int((high_y + 3.0) / rows) + 1, 0), count)
        for i in range(first, last):
            out[i, 0], out[i, 1] = min(out[i, 0], low_x - 3.0), min(out[i, 1], max(low_y - 3.0, i * rows))
            out[i, 2], out[i, 3] = max(out[i, 2], high_x + 3.0), max(out[i, 3], min(high_y + 3.0, (i + 1) * rows))


@jit(
    types.void(
        types.uint8[:, :, ::1],
        types.uint8[:, :, ::1],
        types.float32[:, ::1],
        types.float32[:, ::1],
        types.int64,
        types.int64,
        types.float64,
    )
)
def blur_at_jumps(
    frame: np.ndarray, before: np.ndarray, flow_x: np.ndarray, flow_y: np.ndarray, x0: int, y0: int, jump: float
) -> None:
    """Blur ``frame`` (H, W, 4) uint8 by 1-2-1 both ways, in place, where it is opaque and the displacement jumps.

    ``before``: a copy of the part of ``frame`` that begins at x0, y0. flow_x, flow_y: one sample for two by two pixels
    of it; ``jump``: px between neighbouring samples. There one sheet hides another (cheek before hair), and without
    this the edge would be a staircase.
    """
    limit = np.float32(jump)
    height, width, _ = before.shape
    rows, columns = flow_x.shape
    for j in range(1, rows - 1):
        for i in range(1, columns - 1):
            fx, fy = flow_x[j, i], flow_y[j, i]
            across = max(
                abs(flow_x[j, i - 1] - fx) + abs(flow_y[j, i - 1] - fy),
                abs(flow_x[j, i + 1] - fx) + abs(flow_y[j, i + 1] - fy),
            )
            along = max(
                abs(flow_x[j - 1, i] - fx) + abs(flow_y[j - 1, i] - fy),
                abs(flow_x[j + 1, i] - fx) + abs(flow_y[j + 1, i] - fy),
            )
            if max(across, along) <= limit:
                continue
            for v in range(2 * j, min(2 * j + 2, height - 1)):
                for u in range(2 * i, min(2 * i + 2, width - 1)):
                    if before[v, u, 3] < 255:
                        continue
                    for c in range(3):
                        corners = int(before[v - 1, u - 1, c]) + before[v - 1, u + 1, c]
                        corners += int(before[v + 1, u - 1, c]) + before[v + 1, u + 1, c]
                        sides = int(before[v - 1, u, c]) + before[v + 1, u, c]
                        sides += int(before[v, u - 1, c]) + before[v, u + 1, c]
                        frame[y0 + v, x0 + u, c] = (corners + 2 * sides + 4 * int(before[v, u, c]) + 8) >> 4
