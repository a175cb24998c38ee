"""Find every face in a picture: detection on several scales, landmarks, and how sure we are that it is human."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from moda.errors import BadSetting, NoFaceFound
from moda.portrait import mediapipe_graphs
from moda.portrait.canonical import fit_pose
from moda.portrait.crop import from_cut, square, upright
from moda.portrait.detection import candidates, distinct, overlap
from moda.portrait.evidence import LOOK_SIZE, Look, look
from moda.portrait.face import Face
from moda.portrait.veil import is_veiled

LOOKS = (5.0, 7.5)
"""Sides, in IOD, of the upright squares in which a face is judged; landmarks are measured in the first."""
DOMINANT = 0.15
"""A face of this part of the longer side is what the picture is about."""
SURE = 1.45
"""Certainty in the first square above which the second is not looked at (saves a third of the time)."""


def _landmarks(image: np.ndarray, centre: Sequence[float], side: float) -> np.ndarray | None:
    cut, (scale, x0, y0) = square(image, centre, side, 512)
    found = mediapipe_graphs.mesh_landmarks(cut)
    if not found:
        return None
    return (found[0] / scale + np.array([x0, y0, 0])).astype(np.float32)


def _hull(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def measure_face(image: np.ndarray, box: Sequence[float]) -> Face | None:
    """Landmarks and certainty of the face in `box` (x0, y0, x1, y1 px); None when the mesh finds no face there."""
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    size = max(box[2] - box[0], box[3] - box[1], 8.0)
    first = None
    for zoom in (2.2, 3.2, 1.6):
        first = _landmarks(image, centre, size * zoom)
        if first is not None:
            break
    if first is None:
        return None
    pose = fit_pose(first)
    landmarks = first
    looks: list[Look] = []
    for side in LOOKS:
        cut, matrix = upright(image, pose, side, LOOK_SIZE)
        seen = look(cut, side)
        if side == LOOKS[0] and seen.landmarks is not None:
            landmarks = from_cut(seen.landmarks, matrix)
        looks.append(seen)
        if looks[0].certainty > SURE:
            break
    score, full, error, upper = (float(v) for v in np.mean([one.marks for one in looks], axis=0))
    face = Face(_hull(landmarks), landmarks, score, full, error, upper)
    return face if face.human else replace(face, veiled=is_veiled(image, face))


def find_all(image: np.ndarray, limit: int = 24, every: bool = True) -> list[Face]:
    """Every face-like thing in `image` (H, W, 3) uint8 RGB, largest first, human or not (see `Face.human`).

    Args:
        every: False stops as soon as a face fills a good part of the picture, without looking for small ones.
    """
    if not every:
        faces = _measured(image, distinct(candidates(image, tiles=False, thorough=False), limit))
        if any(face.human and face.size > DOMINANT * max(image.shape[:2]) for face in faces):
            return faces
    faces = _measured(image, distinct(candidates(image, tiles=True, thorough=False), limit))
    if not any(face.human for face in faces):
        faces = _measured(image, distinct(candidates(image, tiles=True, thorough=True), limit))
    return faces


def _measured(image: np.ndarray, detections: list[mediapipe_graphs.Detection]) -> list[Face]:
    faces: list[Face] = []
    for detection in detections:
        face = measure_face(image, detection.box)
        if face is not None:
            faces.append(face)
    faces.sort(key=lambda face: (-face.human, -face.score))
    kept: list[Face] = []
    for face in faces:
        if all(overlap(face.box, other.box) < 0.5 for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.size)


def find_faces(image: np.ndarray, limit: int = 24) -> list[Face]:
    """Every human or human-like face in `image` (H, W, 3) uint8 RGB, largest first; empty when there is none."""
    return [face for face in find_all(image, limit) if face.human]


def pick_face(faces: Sequence[Face], index: int | None = None, point: tuple[float, float] | None = None) -> Face:
    """Choose one of `faces`: by `index` (0 = largest), by a `point` (x, y) px in or near it, else the largest.

    Raises:
        NoFaceFound: `faces` is empty.
        BadSetting: there is no face with that index.
    """
    if not faces:
        raise NoFaceFound("No face was found; please use a picture that shows a face clearly from the front.")
    if point is not None:
        x, y = point

        def away(face: Face) -> float:
            x0, y0, x1, y1 = face.box
            outside = np.hypot(max(x0 - x, 0, x - x1), max(y0 - y, 0, y - y1))
            return float(outside * 1000 + np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y))

        return min(faces, key=away)
    if index is None:
        return faces[0]
    if not 0 <= index < len(faces):
        count = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        raise BadSetting(f"There is no face number {index}; the picture has {count}, counted from 0.")
    return faces[index]
