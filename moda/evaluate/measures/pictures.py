"""What the pixels show: sharpness, flicker, a still background, wobble of the face, identity.

* sharpness: Laplacian energy of the skin in the video over that of the portrait; 1 = as sharp. Both are first brought
  to 0.8 of the smaller one's size, so that neither is blurred by resampling more than the other.
* flicker: 1.48 x median |second difference| of the skin's mean luminance, grey levels of 255; lower is better.
* wobble: rms of the second difference of the straightened rigid landmarks, IOD per frame squared; lower is better.
* background_change: largest difference from the first frame outside the person, grey levels; 0 where nothing moves.
* background_still: share of the pixels outside the person that stay within 8 levels of the first frame.
* background_flicker: mean difference between neighbouring frames outside the person, grey levels.
* identity_drift: mean distance of 21 points of the build from the portrait's, IOD (moda.portrait.identity); lower is
  better. Expression and pose are taken off first, and the portrait is looked at by the same tracker.
* identity_spread: rms distance of the rigid geometry of the frames from their own mean, share of the face's size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.evaluate.measures.head import jitter
from moda.evaluate.measures.signals import BONE, Array

Picture = npt.NDArray[np.uint8]

OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
MOUTH = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
EYES = ((33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
        (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382))  # fmt: skip
SMALL = 512  # longest side at which the background is watched
LEAST_BACKGROUND = 0.03
COMPARED = 0.8
ENCODING = 8  # grey levels that an encoder alone may change


def skin_mask(shape: tuple[int, ...], landmarks: Array) -> Picture:
    """(H, W) uint8, 255 inside the face oval but for a margin, the mouth and the eyes."""
    import cv2

    mask: Any = np.zeros(shape, np.uint8)
    points = np.asarray(landmarks)[:, :2]
    centre = points[list(OVAL)].mean(0)
    cv2.fillPoly(mask, [np.round(centre + 0.86 * (points[list(OVAL)] - centre)).astype(np.int32)], (255,))
    for part in (MOUTH, *EYES):
        middle = points[list(part)].mean(0)
        cv2.fillPoly(mask, [np.round(middle + 1.45 * (points[list(part)] - middle)).astype(np.int32)], (0,))
    return np.asarray(mask, np.uint8)


def eye_distance(landmarks: Array) -> float:
    """Distance of the eye centres in pixels, as seen."""
    points = np.asarray(landmarks)[:, :2]
    return float(np.linalg.norm(points[[362, 263]].mean(0) - points[[33, 133]].mean(0)))


def detail(image: Picture, landmarks: Array) -> float:
    """Mean squared Laplacian of the skin's luminance in an RGB picture (H, W, 3)."""
    import cv2

    x0, y0 = np.maximum(np.floor(landmarks[:, :2].min(0)).astype(int) - 4, 0)
    x1, y1 = np.ceil(landmarks[:, :2].max(0)).astype(int) + 4
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    if part.size == 0:
        return float("nan")
    mask = skin_mask(part.shape[:2], landmarks - np.array([x0, y0, 0], landmarks.dtype)) > 0
    if mask.sum() < 50:
        return float("nan")
    edges = cv2.Laplacian(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return float((edges[mask] ** 2).mean())


def detail_at(image: Picture, landmarks: Array, distance: float) -> float:
    """`detail` of a picture brought to an eye distance of `distance` pixels first."""
    import cv2

    ratio = distance / max(eye_distance(landmarks), 1e-6)
    how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    size = (max(8, round(image.shape[1] * ratio)), max(8, round(image.shape[0] * ratio)))
    scaled = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return detail(scaled, landmarks * np.float32(ratio))


def middle_mean(values: Array) -> float:
    """Mean of the middle half: hair and shadow at the rim of a mask do not count."""
    cut = len(values) // 4
    return float(np.sort(values)[cut : len(values) - cut].mean())


def geometry_distance(face: Array, other: Array) -> float:
    """rms distance in the plane between two straightened faces (478, 3) on `BONE`, best similarity taken off, as a
    share of the size of `other`."""
    a, b = face[list(BONE), :2], other[list(BONE), :2]
    a, b = a - a.mean(0), b - b.mean(0)
    u, values, vt = np.linalg.svd(a.T @ b)
    turn = u @ vt
    fitted = a @ turn * (values.sum() / (a**2).sum())
    return float(np.sqrt(((fitted - b) ** 2).sum() / (b**2).sum()))


@dataclass
class Watch:
    """Sees every frame once and remembers little: sums, the largest change, a few masks.

    scale: eye distance in pixels of the portrait that sharpness is compared with; None = no comparison.
    """

    every: int = 8
    scale: float | None = None
    details: list[tuple[float, float]] = field(default_factory=list)
    luminance: list[float] = field(default_factory=list)
    _count: int = 0
    _first: npt.NDArray[np.int16] | None = None
    _last: npt.NDArray[np.int16] | None = None
    _largest: npt.NDArray[np.int16] | None = None
    _steps: npt.NDArray[np.float32] | None = None
    _person: npt.NDArray[np.bool_] | None = None

    def see(self, frame: Picture, landmarks: Array) -> None:
        """Take in one frame (H, W, 3) uint8 RGB and the landmarks (478, 3) px of its face."""
        import cv2

        sample = self._count % self.every == 0
        self._count += 1
        ratio = min(1.0, SMALL / max(frame.shape[:2]))
        small = frame if ratio == 1 else cv2.resize(frame, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        grey = small.astype(np.int16)
        if self._first is None or self._last is None or self._largest is None or self._steps is None:
            self._first, self._largest = grey, np.zeros(grey.shape[:2], np.int16)
            self._steps = np.zeros(grey.shape[:2], np.float32)
        else:
            np.maximum(self._largest, np.abs(grey - self._first).max(-1), out=self._largest)
            self._steps += np.abs(grey - self._last).mean(-1)
        self._last = grey
        if sample:
            from moda.portrait.mediapipe_graphs import person_mask

            mask = person_mask(np.asarray(small, np.uint8)) > 0.2
            self._person = mask if self._person is None else self._person | mask
        mask = skin_mask(small.shape[:2], landmarks * ratio) > 0
        self.luminance.append(middle_mean(small[mask].mean(-1)) if mask.any() else 0.0)
        if sample and self.scale is not None:
            distance = COMPARED * min(self.scale, eye_distance(landmarks))
            self.details.append((detail_at(frame, landmarks, distance), distance))

    def measures(self) -> dict[str, float]:
        """flicker, background_change, _still and _flicker of all that was seen."""
        import cv2

        nothing = float("nan")
        steps = np.abs(np.diff(np.array(self.luminance), 2))
        values = {"flicker": 1.48 * float(np.median(steps)) if len(steps) else 0.0, "background_change": nothing}
        values |= {"background_still": nothing, "background_flicker": nothing}
        if self._person is None or self._largest is None or self._steps is None or self._count < 2:
            return values
        wide = max(3, round(0.05 * max(self._person.shape)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1, 2 * wide + 1))
        outside = cv2.dilate(self._person.astype(np.uint8), kernel) == 0
        if outside.mean() >= LEAST_BACKGROUND:
            values["background_change"] = float(self._largest[outside].max())
            values["background_still"] = float((self._largest[outside] <= ENCODING).mean())
            values["background_flicker"] = float(self._steps[outside].mean() / (self._count - 1))
        return values

    def sharpness(self, portrait: Picture, landmarks: Array) -> float:
        """Median over sampled frames of the detail, relative to the portrait's at the same size."""
        ratios = [
            seen / max(detail_at(portrait, landmarks, distance), 1e-9)
            for seen, distance in self.details
            if np.isfinite(seen)
        ]
        return float(np.median(ratios)) if ratios else float("nan")


def shape_measures(faces: Array) -> dict[str, float]:
    """wobble and identity_spread of straightened faces (T, 478, 3)."""
    mean = np.median(faces, axis=0)
    bone = faces[:, list(BONE), :2].reshape(len(faces), -1)
    return {
        "wobble": jitter(bone),
        "identity_spread": float(np.median([geometry_distance(face, mean) for face in faces[::5]])),
    }
