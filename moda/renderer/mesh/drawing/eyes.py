"""One eye of one frame: from lids and gaze to the kernel's parameters."""

from __future__ import annotations

import numpy as np

from moda.motion.actions import INDEX
from moda.renderer.mesh.analysis.curves import EYE_SAMPLES, crease_line, eye_lines
from moda.renderer.mesh.analysis.eyes import HALF_HEIGHT, MARGIN, Eye
from moda.renderer.mesh.drawing.aperture_kernels import EyeShape, paint_eye
from moda.renderer.mesh.drawing.pose import Turn
from moda.renderer.mesh.drawing.viewport import Viewport

SMALLEST_RATIO = 0.07  # an eye less open than this (height over width) is left as the picture shows it
GAZE_REACH = np.array([0.20, 0.13])  # shift of the iris at gaze 1, eye widths: 30 degrees on an eyeball of its size
DRAWN_GAZE = 0.20  # from this gaze on the drawn iris has replaced the picture's own
# Set by eye on blinks of the shared portraits:
LID_SHADOW, SHADOW_DEPTH = 0.30, 0.09  # darkness of a lowered lid's shadow, its depth in eye widths
LASH_OPACITY, GLASSES_LASH_OPACITY = 0.95, 0.95
LASH_HALF = 0.036  # half the lash line's width, eye widths
LID_SMOOTHING = 0.95


def draw_eye(
    frame: np.ndarray,
    eye: Eye,
    viewport: Viewport,
    moved: np.ndarray,
    gaze: tuple[float, float],
    lids: tuple[float, float],
    turn: Turn,
) -> None:
    """Draw into ``frame`` (H, W, 3) in place. moved (V, 3) px of the picture; gaze right and up; lids: how far the
    upper and the lower rim have gone towards meeting."""
    upper, lower = lids
    look = np.array([gaze[0], -gaze[1]])
    activity = min(1.0, 12.0 * (abs(upper) + abs(lower)) + 20.0 * float(np.abs(look).max()))
    if activity < 0.004 or eye.ratio < SMALLEST_RATIO:
        return
    top, bottom = (viewport.to_frame(line) for line in eye_lines(eye.marks, moved))
    fold = viewport.to_frame(crease_line(eye.marks, moved))
    left, right = top[0], top[-1]
    span = float(np.linalg.norm(right - left))
    if span < 4:
        return
    along = (right - left) / span
    down = np.array([-along[1], along[0]])
    u = np.linspace(0, span, EYE_SAMPLES)
    rims = [np.interp(u, (line - left) @ along, (line - left) @ down) for line in (top, bottom, fold)]
    zoom = float(np.sqrt(abs(np.linalg.det(turn.linear[:2, :2])))) * viewport.to_frame.scale
    sheet_width = eye.width * eye.patch_scale
    shift = look * GAZE_REACH * sheet_width
    closed = float(np.clip(upper, 0, 1))
    line_strength = closed * closed * (3 - 2 * closed)
    shape = EyeShape(
        left=float(left[0]), top=float(left[1]), along_x=float(along[0]), along_y=float(along[1]), width=span,
        sheet_per_u=sheet_width / span, sheet_per_v=eye.patch_scale / max(zoom, 1e-3),
        sheet_u=MARGIN * sheet_width, sheet_v=HALF_HEIGHT * sheet_width,
        iris_u=eye.iris[0], iris_v=eye.iris[1], iris_radius=eye.iris[2],
        gaze_u=float(shift[0]), gaze_v=float(shift[1]),
        lid_shadow=LID_SHADOW * closed, shadow_depth=SHADOW_DEPTH * span,
        lash=(GLASSES_LASH_OPACITY if eye.glasses else LASH_OPACITY) * line_strength,
        lash_half=max(LASH_HALF * span, 0.6), sharpness=1.0, opacity=activity,
        drawn_iris=float(np.clip(np.hypot(*look) / DRAWN_GAZE, 0, 1)),
        lifted=float(np.clip(-upper / 0.06, 0, 1)),
        painted_lid=closed if eye.glasses else 0.0,
        smoothed_lid=0.0 if eye.glasses else LID_SMOOTHING * closed * closed,
    )  # fmt: skip
    paint_eye(frame, eye.seen, eye.white, eye.disc, *rims, shape, eye.lash, eye.tones)


def gaze_of(actions: np.ndarray) -> tuple[float, float]:
    """Right and up, -1..1, of relative actions (A,)."""
    return float(actions[INDEX["gaze_x"]]), float(actions[INDEX["gaze_y"]])
