"""The loss of moda-lite: flow matching, measured where it is seen.

Besides the plain velocity error it weighs the error in *action* units: the expression part of the error goes
through the read-out of `moda.motion.actions`, so that a wrong jaw costs more than a wrong keypoint axis that
nothing reads. Condition dropout as in the paper, but for speech (0.15 for its 0.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from moda.corpus.dataset import MotionBatch
from moda.generator.flow import NETWORK_TIME, between, training_times
from moda.generator.network import MoDA
from moda.generator.noise import LIP_ACTIONS, projection
from moda.motion.actions import ACTIONS, NEUTRAL, read_matrix
from moda.motion.space import EXPRESSION, POSE, STD_FLOOR
from moda.motion.statistics import MEAN, STD

IMPORTANCE = {"jaw_open": 9.0, "lips_press": 4.0, "pucker": 4.0, "stretch": 3.0, "lower_lip_depress": 2.5,
              "upper_lip_raise": 2.5, "smile": 2.0, "frown": 1.5, "blink_left": 2.5, "blink_right": 2.5,
              "brow_raise": 1.5}  # fmt: skip
"""Weight of an action's error; 1 where not named."""
CLOSED = 2.0
"""How much more the lips' errors weigh while they are pressed together: closures are short, and are what is seen."""
POSE_WEIGHTS = (2.0, 1.5, 1.5, 0.1, 3.0, 6.0, 2.0)
"""Weights of scale, translation and rotation: yaw varies little against its published spread, so it counts more."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms, and condition dropout."""

    plain: float = 0.15
    """Squared error of the velocity, every parameter alike."""
    action: float = 1.0
    """The same read as actions."""
    pose: float = 0.4
    change: float = 0.6
    """Error of the change from frame to frame."""
    drop_speech: float = 0.15
    """Probability that a condition is replaced by its null; likewise the three below."""
    drop_emotion: float = 0.0
    """None: what shows no feeling is labelled so, and dropping labels would mix feelings into it."""
    drop_identity: float = 0.1
    drop_previous: float = 0.1


class ActionMetric:
    """The linear maps that turn errors in normalised motion space into weighted action and pose errors."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        read = read_matrix() * (STD[:63].astype(np.float64) + STD_FLOOR)
        read /= np.linalg.norm(read, axis=1, keepdims=True)  # unit noise -> unit error, action by action
        weights = np.sqrt([IMPORTANCE.get(name, 1.0) for name in ACTIONS])
        self.action = torch.tensor((read * weights[:, None]).T, dtype=torch.float32, device=device)
        press = read_matrix()[ACTIONS.index("lips_press")]
        scale = STD[:63].astype(np.float64) + STD_FLOOR
        self._press = torch.tensor(press * scale, dtype=torch.float32, device=device)
        self._unpressed = float(press @ (MEAN[:63].astype(np.float64) - NEUTRAL))
        self.pose = torch.tensor(np.sqrt(POSE_WEIGHTS), dtype=torch.float32, device=device)

    def __call__(self, error: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 70) -> action errors (..., A), pose errors (..., 7)."""
        return error[..., :63] @ self.action, error[..., POSE] * self.pose

    def emphasis(self, motion: Tensor) -> Tensor:
        """Normalised motion (..., 70) -> (..., 1) factor of the action errors there: more where lips are pressed."""
        press = motion[..., :63] @ self._press + self._unpressed
        return (1 + CLOSED * (press / PRESSED).clamp(0, 1)).sqrt()[..., None]


PRESSED = 0.5
TERMS = ("plain", "action", "pose", "change")
"""The parts of the loss, in the order in which `lite_loss` gives them."""


@dataclass(frozen=True)
class Draws:
    """Every random number of the loss of B segments: times (B,) in 0.001..1, noise (B, L, 70), and who goes without
    a condition, (B,) bool each."""

    times: Tensor
    noise: Tensor
    null_emotion: Tensor
    null_previous: Tensor
    null_speech: Tensor
    null_identity: Tensor | None

    @classmethod
    def of(cls, shape: tuple[int, ...], generator: torch.Generator, weights: LossWeights, identity: bool) -> Draws:
        """Draw for motion of this shape (B, L, 70); `identity`: whether the network knows a null identity."""
        count = shape[0]

        def drop(rate: float) -> Tensor:
            return torch.rand(count, generator=generator) < rate

        # Denser near pure noise, where speech alone decides (density 2 s).
        times = training_times(count, generator).sqrt()
        noise = torch.randn(shape, generator=generator)
        emotion, previous, speech = (
            drop(rate) for rate in (weights.drop_emotion, weights.drop_previous, weights.drop_speech)
        )
        return cls(times, noise, emotion, previous, speech, drop(weights.drop_identity) if identity else None)

    def rows(self, part: slice, device: torch.device | str = "cpu") -> Draws:
        """Some of the segments' numbers, on a device."""
        taken = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {name: v if v is None else v[part].to(device) for name, v in taken.items()}
        return Draws(**moved)

    def window(self, frames: slice) -> Draws:
        """Some of the frames' numbers."""
        return replace(self, noise=self.noise[:, frames])


def lite_loss(
    model: MoDA, batch: MotionBatch, metric: ActionMetric, draws: Draws, weights: LossWeights
) -> tuple[Tensor, Tensor]:
    """Loss of one batch (a scalar with gradients), and its `TERMS` (4,) for the log."""
    error = velocity(model, batch, draws) - (draws.noise - batch.motion)
    return weighed(error, batch.motion, metric, draws.times, weights)


def velocity(model: MoDA, batch: MotionBatch, draws: Draws) -> Tensor:
    """What the network answers on the way from a batch's motion to the noise, (B, L, 70) float32."""
    none = torch.zeros(model.config.emotions, device=batch.motion.device)
    none[-1] = 1.0
    emotion = torch.where(draws.null_emotion[:, None], none, batch.emotion)
    previous = torch.where(draws.null_previous[:, None], model.null_motion, batch.previous)
    x = between(batch.motion, draws.noise, draws.times)
    tokens = model.encode_speech(batch.speech, draws.null_speech)
    conditions = model.encode_conditions(tokens, emotion, batch.identity, null_identity=draws.null_identity)
    motion = torch.cat([previous[:, None].expand_as(x), x], -1)
    return model.velocity(motion, NETWORK_TIME * draws.times, conditions).float()


def weighed(
    error: Tensor, data: Tensor, metric: ActionMetric, times: Tensor, weights: LossWeights
) -> tuple[Tensor, Tensor]:
    """Loss of velocities that are off by `error` (B, L, 70) at times (B,) where the motion is `data`, and its terms."""
    action, pose = metric(error)
    action = action * metric.emphasis(data)
    # Change over time of the clean estimate: its error is s times the velocity's.
    change = sum(part.diff(dim=1).square().mean(dim=(1, 2)) for part in (action, pose))
    terms = {
        "plain": error.square().mean(),
        "action": action.square().mean(),
        "pose": pose.square().mean(),
        "change": (times * change).mean(),
    }
    total = sum(getattr(weights, name) * value for name, value in terms.items())
    assert isinstance(total, Tensor)
    return total, torch.stack([terms[name].detach() for name in TERMS])


def lips_of(motion: Tensor) -> Tensor:
    """The part of normalised motion (..., 70) that moves the lips."""
    lips = motion[..., EXPRESSION] @ projection(LIP_ACTIONS).to(motion.device)
    return torch.cat([lips, torch.zeros_like(motion[..., POSE])], dim=-1)


@dataclass(frozen=True)
class Window:
    """The part of a segment that a pupil sees: `frames`, of which the first `known` are not asked for."""

    frames: slice
    known: int = 0


def window_loss(
    model: MoDA,
    teacher: MoDA,
    batch: MotionBatch,
    metric: ActionMetric,
    draws: Draws,
    weights: LossWeights,
    window: Window,
) -> tuple[Tensor, Tensor]:
    """As `lite_loss`, but wanted is what `teacher` answers to the whole segment, from a network that sees a window of
    it alone. The same noise is given to both, so that nothing is left to chance but what the window hides.

    Where frames are known, lips alone are asked for, since these follow from the sound: of blinks, brows and head a
    network that cannot know would learn the mean, and blink less."""
    with torch.no_grad():
        wanted = velocity(teacher, batch, draws)[:, window.frames]
    seen, asked = batch.window(window.frames), slice(window.known, None)
    error = velocity(model, seen, draws.window(window.frames)) - wanted
    if window.known:
        error = lips_of(error)
    return weighed(error[:, asked], seen.motion[:, asked], metric, draws.times, weights)


class Objective(nn.Module):
    """The network with its loss as one module, so that several processes can average the gradients of both."""

    def __init__(
        self, model: MoDA, metric: ActionMetric, weights: LossWeights, bf16: bool, teacher: MoDA | None = None
    ) -> None:
        """teacher: who is followed where a window is given; it learns nothing."""
        super().__init__()
        self.model, self.metric, self.weights, self.bf16 = model, metric, weights, bf16
        self.teacher = teacher

    def forward(self, batch: MotionBatch, draws: Draws, window: Window | None = None) -> tuple[Tensor, Tensor]:
        """Loss and terms of a batch on the network's device (see `lite_loss` and `window_loss`)."""
        with lower_precision(self.bf16, self.model.device.type):
            if window is None or self.teacher is None:
                return lite_loss(self.model, batch, self.metric, draws, self.weights)
            return window_loss(self.model, self.teacher, batch, self.metric, draws, self.weights, window)


@contextmanager
def lower_precision(bf16: bool, device: str = "cpu") -> Iterator[None]:
    """Matrix products in bfloat16. On a CPU attention as plain products besides: with AVX512-BF16 a step takes 0.21 s
    instead of 0.33 s (flash attention's backward pass is slow in bfloat16 there)."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if not bf16:
        yield
        return
    attention = sdpa_kernel(SDPBackend.MATH) if device == "cpu" else nullcontext()
    with torch.autocast(device, torch.bfloat16), attention:
        yield
