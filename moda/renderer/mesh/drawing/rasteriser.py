"""Rasterise the moved mesh into a map that says, for each output pixel, where in the texture it comes from."""

from __future__ import annotations

import numpy as np

from moda.renderer.mesh.drawing.compiled import jit


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


def soften_edges(
    frame: np.ndarray, flow_x: np.ndarray, flow_y: np.ndarray, box: tuple[int, int, int, int], jump: float
) -> None:
    """Blur ``frame`` (h, w, c) uint8 a little, in place, where the flow jumps by more than ``jump`` px.

    Only inside ``box`` x0, y0, x1, y1. There one sheet hides another (cheek before background): without this the edge
    would be a staircase.
    """
    height, width = flow_x.shape
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    _blur_at_jumps(frame, frame[y0:y1, x0:x1].copy(), flow_x, flow_y, x0, y0, jump)


@jit("void(u1[:,:,::1], u1[:,:,::1], f4[:,::1], f4[:,::1], i8, i8, f8)")
def _blur_at_jumps(
    frame: np.ndarray, before: np.ndarray, flow_x: np.ndarray, flow_y: np.ndarray, x0: int, y0: int, jump: float
) -> None:
    """Blur by 1-2-1 both ways where a pixel's flow differs from a neighbour's; ``before`` (h, w, 3): a copy of the part
    of ``frame`` that begins at x0, y0."""
    limit = np.float32(jump)
    for v in range(1, before.shape[0] - 1):
        y = y0 + v
        for u in range(1, before.shape[1] - 1):
            x = x0 + u
            fx, fy = flow_x[y, x], flow_y[y, x]
            across = max(
                abs(flow_x[y, x - 1] - fx) + abs(flow_y[y, x - 1] - fy),
                abs(flow_x[y, x + 1] - fx) + abs(flow_y[y, x + 1] - fy),
            )
            along = max(
                abs(flow_x[y - 1, x] - fx) + abs(flow_y[y - 1, x] - fy),
                abs(flow_x[y + 1, x] - fx) + abs(flow_y[y + 1, x] - fy),
            )
            if max(across, along) > limit:
                for c in range(frame.shape[2]):
                    corners = int(before[v - 1, u - 1, c]) + before[v - 1, u + 1, c]
                    corners += int(before[v + 1, u - 1, c]) + before[v + 1, u + 1, c]
                    sides = int(before[v - 1, u, c]) + before[v + 1, u, c]
                    sides += int(before[v, u - 1, c]) + before[v, u + 1, c]
                    frame[y, x, c] = (corners + 2 * sides + 4 * int(before[v, u, c]) + 8) >> 4
