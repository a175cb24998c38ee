"""Named facial actions: directions in expression space, with read-out and write-in.

Each action is a displacement of a few of LivePortrait's 21 expression keypoints. The directions follow the
keypoints that LivePortrait's own editing sliders move; their lengths are set so that 1 is the full natural movement.
The read-out is a left inverse of the write-in (read(write(a)) == a), weighted by how much each keypoint axis
varies in real motion; the rows of jaw and lids are fitted to measured lip and eye openness of real clips.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from moda.motion import statistics as st

FloatArray = npt.NDArray[np.float32]

#: Displacement of keypoint axes for the value 1, canonical units. LEFT is the image-left eye.
DIRECTIONS: dict[str, dict[str, float]] = {
    "jaw_open": {"19y": 0.072, "19z": 0.0072, "17y": -0.0072},
    "lips_press": {"20y": 0.004, "19y": -0.006, "20z": 0.004, "17z": 0.004, "6y": 0.002},
    "pucker": {"14y": 0.015, "3y": -0.0075, "7y": -0.0075, "17z": -0.0075},
    "stretch": {"20z": -0.015, "20y": -0.015, "14y": -0.015},
    "upper_lip_raise": {"20y": -0.016, "20z": 0.002, "6y": -0.003},
    "lower_lip_depress": {"19y": 0.020, "19z": -0.006, "17y": 0.005},
    "smile": {
        "20y": -0.010, "14y": -0.020, "17y": 0.0065, "17z": 0.003,
        "13y": -0.00275, "16y": -0.00275, "3y": -0.0035, "7y": -0.0035,
    },
    "frown": {"20y": 0.004, "14y": 0.012, "17y": 0.006, "17z": 0.004, "3y": 0.004, "7y": 0.004},
    "mouth_left": {"19x": -0.030, "20x": -0.020, "17x": -0.006, "14x": -0.004},
    "cheek_raise": {"3y": -0.008, "7y": -0.008, "13y": -0.002, "16y": -0.002},
    "brow_raise": {"1y": 0.015, "2y": -0.015},
    "brow_furrow": {"1x": 0.0113, "2x": -0.0113, "1y": -0.0034, "2y": 0.0034},
    "blink_left": {"11y": 0.012, "13y": -0.0075},
    "blink_right": {"15y": 0.012, "16y": -0.0075},
    "squint": {"13y": -0.004, "16y": -0.004, "13x": 0.002, "16x": -0.002},
    "gaze_x": {"11x": 0.0255, "15x": 0.0255},
    "gaze_y": {"11y": -0.006, "13y": -0.0018, "15y": -0.006, "16y": -0.0018},
}  # fmt: skip

ACTIONS: tuple[str, ...] = tuple(DIRECTIONS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(ACTIONS)}

#: Values a face can take; the others are 0 to 1.
SIGNED = frozenset({"mouth_left", "gaze_x", "gaze_y"})

#: Openness ratio of a relaxed open eye, and what one unit of a blink takes from it.
EYE_OPEN = 0.33
EYE_PER_BLINK = 0.35
#: Inner-lip opening ratio (gap / mouth width) that one unit of jaw_open makes.
LIP_PER_JAW = 0.34
#: Inner-lip gap over the distance of the eye centres (IOD) that one unit of jaw_open makes.
GAP_PER_JAW = 0.30
#: Height in IOD that one unit of brow_raise gives the brow.
BROW_PER_RAISE = 0.055


@lru_cache(maxsize=1)
def write_matrix() -> npt.NDArray[np.float64]:
    """(63, A): column a is the expression displacement of action a at value 1."""
    matrix = np.zeros((63, len(ACTIONS)))
    for column, moves in enumerate(DIRECTIONS.values()):
        for axis, amount in moves.items():
            matrix[3 * int(axis[:-1]) + "xyz".index(axis[-1]), column] = amount
    matrix.setflags(write=False)
    return matrix


@lru_cache(maxsize=1)
def read_matrix() -> npt.NDArray[np.float64]:
    """(A, 63): left inverse of `write_matrix`.

    Rows start as the pseudo-inverse weighted by 1/std^2. The rows of jaw_open and of both blinks are then
    replaced so that lip_opening and eye_openness, linear in the actions, equal their fitted rows exactly; this
    keeps read @ write = I, because the fitted rows c satisfy c @ write = the coefficients that are solved for.
    """
    write = write_matrix()
    weight = 1.0 / (st.STD[:63].astype(np.float64) + 1e-5) ** 2
    weighted = write * weight[:, None]
    read = np.linalg.solve(write.T @ weighted, weighted.T)
    for name, row in (
        ("jaw_open", st.LIP_OPENING_ROW),
        ("blink_left", st.EYE_LEFT_ROW),
        ("blink_right", st.EYE_RIGHT_ROW),
    ):
        share = row @ write
        own = INDEX[name]
        others = np.arange(len(ACTIONS)) != own
        read[own] = (row - share[others] @ read[others]) / share[own]
    read.setflags(write=False)
    return read


def _neutral() -> FloatArray:
    """The published mean expression with lips closed and lids at their relaxed openness."""
    mean = st.MEAN[:63].astype(np.float64)
    values = np.zeros(len(ACTIONS))
    values[INDEX["jaw_open"]] = (st.LIP_OPENING_ROW @ mean + st.LIP_OPENING_BIAS) / LIP_PER_JAW
    for name, row, bias in (
        ("blink_left", st.EYE_LEFT_ROW, st.EYE_BIAS[0]),
        ("blink_right", st.EYE_RIGHT_ROW, st.EYE_BIAS[1]),
    ):
        values[INDEX[name]] = (EYE_OPEN - (row @ mean + bias)) / EYE_PER_BLINK
    return (mean - write_matrix() @ values).astype(np.float32)


#: (63,) expression that means relaxed, lips closed, eyes open, of the average person.
NEUTRAL: FloatArray = _neutral()


def read_actions(expression: npt.ArrayLike, neutral: npt.ArrayLike | None = None) -> FloatArray:
    """Expression (T, 63) or (T, 21, 3) -> action values (T, A) relative to `neutral` (63,)."""
    base = NEUTRAL if neutral is None else neutral
    offsets = np.asarray(expression, dtype=np.float64).reshape(-1, 63) - np.asarray(base, dtype=np.float64)
    return (offsets @ read_matrix().T).astype(np.float32)


def write_actions(values: npt.ArrayLike, neutral: npt.ArrayLike | None = None) -> FloatArray:
    """Action values (T, A) -> expression (T, 63) around `neutral` (63,)."""
    base = NEUTRAL if neutral is None else neutral
    frames = np.asarray(values, dtype=np.float64).reshape(-1, len(ACTIONS))
    return (frames @ write_matrix().T + np.asarray(base, dtype=np.float64)).astype(np.float32)


def change_actions(expression: npt.ArrayLike, changes: npt.ArrayLike) -> FloatArray:
    """Adds action values (T, A) to an expression (T, 63) and leaves everything else in it as it was."""
    offsets = np.asarray(changes, dtype=np.float64) @ write_matrix().T
    return (np.asarray(expression, dtype=np.float64).reshape(-1, 63) + offsets).astype(np.float32)


def lip_opening(actions: npt.ArrayLike) -> FloatArray:
    """Action values (T, A) -> inner-lip opening ratio (T,): gap over mouth width, 0 closed, 0.34 a wide "ah"."""
    share = st.LIP_OPENING_ROW @ write_matrix()
    return (np.asarray(actions, dtype=np.float64) @ share).astype(np.float32)


def eye_openness(actions: npt.ArrayLike) -> FloatArray:
    """Action values (T, A) -> openness ratio (T, 2) of the image-left and image-right eye; 0 closed, 0.33 relaxed."""
    share = np.stack([st.EYE_LEFT_ROW, st.EYE_RIGHT_ROW]) @ write_matrix()
    return (EYE_OPEN + np.asarray(actions, dtype=np.float64) @ share.T).astype(np.float32)
