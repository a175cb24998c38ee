"""The mesh of one portrait: the face's landmarks, and the hair, neck and background around them.

Everything is in px of the picture. The mesh reaches over `region`, the part of the picture that may move; on
its rim all weights are zero, so what is rendered joins the rest of the picture without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay

from moda.portrait.canonical import Pose, canonical_face
from moda.renderer.mesh.analysis import topology
from moda.renderer.mesh.analysis.curves import smoothstep
from moda.renderer.mesh.analysis.head_weights import HeadField

GRID_STEP = 0.2
RINGS = ((1.035, 0.0), (1.08, 0.5), (1.16, 0.0), (1.26, 0.5))
RING_CLEARANCE, GRID_CLEARANCE = 0.012, 0.34  # vertices keep this far from the face's outline
BACK_DEPTH = 1.25  # behind the eyes: the plane that hair and surroundings lie on
BACK_REACH, BACK_REACH_ABOVE = 0.45, 0.75  # how far beside the outline, and above it, that plane is reached
FOLLOW_REACH, FOLLOW_REACH_BELOW = 0.42, 0.14  # how far the face's expression carries its surroundings
LEAST_FOLD = 0.015  # of the fold above the lid outside its rim
"""Lengths in IOD. Tried on turned heads: nearer planes fold at 15 degrees, farther ones make hair slide."""

FOLD_SIDEWAYS = np.array([-1.0, -0.7, 0, 0, 0, 0, 0, 0.7, 1.0])
"""Which way the fold above the lid lies from its rim, from corner to corner: -1 left, 0 up, 1 right."""


@dataclass(frozen=True)
class FaceMesh:
    """position (V, 3) px with z away from the viewer; first the 468 landmarks, then the lash rows."""

    position: np.ndarray
    skin: np.ndarray  # (n, 3) int32 triangles, clockwise on the picture
    holes: np.ndarray  # (46, 3) int32 eye and mouth openings
    rigid: np.ndarray  # (V,) 0..1: how far a vertex follows the head
    breath: np.ndarray  # (V,) 0..1: how far a vertex rises with the breath
    follow: np.ndarray  # (V, 486) how much of each face vertex's expression a vertex takes on


def signed_area(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Twice the area of each triangle on the picture, positive when clockwise to the eye (y down)."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def _unfold(points: np.ndarray, triangles: np.ndarray, iod: float) -> np.ndarray:
    """Pull the far cheek of a turned head out from behind the nose, so that every triangle faces the viewer.

    What is hidden has no texture; its landmarks go just outside the visible outline and their neighbours relax.
    """
    points = points.copy()
    oval = np.array(topology.OVAL)
    keep = {k for eye in topology.EYES for k in (*eye.upper, *eye.lower)}
    keep |= {*topology.LIP_UPPER_INNER, *topology.LIP_LOWER_INNER, *topology.LIP_UPPER_OUTER, *topology.LIP_LOWER_OUTER}
    hull = cv2.convexHull(points[:, :2].astype(np.float32))
    centre = points[oval, :2].mean(0)
    flipped = np.zeros(topology.COUNT, bool)
    flipped[triangles[signed_area(points, triangles) <= 0].ravel()] = True
    moved = []
    for k in oval:
        inside = cv2.pointPolygonTest(hull, tuple(map(float, points[k, :2])), True)
        if flipped[k] and inside > 0.02 * iod:
            ray = points[k, :2] - centre
            ray /= max(float(np.linalg.norm(ray)), 1e-6)
            step = 0.0
            while step < 1.5 * iod:
                step += 0.02 * iod
                spot = points[k, :2] + ray * step
                if cv2.pointPolygonTest(hull, tuple(map(float, spot)), True) < -0.025 * iod:
                    break
            points[k, :2] += ray * step
            moved.append(k)
    if not moved:
        return points
    seeds = points[np.flatnonzero(flipped), :2]
    distance = np.sqrt(((points[:, None, :2] - seeds[None]) ** 2).sum(-1)).min(1)
    loose = distance < 0.3 * iod
    loose[[*oval, *keep]] = False
    average = np.zeros((topology.COUNT, topology.COUNT))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        average[triangles[:, a], triangles[:, b]] = average[triangles[:, b], triangles[:, a]] = 1.0
    average = (average / average.sum(1, keepdims=True))[loose]
    for _ in range(60):
        points[loose, :2] = 0.3 * points[loose, :2] + 0.7 * average @ points[:, :2]
        for eye in topology.EYES:
            fold, rim = np.array(eye.crease), np.array(eye.upper)
            points[fold, :2] = _outside(points[fold, :2], points[rim, :2], LEAST_FOLD * iod)
    return points


def _outside(fold: np.ndarray, rim: np.ndarray, least: float) -> np.ndarray:
    """The fold above an upper lid, (9, 2) px, kept ``least`` px outside the lid's rim (9, 2): above it, and at the
    corners beside it. Within the opening it would carry a part of the eyeball, which a closing lid then leaves there.
    """
    along = (rim[-1] - rim[0]) / max(float(np.linalg.norm(rim[-1] - rim[0])), 1e-6)
    sideways = FOLD_SIDEWAYS[:, None]
    outwards = sideways * along + np.sqrt(1 - sideways**2) * np.array([along[1], -along[0]])
    beyond = ((fold - rim) * outwards).sum(1)
    return np.asarray(fold + np.maximum(least - beyond, 0.0)[:, None] * outwards)


def _merge_closed_lips(points: np.ndarray, iod: float) -> None:
    """Where the lips touch, the two inner rims are one seam."""
    upper, lower = np.array(topology.LIP_UPPER_INNER), np.array(topology.LIP_LOWER_INNER)
    gap = np.linalg.norm(points[lower, :2] - points[upper, :2], axis=1) / iod
    touching = gap < (0.045 if gap.max() < 0.045 else 0.012)
    middle = 0.5 * (points[upper] + points[lower])
    points[upper[touching]] = middle[touching]
    points[lower[touching]] = middle[touching]


def _limit_depth_slope(position: np.ndarray, triangles: np.ndarray, fixed: int, slope: float = 2.2) -> None:
    """Keep |dz| <= slope * |dxy| on edges that touch the surroundings, in place: steeper sheets fold over early."""
    edges = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    length = np.linalg.norm(position[edges[:, 0], :2] - position[edges[:, 1], :2], axis=1) * slope
    z = position[:, 2]
    movable = (np.arange(len(position)) >= fixed).astype(np.float64) + 0.15
    for _ in range(30):
        a, b = edges[:, 0], edges[:, 1]
        gap = z[b] - z[a]
        over = np.sign(gap) * np.maximum(np.abs(gap) - length, 0.0)
        share = movable[a] / (movable[a] + movable[b])
        change = np.zeros_like(z)
        count = np.full_like(z, 1e-9)
        np.add.at(change, a, over * share)
        np.add.at(change, b, -over * (1 - share))
        hit = np.abs(over) > 0
        np.add.at(count, a, hit)
        np.add.at(count, b, hit)
        z += change / np.maximum(count, 1.0) * 1.2


def build_mesh(
    landmarks: np.ndarray, pose: Pose, region: tuple[float, float, float, float], field: HeadField
) -> FaceMesh:
    """Mesh over ``region`` (x0, y0, x1, y1) px for landmarks (468+, 3) px."""
    iod, origin_z = float(pose.scale), float(pose.translation[2])
    face = _solid_face(landmarks, pose)
    outline = face[list(topology.OVAL)]
    outside = _surroundings(outline[:, :2], region, iod)
    sheet = _sheet(np.vstack([face[:, :2], outside]), outline[:, :2])

    # Depth: from the outline's own depth back to a plane behind the head.
    square = ((outside[:, None] - outline[None, :, :2]) ** 2).sum(-1) / iod**2
    d = np.sqrt(square.min(1))
    weight = (square + 0.02) ** -1.5
    weight /= weight.sum(1, keepdims=True)
    upright = field.upright(outside)
    back = smoothstep(d / (BACK_REACH + BACK_REACH_ABOVE * np.clip(-upright[:, 1] - 0.3, 0, 1)))
    depth = (weight @ outline[:, 2] - origin_z) / iod
    z_out = (depth * (1 - back) + BACK_DEPTH * back) * iod + origin_z
    position = np.vstack([face, np.column_stack([outside, z_out])])
    triangles = np.vstack([topology.skin_triangles(), sheet])
    _limit_depth_slope(position, triangles, topology.FACE)

    # What surrounds the face follows the expression of the outline next to it, the throat the farthest.
    below = smoothstep(upright[:, 1] - field.chin, -0.3, 0.2)
    fade = np.exp(-((d / (FOLLOW_REACH + FOLLOW_REACH_BELOW * below)) ** 2)) * field.rim(outside)
    follow = np.zeros((len(position), topology.FACE))
    follow[np.arange(topology.FACE), np.arange(topology.FACE)] = 1.0
    follow[topology.FACE :, list(topology.OVAL)] = weight * fade[:, None]
    return FaceMesh(
        position,
        np.ascontiguousarray(triangles, np.int32),
        topology.hole_triangles(),
        field.rigid(position[:, :2]),
        field.breath(position[:, :2]),
        follow,
    )


def _solid_face(landmarks: np.ndarray, pose: Pose) -> np.ndarray:
    """(486, 3) px: landmarks and lash rows, their depth half found and half that of the canonical face."""
    iod, origin = float(pose.scale), np.asarray(pose.translation, np.float64)
    face = landmarks[: topology.COUNT].astype(np.float64).copy()
    canonical = canonical_face().astype(np.float64) @ pose.rotation.T.astype(np.float64) * iod + origin
    z = face[:, 2] - face[:, 2].mean() + canonical[:, 2].mean()
    face[:, 2] = 0.5 * z + 0.5 * canonical[:, 2]
    face = _unfold(face, topology.landmark_triangles(), iod)
    _merge_closed_lips(face, iod)
    return topology.with_lash_rows(face)


def _distance_to(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n,) px outside the closed outline (m, 2); negative inside."""
    contour = outline.astype(np.float32)[:, None]
    return np.array([-cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points])


def _surroundings(outline: np.ndarray, region: tuple[float, float, float, float], iod: float) -> np.ndarray:
    """(n, 2) px: vertices around the face: rings next to its outline (36, 2), then a grid over the region."""
    centre = outline.mean(0)
    around = []
    for grow, phase in RINGS:
        ring = outline + phase * 0.5 * (np.roll(outline, -1, 0) - outline)
        ray = ring - centre
        around.append(ring + ray * (grow - 1.0))
    x0, y0, x1, y1 = region
    nx, ny = (max(2, round((hi - lo) / (GRID_STEP * iod)) + 1) for lo, hi in ((x0, x1), (y0, y1)))
    gx, gy = np.meshgrid(np.linspace(x0, x1, nx), np.linspace(y0, y1, ny))
    grid = np.stack([gx.ravel(), gy.ravel()], 1)
    rim = (grid[:, 0] <= x0) | (grid[:, 0] >= x1) | (grid[:, 1] <= y0) | (grid[:, 1] >= y1)
    rings = np.vstack(around)
    inside = (rings[:, 0] > x0 + 1) & (rings[:, 0] < x1 - 1) & (rings[:, 1] > y0 + 1) & (rings[:, 1] < y1 - 1)
    rings = rings[inside & (_distance_to(outline, rings) > RING_CLEARANCE * iod)]
    return np.vstack([rings, grid[rim | (_distance_to(outline, grid) > GRID_CLEARANCE * iod)]])


def _sheet(flat: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(n, 3) int32: triangles over the surroundings, for all vertices (V, 2) of which the first are the face."""
    index = np.concatenate([topology.OVAL, np.arange(topology.FACE, len(flat))])
    simplices = index[Delaunay(flat[index]).simplices].astype(np.int32)
    out = _distance_to(outline, flat[simplices].mean(1)) > 0
    sheet = simplices[out | ~(simplices < topology.FACE).all(1)]
    area = signed_area(flat, sheet)
    sheet[area < 0] = sheet[area < 0][:, ::-1]
    return sheet[np.abs(area) > 1e-6]
