"""The mouth's inside in one frame: from lips, jaw and pose to the kernel's parameters."""

from __future__ import annotations

import cv2
import numpy as np

from moda.motion.actions import INDEX
from moda.renderer.mesh.analysis import teeth
from moda.renderer.mesh.analysis.curves import LIP_SAMPLES, lip_lines
from moda.renderer.mesh.analysis.mouth import OWN_HALF, OWN_PX, Mouth
from moda.renderer.mesh.drawing.aperture_kernels import MouthShape, paint_mouth
from moda.renderer.mesh.drawing.pose import Turn
from moda.renderer.mesh.drawing.rig import Rig
from moda.renderer.mesh.drawing.viewport import Viewport

# Lengths in IOD; set by eye against filmed mouths unless said otherwise.
OPEN_FROM = 0.004  # below this gap nothing is drawn
SEAM_UP_TO = 0.05  # lips that were apart in the picture show a drawn seam below this gap
CHANGED = (0.006, 0.03)  # how far the lips of an open mouth must have moved before its inside is drawn, and fully so
SEAT_DEPTH = 0.07  # the teeth stand behind the lips
JAW_SLIDE = -0.06  # sideways shift of the lower teeth at mouth_left 1
ARCH_DARK, ARCH_END, ARCH_END_LIGHT = 1.25, 0.07, 0.15  # fall of light along the arch; dark ends of a row
LOWER_EDGE, LOWER_WITH_JAW = 0.060, 0.78  # biting edge of the lower teeth below the seam, and per drop of the jaw
CHIN, LIP_PER_CHIN = 152, 1.55  # teeth and tongue drop with the chin, not with the lip: so much more than it moves
CORNER_SHADE, CORNER_DEPTH = 0.6, 0.10  # the cheeks shade the teeth beside the corners
TONGUE_TOP, TONGUE_WITH_JAW, TONGUE_HALF = 0.055, 0.42, 0.33
TONGUE_FROM, TONGUE_FADE = 0.05, 0.05  # the gap at which the tongue appears
PUCKER_HIDES = 0.75  # share of the upper teeth that rounded lips hide
LOWER_LIP = 14
LIP_MARKS = [13, LOWER_LIP, 78, 308]


def draw_mouth(
    frame: np.ndarray,
    mouth: Mouth,
    rig: Rig,
    viewport: Viewport,
    moved: np.ndarray,
    unposed: np.ndarray,
    actions: np.ndarray,
    turn: Turn,
) -> None:
    """Draw into ``frame`` (H, W, 3) in place. moved, unposed (V, 3) px of the picture, with and without the pose."""
    if mouth.covered:
        return
    iod, to_frame = float(rig.head.scale), viewport.to_frame
    unit = iod * to_frame.scale * float(np.cbrt(abs(np.linalg.det(turn.linear))))
    top, bottom = (to_frame(line) for line in lip_lines(moved))
    left, right = top[0], top[-1]
    span = float(np.linalg.norm(right - left))
    along = (right - left) / max(span, 1e-6)
    down = np.array([-along[1], along[0]])
    u = np.linspace(0, span, LIP_SAMPLES)
    # Lips that turn back at a corner (a wide "oh") end there in a wall.
    rims = [np.interp(u, np.maximum.accumulate((line - left) @ along), (line - left) @ down) for line in (top, bottom)]
    largest = float((rims[1] - rims[0]).max())
    if mouth.gap > 0.0 and largest < SEAM_UP_TO * unit:
        draw_seam(frame, 0.5 * (top + bottom), unit, mouth.seam, 1.0 - max(largest, 0.0) / (SEAM_UP_TO * unit))
    if largest < OPEN_FROM * unit:
        return
    opacity = 1.0
    if mouth.gap > 0.0:
        change = float(np.abs(unposed[LIP_MARKS, :2] - rig.mesh.position[LIP_MARKS, :2]).max()) / iod
        opacity = float(np.clip((change - CHANGED[0]) / CHANGED[1], 0, 1))
    if opacity <= 0.0:
        return
    anchor = mouth.centre + rig.head.rotation.astype(np.float64) @ np.array([0.0, 0.0, SEAT_DEPTH]) * iod
    seat, plain = (to_frame(turn.carry(point[None])[:, :2])[0] for point in (anchor, mouth.centre.astype(np.float64)))
    seat_u, seat_v = float((seat - left) @ along), float((seat - left) @ down)
    yaw = np.radians(float(rig.head.angles[1]) + turn.yaw)
    at = (u - seat_u) / unit
    shade = 1.0 - CORNER_SHADE * np.exp(-np.minimum(u, span - u) / (CORNER_DEPTH * unit))
    slide = JAW_SLIDE * float(actions[INDEX["mouth_left"]])
    arches = [
        _arch(curve, mouth.arch, yaw, lateral, at, shade)
        for curve, lateral in ((teeth.UPPER_ARCH, 0.0), (teeth.LOWER_ARCH, slide))
    ]
    rest = rig.mesh.position
    fallen = rest[LOWER_LIP, :2] - mouth.centre[:2] + LIP_PER_CHIN * (unposed[CHIN, :2] - rest[CHIN, :2])
    drop = max(float(fallen @ rig.down) / iod, 0.0)
    pucker = float(np.clip(actions[INDEX["pucker"]], 0, 1))
    own_scale = OWN_PX / unit
    shape = MouthShape(
        left=float(left[0]), top=float(left[1]), along_x=float(along[0]), along_y=float(along[1]),
        width=span, unit=unit,
        upper_edge=seat_v + mouth.edge * unit, lower_edge=seat_v + (LOWER_EDGE + LOWER_WITH_JAW * drop) * unit,
        sheet_per_px=teeth.PX / unit, sheet_edge=teeth.EDGE_AT * teeth.PX,
        tongue_top=seat_v + (TONGUE_TOP + TONGUE_WITH_JAW * drop) * unit, tongue_half=TONGUE_HALF * unit,
        tongue=float(np.clip((largest / unit - TONGUE_FROM) / TONGUE_FADE, 0, 1)),
        own_per_px=own_scale,
        own_u=OWN_HALF[0] * OWN_PX - float((plain - left) @ along) * own_scale,
        own_v=OWN_HALF[1] * OWN_PX - float((plain - left) @ down) * own_scale,
        own=1.0 if mouth.toothy > 0 else 0.0, opacity=opacity,
        upper_teeth=0.0 if mouth.toothy > 0 else 1.0 - PUCKER_HIDES * pucker,
        middle=seat_u, sharpness=0.9 / max(1.0, 0.7 * to_frame.scale),
    )  # fmt: skip
    tones = np.stack([mouth.tones.cavity, mouth.tones.tongue]).astype(np.float32)
    paint_mouth(frame, *rims, *arches, mouth.upper, mouth.lower, mouth.own, tones, shape)


def _arch(curve: teeth.Arch, width: float, yaw: float, lateral: float, at: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """(n, 2) sheet column and light of one row of teeth, seen from ``yaw`` (radians), at places ``at`` (n,) in IOD
    from the middle; width: of this portrait's arch over the usual one; shade (n,): light there."""
    across = width * (curve.across * np.cos(yaw) + curve.back * np.sin(yaw)) + lateral
    visible = np.concatenate([[True], np.diff(across) > 1e-5])
    centre = len(across) // 2
    lo = centre - int(np.argmin(visible[: centre + 1][::-1])) if not visible[: centre + 1].all() else 0
    hi = centre + int(np.argmin(visible[centre:])) if not visible[centre:].all() else len(across)
    x = across[lo:hi]
    length = np.interp(at, x, curve.length[lo:hi], left=-9.0, right=9.0)
    back = np.interp(at, x, curve.back[lo:hi])
    # Where the row turns out of sight it goes into the dark instead of ending.
    away = np.minimum(at - x[0] if lo > 0 else 1.0, x[-1] - at if hi < len(across) else 1.0)
    light = shade * np.exp(-ARCH_DARK * back) * np.clip(away / ARCH_END, ARCH_END_LIGHT, 1.0)
    return np.stack([(length + teeth.HALF_SPAN) * teeth.PX, light], 1)


def draw_seam(frame: np.ndarray, line: np.ndarray, unit: float, colour: np.ndarray, strength: float) -> None:
    """The dark line between lips that were apart in the picture and are closed now, into ``frame`` in place.

    line (n, 2) frame px, unit px per IOD, strength 0..1.
    """
    pad = 4 + int(0.04 * unit)
    height, width = frame.shape[:2]
    low = np.maximum(np.floor(line.min(0)).astype(int) - pad, 0)
    high = np.minimum(np.ceil(line.max(0)).astype(int) + pad, (width, height))
    if (high <= low + 2).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    spots = np.round((line[3:-3] - low) * 16).astype(np.int32)
    cv2.polylines(mask, [spots], False, (255,), max(1, round(0.009 * unit)), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(0.6, 0.007 * unit))
    alpha = np.asarray(soft)[..., None] * (0.8 * strength)
    part = frame[low[1] : high[1], low[0] : high[0], :3]
    part[:] = np.round(part * (1 - alpha) + colour * alpha).astype(np.uint8)
