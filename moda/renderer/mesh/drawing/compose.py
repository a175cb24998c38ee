"""Lay what the mesh carries over the plate. Pixels are handled four bytes at once."""

from __future__ import annotations

import numpy as np
from numba import types

from moda.compiled import jit

IMAGE, MAP, PIXELS, INDEX = types.uint8[:, :, ::1], types.float32[:, ::1], types.uint32[:, ::1], types.int64
LINE = types.float32[::1]
OPAQUE = np.uint32(255)


def pixels(image: np.ndarray) -> np.ndarray:
    """(h, w, 4) uint8, contiguous, seen as (h, w) uint32: red is the lowest byte, opacity the highest."""
    return image.view("<u4")[..., 0]


@jit(types.void(MAP, MAP, INDEX, INDEX))
def double(small: np.ndarray, large: np.ndarray, left: int, top: int) -> None:
    """Bilinear samples of ``small`` (h, w) at twice its size, from column ``left`` and row ``top`` of that on (both
    even), into ``large`` (H, W), H and W even: pixel k of the small one has its centre at 2k + 0.5 of the large one."""
    rows, columns = small.shape
    near, far = np.float32(0.75), np.float32(0.25)
    count, first = large.shape[1] // 2, left // 2
    line = np.empty(count + 2, np.float32)
    inner = line[1 : count + 1]
    before, after = line[:count], line[2 : count + 2]
    for v in range(large.shape[0]):
        row = (top + v) // 2
        beside = min(row + 1, rows - 1) if (top + v) & 1 else max(row - 1, 0)
        one, other = small[row, first : first + count], small[beside, first : first + count]
        for u in range(count):
            inner[u] = near * one[u] + far * other[u]
        start, end = max(first - 1, 0), min(first + count, columns - 1)
        line[0] = near * small[row, start] + far * small[beside, start]
        line[count + 1] = near * small[row, end] + far * small[beside, end]
        out = large[v]
        for u in range(count):
            out[2 * u] = near * inner[u] + far * before[u]
            out[2 * u + 1] = near * inner[u] + far * after[u]


@jit(types.void(MAP, MAP, LINE, LINE, types.float32, MAP, MAP))
def locate(
    flow_x: np.ndarray, flow_y: np.ndarray, x: np.ndarray, y: np.ndarray, scale: float, out_x: np.ndarray,
    out_y: np.ndarray,
) -> None:  # fmt: skip
    """Where in the texture pixels (h, w) find what they show: x (w,), y (h,) is where they lie at rest, ``scale`` px of
    the texture to one of the displacement ``flow_x, flow_y``."""
    width = out_x.shape[1]
    for v in range(out_x.shape[0]):
        away, place, down = flow_x[v], out_x[v], y[v]
        for u in range(width):
            place[u] = away[u] * scale + x[u]
        away, place = flow_y[v], out_y[v]
        for u in range(width):
            place[u] = away[u] * scale + down


@jit(types.void(PIXELS, PIXELS, PIXELS, MAP, MAP, types.boolean, INDEX, INDEX))
def lay_over(
    frame: np.ndarray,
    part: np.ndarray,
    plate: np.ndarray,
    flow_x: np.ndarray,
    flow_y: np.ndarray,
    cut: bool,
    left: int,
    top: int,
) -> None:
    """Lay ``part`` (h, w), straight alpha, over ``plate`` (H, W) into ``frame`` (H, W) at left, top; all of them
    :func:`pixels`.

    Pixels whose displacement, ``flow_x, flow_y`` (h, w), is 0 keep what the frame shows: the picture at rest, to the
    bit. The frame's fourth byte becomes the part's opacity; ``cut``: it takes the part's colours as they are, too.
    """
    even, half, byte = np.uint32(0x00FF00FF), np.uint32(0x00800080), np.uint32(0xFF)
    eight, top_byte, opacity = np.uint32(8), np.uint32(24), np.uint32(0xFF000000)
    width = part.shape[1]
    for v in range(part.shape[0]):
        shown, carried = frame[v + top, left : left + width], part[v]
        behind = plate[v + top, left : left + width]
        away_x, away_y = flow_x[v], flow_y[v]
        # No branches in the loops over a row: so the compiler makes vector code of them, eight times as fast.
        if cut:
            for u in range(width):
                shown[u] = shown[u] if (away_x[u] == 0) & (away_y[u] == 0) else carried[u]
            continue
        for u in range(width):
            value, back = carried[u], behind[u]
            alpha = np.uint32(value >> top_byte)
            rest = np.uint32(OPAQUE - alpha)
            # Red and blue, then green, each with room for 16 bits; t + t / 256 over 256 is division by 255, rounded.
            pair = np.uint32((value & even) * alpha + (back & even) * rest + half)
            pair = np.uint32(((pair + ((pair >> eight) & even)) >> eight) & even)
            green = np.uint32(((value >> eight) & byte) * alpha + ((back >> eight) & byte) * rest + np.uint32(128))
            green = np.uint32((green + (green >> eight)) & np.uint32(0xFF00))
            mixed = np.uint32(pair | green | (value & opacity))
            shown[u] = shown[u] if (away_x[u] == 0) & (away_y[u] == 0) else mixed


@jit(types.void(IMAGE, MAP, INDEX, INDEX))
def light(frame: np.ndarray, change: np.ndarray, left: int, top: int) -> None:
    """Multiply 1 + ``change`` (h, w) into the colours of ``frame`` (H, W, 4) uint8 at left, top, in place.

    Skin in shade keeps its warmth: red falls a little less than green and blue.
    """
    one, two, x0, y0 = np.uint64(1), np.uint64(2), np.uint64(left), np.uint64(top)
    for v in range(np.uint64(change.shape[0])):
        for u in range(np.uint64(change.shape[1])):
            y, x = v + y0, u + x0
            gain = min(max(np.float32(1.0) + change[v, u], np.float32(0.6)), np.float32(1.25))
            cool = gain * min(np.float32(0.7) + np.float32(0.3) * gain, np.float32(1.0))
            half, most = np.float32(0.5), np.float32(255.0)
            frame[y, x, 0] = np.uint8(min(np.float32(frame[y, x, 0]) * gain + half, most))
            frame[y, x, one] = np.uint8(min(np.float32(frame[y, x, one]) * cool + half, most))
            frame[y, x, two] = np.uint8(min(np.float32(frame[y, x, two]) * cool + half, most))
