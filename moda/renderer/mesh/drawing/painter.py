"""One frame's pixels: the warped picture, then the mouth's inside and the eyes."""

from __future__ import annotations

import cv2
import numpy as np

from moda.renderer.mesh.analysis import topology
from moda.renderer.mesh.analysis.eyes import Eye
from moda.renderer.mesh.analysis.geometry import signed_area
from moda.renderer.mesh.analysis.mouth import Mouth
from moda.renderer.mesh.analysis.shading import SkinShade
from moda.renderer.mesh.analysis.topology import LEFT_EYE, LIP_LOWER_OUTER, LIP_UPPER_OUTER, RIGHT_EYE
from moda.renderer.mesh.drawing import rasteriser
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
STRIP_PX = 60000
UNSEEN = 1 / 64  # px
EDGE_JUMP = 2.5  # px from one pixel to the next
FINE_UP_TO = 640  # px of the moving part: the flow of larger ones is rasterised at half size


class Painter:
    """Draws frames of one portrait in one viewport; holds the buffers that every frame reuses."""

    def __init__(self, rig: Rig, eyes: tuple[Eye, Eye], mouth: Mouth, shade: SkinShade, viewport: Viewport) -> None:
        self.rig, self.eyes, self.mouth, self.shade, self.viewport = rig, eyes, mouth, shade, viewport
        x0, y0, x1, y1 = viewport.box
        self.step = 1 if max(x1 - x0, y1 - y0) <= FINE_UP_TO else 2
        self.triangles = np.ascontiguousarray(np.vstack([rig.mesh.skin, rig.mesh.holes]), np.int32)
        self.sides = np.where(signed_area(rig.mesh.position, self.triangles) >= 0, 1.0, -1.0).astype(np.float32)
        centres = rig.mesh.position[self.triangles, :2].mean(1)
        self.parts = []
        for marks in PARTS:
            spots = rig.mesh.position[marks, :2]
            reach = 0.25 * float(rig.head.scale)
            near = ((centres > spots.min(0) - reach) & (centres < spots.max(0) + reach)).all(1)
            self.parts.append((np.ascontiguousarray(self.triangles[near]), np.ascontiguousarray(self.sides[near])))
        self.rest = viewport.to_frame(rig.mesh.position[:, :2])
        # How far the triangles around each vertex reach at rest, in px of the box.
        spots = (self.rest - (x0, y0)).astype(np.float32)
        reach_low, reach_high = spots.copy(), spots.copy()
        corners = spots[self.triangles]
        for k in range(3):
            np.minimum.at(reach_low, self.triangles[:, k], corners.min(1))
            np.maximum.at(reach_high, self.triangles[:, k], corners.max(1))
        self.ring = (reach_low, reach_high)
        self.grid = viewport.places
        shape = ((y1 - y0 + self.step - 1) // self.step, (x1 - x0 + self.step - 1) // self.step)
        # Displacement in frame px, of every pixel or every other one; zero = the picture as it is.
        self.flow = (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        self.depth = np.empty(shape, np.float32)

    def paint(
        self, moved: np.ndarray, unposed: np.ndarray, actions: np.ndarray, lids: tuple[float, ...], turn: Turn
    ) -> np.ndarray:
        """moved, unposed (V, 3) px of the picture -> frame (H, W, 3) uint8."""
        frame = self.viewport.base.copy()
        self._warp(frame, self.viewport.to_frame(moved[:, :2]), moved[:, 2], self.shade.combined(actions))
        draw_mouth(frame, self.mouth, self.rig, self.viewport, moved, unposed, actions, turn)
        for side, eye in enumerate(self.eyes):
            draw_eye(
                frame, eye, self.viewport, moved, gaze_of(actions), (lids[2 * side], lids[2 * side + 1]), turn
            )  # fmt: skip
        return frame

    def _moving_box(self, position: np.ndarray, source: np.ndarray) -> tuple[int, int, int, int] | None:
        """The part of the box that is not as in the picture: x0, y0, x1, y1, multiples of self.step."""
        live = source.any(1)
        if not live.any():
            return None
        spots = position[live]
        first = np.minimum(spots.min(0), self.ring[0][live].min(0))
        last = np.maximum(spots.max(0), self.ring[1][live].max(0))
        height, width = self.grid[0].shape
        low = np.maximum(np.floor((first - 3) / self.step).astype(int) * self.step, 0)
        high = np.minimum(np.ceil((last + 3) / self.step).astype(int) * self.step, (width, height))
        return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low).all() else None

    def _warp(self, frame: np.ndarray, placed: np.ndarray, depth: np.ndarray, shade: np.ndarray | None) -> None:
        viewport = self.viewport
        x0, y0 = viewport.box[:2]
        position = (placed - (x0, y0)).astype(np.float32)
        source = (self.rest - placed).astype(np.float32)
        source[np.abs(source).max(1) < UNSEEN] = 0.0  # what hardly moves does not: it stays as it is, to the bit
        z = depth.astype(np.float32)
        box = self._moving_box(position, source)
        if box is None:
            return
        a0, b0, a1, b1 = box
        rows, columns = slice(b0 // self.step, -(-b1 // self.step)), slice(a0 // self.step, -(-a1 // self.step))
        small = [np.ascontiguousarray(plane[rows, columns]) for plane in self.flow]
        far = np.ascontiguousarray(self.depth[rows, columns])
        for plane in small:
            plane[:] = 0.0
        far[:] = 1e9
        # At half size pixel k covers full pixels 2k and 2k+1: its centre is at 2k + 0.5.
        centre = np.float32(0.5 * (self.step - 1))
        spots = (position - np.array([a0, b0], np.float32) - centre) / np.float32(self.step)
        rasteriser.rasterise(spots, z, source, self.triangles, self.sides, small[0], small[1], far)
        full = small if self.step == 1 else self._enlarge(small, position - (a0, b0), z, source, (a1 - a0, b1 - b0))
        scale = float(viewport.to_texture.scale)
        maps = [
            cv2.scaleAdd(np.ascontiguousarray(plane), scale, np.ascontiguousarray(grid[b0:b1, a0:a1]))
            for plane, grid in zip(full, self.grid)
        ]
        part = np.empty((b1 - b0, a1 - a0, 3), np.uint8)  # always contiguous: one compiled variant
        # In strips small enough that OpenCV does not split them over threads: encoding needs the other cores.
        strip = max(1, STRIP_PX // (a1 - a0))
        for row in range(0, b1 - b0, strip):
            rows_now = slice(row, row + strip)
            part[rows_now] = cv2.remap(
                viewport.texture,
                maps[0][rows_now],
                maps[1][rows_now],
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        # Folds come about at the outline of the face, the nose and the lips.
        face = position[: topology.COUNT] - (a0, b0)
        margin = 0.2 * float(self.rig.head.scale) * viewport.to_frame.scale
        left, upper = (int(v) for v in face.min(0) - margin)
        right, lower = (int(v) for v in face.max(0) + margin)
        rasteriser.soften_edges(part, full[0], full[1], (left, upper, right, lower), EDGE_JUMP)
        if shade is not None:
            self._shade(part, shade, small, position[: topology.COUNT] - np.array([a0, b0], np.float32), (a0, b0))
        frame[y0 + b0 : y0 + b1, x0 + a0 : x0 + a1] = part

    def _enlarge(
        self, small: list[np.ndarray], position: np.ndarray, z: np.ndarray, source: np.ndarray, size: tuple[int, int]
    ) -> list[np.ndarray]:
        """The half-size flow at full size, with the rims of eyes and mouth, where it jumps, rasterised anew."""
        double = (small[0].shape[1] * 2, small[0].shape[0] * 2)
        full = [cv2.resize(plane, double, interpolation=cv2.INTER_LINEAR)[: size[1], : size[0]] for plane in small]
        for (part, sides), marks in zip(self.parts, PARTS):
            low = np.maximum(np.floor(position[marks].min(0)).astype(int) - 3, 0)
            high = np.minimum(np.ceil(position[marks].max(0)).astype(int) + 4, size)
            if (high <= low).any():
                continue
            window = (slice(low[1], high[1]), slice(low[0], high[0]))
            fine = [np.ascontiguousarray(plane[window]) for plane in full]
            near = np.full(fine[0].shape, 1e9, np.float32)
            spots = (position - low).astype(np.float32)
            rasteriser.rasterise(spots, z, source, part, sides, fine[0], fine[1], near)
            for plane, patch in zip(full, fine):
                plane[window] = patch
        return full

    def _shade(
        self, part: np.ndarray, shade: np.ndarray, small: list[np.ndarray], face: np.ndarray, corner: tuple[int, int]
    ) -> None:
        """Multiply folds and bulges into ``part``, in place; ``small`` is the half-size flow of the same part."""
        viewport = self.viewport
        height, width = small[0].shape
        low = np.maximum(np.floor(face.min(0) / self.step).astype(int) - 1, 0)
        high = np.minimum(np.ceil(face.max(0) / self.step).astype(int) + 1, (width, height))
        if (high <= low).any():
            return
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        # full px of a half-size sample -> frame px of its source -> picture px -> raster px of the map
        k = self.shade.scale / viewport.to_frame.scale
        start = np.array(viewport.box[:2]) + corner + 0.5 * (self.step - 1)
        x = np.arange(low[0], high[0], dtype=np.float32) * self.step + np.float32(start[0])
        y = np.arange(low[1], high[1], dtype=np.float32) * self.step + np.float32(start[1])
        shift = viewport.to_frame(self.shade.origin).astype(np.float32)
        map_x = (small[0][window] + x[None] - shift[0]) * np.float32(k)
        map_y = (small[1][window] + y[:, None] - shift[1]) * np.float32(k)
        gain = cv2.remap(shade, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        if self.step > 1:
            gain = cv2.resize(gain, (gain.shape[1] * 2, gain.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
        target = part[low[1] * self.step : high[1] * self.step, low[0] * self.step : high[0] * self.step]
        gain = np.clip(1.0 + gain[: target.shape[0], : target.shape[1]], 0.6, 1.25)
        # Skin in shade keeps its warmth: red falls a little less than green and blue.
        cool = np.where(gain < 1, gain * (0.7 + 0.3 * gain), gain)
        target[:] = cv2.multiply(target, cv2.merge([gain, cool, cool]), dtype=cv2.CV_8U)
