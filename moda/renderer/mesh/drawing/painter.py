"""One frame's pixels: the person warped and laid over the plate, then the mouth's inside and the eyes."""

from __future__ import annotations

import copy
from typing import NamedTuple

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
from moda.renderer.mesh.drawing.rig import Rig, lid_weights, move
from moda.renderer.mesh.drawing.viewport import Viewport

PARTS = (
    np.array([*LEFT_EYE.upper, *LEFT_EYE.lower, *LEFT_EYE.crease]),
    np.array([*RIGHT_EYE.upper, *RIGHT_EYE.lower, *RIGHT_EYE.crease]),
    np.array([*LIP_UPPER_OUTER, *LIP_LOWER_OUTER]),
)
"""Where the displacement jumps (lids, lips): there it is rasterised at full size."""
STEP = 2  # frame px per sample of the displacement elsewhere
STRIP_ROWS = 94
"""Rows warped at once: what belongs to them stays in a core's cache, and the strip's ends fit the person closely."""
UNSEEN = 1 / 64  # px
EDGE_JUMP = 2.5  # px from one pixel to the next
UNCOVERED = 1e4
"""Displacement, px, where there is no mesh: it points out of the texture, where there is no opacity."""


class Posed(NamedTuple):
    """What one frame shows. actions: (A,) relative to the picture; breath: -1..1."""

    actions: np.ndarray
    turn: Turn
    breath: float


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

    def twin(self) -> Painter:
        """Another one, which may draw at the same time: with buffers of its own, and all else in common."""
        other = copy.copy(self)
        other.buffers = {}
        return other

    def draw(self, posed: Posed) -> np.ndarray:
        """A frame (H, W, 3 or 4) uint8."""
        rig, (actions, turn, breath) = self.rig, posed
        lids = (*lid_weights(actions, 0, rig.eye_ratio[0]), *lid_weights(actions, 1, rig.eye_ratio[1]))
        moved, unposed = move(rig, actions, lids, turn, breath)
        return self.paint(moved, unposed, actions, lids, turn)

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
        x0, y0 = viewport.box[:2]
        position = (placed - (x0, y0)).astype(np.float32)
        source = (self.rest - placed).astype(np.float32)
        source[np.abs(source).max(1) < UNSEEN] = 0.0  # what hardly moves does not: it stays as it is, to the bit
        strips = self._strips(position, source)
        if not len(strips):
            return
        a0, b0, _, _ = (int(v) for v in strips.min(0))
        _, _, a1, b1 = (int(v) for v in strips.max(0))
        corner = np.array([a0, b0], np.float32)
        depth = depth.astype(np.float32)
        small = self._displacements(position - corner, depth, source, (a1 - a0, b1 - b0))
        fine = self._fine(position - corner, depth, source, small, (a1 - a0, b1 - b0))
        pictures = (compose.pixels(frame), compose.pixels(viewport.plate))
        for strip in (strips - (a0, b0, a0, b0)).tolist():
            self._strip(pictures, small, fine, strip, (a0, b0))
        face = position[: topology.COUNT] - corner
        self._soften(frame, small, face, (x0 + a0, y0 + b0))
        if shade is not None:
            self._shade(frame, shade, small, face, (x0 + a0, y0 + b0))

    def _strips(self, position: np.ndarray, source: np.ndarray) -> np.ndarray:
        """(n, 4) int: left, top, right, bottom of what changes, px of the box, even; a strip is all done while its
        pixels are near."""
        x0, y0, x1, y1 = self.viewport.box
        width, height = x1 - x0, y1 - y0
        found = np.empty((-(-height // STRIP_ROWS), 4))
        rasteriser.extents(position, self.spots, source, self.triangles, STRIP_ROWS, found)
        found = found.clip(0, (width, height) * 2)
        found[:, :2] = np.floor(found[:, :2] / STEP) * STEP
        found[:, 2:] = np.minimum(np.ceil(found[:, 2:] / STEP) * STEP, (width, height))
        return found[(found[:, 2:] > found[:, :2]).all(1)].astype(int)

    def _strip(
        self,
        pictures: tuple[np.ndarray, np.ndarray],
        small: list[np.ndarray],
        fine: list[tuple[int, int, list[np.ndarray]]],
        strip: list[int],
        corner: tuple[int, int],
    ) -> None:
        """Warp one strip (left, top, right, bottom, px of the part that begins at ``corner``) and lay it over."""
        viewport, (left, top, right, bottom), (a0, b0) = self.viewport, strip, corner
        shape = (bottom - top, right - left)
        flow = [self._buffer(name, shape, np.float32) for name in ("flow x", "flow y")]
        for plane, large in zip(small, flow):
            compose.double(plane, large, left, top)
        for x, y, patches in fine:
            x, y = x - left, y - top
            rows, columns = (slice(max(at, 0), max(at + n, 0)) for at, n in zip((y, x), patches[0].shape))
            for plane, patch in zip(flow, patches):
                target = plane[rows, columns]
                from_row, from_column = max(-y, 0), max(-x, 0)
                target[:] = patch[from_row : from_row + target.shape[0], from_column : from_column + target.shape[1]]
        at_x, at_y = (self._buffer(name, shape, np.float32) for name in ("place x", "place y"))
        lines = (viewport.places[0][a0 + left : a0 + right], viewport.places[1][b0 + top : b0 + bottom])
        compose.locate(*flow, *lines, np.float32(viewport.to_texture.scale), at_x, at_y)
        part = cv2.remap(viewport.texture, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        frame, plate = pictures
        x, y = viewport.box[0] + a0 + left, viewport.box[1] + b0 + top
        compose.lay_over(frame, compose.pixels(part), plate, *flow, viewport.cut, x, y)

    def _soften(self, frame: np.ndarray, small: list[np.ndarray], face: np.ndarray, corner: tuple[int, int]) -> None:
        """Folds come about at the outline of the face, the nose and the lips: no staircase there."""
        margin = 0.2 * float(self.rig.head.scale) * self.viewport.to_frame.scale
        height, width = small[0].shape
        x0, y0 = (max(int(v) // STEP, 0) for v in face.min(0) - margin)
        x1, y1 = (min(int(v) // STEP, limit) for v, limit in zip(face.max(0) + margin, (width, height)))
        left, top = x0 * STEP + corner[0], y0 * STEP + corner[1]
        before = frame[top : y1 * STEP + corner[1], left : x1 * STEP + corner[0]].copy()
        if min(before.shape[:2]) > 3:
            planes = (np.ascontiguousarray(plane[y0:y1, x0:x1]) for plane in small)
            rasteriser.blur_at_jumps(frame, before, *planes, left, top, EDGE_JUMP * STEP)

    def _displacements(
        self, position: np.ndarray, depth: np.ndarray, source: np.ndarray, size: tuple[int, int]
    ) -> list[np.ndarray]:
        """From each pixel to the place it shows, frame px: (x, y) planes at half size.

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
        return small

    def _fine(
        self,
        position: np.ndarray,
        depth: np.ndarray,
        source: np.ndarray,
        small: list[np.ndarray],
        size: tuple[int, int],
    ) -> list[tuple[int, int, list[np.ndarray]]]:
        """The same at full size around eyes and mouth: left, top and the (x, y) planes of each."""
        found = []
        for (part, sides), marks in zip(self.parts, PARTS):
            low = np.maximum(np.floor(position[marks].min(0) / STEP).astype(int) - 2, 0)
            high = np.minimum(np.ceil(position[marks].max(0) / STEP).astype(int) + 3, np.array(size) // STEP)
            if (high <= low).any():
                continue
            window = (slice(low[1], high[1]), slice(low[0], high[0]))
            double = tuple((high - low) * STEP)
            fine = [cv2.resize(plane[window], double, interpolation=cv2.INTER_LINEAR) for plane in small]
            near = np.full(fine[0].shape, 1e9, np.float32)
            corner = low * STEP
            rasteriser.rasterise((position - corner).astype(np.float32), depth, source, part, sides, *fine, near)
            found.append((int(corner[0]), int(corner[1]), fine))
        return found

    def _shade(
        self, frame: np.ndarray, shade: np.ndarray, small: list[np.ndarray], face: np.ndarray, corner: tuple[int, int]
    ) -> None:
        """Multiply folds and bulges into ``frame``, in place; ``small``: displacements of the part at ``corner``."""
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
        left, top = int(low[0]) * STEP + corner[0], int(low[1]) * STEP + corner[1]
        change = np.ascontiguousarray(change[: frame.shape[0] - top, : frame.shape[1] - left])
        compose.light(frame, change, left, top)
