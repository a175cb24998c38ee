"""ARKit's 52 blendshapes: what each of our actions is called there, and curves in both directions.

ARKit's left and right are the person's own; ours are the picture's. A curve may run a little below 0 or above 1, as the
action does: programs that cannot use that clamp it, and reading it back gives the same take again.
"""

from __future__ import annotations

import csv
import io
import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from moda.errors import BadMotionFile, some
from moda.motion.actions import ACTIONS, INDEX, read_actions, write_actions
from moda.motion.space import FPS, NECK, ROTATION, TRANSLATION, Motion, neutral_reference

BLENDSHAPES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""In the order of LiveLink Face."""

_BOTH = ("Left", "Right")
SHAPES_OF: dict[str, tuple[str, ...]] = {
    "jaw_open": ("jawOpen",),
    "lips_press": tuple(f"mouthPress{side}" for side in _BOTH),
    "pucker": ("mouthPucker",),
    "stretch": tuple(f"mouthStretch{side}" for side in _BOTH),
    "upper_lip_raise": tuple(f"mouthUpperUp{side}" for side in _BOTH),
    "lower_lip_depress": tuple(f"mouthLowerDown{side}" for side in _BOTH),
    "smile": tuple(f"mouthSmile{side}" for side in _BOTH),
    "frown": tuple(f"mouthFrown{side}" for side in _BOTH),
    "cheek_raise": tuple(f"cheekSquint{side}" for side in _BOTH),
    "brow_raise": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "brow_furrow": ("browDownLeft", "browDownRight"),
    "blink_left": ("eyeBlinkRight",),
    "blink_right": ("eyeBlinkLeft",),
    "squint": tuple(f"eyeSquint{side}" for side in _BOTH),
    "cheek_puff": ("cheekPuff",),
    "nose_wrinkle": ("noseSneerLeft", "noseSneerRight"),
    "tongue_out": ("tongueOut",),
    "jaw_forward": ("jawForward",),
    "funnel": ("mouthFunnel",),
}
"""Action -> blendshapes that it drives alike; only those are used whose action exists."""

PAIRS_OF: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mouth_left": (("mouthRight",), ("mouthLeft",)),
    "jaw_left": (("jawRight",), ("jawLeft",)),
    "gaze_x": (("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")),
    "gaze_y": (("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight")),
}
"""Signed action -> blendshapes of its positive and of its negative side."""

ANGLES = ("HeadYaw", "HeadPitch", "HeadRoll")
EYES = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")
EYE_TURN = 30.0
"""Degrees that an eye turns at gaze 1."""
COLUMNS = tuple(name[0].upper() + name[1:] for name in BLENDSHAPES) + ANGLES + EYES
HEADER = ("Timecode", "BlendShapeCount", *COLUMNS)
MAX_ROWS = 60 * 60 * 240


@lru_cache(maxsize=1)
def drivers() -> dict[str, tuple[str, float]]:
    """Blendshape -> (our action, its sign); those that none of our actions drives are absent."""
    found = {shape: (action, 1.0) for action, shapes in SHAPES_OF.items() if action in INDEX for shape in shapes}
    for action, (up, down) in PAIRS_OF.items():
        if action in INDEX:
            found.update(dict.fromkeys(up, (action, 1.0)))
            found.update(dict.fromkeys(down, (action, -1.0)))
    return found


def to_blendshapes(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Action values (T, A) -> (T, 52) in the order of `BLENDSHAPES`; 0 where we have nothing to say."""
    actions = np.asarray(values, np.float64)
    curves = np.zeros((len(actions), len(BLENDSHAPES)))
    for shape, (action, sign) in drivers().items():
        column = sign * actions[:, INDEX[action]]
        curves[:, BLENDSHAPES.index(shape)] = np.maximum(column, 0.0) if action in PAIRS_OF else column
    return curves


def from_blendshapes(curves: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(T, 52) -> action values (T, A): the mean of the blendshapes of an action, one side less the other of a pair."""
    table = np.asarray(curves, np.float64)

    def mean(shapes: tuple[str, ...]) -> npt.NDArray[np.float64]:
        return np.asarray(table[:, [BLENDSHAPES.index(shape) for shape in shapes]].mean(axis=1))

    values = np.zeros((len(table), len(ACTIONS)))
    for action, shapes in SHAPES_OF.items():
        if action in INDEX:
            values[:, INDEX[action]] = mean(shapes)
    for action, (up, down) in PAIRS_OF.items():
        if action in INDEX:
            values[:, INDEX[action]] = mean(up) - mean(down)
    return values


def write_csv(motion: Motion) -> str:
    """As LiveLink Face writes it: timecode, 52 blendshapes, head and eyes (radians, relative to the portrait)."""
    assert motion.reference is not None
    values = read_actions(motion.expression, motion.neutral).astype(np.float64)
    pitch, yaw, roll = np.radians((motion.array[:, ROTATION] - motion.reference[ROTATION]).astype(np.float64)).T
    gaze = np.radians(EYE_TURN) * values[:, [INDEX["gaze_x"], INDEX["gaze_y"]]]
    none = np.zeros(len(values))
    eyes = np.stack([gaze[:, 0], gaze[:, 1], none], axis=1)
    table = np.concatenate([to_blendshapes(values), np.stack([yaw, pitch, roll], axis=1), eyes, eyes], axis=1)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number, row in enumerate(table):
        writer.writerow([_timecode(number, motion.fps), len(COLUMNS), *(f"{value:.6f}" for value in row)])
    return text.getvalue()


def read_csv(text: str, name: str) -> Motion:
    """A motion from a LiveLink Face table. Columns are found by name; head and eyes may be absent.

    The frame rate is read from the timecodes (25 where they do not tell). Raises BadMotionFile with one sentence.
    """
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise BadMotionFile(f"{name} is not a table of ARKit curves ({error}).") from None
    if len(rows) < 2:
        raise BadMotionFile(f"{name} holds no frames; export the curves again.")
    titles = [title.strip().lower() for title in rows[0]]
    missing = [shape for shape in BLENDSHAPES if shape.lower() not in titles]
    if missing:
        raise BadMotionFile(f"{name} lacks the column {some(missing, 3)}; it needs ARKit's 52 blendshapes.")
    body = [row for row in rows[1:] if row]
    if len(body) > MAX_ROWS:
        raise BadMotionFile(f"{name} has too many rows ({len(body)}).")
    wanted = [*BLENDSHAPES, *(angle for angle in ANGLES if angle.lower() in titles)]
    places = [titles.index(title.lower()) for title in wanted]
    table = np.empty((len(body), len(places)))
    for number, row in enumerate(body):
        try:
            table[number] = [float(row[place]) for place in places]
        except (ValueError, IndexError):
            raise BadMotionFile(f"{name} holds something that is no number in line {number + 2}.") from None
    if not (np.isfinite(table).all() and np.abs(table).max() < 100):
        raise BadMotionFile(f"{name} holds curves far outside of what a face can do.")
    reference = neutral_reference()
    array = np.tile(reference, (len(table), 1))
    array[:, :63] = write_actions(from_blendshapes(table[:, : len(BLENDSHAPES)]))
    angles = np.zeros((len(table), 3))
    for column, axis in enumerate(axis for angle, axis in zip(ANGLES, (1, 0, 2)) if angle in wanted):
        angles[:, axis] = table[:, len(BLENDSHAPES) + column]
    array[:, ROTATION] = np.degrees(angles)
    pitch, yaw, roll = np.sin(angles).T
    array[:, TRANSLATION] += np.stack([NECK[0] * yaw + NECK[1] * roll, NECK[2] * pitch, np.zeros(len(yaw))], axis=1)
    return Motion(array, _rate([row[0] for row in body], titles), f"ARKit curves {name}", reference=reference)


def _timecode(number: int, fps: float) -> str:
    """hours:minutes:seconds:frames.thousandths"""
    whole = max(1, round(fps))
    seconds, frame = divmod(number, whole)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.000"


def _rate(codes: list[str], titles: list[str]) -> float:
    """Frames a second: the frames counted in the first whole second of the timecodes."""
    if not titles or titles[0] != "timecode":
        return FPS
    counted: dict[str, int] = {}
    for code in codes:
        second, _, _ = code.rpartition(":")
        counted[second] = counted.get(second, 0) + 1
    whole = list(counted.values())[1:-1] if len(counted) > 2 else []
    rate = float(max(whole)) if whole else FPS
    return rate if 1 <= rate <= 240 and math.isfinite(rate) else FPS
