"""What a motion model is: a network, its own way of hearing speech, and its own way of reading a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from moda.generator.noise_scale import NoiseScale
from moda.motion.actions import GAP_PER_JAW, INDEX, change_actions

if TYPE_CHECKING:
    from moda.generator.network import MoDA
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Start:
    """What a generator is told about a portrait, and how its motion is placed on it.

    identity   (63,) condition; first (70,) normalised frame before the clip.
    reference  (70,) physical vector that shows the portrait as it is; neutral (63,) its relaxed expression.
    ratio      scale and translation of the generator are multiplied by it.
    """

    identity: FloatArray
    first: FloatArray
    reference: FloatArray
    neutral: FloatArray
    ratio: float = 1.0


@dataclass(frozen=True)
class Pace:
    """How a model's path is walked where the settings leave steps, solver and schedule as they are.

    steps of ab2 on the full schedule with this `warp`; guidance computed at step `first` and every `refresh`-th after.
    """

    steps: int
    warp: float = 1.0
    refresh: int = 2
    first: int = 0


class MotionModel(Protocol):
    """A named generator with its own way of hearing speech and reading a portrait."""

    name: str
    network: MoDA
    silence: int  # frames of silence that its features carry behind the speech
    noise: NoiseScale
    joint_guidance: float | None  # instead of the settings' scales where those are untouched
    pace: Pace
    threads: int  # CPU threads that sampling uses

    def features(self, speech: Speech, preset: str) -> Any: ...

    def start(self, portrait: Portrait) -> Start: ...


def with_gap(expression: FloatArray, gap: float) -> FloatArray:
    """Expression (63,) with the jaw opened by a lip gap in eye distances (closed, where negative)."""
    opening = np.zeros((1, len(INDEX)), dtype=np.float32)
    opening[0, INDEX["jaw_open"]] = gap / GAP_PER_JAW
    return change_actions(expression[None], opening)[0]
