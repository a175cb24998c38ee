"""One frame's pixels: the warped picture, then the mouth's inside and the eyes."""

from __future__ import annotations

import cv2
import numpy as np

from moda.motion.actions import INDEX
from moda.renderer.mesh.analysis import eyes as eyes_
from moda.renderer.mesh.analysis import mouth as mouth_
from moda.renderer.mesh.analysis import teeth, topology
from moda.renderer.mesh.analysis.geometry import signed_area
from moda.renderer.mesh.analysis.shading import SkinShade
from moda.renderer.mesh.analysis.topology import LEFT_EYE, LIP_LOWER_OUTER, LIP_UPPER_OUTER, RIGHT_EYE
from moda.renderer.mesh.drawing import aperture_kernels, rasteriser
from moda.renderer.mesh.drawing.pose import Turn
from moda.renderer.mesh.drawing.rig import Rig
from moda.renderer.mesh.drawing.viewport import Stage

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
    """Draws frames of one portrait on one stage; holds the buffers that every frame reuses."""

    def __init__(
        self, rig: Rig, eyes: tuple[eyes_.Eye, eyes_.Eye], mouth: mouth_.Mouth, shade: SkinShade, stage: Stage
    ) -> None:
        self.rig, self.eyes, self.mouth, self.shade, self.stage = rig, eyes, mouth, shade, stage
        x0, y0, x1, y1 = stage.box
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
        self.rest = stage.to_frame(rig.mesh.position[:, :2])
        # How far the triangles around each vertex reach at rest, in px of the box.
        spots = (self.rest - (x0, y0)).astype(np.float32)
        reach_low, reach_high = spots.copy(), spots.copy()
        corners = spots[self.triangles]
        for k in range(3):
            np.minimum.at(reach_low, self.triangles[:, k], corners.min(1))
            np.maximum.at(reach_high, self.triangles[:, k], corners.max(1))
        self.ring = (reach_low, reach_high)
        self.grid = stage.places
        shape = ((y1 - y0 + self.step - 1) // self.step, (x1 - x0 + self.step - 1) // self.step)
        # Displacement in frame px, of every pixel or every other one; zero = the picture as it is.
        self.flow = (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        self.depth = np.empty(shape, np.float32)

    def paint(
        self, moved: np.ndarray, unposed: np.ndarray, actions: np.ndarray, lids: tuple[float, ...], turn: Turn
    ) -> np.ndarray:
        """moved, unposed (V, 3) px of the picture -> frame (H, W, 3) uint8."""
        frame = self.stage.base.copy()
        self._warp(frame, self.stage.to_frame(moved[:, :2]), moved[:, 2], self.shade.combined(actions))
        self._mouth(frame, moved, unposed, actions, turn)
        for side in (0, 1):
            self._eye(frame, side, moved, actions, lids, turn)
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
        stage = self.stage
        x0, y0 = stage.box[:2]
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
        scale = float(stage.texture_scale)
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
                stage.texture, maps[0][rows_now], maps[1][rows_now], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )  # fmt: skip
        # Folds come about at the outline of the face, the nose and the lips.
        face = position[: topology.COUNT] - (a0, b0)
        margin = 0.2 * float(self.rig.head.scale) * stage.scale
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
        stage = self.stage
        height, width = small[0].shape
        low = np.maximum(np.floor(face.min(0) / self.step).astype(int) - 1, 0)
        high = np.minimum(np.ceil(face.max(0) / self.step).astype(int) + 1, (width, height))
        if (high <= low).any():
            return
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        # full px of a half-size sample -> frame px of its source -> picture px -> raster px of the map
        k = self.shade.scale / stage.scale
        start = np.array(stage.box[:2]) + corner + 0.5 * (self.step - 1)
        x = np.arange(low[0], high[0], dtype=np.float32) * self.step + np.float32(start[0])
        y = np.arange(low[1], high[1], dtype=np.float32) * self.step + np.float32(start[1])
        shift = (stage.offset + self.shade.origin * stage.scale).astype(np.float32)
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

    def _eye(
        self, frame: np.ndarray, side: int, moved: np.ndarray, actions: np.ndarray, lids: tuple[float, ...], turn: Turn
    ) -> None:
        eye, stage = self.eyes[side], self.stage
        upper, lower = lids[2 * side], lids[2 * side + 1]
        gaze = np.array([actions[INDEX["gaze_x"]], -actions[INDEX["gaze_y"]]])
        turned = float(np.clip(np.hypot(*gaze) / 0.20, 0, 1))
        activity = min(1.0, 12.0 * (abs(upper) + abs(lower)) + 20.0 * float(np.abs(gaze).max()))
        if activity < 0.004 or eye.ratio < 0.07:
            return
        top, bottom = eyes_.eye_lines(eye.marks, moved)
        fold = stage.to_frame(eyes_.crease_line(eye.marks, moved))
        top, bottom = stage.to_frame(top), stage.to_frame(bottom)
        left, right = top[0], top[-1]
        span = float(np.linalg.norm(right - left))
        if span < 4:
            return
        along = (right - left) / span
        down = np.array([-along[1], along[0]])
        u = np.linspace(0, span, eyes_.SAMPLES)
        rims = [np.interp(u, (line - left) @ along, (line - left) @ down) for line in (top, bottom, fold)]
        zoom = float(np.sqrt(abs(np.linalg.det(turn.linear[:2, :2])))) * stage.scale
        per_u = eye.width * eye.patch_scale / span
        per_v = eye.patch_scale / max(zoom, 1e-3)
        shift = gaze * np.array([0.16, 0.10]) * eye.width * eye.patch_scale
        closed = float(np.clip(upper, 0, 1))
        line = closed * closed * (3 - 2 * closed)
        half = max(0.021 * span, 0.6)
        numbers = np.array([
            left[0], left[1], along[0], along[1], span, per_u, per_v,
            eyes_.MARGIN * eye.width * eye.patch_scale, eyes_.HALF_HEIGHT * eye.width * eye.patch_scale,
            *eye.iris, shift[0], shift[1], 0.30 * closed, 0.09 * span, (0.95 if eye.glasses else 0.70) * line, half,
            1.0, activity, turned,
            float(np.clip(-upper / 0.06, 0, 1)), closed if eye.glasses else 0.0,
            0.0 if eye.glasses else 0.95 * closed * closed,
        ])  # fmt: skip
        aperture_kernels.paint_eye(
            frame, eye.seen, eye.white, eye.disc, rims[0], rims[1], numbers, eye.lash, eye.lid, rims[2]
        )

    def _mouth(
        self, frame: np.ndarray, moved: np.ndarray, unposed: np.ndarray, actions: np.ndarray, turn: Turn
    ) -> None:
        mouth, stage, rig = self.mouth, self.stage, self.rig
        iod = float(rig.head.scale)
        unit = iod * stage.scale * float(np.cbrt(abs(np.linalg.det(turn.linear))))
        top, bottom = mouth_.lip_lines(moved)
        top, bottom = stage.to_frame(top), stage.to_frame(bottom)
        left, right = top[0], top[-1]
        span = float(np.linalg.norm(right - left))
        along = (right - left) / max(span, 1e-6)
        down = np.array([-along[1], along[0]])
        u = np.linspace(0, span, mouth_.SAMPLES)
        rims = [np.interp(u, (line - left) @ along, (line - left) @ down) for line in (top, bottom)]
        largest = float((rims[1] - rims[0]).max())
        if mouth.gap > 0.0 and largest < 0.05 * unit:
            mouth_.draw_seam(frame, 0.5 * (top + bottom), unit, mouth.seam, 1.0 - max(largest, 0.0) / (0.05 * unit))
        if largest < 0.004 * unit:
            return
        if mouth.gap > 0.0:
            change = (
                float(np.abs(unposed[[13, 14, 78, 308], :2] - rig.mesh.position[[13, 14, 78, 308], :2]).max()) / iod
            )
            opacity = float(np.clip((change - 0.006) / 0.03, 0, 1))
        else:
            opacity = 1.0
        if opacity <= 0.0:
            return
        head = rig.head
        rotation = head.rotation.astype(np.float64)
        pivot = head.translation.astype(np.float64) + rotation @ np.array([0.0, 0.35, 0.10]) * iod

        def skull(point: np.ndarray) -> np.ndarray:
            """A point (3,) of the picture, carried by the head alone -> frame px."""
            return stage.to_frame((turn.linear @ (point - pivot) + pivot + turn.shift)[None, :2])[0]

        anchor = mouth.centre + rotation @ np.array([0.0, 0.0, 0.07]) * iod
        seat = skull(anchor)
        seat_u, seat_v = float((seat - left) @ along), float((seat - left) @ down)
        yaw = np.radians(float(head.angles[1]) + turn.yaw)
        arches = []
        for curve, lateral in (
            (teeth.UPPER_ARCH, 0.0),
            (teeth.LOWER_ARCH, -0.06 * float(actions[INDEX["mouth_left"]])),
        ):
            across = mouth.arch * (curve.across * np.cos(yaw) + curve.back * np.sin(yaw)) + lateral
            visible = np.concatenate([[True], np.diff(across) > 1e-5])
            centre = len(across) // 2
            lo = centre - int(np.argmin(visible[: centre + 1][::-1])) if not visible[: centre + 1].all() else 0
            hi = centre + int(np.argmin(visible[centre:])) if not visible[centre:].all() else len(across)
            x = across[lo:hi]
            at = (u - seat_u) / unit
            length = np.interp(at, x, curve.length[lo:hi], left=-9.0, right=9.0)
            back = np.interp(at, x, curve.back[lo:hi])
            # Where the row turns out of sight it goes into the dark instead of ending.
            away = np.minimum(at - x[0] if lo > 0 else 1.0, x[-1] - at if hi < len(across) else 1.0)
            light = np.exp(-1.25 * back) * np.clip(away / 0.07, 0.15, 1.0)
            arches.append(np.stack([(length + teeth.HALF_SPAN) * teeth.PX, light], 1))
        jaw_drop = float((unposed[14, :2] - mouth.centre[:2]) @ rig.down) / iod
        upper_edge = seat_v + mouth.edge * unit
        lower_edge = seat_v + (0.060 + 0.78 * max(jaw_drop, 0.0)) * unit
        gap = largest / unit
        tongue = float(np.clip((gap - 0.05) / 0.05, 0, 1))
        tongue_top = seat_v + (0.055 + 0.42 * max(jaw_drop, 0.0)) * unit
        pucker = float(np.clip(actions[INDEX["pucker"]], 0, 1))
        own_scale = mouth_.OWN_PX / unit
        own_u = mouth_.OWN_HALF[0] * mouth_.OWN_PX
        own_v = mouth_.OWN_HALF[1] * mouth_.OWN_PX
        plain = skull(mouth.centre.astype(np.float64))
        start_u = own_u - float((plain - left) @ along) * own_scale
        start_v = own_v - float((plain - left) @ down) * own_scale
        numbers = np.array([
            left[0], left[1], along[0], along[1], span, unit, upper_edge, lower_edge,
            teeth.PX / unit, teeth.EDGE_AT * teeth.PX, tongue_top, 0.33 * unit, tongue, own_scale, start_u, start_v,
            1.0 if mouth.toothy > 0 else 0.0, opacity, 0.0 if mouth.toothy > 0 else 1.0 - 0.75 * pucker,
            seat_u, 0.9 / max(1.0, 0.7 * stage.scale), largest,
        ])  # fmt: skip
        tones = np.stack([mouth.tones.cavity, mouth.tones.tongue, mouth.tones.gum]).astype(np.float32)
        aperture_kernels.paint_mouth(
            frame, rims[0], rims[1], arches[0], arches[1], mouth.upper, mouth.lower, mouth.own, tones, numbers
        )  # fmt: skip
