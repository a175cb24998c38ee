"""Spread the sparse displacement table over the 468 landmarks: one smooth field for each action.

For an action with known displacements d_k at a few landmarks, the others minimise dᵀ(L D⁻¹ L + εL)d, with L the
cotangent Laplacian of the canonical face *without* its eye and mouth openings, so that the two lips do not pull
on each other. The field lives in the head's frame in units of IOD and is applied to a portrait through the
rotation and scale of its pose.
"""

from __future__ import annotations

import numpy as np

from moda.portrait.canonical import canonical_face, mirror_map
from moda.renderer.mesh.analysis import displacements, topology

EPSILON = 1e-4
SEALED = 0.5
"""IOD around the middle of the mouth within which something before it moves as one."""
ARCH = (0.5, 0.76)
"""Where the second and third point of each lip go between the corner (0) and the fourth point (1): on an arch that
leaves the corner steeply, as that of an opened mouth does. The bending energy alone takes the second one along with the
corner, which makes a notch."""


def cotangent_laplacian(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness matrix (n, n) and vertex areas (n,) of a triangle mesh with 3-D points (n, 3)."""
    count = len(points)
    stiffness = np.zeros((count, count))
    area = np.zeros(count)
    for corner in range(3):
        i, j, k = (triangles[:, (corner + step) % 3] for step in range(3))
        u, v = points[j] - points[i], points[k] - points[i]
        double_area = np.linalg.norm(np.cross(u, v), axis=1)
        cotangent = np.clip((u * v).sum(1) / np.maximum(double_area, 1e-9), 0.02, 20.0) * 0.5
        np.add.at(stiffness, (j, k), -cotangent)
        np.add.at(stiffness, (k, j), -cotangent)
        np.add.at(stiffness, (j, j), cotangent)
        np.add.at(stiffness, (k, k), cotangent)
        np.add.at(area, i, double_area / 6)
    return stiffness, np.maximum(area, 1e-6)


def _solve(energy: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Minimise xᵀ energy x with x[known] = values, shapes (n, n), (k,), (k, 3) -> (n, 3)."""
    free = np.setdiff1d(np.arange(len(energy)), known)
    field = np.zeros((len(energy), values.shape[1]))
    field[known] = values
    field[free] = np.linalg.solve(energy[np.ix_(free, free)], -energy[np.ix_(free, known)] @ values)
    return field


def sealed_mouth(fields: np.ndarray) -> np.ndarray:
    """Displacements (A, 486, 3) of the face with mouth and chin's front as one smooth sheet hung up around it.

    For what is before a mouth (a mask, a hand): jaw and cheeks carry it, lips do not part it.
    """
    face = canonical_face().astype(np.float64)
    centre = face[[13, 14]].mean(0)
    free = np.flatnonzero(np.hypot(*(face[:, :2] - centre[:2]).T) < SEALED)
    holes = topology.hole_triangles()
    whole = np.vstack([topology.landmark_triangles(), holes[(holes < topology.COUNT).all(1)]])
    stiffness, _ = cotangent_laplacian(face, whole)
    fixed = np.setdiff1d(np.arange(topology.COUNT), free)
    sealed = fields.copy()
    for k in range(len(fields)):
        pull = stiffness[np.ix_(free, fixed)] @ fields[k, fixed]
        sealed[k, free] = np.linalg.solve(stiffness[np.ix_(free, free)], -pull)
    return sealed


def round_corners(fields: np.ndarray) -> np.ndarray:
    """Displacements (A, 468, 3) with the lips' points next to the corners on a round arch (in a copy)."""
    rounded = fields.copy()
    rows = (*topology.LIP_UPPER_ROWS, *topology.LIP_LOWER_ROWS, topology.LIP_UPPER_INNER, topology.LIP_LOWER_INNER)
    for row in rows:
        for corner, second, third, fourth in (row[:4], row[:-5:-1]):
            for point, share in zip((second, third), ARCH):
                rounded[:, point] = (1 - share) * fields[:, corner] + share * fields[:, fourth]
    return rounded


def action_fields(canonical: np.ndarray) -> dict[str, np.ndarray]:
    """The displacement (468, 3) in IOD of every action in the table, for a canonical face (468, 3) in IOD."""
    return _spread(canonical, {**displacements.MOUTH_ACTIONS, **displacements.BROW_ACTIONS})


def drawn_fields(canonical: np.ndarray) -> dict[str, np.ndarray]:
    """The same as far as each action is drawn, see `displacements.DRAWN` and `DRAWN_TOO`."""
    fields = action_fields(canonical)
    for name, scale in displacements.DRAWN.items():
        fields[name] = np.asarray(scale) * fields[name]
    for name, more in _spread(canonical, displacements.DRAWN_TOO).items():
        fields[name] = fields[name] + more
    return fields


def _spread(canonical: np.ndarray, shapes: dict[str, displacements.Shape]) -> dict[str, np.ndarray]:
    """Smooth displacements (468, 3) in IOD through the few of each shape, 1/1000 IOD."""
    stiffness, area = cotangent_laplacian(canonical, topology.landmark_triangles())
    energy = stiffness @ (stiffness / area[:, None]) + EPSILON * stiffness
    energy += 1e-9 * np.eye(len(energy)) * np.trace(energy) / len(energy)
    mirror = mirror_map()
    fields = {}
    for name, shape in shapes.items():
        more = displacements.FIXED_FOR_BROWS if name in displacements.BROW_ACTIONS else displacements.FIXED_FOR_MOUTH
        anchors: dict[int, tuple[float, ...]] = dict.fromkeys((*displacements.FIXED_ALWAYS, *more), (0.0, 0.0, 0.0))
        anchors.update(shape)
        sign = 1.0 if name in displacements.CARRIED else -1.0
        both: dict[int, tuple[float, ...]] = {}
        for k, move in anchors.items():
            full = (*move, 0.0)[:3]
            both[k] = full
            both.setdefault(int(mirror[k]), (sign * full[0], *full[1:]))
        known = np.array(sorted(both))
        fields[name] = _solve(energy, known, np.array([both[k] for k in known]) / 1000.0)
    return fields
