"""The portrait: one picture, the face in it, and all that is learnt from it once."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import FaceNotUsable, NoFaceFound
from moda.portrait.canonical import Pose
from moda.portrait.crop import Crop, crop_face
from moda.portrait.face import Face
from moda.portrait.faces import find_all, find_faces, measure_face, pick_face
from moda.portrait.identity import identity_descriptor
from moda.portrait.matte import Matte, person_matte
from moda.portrait.mouth_cover import mouth_is_covered
from moda.portrait.pictures import MAX_MEGAPIXELS, Picture, read_pictures
from moda.portrait.resting import RestingFace, resting_face
from moda.portrait.sharpness import BLURRED, picture_fault

MIN_FACE = 80
"""Smallest usable face: width of the face hull in pixels."""
SMALL_FACE = 160
MAX_YAW, HINT_YAW = 40.0, 25.0
"""Degrees of source yaw beyond which the face is refused, or a hint is given."""
MAX_PITCH = 38.0
MAX_LEAN, HINT_LEAN = 63.0, 40.0
"""Degrees of roll beyond which the picture, not the head, is taken to lie on its side, or a hint is given."""
DARK = 40.0
"""Mean brightness of the face, of 255."""
BRIGHTER = 1.05
"""How many times as bright the next frame of a picture that fades in is at least."""
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
    rest: RestingFace
    """What the face does in the picture."""
    mouth_covered: bool = False
    """A mask, hand or microphone is before the mouth: nothing may be drawn there."""
    others: tuple[Face, ...] = ()
    """The further human faces that were found in the picture."""
    chosen: bool = False
    """The face was asked for by number or place."""
    quarter_turns: int = 0
    """By how many quarter turns, counter-clockwise, the picture was turned to stand upright."""
    alpha: np.ndarray | None = None
    """(H, W) float32 in 0..1: the picture's own transparency, None when it has none."""
    name: str = "portrait"
    digest: str = ""
    """sha256 over the pixels and the chosen face."""

    @property
    def placement(self) -> Pose:
        """Where the face stands: scale (px per IOD), rotation, translation."""
        return self.face.pose

    @property
    def pose(self) -> tuple[float, float, float]:
        """pitch, yaw, roll in degrees; + = down, nose to image left, clockwise (see `canonical`)."""
        pitch, yaw, roll = (float(angle) for angle in self.face.pose.angles)
        return pitch, yaw, roll

    @property
    def face_count(self) -> int:
        """How many human faces were found in the picture."""
        return 1 + len(self.others)

    @functools.cached_property
    def hints(self) -> list[str]:
        """What could be better about the picture, or is to be known about it, a sentence each."""
        return [*_about_choice(self), *_about_face(self)]

    @functools.cached_property
    def matte(self) -> Matte:
        """The person cut out of the picture; made when first asked for."""
        return person_matte(self.image, self.face, self.alpha, self.others)

    @property
    def plate(self) -> np.ndarray:
        """(H, W, 3) uint8: the picture behind the person, filled in where the person stood."""
        return self.matte.plate

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
    name = Path(source).stem if isinstance(source, str | Path) else "portrait"
    first: FaceNotUsable | NoFaceFound | None = None
    best: Portrait | None = None
    for picture in read_pictures(source, max_megapixels):
        try:
            found = _portrait_in(picture, face_index, point, name)
        except (FaceNotUsable, NoFaceFound) as fault:  # an animation may fade in, a document have a cover
            first = first or fault
            continue
        if best is None and first is None and found.rest.brightness >= DARK:
            return found
        if best is not None and not _fades_in(best, found):
            return best
        best = found
    if best is not None:
        return best
    assert first is not None
    raise first


def _fades_in(before: Portrait, after: Portrait) -> bool:
    """Whether two frames of an animation show the same face, the second one brighter."""
    moved = float(np.abs(before.face.landmarks[:, :2] - after.face.landmarks[:, :2]).mean())
    alike = moved < 0.3 * float(before.face.pose.scale)
    return alike and after.rest.brightness > BRIGHTER * before.rest.brightness


def _portrait_in(picture: Picture, face_index: int | None, point: tuple[float, float] | None, name: str) -> Portrait:
    """The portrait of one frame; see `open_portrait`."""
    image, turns = picture.pixels, 0
    explicit = face_index is not None or point is not None
    found = find_all(image, every=explicit)
    human = [face for face in found if face.human]
    if not human and not explicit:  # the detectors miss faces that stand on their head
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
    others = [other for other in human if other is not face]
    roll = float(face.pose.angles[2])
    quarter = round(roll / 90) % 4 if abs(roll) > MAX_LEAN else 0
    if fault is None and quarter:
        image, face, others, more = _raise_up(image, face, others, quarter)
        turns = (turns + more) % 4
        fault = face_fault(image, face)
    if fault is not None:
        raise FaceNotUsable(fault)
    alpha = picture.alpha
    if alpha is not None and turns:
        alpha = np.ascontiguousarray(np.rot90(alpha, turns))
    return learn_face(image, face, name, others=tuple(others), chosen=explicit, quarter_turns=turns, alpha=alpha)


def choose_face(portrait: Portrait, index: int | None = None, point: tuple[float, float] | None = None) -> Portrait:
    """Another face of the same picture as a portrait; see `open_portrait`. The picture keeps its transparency."""
    known = find_faces(portrait.image)
    face = pick_face(known, index, point)
    fault = face_fault(portrait.image, face)
    if fault is not None:
        raise FaceNotUsable(fault)
    others = tuple(other for other in known if other is not face)
    turns, alpha = portrait.quarter_turns, portrait.alpha
    return learn_face(portrait.image, face, portrait.name, others=others, chosen=True, quarter_turns=turns, alpha=alpha)


def _raise_up(
    image: np.ndarray, face: Face, others: list[Face], quarter: int
) -> tuple[np.ndarray, Face, list[Face], int]:
    """Turn a picture that lies on its side by quarter turns and measure its faces anew."""
    upright = np.ascontiguousarray(np.rot90(image, quarter))
    again = [_measured_again(upright, image.shape[:2], one, quarter) for one in (face, *others)]
    if again[0] is None:
        return image, face, others, 0
    return upright, again[0], [one for one in again[1:] if one is not None], quarter


def _measured_again(upright: np.ndarray, before: tuple[int, ...], face: Face, quarter: int) -> Face | None:
    """`face`, found in a picture of `before` (height, width), in `upright`, the picture after quarter turns."""
    height, width = before
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    for _ in range(quarter):  # np.rot90 takes (x, y) to (y, width - x)
        x, y, height, width = y, width - x, width, height
    half = face.size / 2
    return measure_face(upright, (x - half, y - half, x + half, y + half))


def learn_face(image: np.ndarray, face: Face, name: str = "portrait", **facts: Any) -> Portrait:
    """Everything about one face of `image` (H, W, 3) uint8 RGB, without judging whether it is usable.

    `facts` are further fields of `Portrait`.
    """
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    digest.update(np.round(np.array(face.box)).astype(np.int64).tobytes())
    return Portrait(
        image=image,
        face=face,
        crop=crop_face(image, face.landmarks),
        identity=identity_descriptor(face.landmarks, face.pose),
        rest=resting_face(image, face),
        mouth_covered=mouth_is_covered(image, face),
        name=name,
        digest=digest.hexdigest(),
        **facts,
    )


def _refuse(image: np.ndarray, found: list[Face]) -> None:
    """Raise for a picture without a human face; `found` holds what looked like one."""
    for face in found:
        if face.score > 0.5 and _outside(image, face) > MAX_OUTSIDE:
            raise FaceNotUsable(CUT_OFF)
        if face.score > 0.8 and abs(face.pose.angles[1]) > MAX_YAW:
            raise FaceNotUsable("The face is turned too far to the side; please use a picture from the front.")
    height, width = image.shape[:2]
    if max(height, width) < 2 * MIN_FACE:
        raise NoFaceFound(f"No face was found: the picture has only {width} x {height} pixels; use a larger one.")
    fault = picture_fault(image)
    if fault is not None:
        raise NoFaceFound(f"No face was found: {fault}.")
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
    pitch, yaw, _ = face.pose.angles
    if abs(yaw) > MAX_YAW:
        return (
            f"The face is turned {abs(yaw):.0f} degrees to the side; please use a picture from the front "
            f"(at most {MAX_YAW:.0f} degrees)."
        )
    if abs(pitch) > MAX_PITCH:
        way = "down" if pitch > 0 else "up"
        return f"The face looks too far {way}; please use a picture from the front."
    return None


def _about_choice(portrait: Portrait) -> list[str]:
    hints = []
    if portrait.face_count > 1 and not portrait.chosen:
        hints.append(f"The picture has {portrait.face_count} faces; the largest usable one was taken.")
    if portrait.quarter_turns:
        hints.append("The picture did not stand upright and was turned.")
    return hints


def _about_face(portrait: Portrait) -> list[str]:
    (width, height), face, rest = portrait.size, portrait.face, portrait.rest
    _, yaw, roll = portrait.pose
    hints = []
    if face.box[2] - face.box[0] < SMALL_FACE:
        hints.append("The face is small, so the video will look soft; a face of 200 pixels or more is better.")
    if rest.sharpness < BLURRED:
        hints.append("The face is blurred; a sharper picture gives a sharper video.")
    if rest.brightness < DARK:
        hints.append("The face is dark; a brighter picture gives a better video.")
    if abs(yaw) > HINT_YAW:
        hints.append("The face is turned to the side, so head movement is kept small.")
    if abs(roll) > HINT_LEAN:
        hints.append("The head leans far to the side; a picture with an upright head moves more naturally.")
    if portrait.mouth_covered:
        hints.append("The mouth is covered; no lips are drawn, only jaw and cheeks move what is before them.")
    elif rest.gap > OPEN_MOUTH:
        hints.append("The mouth is open; a picture with closed lips gives better teeth and lip closure.")
    if min(rest.eye_left, rest.eye_right) < 0.12:
        hints.append("The eyes are nearly closed; a picture with open eyes gives better blinks.")
    if rest.glasses:
        hints.append("Glasses may bend a little when the eyes close; a picture without them gives cleaner blinks.")
    x0, y0, x1, y1 = face.box
    margin = 0.12 * (x1 - x0)
    if x0 < margin or y0 < margin or x1 > width - margin or y1 > height - margin:
        hints.append("The face is close to the edge of the picture; leave some room around the head.")
    return hints
