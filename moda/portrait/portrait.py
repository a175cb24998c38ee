"""The portrait: one picture, the face in it, and all that is learnt from it once."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import FaceNotUsable, NoFaceFound
from moda.portrait.canonical import Pose, fit_pose
from moda.portrait.crop import Crop, crop_face
from moda.portrait.faces import Face, find_all, measure_face, pick_face
from moda.portrait.glasses import wears_glasses
from moda.portrait.identity import identity_descriptor
from moda.portrait.matte import Matte, person_matte
from moda.portrait.measures import brow_height, eye_openness, lip_gap, mouth_width, smile_corner
from moda.portrait.pictures import MAX_MEGAPIXELS, load_picture
from moda.portrait.plate import fill_plate
from moda.portrait.sharpness import BLURRED, sharpness

MIN_FACE = 80
"""Smallest usable face: width of the face hull in pixels."""
SMALL_FACE = 160
MAX_YAW, HINT_YAW = 40.0, 25.0
"""Degrees of source yaw beyond which the face is refused, or a hint is given."""
MAX_PITCH = 38.0
OPEN_MOUTH = 0.06
MAX_OUTSIDE = 0.06
"""Part of the face landmarks that may lie outside the picture."""
CUT_OFF = "The face is cut off at the edge of the picture; please use one that shows the whole face."


@dataclass(frozen=True)
class Portrait:
    """The source picture and what was learnt from it. Made by `open_portrait`."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB: the full picture, upright."""
    face: Face
    crop: Crop
    """LivePortrait's source crop (512 px), with the matrices to and from the full picture."""
    identity: np.ndarray
    """(63,) float32, see `identity_descriptor`."""
    pose: tuple[float, float, float]
    """pitch, yaw, roll in degrees; + = down, nose to image left, clockwise (see `canonical`)."""
    placement: Pose
    """The full fit behind `pose`: scale (px per IOD), rotation, translation."""
    rest: dict[str, float]
    """What the face does in the picture: gap (inner lips / IOD), mouth_width, smile, eye_left, eye_right (height /
    width), brow_left, brow_right (/ IOD), glasses (1.0 if framed glasses are seen),
    sharpness (0.3 blurred to 0.7 crisp)."""
    hints: list[str] = field(default_factory=list)
    """What could be better about the picture, a sentence each."""
    name: str = "portrait"
    digest: str = ""
    """sha256 over the pixels and the chosen face."""

    @functools.cached_property
    def matte(self) -> Matte:
        """The person cut out of the picture; made when first asked for."""
        return person_matte(self.image, self.face)

    @functools.cached_property
    def plate(self) -> np.ndarray:
        """(H, W, 3) uint8: the picture behind the person, filled in where the person stood."""
        return fill_plate(self.image, self.matte.alpha)

    @property
    def landmarks(self) -> np.ndarray:
        """(478, 3) float32 in pixels of the full picture."""
        return self.face.landmarks

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the full picture."""
        return self.image.shape[1], self.image.shape[0]


def open_portrait(
    source: Any,
    face_index: int | None = None,
    point: tuple[float, float] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Portrait:
    """Load a picture, find its face and learn what the renderers and the generator need.

    Args:
        source: anything `load_picture` takes.
        face_index: which face, counted from 0 by size; None = the largest.
        point: choose the face at or nearest to this pixel (x, y) instead.
        max_megapixels: larger pictures are refused before decoding.

    Raises:
        BadPicture: not a usable picture.
        NoFaceFound: no face in it.
        FaceNotUsable: too small, cut off, turned too far, or not human.
        BadSetting: no face with that index.
    """
    image = load_picture(source, max_megapixels)
    name = Path(source).stem if isinstance(source, str | Path) else "portrait"
    explicit = face_index is not None or point is not None
    found = find_all(image, every=explicit)
    human = [face for face in found if face.human]
    turns = 0
    if not human and not explicit:
        # Upside down is the one way of lying that the detectors cannot see.
        turned = find_all(np.ascontiguousarray(np.rot90(image, 2)), every=False)
        human = [face for face in turned if face.human]
        turns = 2 if human else 0
        image = np.ascontiguousarray(np.rot90(image, turns))
    if not human:
        _refuse(image, found)
    face = pick_face(human, face_index, point)
    fault = face_fault(image, face)
    if fault is not None and not explicit:
        # The largest face may be cut off while a smaller one is fine.
        face = next((other for other in human if face_fault(image, other) is None), face)
        fault = face_fault(image, face)
    quarter = round(float(fit_pose(face.landmarks).angles[2]) / 90) % 4
    if fault is None and quarter and not turns:
        image, face, turns = _raise_up(image, face, quarter)
        fault = face_fault(image, face)
    if fault is not None:
        raise FaceNotUsable(fault)
    portrait = learn_face(image, face, name)
    if turns:
        portrait.hints.insert(0, "The picture did not stand upright and was turned.")
    if len(human) > 1 and not explicit:
        portrait.hints.insert(0, f"The picture has {len(human)} faces; the largest usable one was taken.")
    return portrait


def _raise_up(image: np.ndarray, face: Face, quarter: int) -> tuple[np.ndarray, Face, int]:
    """Turn a picture that lies on its side by quarter turns and measure its face anew."""
    upright = np.ascontiguousarray(np.rot90(image, quarter))
    height, width = image.shape[:2]
    middle = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
    for _ in range(quarter):  # np.rot90 takes (x, y) to (y, width - x)
        middle, (height, width) = (middle[1], width - middle[0]), (width, height)
    half = face.size / 2
    again = measure_face(upright, (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half))
    return (upright, again, quarter) if again is not None else (image, face, 0)


def learn_face(image: np.ndarray, face: Face, name: str = "portrait") -> Portrait:
    """Everything about one face of `image` (H, W, 3) uint8 RGB, without judging whether it is usable."""
    placement = fit_pose(face.landmarks)
    rest = rest_of(face.landmarks)
    rest["glasses"] = float(wears_glasses(image, face.landmarks))
    rest["sharpness"] = sharpness(image, face.landmarks)
    pitch, yaw, roll = (float(angle) for angle in placement.angles)
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    digest.update(np.round(np.array(face.box)).astype(np.int64).tobytes())
    return Portrait(
        image=image,
        face=face,
        crop=crop_face(image, face.landmarks),
        identity=identity_descriptor(face.landmarks),
        pose=(pitch, yaw, roll),
        placement=placement,
        rest=rest,
        hints=hints_for(image, face, placement, rest),
        name=name,
        digest=digest.hexdigest(),
    )


def rest_of(landmarks: np.ndarray) -> dict[str, float]:
    """The measures of `Portrait.rest` for one face (478, 3) px."""
    eyes, brows = eye_openness(landmarks), brow_height(landmarks)
    return {
        "gap": float(lip_gap(landmarks)),
        "mouth_width": float(mouth_width(landmarks)),
        "smile": float(smile_corner(landmarks)),
        "eye_left": float(eyes[0]),
        "eye_right": float(eyes[1]),
        "brow_left": float(brows[0]),
        "brow_right": float(brows[1]),
    }


def _refuse(image: np.ndarray, found: list[Face]) -> None:
    """Raise for a picture without a human face; `found` holds what looked like one."""
    for face in found:
        if face.score > 0.5 and _outside(image, face) > MAX_OUTSIDE:
            raise FaceNotUsable(CUT_OFF)
        if face.score > 0.8 and abs(fit_pose(face.landmarks).angles[1]) > MAX_YAW:
            raise FaceNotUsable("The face is turned too far to the side; please use a picture from the front.")
    if any(face.score > 0.6 and face.mirror_error < 0.2 for face in found):
        raise FaceNotUsable(
            "The face does not look human (an animal, or hardly visible); please use a clear picture of a person "
            "or a human-like character from the front."
        )
    raise NoFaceFound("No face was found; please use a picture that shows a face clearly from the front.")


def _outside(image: np.ndarray, face: Face) -> float:
    """Part of the face landmarks that lie outside the picture, 0..1."""
    height, width = image.shape[:2]
    points = face.landmarks[:468, :2]
    return float(((points < 0).any(1) | (points[:, 0] > width) | (points[:, 1] > height)).mean())


def face_fault(image: np.ndarray, face: Face) -> str | None:
    """Why `face` cannot be animated, in one sentence; None when it can."""
    across = face.box[2] - face.box[0]
    if across < MIN_FACE:
        return (
            f"The face is only {across:.0f} pixels wide; please use a picture in which it is at least "
            f"{MIN_FACE} (better {SMALL_FACE * 5 // 4}) pixels wide."
        )
    if _outside(image, face) > MAX_OUTSIDE:
        return CUT_OFF
    pitch, yaw, _ = fit_pose(face.landmarks).angles
    if abs(yaw) > MAX_YAW:
        return (
            f"The face is turned {abs(yaw):.0f} degrees to the side; please use a picture from the front "
            f"(at most {MAX_YAW:.0f} degrees)."
        )
    if abs(pitch) > MAX_PITCH:
        way = "down" if pitch > 0 else "up"
        return f"The face looks too far {way}; please use a picture from the front."
    return None


def hints_for(image: np.ndarray, face: Face, placement: Pose, rest: dict[str, float]) -> list[str]:
    """What could be better about this picture, a plain sentence each."""
    height, width = image.shape[:2]
    hints = []
    if face.box[2] - face.box[0] < SMALL_FACE:
        hints.append("The face is small, so the video will look soft; a face of 200 pixels or more is better.")
    elif rest["sharpness"] < BLURRED:
        hints.append("The face is blurred; a sharper picture gives a sharper video.")
    yaw = float(placement.angles[1])
    if abs(yaw) > HINT_YAW:
        hints.append("The face is turned to the side, so head movement is kept small.")
    if rest["gap"] > OPEN_MOUTH:
        hints.append("The mouth is open; a picture with closed lips gives better teeth and lip closure.")
    if min(rest["eye_left"], rest["eye_right"]) < 0.12:
        hints.append("The eyes are nearly closed; a picture with open eyes gives better blinks.")
    if rest["glasses"]:
        hints.append("Glasses may bend a little when the eyes close; a picture without them gives cleaner blinks.")
    x0, y0, x1, y1 = face.box
    margin = 0.12 * (x1 - x0)
    if x0 < margin or y0 < margin or x1 > width - margin or y1 > height - margin:
        hints.append("The face is close to the edge of the picture; leave some room around the head.")
    return hints
