"""Lay what the mesh carries over the plate. Loops that the compiler turns into vector instructions: all integers, no
calls, indices without a sign (a signed one would be checked for counting from the end)."""

from __future__ import annotations

import numpy as np
from numba import types

from moda.renderer.mesh.drawing.compiled import jit

IMAGE, MAP = types.uint8[:, :, ::1], types.float32[:, ::1]


INDEX = types.uint64


@jit(types.void(IMAGE, IMAGE, IMAGE, MAP, MAP, INDEX, INDEX, INDEX, INDEX, INDEX, INDEX))
def lay_over(
    frame: np.ndarray,
    part: np.ndarray,
    plate: np.ndarray,
    flow_x: np.ndarray,
    flow_y: np.ndarray,
    left: int,
    top: int,
    x0: int,
    y0: int,
    x1: int,
    y1: int,
) -> None:
    """Lay columns x0 to x1 and rows y0 to y1 of ``part`` (h, w, 4) uint8, straight alpha, over ``plate`` (H, W, c)
    into ``frame`` (H, W, c), of which ``part`` begins at left, top.

    Pixels whose displacement ``flow_x, flow_y`` (h, w) is 0 keep what the frame shows: the picture at rest, to the
    bit. With four channels the frame takes the part as it is, colours and alpha.
    """
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    if frame.shape[2] == 4:
        for v in range(y0, y1):
            for u in range(x0, x1):
                y, x = v + top, u + left
                still = (flow_x[v, u] == 0) & (flow_y[v, u] == 0)
                for c in range(np.uint64(4)):
                    frame[y, x, c] = frame[y, x, c] if still else part[v, u, c]
        return
    for v in range(y0, y1):
        for u in range(x0, x1):
            y, x = v + top, u + left
            alpha = np.int32(part[v, u, three])
            rest = np.int32(255) - alpha
            still = (flow_x[v, u] == 0) & (flow_y[v, u] == 0)
            red = np.int32(part[v, u, 0]) * alpha + np.int32(plate[y, x, 0]) * rest + np.int32(128)
            green = np.int32(part[v, u, one]) * alpha + np.int32(plate[y, x, one]) * rest + np.int32(128)
            blue = np.int32(part[v, u, two]) * alpha + np.int32(plate[y, x, two]) * rest + np.int32(128)
            # t + t / 256 over 256 is division by 255, rounded.
            frame[y, x, 0] = frame[y, x, 0] if still else np.uint8((red + (red >> 8)) >> 8)
            frame[y, x, one] = frame[y, x, one] if still else np.uint8((green + (green >> 8)) >> 8)
            frame[y, x, two] = frame[y, x, two] if still else np.uint8((blue + (blue >> 8)) >> 8)


@jit(types.void(IMAGE, MAP, types.uint64, types.uint64))
def light(part: np.ndarray, change: np.ndarray, left: int, top: int) -> None:
    """Multiply 1 + ``change`` (h, w) into the colours of ``part`` (H, W, 4) uint8 at left, top, in place.

    Skin in shade keeps its warmth: red falls a little less than green and blue.
    """
    one, two = np.uint64(1), np.uint64(2)
    for v in range(np.uint64(change.shape[0])):
        for u in range(np.uint64(change.shape[1])):
            y, x = v + top, u + left
            gain = min(max(np.float32(1.0) + change[v, u], np.float32(0.6)), np.float32(1.25))
            cool = gain * min(np.float32(0.7) + np.float32(0.3) * gain, np.float32(1.0))
            half, most = np.float32(0.5), np.float32(255.0)
            part[y, x, 0] = np.uint8(min(np.float32(part[y, x, 0]) * gain + half, most))
            part[y, x, one] = np.uint8(min(np.float32(part[y, x, one]) * cool + half, most))
            part[y, x, two] = np.uint8(min(np.float32(part[y, x, two]) * cool + half, most))
