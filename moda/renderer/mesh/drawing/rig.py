"""From action values to moved vertices: what is fixed for a portrait, and the arithmetic of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from moda.motion.actions import ACTIONS, GAP_PER_JAW, INDEX
from moda.portrait.canonical import Pose, canonical_face
from moda.renderer.mesh.analysis import displacements
from moda.renderer.mesh.analysis.deform import drawn_fields, round_corners, sealed_mouth
from moda.renderer.mesh.analysis.geometry import FaceMesh
from moda.renderer.mesh.analysis.topology import (
    EYES,
    LASH_ROWS,
    LIP_LOWER_INNER,
    LIP_LOWER_ROWS,
    LIP_UPPER_INNER,
    LIP_UPPER_ROWS,
    with_lash_rows,
)
from moda.renderer.mesh.drawing.pose import Turn

TABLE_ACTIONS = tuple(
    name for name in ACTIONS if name in displacements.MOUTH_ACTIONS or name in displacements.BROW_ACTIONS
)

OWN_SMILE = 0.65
"""Share of a full smile that a picture shows whose smile counts as 1."""
LESS_GLUM = 0.4
"""Share of a frown that is not drawn on such a picture."""
BREATH = 0.010
"""IOD by which the shoulders rise and fall."""


@lru_cache(maxsize=1)
def _fields() -> np.ndarray:
    """(A, 468, 3) in IOD, head frame, in the order of TABLE_ACTIONS, as far as they are drawn."""
    fields = drawn_fields(canonical_face().astype(np.float64))
    drawn = round_corners(np.stack([fields[name] for name in TABLE_ACTIONS]))
    drawn.setflags(write=False)
    return drawn


@dataclass(frozen=True)
class Rig:
    """Everything that moves. Lengths in px of the picture."""

    mesh: FaceMesh
    basis: np.ndarray  # (A + 5, V * 3) float32: table actions, lid rows, the rest of closing an open mouth
    head: Pose
    down: np.ndarray  # (2,) unit vector downwards in the face
    gap: float  # inner-lip opening in the picture, IOD
    eye_ratio: tuple[float, float]
    smiling: float  # how much of a full smile the picture already shows, 0..1


def build_rig(
    mesh: FaceMesh,
    head: Pose,
    gap: float,
    lids: np.ndarray,
    ratio: tuple[float, float],
    glasses: bool,
    corners: float,
    covered: bool = False,
) -> Rig:
    """lids: (4, 486, 3) px from :func:`eyes.lid_rows`; corners: height of the mouth corners, IOD; covered: something is
    before the mouth, which jaw and cheeks move as a whole."""
    iod = float(head.scale)
    rotation = head.rotation.astype(np.float64)
    fields = with_lash_rows(_fields() @ rotation.T * iod)
    if covered:
        fields = sealed_mouth(fields)
    if glasses:
        for name in displacements.BROW_ACTIONS:
            fields[TABLE_ACTIONS.index(name)] *= 0.35
    lids = lids.copy()
    for side in (0, 1):  # the upper lid slides in front of the lower one
        lids[2 * side, list(EYES[side].upper[1:-1]), 2] -= 0.05 * iod
        lids[2 * side, list(LASH_ROWS[side]), 2] -= 0.04 * iod
        lids[2 * side, list(EYES[side].crease), 2] -= 0.03 * iod
    down = rotation[:2, 1] / np.linalg.norm(rotation[:2, 1])
    close = _closing_row(mesh.position, fields[TABLE_ACTIONS.index("jaw_open")], gap / GAP_PER_JAW, down)
    rows = np.vstack([fields, lids, close[None]])
    basis = np.stack([mesh.follow @ row for row in rows])
    smiling = float(np.clip((corners - 0.03) / 0.15, 0, 1))
    flat = np.ascontiguousarray(basis.reshape(len(rows), -1), np.float32)
    return Rig(mesh, flat, head, down, gap, ratio, smiling)


def _closing_row(position: np.ndarray, jaw: np.ndarray, own: float, down: np.ndarray) -> np.ndarray:
    """What a full closing of the portrait's open mouth needs beyond jaw_open = -own, (486, 3) px.

    The table's jaw closes the middle; the corners of a smile, or a gap of another shape, are closed pair by pair.
    """
    row = np.zeros((len(jaw), 3))
    if own <= 0.01:
        return row
    upper, lower = np.array(LIP_UPPER_INNER), np.array(LIP_LOWER_INNER)
    left = ((position[lower, :2] - position[upper, :2]) - own * (jaw[lower, :2] - jaw[upper, :2])) @ down
    padded = np.pad(left, 1, mode="edge")
    left = 0.25 * padded[:-2] + 0.5 * left + 0.25 * padded[2:]
    move = left[:, None] * down[None]
    row[upper[1:-1], :2] += 0.25 * move[1:-1]
    row[lower[1:-1], :2] -= 0.75 * move[1:-1]
    for weight, up, lo in zip((0.35, 0.6, 0.85), LIP_UPPER_ROWS, LIP_LOWER_ROWS):
        row[list(up[1:-1]), :2] += 0.25 * weight * move[1:-1]
        row[list(lo[1:-1]), :2] -= 0.75 * weight * move[1:-1]
    return row


def relative_actions(values: np.ndarray, at_rest: np.ndarray, gap: float, smiling: float = 0.0) -> np.ndarray:
    """Absolute action values (T, 17) -> what must change in the picture (T, 17).

    at_rest (17,): the values that show the portrait as it is. jaw_open is absolute (0 = closed) and so is
    blink (1 = closed); the others count from the picture.
    """
    relative = values - at_rest
    jaw = INDEX["jaw_open"]
    own = gap / GAP_PER_JAW
    if own > 0.01:
        known = max(float(at_rest[jaw]), 0.0)
        if known > 0.02:
            below = -own * (known - values[:, jaw]) / known
            relative[:, jaw] = np.where(values[:, jaw] < known, np.maximum(below, -own), values[:, jaw] - known)
        else:
            relative[:, jaw] = np.maximum(values[:, jaw], 0.0) - own
    else:
        relative[:, jaw] = np.maximum(values[:, jaw], 0.0) - max(float(at_rest[jaw]), 0.0)
    for name in ("blink_left", "blink_right"):
        k = INDEX[name]
        rest = float(np.clip(at_rest[k], -0.5, 0.8))
        relative[:, k] = (values[:, k] - rest) / (1.0 - rest)
    smile = INDEX["smile"]
    relative[:, smile] *= np.where(relative[:, smile] > 0, 1.0 - OWN_SMILE * smiling, 1.0)
    # Nobody frowns through a smile: where the picture smiles, a frown takes that off first, and goes less far itself.
    frown = INDEX["frown"]
    relative[:, smile] -= 1.4 * smiling * np.clip(1.4 * relative[:, frown], 0.0, 1.0)
    relative[:, frown] *= 1.0 - LESS_GLUM * smiling
    for name, (low, high) in displacements.LIMITS.items():
        k = INDEX[name]
        if name == "jaw_open":
            low = min(low, -own)  # a mouth that is wide open in the picture still closes
            knee, most = (max(bound - own, 0.0) for bound in displacements.JAW_BEND)
            over = np.maximum(relative[:, k] - knee, 0.0)
            relative[:, k] -= over - (most - knee) * np.tanh(over / (most - knee)) if most > knee else over
        relative[:, k] = np.clip(relative[:, k], low, high)
    smiled = np.maximum(relative[:, smile] + OWN_SMILE * smiling, 0.0)
    stretch = INDEX["stretch"]
    relative[:, stretch] = np.minimum(relative[:, stretch], np.maximum(displacements.WIDEST - smiled, 0.0))
    return relative


def lid_weights(actions: np.ndarray, side: int, ratio: float) -> tuple[float, float]:
    """How far the upper and lower rim of one eye have gone towards meeting (1 = they meet)."""
    blink = float(actions[INDEX["blink_left" if side == 0 else "blink_right"]])
    closed = min(blink, 1.0)
    squint = float(
        np.clip(
            actions[INDEX["squint"]] + 0.45 * actions[INDEX["cheek_raise"]] + 0.35 * max(actions[INDEX["smile"]], 0.0),
            0,
            1,
        )
    )
    gaze = float(actions[INDEX["gaze_y"]])
    open_share = 1.0 - max(closed, 0.0)
    narrow = 0.0 if ratio < 0.16 else 1.0
    follow = -0.12 * gaze if gaze > 0 else -0.42 * gaze
    upper = closed + open_share * narrow * (0.12 * squint + follow)
    lower = max(closed, -0.1) + open_share * narrow * (1.1 * squint + 0.3 * gaze)
    return float(np.clip(upper, -0.45, 1.0)), float(np.clip(lower, -0.3, 1.0)) if closed < 0.999 else 1.0


def move(
    rig: Rig, actions: np.ndarray, lids: tuple[float, float, float, float], turn: Turn, breath: float
) -> tuple[np.ndarray, np.ndarray]:
    """One frame. actions (17,) relative; breath -1..1. Returns moved vertices (V, 3) and the same without the pose."""
    own = rig.gap / GAP_PER_JAW
    closing = float(np.clip(-actions[INDEX["jaw_open"]] / own, 0, 1)) if own > 0.01 else 0.0
    weights = np.concatenate([actions[[INDEX[name] for name in TABLE_ACTIONS]], lids, [closing]]).astype(np.float32)
    # einsum, not BLAS: its threads would only wait for each other here.
    still = rig.mesh.position + np.einsum("a,av->v", weights, rig.basis).reshape(-1, 3)
    _close_lips(rig, still, float(actions[INDEX["lips_press"]]))
    posed = turn.carry(rig.mesh.position) - rig.mesh.position
    expression = (still - rig.mesh.position) @ turn.linear.T
    moved = rig.mesh.position + expression + rig.mesh.rigid[:, None] * posed
    moved[:, 1] -= (BREATH * breath * float(rig.head.scale)) * rig.mesh.breath
    return moved, still


def _close_lips(rig: Rig, points: np.ndarray, press: float) -> None:
    """Lips never pass through each other: inner rims that cross meet half-way, in place."""
    upper, lower = np.array(LIP_UPPER_INNER[1:-1]), np.array(LIP_LOWER_INNER[1:-1])
    gap = (points[lower, :2] - points[upper, :2]) @ rig.down
    middle = 0.5 * (points[upper] + points[lower])
    crossed = gap < 0
    points[upper[crossed]] = middle[crossed]
    points[lower[crossed]] = middle[crossed]
