"""Where a portrait is shown: the output frame, the texture it samples, and the still base under all frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MAX_WHOLE = (1920, 1080)
TEXTURE_PER_PX = 2.0
MAX_TEXTURE = 2600


@dataclass(frozen=True)
class Stage:
    """frame = scale * picture + offset for pixel positions; the moving part is `box` of the frame."""

    size: tuple[int, int]  # width, height of the frame
    scale: float
    offset: np.ndarray  # (2,)
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 of the moving part, frame px
    texture: np.ndarray  # (h, w, 3) uint8
    texture_scale: float  # texture px per frame px
    texture_offset: np.ndarray  # (2,) texture = texture_scale * (frame - texture_offset)
    base: np.ndarray  # (H, W, 3) uint8

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Picture px (n, 2) -> frame px."""
        return points * self.scale + self.offset

    def to_texture(self, frame_points: np.ndarray) -> np.ndarray:
        return (frame_points - self.texture_offset) * self.texture_scale


def crop_window(face_centre: np.ndarray, iod: float, picture: tuple[int, int]) -> tuple[float, float, float]:
    """Left, top and side of the square shown in crop mode, px; kept inside a picture of (height, width)."""
    height, width = picture
    side = min(5.0 * iod, float(height), float(width))
    x = float(np.clip(face_centre[0] - side / 2, 0, width - side))
    y = float(np.clip(face_centre[1] - side / 2, 0, height - side))
    return x, y, side


def with_headroom(
    window: tuple[float, float, float], person: np.ndarray, region: tuple[float, float, float, float], iod: float
) -> tuple[float, float, float]:
    """The window moved up, by at most 0.5 IOD, where hair or a hat would be cut at its upper rim.

    person: (h, w) probability of "person" over the region (x0, y0, x1, y1) px.
    """
    x, y, side = window
    h, w = person.shape
    per_x, per_y = (region[2] - region[0]) / w, (region[3] - region[1]) / h
    left, right = (int(np.clip((x + side * t - region[0]) / per_x, 0, w - 1)) for t in (0.3, 0.7))
    rows = np.flatnonzero((person[:, left : right + 1] > 0.5).mean(1) > 0.15)
    if not len(rows):
        return window
    top = region[1] + rows[0] * per_y
    lift = float(np.clip(y + 0.16 * iod - top, 0.0, 0.5 * iod))
    return x, max(0.0, y - lift), side


def whole_size(picture: tuple[int, int]) -> tuple[int, int]:
    """Frame size (width, height) for the whole picture (height, width): at most 1080p either way up, even."""
    height, width = picture
    limit = MAX_WHOLE if width >= height else MAX_WHOLE[::-1]
    shrink = min(1.0, limit[0] / width, limit[1] / height)
    if shrink == 1.0:  # an odd last row or column is left out rather than resampled
        return max(2, width // 2 * 2), max(2, height // 2 * 2)
    return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)


def _resample(image: np.ndarray, scale: float, offset: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Picture into a raster with raster = scale * picture + offset (pixel positions)."""
    if scale < 0.75:  # smooth first, or fine texture would shimmer
        image = cv2.GaussianBlur(image, (0, 0), 0.42 / scale, borderType=cv2.BORDER_REPLICATE)
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    flags = cv2.INTER_LANCZOS4 if scale > 1.0 else cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def crisp(
    texture: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    corner: tuple[int, int],
    image: np.ndarray,
    window: tuple[float, float, float],
    scale: float,
    offset: np.ndarray,
    texture_scale: float,
) -> np.ndarray:
    """The texture sharpened so far that the face, sampled at `places` (the box whose upper left is `corner`), shows
    the fine detail that it has in the picture: sampling between pixels takes up to a third of it. Never softened.

    Both are judged at 0.8 of the smaller size, since the finest octave does not survive encoding.
    """
    x, y, side = window
    face = np.array([[x + 0.3 * side, y + 0.3 * side], [x + 0.7 * side, y + 0.7 * side]])
    (left, upper), (right, lower) = np.clip(np.round(face), 0, (image.shape[1], image.shape[0])).astype(int)
    size = places[0].shape[::-1]
    (a0, b0), (a1, b1) = np.clip(np.round(face * scale + offset - corner), 0, size).astype(int)
    if min(right - left, lower - upper, a1 - a0, b1 - b0) < 16:
        return texture
    part = image[upper:lower, left:right]

    def detail(picture: np.ndarray, ratio: float) -> float:
        small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        return float((cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F) ** 2).mean())

    compared = 0.8 * min(1.0, scale)
    wanted, amount = detail(part, compared), 0.0
    soft = cv2.GaussianBlur(texture, (0, 0), texture_scale * max(1.0, scale))
    at = [np.ascontiguousarray(place[b0:b1, a0:a1]) for place in places]
    seen, seen_soft = (cv2.remap(raster, at[0], at[1], cv2.INTER_LINEAR) for raster in (texture, soft))
    for step in (0.4, 0.2, 0.1, 0.05):
        trial = cv2.addWeighted(seen, 1 + amount + step, seen_soft, -amount - step, 0)
        if detail(trial, compared / scale) <= wanted:
            amount += step
    return cv2.addWeighted(texture, 1 + amount, soft, -amount, 0) if amount else texture


def build_stage(
    image: np.ndarray,
    region: tuple[float, float, float, float],
    window: tuple[float, float, float],
    size: int,
    whole: bool,
) -> Stage:
    """Lay out the frame. region: (x0, y0, x1, y1) px of the picture that may move; window: from `crop_window`."""
    height, width = image.shape[:2]
    if whole:
        frame = whole_size((height, width))
        kept = frame[0] in (width, width - 1) and frame[1] in (height, height - 1)
        scale = 1.0 if kept else frame[0] / width
        offset = np.array([(scale - 1) / 2, (scale - 1) / 2])
        base = image[: frame[1], : frame[0]] if kept else cv2.resize(image, frame, interpolation=cv2.INTER_AREA)
    else:
        frame = (size, size)
        scale = size / window[2]
        offset = np.array([-window[0] * scale + (scale - 1) / 2, -window[1] * scale + (scale - 1) / 2])
        base = np.zeros((size, size, 3), np.uint8)
    low = np.array(region[:2]) * scale + offset
    high = np.array(region[2:]) * scale + offset
    x0, y0 = (int(max(0, np.floor(low[k] / 2) * 2)) for k in range(2))
    x1, y1 = (int(min(frame[k], np.ceil(high[k] / 2) * 2)) for k in range(2))
    margin = 0.06 * max(frame) if not whole else 2.0
    texture_scale = min(TEXTURE_PER_PX, MAX_TEXTURE / (max(x1 - x0, y1 - y0) + 2 * margin))
    texture_offset = np.array([x0 - margin, y0 - margin])
    shape = tuple(int(np.ceil((hi - lo + 2 * margin) * texture_scale)) for lo, hi in ((x0, x1), (y0, y1)))
    texture = _resample(
        image, scale * texture_scale, (offset - texture_offset) * texture_scale, (shape[0], shape[1])
    )  # fmt: skip
    # The base is the texture seen without motion, so that what moves and what rests look alike.
    gx, gy = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    places = ((gx - texture_offset[0]) * texture_scale, (gy - texture_offset[1]) * texture_scale)
    texture = crisp(texture, places, (x0, y0), image, window, scale, offset, texture_scale)
    still = cv2.remap(texture, *places, cv2.INTER_LINEAR)
    base = base.copy()
    if whole:
        fade = _border_fade((y1 - y0, x1 - x0), (x0 > 0, y0 > 0, x1 < frame[0], y1 < frame[1]))[..., None]
        base[y0:y1, x0:x1] = np.round(base[y0:y1, x0:x1] * (1 - fade) + still * fade).astype(np.uint8)
    else:
        base[y0:y1, x0:x1] = still
    return Stage(frame, scale, offset, (x0, y0, x1, y1), texture, texture_scale, texture_offset, base)


def _border_fade(shape: tuple[int, int], sides: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """0 on the given sides to 1 inside."""
    h, w = shape
    band = max(2.0, 0.04 * max(h, w))
    x, y = np.arange(w), np.arange(h)
    fade_x, fade_y = np.ones(w), np.ones(h)
    if sides[0]:
        fade_x = np.minimum(fade_x, x / band)
    if sides[2]:
        fade_x = np.minimum(fade_x, (w - 1 - x) / band)
    if sides[1]:
        fade_y = np.minimum(fade_y, y / band)
    if sides[3]:
        fade_y = np.minimum(fade_y, (h - 1 - y) / band)
    t = np.clip(np.minimum.outer(fade_y, fade_x), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
