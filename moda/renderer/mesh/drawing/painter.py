"""One frame's pixels: the person warped and laid over the plate, then the mouth's inside and the eyes."""

from __future__ import annotations

import cv2
import numpy as np

from moda.renderer.mesh.analysis import topology
from moda.renderer.mesh.analysis.eyes import Eye
from moda.renderer.mesh.analysis.geometry import signed_area
from moda.renderer.mesh.analysis.mouth import Mouth
from moda.renderer.mesh.analysis.shading import SkinShade
from moda.renderer.mesh.analysis.topology import LEFT_EYE, LIP_LOWER_OUTER, LIP_UPPER_OUTER, RIGHT_EYE
from moda.renderer.mesh.drawing import compose, rasteriser
from moda.renderer.mesh.drawing.eyes import draw_eye, gaze_of
from moda.renderer.mesh.drawing.mouth import draw_mouth
from moda.renderer.mesh.drawing.pose import Turn
from moda.renderer.mesh.drawing.rig import Rig
from moda.renderer.mesh.drawing.viewport import Viewport

PARTS = (
    np.array([*LEFT_EYE.upper, *LEFT_EYE.lower, *LEFT_EYE.crease]),
    np.array([*RIGHT_EYE.upper, *RIGHT_EYE.lower, *RIGHT_EYE.crease]),
    np.array([*LIP_UPPER_OUTER, *LIP_LOWER_OUTER]),
)
"""Where the displacement jumps (lids, lips): there it is rasterised at full size."""
STEP = 2  # frame px per sample of the displacement elsewhere
STRIP_ROWS = 48
"""Rows warped at once: their left and right ends fit the person closely, and OpenCV leaves so little to one thread."""
UNSEEN = 1 / 64  # px
EDGE_JUMP = 2.5  # px from one pixel to the next
UNCOVERED = 1e4
"""Displacement, px, where there is no mesh: it points out of the texture, where there is no opacity."""


class Painter:
    """Draws frames of one portrait in one viewport; holds the buffers that every frame reuses."""

    def __init__(self, rig: Rig, eyes: tuple[Eye, Eye], mouth: Mouth, shade: SkinShade, viewport: Viewport) -> None:
        self.rig, self.eyes, self.mouth, self.shade, self.viewport = rig, eyes, mouth, shade, viewport
        self.buffers: dict[str, np.ndarray] = {}
        position = rig.mesh.position
        self.rest = viewport.to_frame(position[:, :2])
        triangles = np.ascontiguousarray(np.vstack([rig.mesh.skin, rig.mesh.holes]), np.int32)
        self.triangles = np.ascontiguousarray(triangles[self._seen(triangles)])
        self.sides = np.where(signed_area(position, self.triangles) >= 0, 1.0, -1.0).astype(np.float32)
        centres = position[self.triangles, :2].mean(1)
        self.parts = []
        for marks in PARTS:
            spots = position[marks, :2]
            reach = 0.25 * float(rig.head.scale)
            near = ((centres > spots.min(0) - reach) & (centres < spots.max(0) + reach)).all(1)
            self.parts.append((np.ascontiguousarray(self.triangles[near]), np.ascontiguousarray(self.sides[near])))
        self.spots = (self.rest - viewport.box[:2]).astype(np.float32)  # px of the box

    def _buffer(self, name: str, shape: tuple[int, ...], kind: type) -> np.ndarray:
        """A contiguous array that this painter reuses from frame to frame; it comes with what was in it."""
        count = int(np.prod(shape))
        if name not in self.buffers or self.buffers[name].size < count:
            self.buffers[name] = np.empty(count, kind)
        return self.buffers[name][:count].reshape(shape)

    def _seen(self, triangles: np.ndarray) -> np.ndarray:
        """(T,) which triangles show any of the person; the others are all plate and need not be drawn."""
        texture = self.viewport.texture
        corners = self.viewport.to_texture(self.rest)[triangles]
        height, width = texture.shape[:2]
        low = np.clip(np.floor(corners.min(1)).astype(int) - 4, 0, (width - 1, height - 1))
        high = np.clip(np.ceil(corners.max(1)).astype(int) + 5, 1, (width, height))
        count = cv2.integral((texture[..., 3] > 0).astype(np.uint8))
        (x0, y0), (x1, y1) = low.T, high.T
        return np.asarray(count[y1, x1] - count[y0, x1] - count[y1, x0] + count[y0, x0] > 0)

    def paint(
        self, moved: np.ndarray, unposed: np.ndarray, actions: np.ndarray, lids: tuple[float, ...], turn: Turn
    ) -> np.ndarray:
        """moved, unposed (V, 3) px of the picture -> frame (H, W, 3 or 4) uint8."""
        frame = self.viewport.base.copy()
        self._warp(frame, self.viewport.to_frame(moved[:, :2]), moved[:, 2], self.shade.combined(actions))
        draw_mouth(frame, self.mouth, self.rig, self.viewport, moved, unposed, actions, turn)
        for side, eye in enumerate(self.eyes):
            draw_eye(frame, eye, self.viewport, moved, gaze_of(actions), (lids[2 * side], lids[2 * side + 1]), turn)
        return frame if self.viewport.cut else cv2.cvtColor(frame, cv2.COLOR_RGBA2RGB)

    def _warp(self, frame: np.ndarray, placed: np.ndarray, depth: np.ndarray, shade: np.ndarray | None) -> None:
        """Draw into ``frame`` in place. placed (V, 2) frame px; depth (V,); shade from `SkinShade.combined`."""
        viewport = self.viewport
        x0, y0, x1, y1 = viewport.box
        position = (placed - (x0, y0)).astype(np.float32)
        source = (self.rest - placed).astype(np.float32)
        source[np.abs(source).max(1) < UNSEEN] = 0.0  # what hardly moves does not: it stays as it is, to the bit
        rows = np.empty((-(-(y1 - y0) // STRIP_ROWS), 4))
        rasteriser.extents(position, self.spots, source, self.triangles, STRIP_ROWS, rows)
        rows = rows.clip(0, (x1 - x0, y1 - y0) * 2).astype(int)
        rows = rows[(rows[:, 2:] > rows[:, :2]).all(1)]
        if not len(rows):
            return
        a0, b0 = (int(v) // STEP * STEP for v in rows[:, :2].min(0))
        a1, b1 = (int(v) for v in rows[:, 2:].max(0))
        if a1 <= a0 or b1 <= b0:
            return
        strips = (rows - (a0, b0, a0, b0)).tolist()
        corner = np.array([a0, b0], np.float32)
        small, flow = self._displacements(position - corner, depth.astype(np.float32), source, (a1 - a0, b1 - b0))
        part = self._buffer("part", (b1 - b0, a1 - a0, 4), np.uint8)
        for left, top, right, bottom in strips:
            strip = (slice(top, bottom), slice(left, right))
            map_x, map_y = (
                cv2.scaleAdd(plane[strip], viewport.to_texture.scale, grid[b0:b1, a0:a1][strip])
                for plane, grid in zip(flow, viewport.places)
            )
            cv2.remap(
                viewport.texture, map_x, map_y, cv2.INTER_LINEAR, dst=part[strip], borderMode=cv2.BORDER_CONSTANT
            )  # fmt: skip
        face = position[: topology.COUNT] - corner
        self._soften(part, small, face)
        if shade is not None:
            self._shade(part, shade, small, face, (x0 + a0, y0 + b0))
        layers = (compose.pixels(frame), compose.pixels(part), compose.pixels(viewport.plate))
        for strip in strips:
            compose.lay_over(*layers, flow[0], flow[1], viewport.cut, x0 + a0, y0 + b0, *strip)

    def _soften(self, part: np.ndarray, small: list[np.ndarray], face: np.ndarray) -> None:
        """Folds come about at the outline of the face, the nose and the lips: no staircase there."""
        margin = 0.2 * float(self.rig.head.scale) * self.viewport.to_frame.scale
        height, width = part.shape[:2]
        x0, y0 = (max(int(v) // STEP * STEP, 0) for v in face.min(0) - margin)
        x1, y1 = (min(int(v), limit) for v, limit in zip(face.max(0) + margin, (width, height)))
        if x1 - x0 > 3 and y1 - y0 > 3:
            before = part[y0:y1, x0:x1].copy()
            rasteriser.blur_at_jumps(part, before, small[0], small[1], x0, y0, EDGE_JUMP * STEP)

    def _displacements(
        self, position: np.ndarray, depth: np.ndarray, source: np.ndarray, size: tuple[int, int]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """From each pixel to the place it shows, frame px: (x, y) planes at half size and at full size.

        position (V, 2) px of the part of ``size`` (width, height); source (V, 2) what each vertex is displaced by.
        """
        width, height = size
        shape = (-(-height // STEP), -(-width // STEP))
        small = [self._buffer(name, shape, np.float32) for name in ("x", "y")]
        far = self._buffer("far", shape, np.float32)
        small[0].fill(UNCOVERED)
        small[1].fill(UNCOVERED)
        far.fill(1e9)
        # Pixel k of the small one covers full pixels 2k and 2k + 1: its centre is at 2k + 0.5.
        spots = (position - np.float32(0.5 * (STEP - 1))) / np.float32(STEP)
        rasteriser.rasterise(spots, depth, source, self.triangles, self.sides, small[0], small[1], far)
        double = (small[0].shape[1] * STEP, small[0].shape[0] * STEP)
        full = [
            np.ascontiguousarray(cv2.resize(plane, double, interpolation=cv2.INTER_LINEAR)[:height, :width])
            for plane in small
        ]
        for (part, sides), marks in zip(self.parts, PARTS):
            low = np.maximum(np.floor(position[marks].min(0)).astype(int) - 3, 0)
            high = np.minimum(np.ceil(position[marks].max(0)).astype(int) + 4, size)
            if (high <= low).any():
                continue
            window = (slice(low[1], high[1]), slice(low[0], high[0]))
            fine = [np.ascontiguousarray(plane[window]) for plane in full]
            near = np.full(fine[0].shape, 1e9, np.float32)
            rasteriser.rasterise((position - low).astype(np.float32), depth, source, part, sides, *fine, near)
            for plane, patch in zip(full, fine):
                plane[window] = patch
        return small, full

    def _shade(
        self, part: np.ndarray, shade: np.ndarray, small: list[np.ndarray], face: np.ndarray, corner: tuple[int, int]
    ) -> None:
        """Multiply folds and bulges into ``part``, in place; ``small`` is the half-size flow of the same part."""
        viewport = self.viewport
        height, width = small[0].shape
        low = np.maximum(np.floor(face.min(0) / STEP).astype(int) - 1, 0)
        high = np.minimum(np.ceil(face.max(0) / STEP).astype(int) + 1, (width, height))
        if (high <= low).any():
            return
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        # full px of a half-size sample -> frame px of its source -> picture px -> raster px of the map
        k = self.shade.scale / viewport.to_frame.scale
        start = np.array(corner) + 0.5 * (STEP - 1)
        x = np.arange(low[0], high[0], dtype=np.float32) * STEP + np.float32(start[0])
        y = np.arange(low[1], high[1], dtype=np.float32) * STEP + np.float32(start[1])
        shift = viewport.to_frame(self.shade.origin).astype(np.float32)
        map_x = (small[0][window] + x[None] - shift[0]) * np.float32(k)
        map_y = (small[1][window] + y[:, None] - shift[1]) * np.float32(k)
        change = cv2.remap(shade, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        change = cv2.resize(change, (change.shape[1] * STEP, change.shape[0] * STEP), interpolation=cv2.INTER_LINEAR)
        left, top = int(low[0]) * STEP, int(low[1]) * STEP
        change = np.ascontiguousarray(change[: part.shape[0] - top, : part.shape[1] - left])
        compose.light(part, change, left, top)
