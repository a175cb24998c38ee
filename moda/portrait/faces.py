"""Find every face in a picture: detection on several scales, landmarks, and how sure we are that it is human."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from moda.errors import BadSetting, NoFaceFound
from moda.portrait import mediapipe_graphs
from moda.portrait.canonical import Pose, canonical_face, fit_pose, mirror_map
from moda.portrait.crop import from_cut, square, upright
from moda.portrait.detection import candidates, distinct, overlap

LOOKS = (5.0, 7.5)
"""Sides, in IOD, of the upright squares in which a face is judged; landmarks are measured in the first."""
LOOK_SIZE = 512
HUMAN_CERTAINTY = 1.12
"""Threshold of `Face.certainty`. Measured over sizes from 300 to 1400 pixels and mirror images: 15 humanlike faces
(paintings, a 3D character, photos) score 1.15 or more in all but 4 of 120 views, which the other two thresholds let
pass; a capuchin monkey 1.09 at most, a wooden figure 1.00, a dog 0.23. One threshold on the sum keeps twice the
distance that a threshold on each of the three numbers would."""

COVERED_CERTAINTY = 1.15
"""The same threshold where only the upper half of the face is held against its mirror image, for faces behind masks and
hands: the monkey scores 1.14 at most, the dog 0.28."""
NEAR_CERTAINTY = 0.65
"""Threshold of the short-range detector's score less 5 times `Face.upper_error`, as the full-range one hardly knows
covered faces. Chosen by the animals, which score 0.62 at most: of 168 views of covered faces 160 pass one of the three
thresholds, without this one 124."""
UPPER = 0.35
"""The upper half of the face: so far below the eyes, in IOD, at most."""

DOMINANT = 0.15
"""A face of this part of the longer side is what the picture is about."""
SURE = 1.45
"""Certainty in the first square above which the second is not looked at (saves a third of the time)."""


@dataclass(frozen=True)
class Face:
    """One face in a picture."""

    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the full picture: the hull of the 468 face landmarks."""
    landmarks: np.ndarray
    """(478, 3) float32 in pixels of the full picture: x right, y down, z away (scale of x)."""
    score: float
    """Short-range detector's score, 0..1, mean over the squares."""
    full_score: float = 1.0
    """Full-range detector's score, 0..1, mean over the squares."""
    mirror_error: float = 0.0
    """Mean distance, in IOD, between the landmarks and those found in the mirrored picture."""
    upper_error: float = 0.0
    """The same over the upper half of the face."""

    @functools.cached_property
    def pose(self) -> Pose:
        """Where the face stands, fitted once."""
        return fit_pose(self.landmarks)

    def scaled(self, factor: float) -> Face:
        """The same face in a picture `factor` times as large."""
        x0, y0, x1, y1 = (factor * v for v in self.box)
        return replace(self, box=(x0, y0, x1, y1), landmarks=self.landmarks * np.float32(factor))

    @property
    def size(self) -> float:
        """Larger side of the box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def certainty(self) -> float:
        """How surely this is a human-like face: both detectors agree and the mirror image gives the same mesh."""
        return self.score + self.full_score - 10.0 * self.mirror_error

    @property
    def lower_error(self) -> float:
        """`mirror_error` over the lower half of the face alone: what covers it leaves the landmarks in doubt."""
        share = _upper_half().mean()
        return float((self.mirror_error - share * self.upper_error) / (1 - share))

    @property
    def human(self) -> bool:
        """Whether this is a human or human-like face rather than an animal or a chance pattern."""
        upper = self.score + self.full_score - 10.0 * self.upper_error
        near = self.score - 5.0 * self.upper_error
        return self.certainty >= HUMAN_CERTAINTY or upper >= COVERED_CERTAINTY or near >= NEAR_CERTAINTY


@functools.lru_cache(maxsize=1)
def _upper_half() -> np.ndarray:
    """(468,) bool: which landmarks lie in the upper half of the face."""
    return canonical_face()[:, 1] < UPPER


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
    marks = []
    for side in LOOKS:
        cut, matrix = upright(image, pose, side, LOOK_SIZE)
        found = mediapipe_graphs.mesh_landmarks(cut)
        twins = mediapipe_graphs.mesh_landmarks(np.ascontiguousarray(cut[:, ::-1]))
        error = upper_error = 0.5
        if found and twins:
            twin = twins[0][mirror_map()]
            twin[:, 0] = LOOK_SIZE - twin[:, 0]
            apart = np.linalg.norm((twin - found[0])[:468, :2], axis=1) / (LOOK_SIZE / side)
            error, upper_error = float(apart.mean()), float(apart[_upper_half()].mean())
            if side == LOOKS[0]:
                # Both views err independently, so their mean is the better measurement.
                landmarks = from_cut((found[0] + twin) / 2 if error < 0.06 else found[0], matrix)
        marks.append((_best(cut, False), _best(cut, True), error, upper_error))
        if marks[0][0] + marks[0][1] - 10.0 * error > SURE:
            break
    return Face(_hull(landmarks), landmarks, *(float(v) for v in np.mean(marks, axis=0)))


def _best(cut: np.ndarray, full_range: bool) -> float:
    """Best score among detections that lie over the middle of a face square."""
    half = cut.shape[0] / 2
    inside = [
        d.score
        for d in mediapipe_graphs.detect(cut, full_range)
        if d.box[0] < half < d.box[2] and d.box[1] - 0.1 * half < half * 0.95 < d.box[3] + 0.1 * half
    ]
    return max(inside, default=0.0)


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
