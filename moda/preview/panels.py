"""What the preview draws: which trajectories, in which panel, in which colour, and which are shown at first."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from moda.motion.actions import ACTIONS, read_actions
from moda.motion.space import PITCH, ROLL, SCALE, YAW, Motion

FloatArray = npt.NDArray[np.float32]


class Line(NamedTuple):
    """One trajectory: key in `trajectories`, what it is called, unit, colour, and whether it is shown at first."""

    key: str
    label: str
    unit: str = ""
    colour: str = "#3d8bfd"
    shown: bool = True


class Panel(NamedTuple):
    """Trajectories that share an axis; `low` and `high` are always in view, so that panels compare."""

    title: str
    lines: tuple[Line, ...]
    low: float
    high: float


# Middle lightness: every colour is told from a white and from a black ground, and from its neighbours in a panel.
BLUE, ORANGE, GREEN, PINK = "#3d8bfd", "#e8772e", "#1f9e68", "#d4559a"
PURPLE, GOLD, CYAN, RED, GREY = "#8b6cf0", "#b8860b", "#0f9bb0", "#e0484b", "#7d8590"

HEAD = (
    Line("pitch", "pitch, + down", "°", BLUE),
    Line("yaw", "yaw, + image left", "°", ORANGE),
    Line("roll", "roll, + clockwise", "°", GREEN),
    Line("head_size", "head size", " %", PURPLE, shown=False),
    Line("shift_x", "shift right", " %", PINK, shown=False),
    Line("shift_y", "shift down", " %", GREY, shown=False),
)
MOUTH = (
    Line("jaw_open", "jaw open", colour=BLUE),
    Line("pucker", "pucker", colour=PINK),
    Line("stretch", "stretch", colour=ORANGE),
    Line("lips_press", "lips press", colour=GREEN),
    Line("smile", "smile", colour=PURPLE),
    Line("frown", "frown", colour=RED, shown=False),
    Line("upper_lip_raise", "upper lip raise", colour=CYAN, shown=False),
    Line("lower_lip_depress", "lower lip depress", colour=GOLD, shown=False),
    Line("mouth_left", "mouth left", colour=GREY, shown=False),
)
EYES = (
    Line("blink_left", "blink, image left", colour=BLUE),
    Line("blink_right", "blink, image right", colour=ORANGE),
    Line("gaze_x", "gaze right", colour=GREEN),
    Line("gaze_y", "gaze up", colour=PINK),
    Line("squint", "squint", colour=PURPLE, shown=False),
)
BROWS = (
    Line("brow_raise", "brow raise", colour=BLUE),
    Line("brow_furrow", "brow furrow", colour=ORANGE),
    Line("cheek_raise", "cheek raise", colour=GREEN, shown=False),
)
PANELS = (
    Panel("Head", HEAD, -6.0, 6.0),
    Panel("Mouth", MOUTH, -0.1, 1.0),
    Panel("Eyes", EYES, -0.5, 1.0),
    Panel("Brows", BROWS, -0.3, 0.6),
)

COLUMNS: tuple[str, ...] = (
    *ACTIONS, "scale", "translation_x", "translation_y", "translation_z", "pitch", "yaw", "roll"
)  # fmt: skip
"""Columns of the csv after frame and time: every action, then pose in the joint parameter space's own units."""


def trajectories(motion: Motion) -> dict[str, FloatArray]:
    """Every trajectory of a motion, (T,) each, by key.

    Actions by their names; pitch, yaw, roll in degrees; head_size and shift_x, shift_y as percentages of the head's
    size, relative to the portrait.
    """
    assert motion.reference is not None
    values = read_actions(motion.expression, motion.neutral)
    found = {name: values[:, column] for column, name in enumerate(ACTIONS)}
    found["pitch"], found["yaw"], found["roll"] = (motion.array[:, axis] for axis in (PITCH, YAW, ROLL))
    size = max(float(abs(motion.reference[SCALE])), 1e-3)
    found["head_size"] = 100 * (motion.scale / np.float32(size) - 1)
    shift = 100 * (motion.translation - motion.reference[64:67]) / np.float32(size)
    found["shift_x"], found["shift_y"] = shift[:, 0], shift[:, 1]
    return found


def thinned(times: npt.ArrayLike, values: npt.ArrayLike, most: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """A curve (T,) with at most about `most` points that keeps every peak: least and largest of each stretch.

    A blink lasts six frames and must stay in sight in a plot of ten minutes.
    """
    t, v = np.asarray(times), np.asarray(values)
    if len(v) <= most:
        return t, v
    edges = np.linspace(0, len(v), most // 2 + 1).astype(int)
    keep = np.empty(2 * (len(edges) - 1), int)
    for k, (first, last) in enumerate(pairwise(edges)):
        low, high = first + int(np.argmin(v[first:last])), first + int(np.argmax(v[first:last]))
        keep[2 * k], keep[2 * k + 1] = min(low, high), max(low, high)
    return t[keep], v[keep]


def envelope(waveform: npt.ArrayLike, rate: float, most: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(times, lowest, highest) of a waveform (N,) in at most `most` stretches, for drawing."""
    wave = np.asarray(waveform)
    if len(wave) == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    edges = np.unique(np.linspace(0, len(wave), min(most, len(wave)) + 1).astype(int))[:-1]
    return edges / rate, np.minimum.reduceat(wave, edges), np.maximum.reduceat(wave, edges)
