"""How feelings and persons colour motion: eight emotions as FACS-like styles, and habits read from identity.

An emotion is a set of action offsets (its action units), the size of articulation and of head motion, a head
attitude, and blinking; a mixture is the weighted sum, so half an emotion is half the face. Habits are a fixed
function of the identity descriptor, so that identity has something to guide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moda.motion.actions import ACTIONS, INDEX
from moda.motion.emotions import CLASSES

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Style:
    """actions: offsets held while the feeling lasts; clarity: articulation times this; motion: head motion times
    this; pitch, roll: attitude in degrees (+pitch looks down, +roll clockwise); blinks: rate times this;
    pace: how fast the head moves; brows: how much prosody moves them."""

    actions: dict[str, float]
    clarity: float = 1.0
    motion: float = 1.0
    pitch: float = 0.0
    roll: float = 0.0
    blinks: float = 1.0
    pace: float = 1.0
    brows: float = 1.0


STYLES: dict[str, Style] = {
    "anger": Style(
        {"brow_furrow": 0.95, "squint": 0.45, "upper_lip_raise": 0.08, "frown": 0.30, "lips_press": 0.12,
         "stretch": 0.15, "lower_lip_depress": 0.08}, 1.15, 1.15, 3.0, 0.0, 0.6, 1.4, 0.6),
    "contempt": Style(
        {"mouth_left": 0.75, "smile": 0.25, "squint": 0.25, "upper_lip_raise": 0.06, "brow_raise": 0.12}, 0.85, 0.8,
        -5.0, 5.0, 0.9, 0.8, 0.8),
    "disgust": Style(
        {"upper_lip_raise": 0.36, "cheek_raise": 0.55, "squint": 0.55, "brow_furrow": 0.40, "frown": 0.35,
         "lower_lip_depress": 0.07}, 0.9, 0.9, -2.0, -4.0, 1.2, 1.0, 0.5),
    "fear": Style(
        {"brow_raise": 0.75, "brow_furrow": 0.55, "blink_left": -0.16, "blink_right": -0.16, "stretch": 0.42,
         "frown": 0.10}, 0.95, 0.8, -2.5, 0.0, 1.5, 1.7, 0.6),
    "happiness": Style(
        {"smile": 0.75, "cheek_raise": 0.60, "squint": 0.30, "brow_raise": 0.12}, 1.10, 1.25, -1.0, 1.5, 1.1, 1.15,
        1.3),
    "neutral": Style({}, 1.0, 0.65, 0.0, 0.0, 1.0, 0.9, 0.5),
    "sadness": Style(
        {"brow_furrow": 0.50, "brow_raise": 0.38, "frown": 0.70, "blink_left": 0.14, "blink_right": 0.14,
         "gaze_y": -0.25}, 0.75, 0.6, 6.0, -1.5, 0.8, 0.6, 0.5),
    "surprise": Style(
        {"brow_raise": 1.05, "blink_left": -0.22, "blink_right": -0.22, "jaw_open": 0.10}, 1.15, 1.0, -3.0, 0.0, 0.7,
        1.3, 1.2),
    "none": Style({"smile": 0.07, "brow_raise": 0.03}, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Colour:
    """A mixture worked out: offsets (A,) in the order of ACTIONS and the other figures of `Style`."""

    offsets: FloatArray
    clarity: float
    motion: float
    pitch: float
    roll: float
    blinks: float
    pace: float
    brows: float


def colour(mixture: npt.ArrayLike) -> Colour:
    """Mixture (9,) of weights (sum 1) over CLASSES -> the weighted mean of their styles."""
    weights = np.asarray(mixture, dtype=np.float64)
    offsets = np.zeros(len(ACTIONS))
    for weight, name in zip(weights, CLASSES):
        for action, value in STYLES[name].actions.items():
            offsets[INDEX[action]] += weight * value
    figures = {
        field: float(sum(w * getattr(STYLES[n], field) for w, n in zip(weights, CLASSES)))
        for field in ("clarity", "motion", "pitch", "roll", "blinks", "pace", "brows")
    }
    return Colour(offsets.astype(np.float32), **figures)


def random_mixture(rng: np.random.Generator) -> FloatArray:
    """What a corpus segment feels: often nothing, one emotion, a weak one, or two."""
    mixture = np.zeros(len(CLASSES), dtype=np.float32)
    kind = rng.random()
    first, second = rng.choice(8, 2, replace=False)
    if kind < 0.22:
        mixture[8] = 1
    elif kind < 0.66:
        mixture[first] = 1
    elif kind < 0.84:
        strength = rng.uniform(0.2, 0.9)
        mixture[first] = strength
        mixture[8 if rng.random() < 0.7 else 5] += 1 - strength
    else:
        share = rng.uniform(0.2, 0.8)
        mixture[first], mixture[second] = share, 1 - share
    return mixture


# The average identity descriptor (21 points x 3), measured on public-domain portraits, and how far persons vary.
IDENTITY_MEAN = np.array(
    [
        0, -0.251, -0.067, -0.071, -0.249, -0.06, 0.071, -0.249, -0.06, -0.26, -0.02, 0.168, 0.26, -0.02, 0.168,
        -0.256, 0.035, 0.181, 0.256, 0.035, 0.181, -0.165, -0.05, -0.014, -0.064, -0.042, -0.035, 0.064, -0.042,
        -0.035, 0.165, -0.05, -0.014, 0, -0.07, -0.093, 0, -0.041, -0.111, 0, 0.064, -0.185, -0.062, 0.108, -0.093,
        0.062, 0.108, -0.093, -0.177, 0.07, -0.041, 0.177, 0.07, -0.041, -0.241, 0.145, 0.168, 0.241, 0.145, 0.168,
        0, 0.303, -0.09,
    ],
    dtype=np.float32,
)  # fmt: skip
IDENTITY_SPREAD = 0.006
"""Standard deviation of a descriptor's numbers between persons."""
_MIRROR = np.array([0, 2, 1, 4, 3, 6, 5, 10, 9, 8, 7, 11, 12, 13, 15, 14, 17, 16, 19, 18, 20])


@dataclass(frozen=True)
class Habits:
    """A person's way: clarity of articulation, head motion, blink rate (per minute), resting smile, brows."""

    clarity: float
    motion: float
    blinks: float
    smile: float
    brows: float


def random_identity(rng: np.random.Generator) -> FloatArray:
    """A plausible descriptor (63,): the mean plus symmetric, smooth variation."""
    change = rng.standard_normal((21, 3)) * IDENTITY_SPREAD * rng.uniform(0.6, 1.6)
    change[:, 2] += rng.standard_normal() * 0.004
    mirrored = change[_MIRROR] * np.array([-1, 1, 1])
    symmetric = (change + mirrored) / np.sqrt(2)
    return (IDENTITY_MEAN + symmetric.reshape(63)).astype(np.float32)


def habits(identity: npt.ArrayLike) -> Habits:
    """Identity descriptor (63,) -> habits, by a fixed projection: z = tanh(P (identity - mean) / spread), where
    the five rows of P are unit vectors drawn once from seed 63 (made up on purpose: nobody's true habits)."""
    rows = np.random.default_rng(63).standard_normal((5, 63))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    offset = (np.asarray(identity, dtype=np.float64) - IDENTITY_MEAN) / IDENTITY_SPREAD
    z = np.tanh(0.9 * rows @ offset)
    return Habits(
        clarity=float(1.0 + 0.22 * z[0]),
        motion=float(np.exp(0.40 * z[1])),
        blinks=float(18.0 * np.exp(0.45 * z[2])),
        smile=float(0.10 * z[3]),
        brows=float(1.0 + 0.5 * z[4]),
    )
