"""Listening that loops without a seam: a swaying head, blinks, glances; nothing of it needs a network.

Time goes in a circle: every frequency makes whole turns in the loop, blinks and glances wrap round its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting
from moda.live.presence import BLINK_EVERY, GAZE, GLANCE, GLANCE_EVERY, GLANCE_SECONDS, LIDS
from moda.motion.actions import INDEX, change_actions
from moda.motion.space import DIM, FPS, POSE, ROTATION, TRANSLATION, Motion
from moda.motion.trims import blink_shape
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.models.motion_model import Start

FloatArray = npt.NDArray[np.float32]

SPREAD = (1.1, 1.7, 0.9)
"""Standard deviation of pitch, yaw, roll while listening, degrees: about half of a talker's."""
LOWEST, HIGHEST = 0.05, 0.6
"""Hz: how slowly and how quickly a listener's head sways."""
SHORTEST, LONGEST = 2.0, 120.0


def idle_loop(start: Start, seconds: float, settings: Settings) -> Motion:
    """A loop (T, 70) of so many seconds, by the seed: frame T would be frame 0. Raises BadSetting."""
    if not SHORTEST <= seconds <= LONGEST:
        raise BadSetting(f"An idle loop lasts {SHORTEST:g} to {LONGEST:g} seconds, not {seconds:g}.")
    frames = round(seconds * FPS)
    rng = np.random.default_rng([settings.seed, 41])
    motion = np.tile(np.asarray(start.reference, dtype=np.float64), (frames, 1))
    motion[:, ROTATION] += swaying(frames, rng)
    turned = np.radians(motion[:, ROTATION] - start.reference[ROTATION])
    motion[:, TRANSLATION.start] -= 0.30 * np.sin(turned[:, 1])  # a head turns about its neck
    motion[:, TRANSLATION.start + 1] += 0.40 * np.sin(turned[:, 0])
    changes = np.zeros((frames, len(INDEX)))
    changes[:, LIDS] = around(frames, BLINK_EVERY, rng, blink_shape(FPS))[:, None]
    for axis, size in zip(GAZE, (1.0, 0.5)):
        changes[:, axis] = size * glances(frames, rng)
    changes[:, INDEX["smile"]] = 0.05 * slow(frames, rng, 3)
    changes[:, INDEX["brow_raise"]] = 0.05 * slow(frames, rng, 3)
    motion[:, :63] = change_actions(motion[:, :63], changes)
    array = motion.astype(np.float32)
    assert array.shape == (frames, DIM) and np.isfinite(array[:, POSE]).all()
    return Motion(array, FPS, "idle", reference=start.reference, neutral=start.neutral)


def slow(frames: int, rng: np.random.Generator, parts: int) -> npt.NDArray[np.float64]:
    """(frames,) of unit variance, periodic: the lowest whole turns of the loop within the band of listening."""
    seconds = frames / FPS
    turns = np.unique(np.maximum(1, np.round(np.geomspace(LOWEST, HIGHEST, parts) * seconds)))
    weight = turns**-1.2
    angle = 2 * np.pi * np.outer(np.arange(frames) / frames, turns) + rng.uniform(0, 2 * np.pi, len(turns))
    made = (weight * np.sin(angle)).sum(axis=1)
    return np.asarray(made / np.sqrt((weight**2).sum() / 2))


def swaying(frames: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(frames, 3) pitch, yaw, roll about the portrait's own, degrees."""
    return np.stack([spread * slow(frames, rng, 7) for spread in SPREAD], axis=1)


def around(
    frames: int, every: tuple[float, float], rng: np.random.Generator, shape: FloatArray
) -> npt.NDArray[np.float64]:
    """(frames,) with `shape` laid down again and again, wrapping round the end."""
    made = np.zeros(frames)
    at = rng.uniform(0.3, every[0])
    while at * FPS < frames - FPS * 0.5 * every[0]:
        index = (round(at * FPS) + np.arange(len(shape))) % frames
        made[index] = np.maximum(made[index], shape)
        at += rng.uniform(*every)
    return made


def glances(frames: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(frames,) gaze: aside for a moment, then back to who is talking; eyes go in one frame and a half."""
    made = np.zeros(frames)
    at = rng.uniform(0.5, GLANCE_EVERY[0])
    while (at + GLANCE_SECONDS[1]) * FPS < frames:
        length = rng.uniform(*GLANCE_SECONDS)
        first, last = round(at * FPS), round((at + length) * FPS)
        side = rng.choice((-1, 1)) * GLANCE * rng.uniform(0.5, 1.5)
        made[first:last] = side
        made[[first, last - 1]] = 0.6 * side
        at += length + rng.uniform(*GLANCE_EVERY)
    return made
