"""Where a portrait is shown: the output frame, the texture it samples, and the still base under all frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from moda.portrait.plate import own_colours
from moda.renderer.mesh.analysis.curves import smoothstep
from moda.renderer.mesh.analysis.layers import Layers
from moda.renderer.mesh.analysis.texture import AT_REST, BETWEEN, ENLARGED, LANCZOS_REACH, crisp, enlarged, resampled

MAX_WHOLE = (1920, 1080)
TEXTURE_PER_PX, LEAST_PER_PX = 3.0, 1.25
MAX_TEXTURE = 3600
PLATE_SHARE = 1 / 40
"""How little of what the two layers do not explain may be the plate's, where both are seen alike."""
STRIP = 64  # rows of a raster enlarged at once
WEIGHED = 96  # places across and down at which it is asked what moves


@dataclass(frozen=True)
class Affine2D:
    """scale * point + offset, for points (..., 2)."""

    scale: float
    offset: np.ndarray  # (2,)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return points * self.scale + self.offset

    def inverse(self) -> Affine2D:
        return Affine2D(1 / self.scale, -self.offset / self.scale)

    def after(self, first: Affine2D) -> Affine2D:
        """The two in one: ``self(first(points))``."""
        return Affine2D(self.scale * first.scale, self(first.offset))


@dataclass(frozen=True)
class Viewport:
    """What is shown of the picture, and the texture it is sampled from; the moving part is `box` of the frame."""

    size: tuple[int, int]  # width, height of the frame
    to_frame: Affine2D  # picture px -> frame px (pixel positions)
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 of the moving part, frame px
    texture: np.ndarray  # (h, w, 4) uint8, straight alpha
    to_texture: Affine2D  # frame px -> texture px
    base: np.ndarray  # (H, W, 4) uint8: the picture at rest and the person's opacity; cut: the person's own colours
    plate: np.ndarray  # (H, W, 4) uint8: what is behind, opacity 0
    cut: bool  # frames show the person alone, and have its opacity as a fourth channel
    places: tuple[np.ndarray, np.ndarray]  # (w,), (h,) float32 x, y: where the box's pixels lie in the texture at rest

    @property
    def at_rest(self) -> tuple[np.ndarray, np.ndarray]:
        """(h, w) each: the texture's places of all of the box's pixels at rest."""
        return _all_of(self.places)


def _all_of(lines: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """x (w,) and y (h,) of columns and rows -> (h, w) each of pixels."""
    across, down = lines
    shape = (len(down), len(across))
    return np.broadcast_to(across, shape).copy(), np.broadcast_to(down[:, None], shape).copy()


def whole_size(picture: tuple[int, int]) -> tuple[int, int]:
    """Frame size (width, height) for the whole picture (height, width): at most 1080p either way up, even."""
    height, width = picture
    limit = MAX_WHOLE if width >= height else MAX_WHOLE[::-1]
    shrink = min(1.0, limit[0] / width, limit[1] / height)
    if shrink == 1.0:  # an odd last row or column is left out rather than resampled
        return max(2, width // 2 * 2), max(2, height // 2 * 2)
    return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)


def build_viewport(
    layers: Layers,
    region: tuple[float, float, float, float],
    window: tuple[float, float, float],
    size: int,
    whole: bool,
    moves: Callable[[np.ndarray], np.ndarray],
    alpha: bool = False,
) -> Viewport:
    """Lay out the frame. region: (x0, y0, x1, y1) px of the picture that may move; window: from `crop_window`;
    moves: points (n, 2) px of the picture -> (n,) 0 where it rests to 1; alpha: frames have a fourth channel, the
    person's opacity."""
    image = layers.picture
    size_px, to_frame = _frame(image.shape[:2], window, size, whole)
    low, high = to_frame(np.array(region[:2])), to_frame(np.array(region[2:]))
    x0, y0 = (int(max(0, np.floor(low[k] / 2) * 2)) for k in range(2))
    x1, y1 = (int(min(size_px[k], np.ceil(high[k] / 2) * 2)) for k in range(2))
    margin = 0.06 * max(size_px) if not whole else 2.0
    # A picture shown enlarged has no more detail to give than four or five samples to each of its own pixels hold.
    wanted = max(LEAST_PER_PX, TEXTURE_PER_PX * min(1.0, 1.5 / to_frame.scale))
    texture_scale = min(wanted, MAX_TEXTURE / (max(x1 - x0, y1 - y0) + 2 * margin))
    raster_scale = texture_scale / ENLARGED
    to_raster = Affine2D(raster_scale, -raster_scale * np.array([x0 - margin, y0 - margin])).after(to_frame)
    shape = tuple(int(np.ceil((hi - lo + 2 * margin) * raster_scale)) for lo, hi in ((x0, x1), (y0, y1)))
    origin = np.array([x0 - margin, y0 - margin]) - 0.5 * (ENLARGED - 1) / texture_scale
    to_texture = Affine2D(texture_scale, -texture_scale * origin)
    lines = (
        (np.arange(x0, x1, dtype=np.float32) - np.float32(origin[0])) * np.float32(texture_scale),
        (np.arange(y0, y1, dtype=np.float32) - np.float32(origin[1])) * np.float32(texture_scale),
    )
    places = _all_of(lines)
    across, down = ((np.arange(WEIGHED) + 0.5) / WEIGHED * side - 0.5 for side in shape)
    there = to_raster.inverse()(np.stack(np.meshgrid(across, down), -1).reshape(-1, 2))
    moving = cv2.resize(moves(there).reshape(WEIGHED, WEIGHED).astype(np.float32), shape)
    seen, shown = _middle(window, to_frame, (x0, y0), image.shape, (y1 - y0, x1 - x0))
    at = (places[0][shown], places[1][shown])

    def sharper(raster: np.ndarray, between: np.ndarray) -> np.ndarray:
        return crisp(raster, raster_scale, image[seen], to_frame.scale, at, moving, between)

    picture, foreground, opaque, behind = _rasters(layers, to_raster, (shape[0], shape[1]), alpha)
    texture = np.dstack([enlarged(foreground), enlarged(opaque, cv2.INTER_LINEAR)])
    box = (slice(y0, y1), slice(x0, x1))
    base = _filled(image, size_px, to_frame, whole)
    as_it_is = whole and to_frame.scale == 1.0
    rested = picture if as_it_is else sharper(picture, AT_REST)
    still = cv2.remap(enlarged(rested), *places, cv2.INTER_LINEAR)
    inner = _border_fade((y1 - y0, x1 - x0), (x0 > 0, y0 > 0, x1 < size_px[0], y1 < size_px[1]))[..., None]
    base[box] = np.round(base[box] * (1 - inner) + still * inner).astype(np.uint8)
    person = cv2.remap(texture, *places, cv2.INTER_LINEAR)
    plate = base.copy()
    filled = cv2.remap(enlarged(behind), *places, cv2.INTER_LINEAR)
    plate[box] = np.where(person[..., 3:] > 0, filled, base[box])
    # What moves is sharpened by as much as sampling it between its pixels will take.
    _add_enlarged(texture, sharper(picture, BETWEEN).astype(np.float32) - picture)
    if alpha:
        base, plate = _cut_out(layers, size_px, to_frame, whole, box, person)
    else:
        base, plate = (cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) for image in (base, plate))
        base[box][..., 3], plate[..., 3] = person[..., 3], 0
    return Viewport(size_px, to_frame, (x0, y0, x1, y1), texture, to_texture, base, plate, alpha, lines)


def _add_enlarged(texture: np.ndarray, gain: np.ndarray) -> None:
    """Add ``gain`` (h, w, 3) float32, enlarged, to the colours of ``texture`` (3h, 3w, 4), by its opacity and in place;
    a strip at a time, as all of it in floats would be the largest thing in memory."""
    for top in range(0, len(gain), STRIP):
        above, bottom = min(top, LANCZOS_REACH), min(top + STRIP, len(gain))
        strip = enlarged(gain[top - above : bottom + LANCZOS_REACH])
        rows = texture[ENLARGED * top : ENLARGED * bottom]
        strip = strip[ENLARGED * above : ENLARGED * above + len(rows)] * (rows[..., 3:].astype(np.float32) / 255)
        rows[..., :3] = np.clip(np.round(rows[..., :3] + strip), 0, 255).astype(np.uint8)


def _rasters(layers: Layers, to_raster: Affine2D, size: tuple[int, int], cut: bool) -> tuple[np.ndarray, ...]:
    """Picture, foreground, opacity and plate at the raster's ``size``, uint8; ``cut``: for other backgrounds.

    What is resampled is each layer times its opacity: so the layers together are the resampled picture again.
    """

    height, width = layers.picture.shape[:2]
    corners = to_raster.inverse()(np.array([[0.0, 0.0], size]))
    (x0, y0), (x1, y1) = np.clip([np.floor(corners[0]) - 8, np.ceil(corners[1]) + 8], 0, (width, height)).astype(int)
    part = (slice(y0, y1), slice(x0, x1))
    offset = to_raster(np.array([x0, y0], np.float64))

    def raster(layer: np.ndarray) -> np.ndarray:
        return resampled(layer, to_raster.scale, offset, size)

    picture = raster(layers.picture[part])
    if layers.alpha is None or layers.carried is None:
        return picture, picture, np.full(size[::-1], 255, np.uint8), picture
    alpha = layers.alpha[part] if cut else layers.carried[part]
    share = np.clip(raster(alpha), 0, 1)[..., None]
    if cut:
        front = layers.foreground[part] * alpha[..., None]
    else:
        front = own_colours(layers.picture[part], layers.plate[part], alpha)

    def apart(weighted: np.ndarray, weight: np.ndarray, plain: np.ndarray) -> np.ndarray:
        """The colours of a layer, resampled with its opacity; where there is too little of it, without."""
        known = smoothstep(weight, 0.02, 0.06)
        mixed = raster(weighted) / np.maximum(weight, 0.02) * known + raster(plain) * (1 - known)
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)

    foreground = apart(front, share, layers.foreground[part])
    plate = apart(layers.picture[part] - front, 1 - share, layers.plate[part])
    # Overshoot at sharp edges is the person's, as far as it is seen: in the plate it would be left behind as a line.
    left = picture - share * foreground - (1 - share) * plate
    foreground = np.clip(np.round(foreground + left * share / (share**2 + PLATE_SHARE * (1 - share) ** 2)), 0, 255)
    return picture, foreground.astype(np.uint8), np.round(share[..., 0] * 255).astype(np.uint8), plate


def _cut_out(
    layers: Layers,
    size: tuple[int, int],
    to_frame: Affine2D,
    whole: bool,
    box: tuple[slice, slice],
    person: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The person alone at rest, (H, W, 4) straight alpha, and the same without any opacity."""
    opaque = np.full(layers.picture.shape[:2], 255, np.uint8)
    if layers.alpha is not None:
        opaque = np.round(layers.alpha * 255).astype(np.uint8)
    base = np.dstack([_filled(layer, size, to_frame, whole) for layer in (layers.foreground, opaque)])
    base[box] = person
    nothing = base.copy()
    nothing[..., 3] = 0
    return base, nothing


def _frame(
    picture: tuple[int, ...], window: tuple[float, float, float], size: int, whole: bool
) -> tuple[tuple[int, int], Affine2D]:
    """Size of the frame, and the way from the picture (height, width) into it."""
    height, width = picture
    if not whole:
        scale = size / window[2]
        offset = np.array([-window[0] * scale + (scale - 1) / 2, -window[1] * scale + (scale - 1) / 2])
        return (size, size), Affine2D(scale, offset)
    frame = whole_size((height, width))
    if frame[0] in (width, width - 1) and frame[1] in (height, height - 1):
        return frame, Affine2D(1.0, np.zeros(2))
    scale = frame[0] / width
    return frame, Affine2D(scale, np.array([(scale - 1) / 2, (scale - 1) / 2]))


def _filled(layer: np.ndarray, size: tuple[int, int], to_frame: Affine2D, whole: bool) -> np.ndarray:
    """The picture, or a layer of it, as it fills a frame of ``size``; a crop is all box, and filled later."""
    if not whole:
        return np.zeros((size[1], size[0], *layer.shape[2:]), np.uint8)
    if to_frame.scale == 1.0:
        return layer[: size[1], : size[0]].copy()
    return np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_AREA))


def _middle(
    window: tuple[float, float, float],
    to_frame: Affine2D,
    corner: tuple[int, int],
    picture: tuple[int, ...],
    box: tuple[int, int],
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The middle of the window, where the face is: rows and columns of the picture, and of the box at ``corner``."""
    corners = np.array(window[:2]) + window[2] * np.array([[0.3, 0.3], [0.7, 0.7]])
    (left, upper), (right, lower) = np.clip(np.round(corners), 0, (picture[1], picture[0])).astype(int)
    (a0, b0), (a1, b1) = np.clip(np.round(to_frame(corners) - corner), 0, box[::-1]).astype(int)
    return (slice(upper, lower), slice(left, right)), (slice(b0, b1), slice(a0, a1))


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
    return smoothstep(np.minimum.outer(fade_y, fade_x)).astype(np.float32)
