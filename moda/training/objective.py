"""The loss of moda-lite: flow matching, measured where it is seen.

Besides the plain velocity error it weighs the error in *action* units: the expression part of the error goes
through the read-out of `moda.motion.actions`, so that a wrong jaw costs more than a wrong keypoint axis that
nothing reads. Condition dropout as in the paper (speech 0.2, the others 0.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moda.generator.flow import NETWORK_TIME, between, training_times
from moda.generator.network import MoDA
from moda.generator.objective import MotionBatch
from moda.motion.actions import ACTIONS, read_matrix
from moda.motion.space import POSE, STD_FLOOR
from moda.motion.statistics import STD

IMPORTANCE = {"jaw_open": 9.0, "lips_press": 5.0, "pucker": 4.0, "stretch": 2.0, "lower_lip_depress": 1.5,
              "upper_lip_raise": 1.5, "smile": 1.5, "blink_left": 2.5, "blink_right": 2.5,
              "brow_raise": 1.5}  # fmt: skip
"""Weight of an action's error; 1 where not named."""
POSE_WEIGHTS = (2.0, 1.5, 1.5, 0.1, 3.0, 6.0, 2.0)
"""Weights of scale, translation and rotation: yaw varies little against its published spread, so it counts more."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms, and condition dropout."""

    plain: float = 0.15
    action: float = 1.0
    pose: float = 0.4
    change: float = 0.6
    drop_speech: float = 0.15
    drop_emotion: float = 0.1
    drop_identity: float = 0.1
    drop_previous: float = 0.1


class ActionMetric:
    """The linear maps that turn errors in normalised motion space into weighted action and pose errors."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        read = read_matrix() * (STD[:63].astype(np.float64) + STD_FLOOR)
        read /= np.linalg.norm(read, axis=1, keepdims=True)  # unit noise -> unit error, action by action
        weights = np.sqrt([IMPORTANCE.get(name, 1.0) for name in ACTIONS])
        self.action = torch.tensor((read * weights[:, None]).T, dtype=torch.float32, device=device)
        self.pose = torch.tensor(np.sqrt(POSE_WEIGHTS), dtype=torch.float32, device=device)

    def __call__(self, error: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 70) -> action errors (..., A), pose errors (..., 7)."""
        return error[..., :63] @ self.action, error[..., POSE] * self.pose


def lite_loss(
    model: MoDA, batch: MotionBatch, metric: ActionMetric, generator: torch.Generator, weights: LossWeights
) -> tuple[Tensor, dict[str, float]]:
    """Loss of one batch, and its terms for the log. All randomness comes from `generator`."""
    data = batch.motion
    count = len(data)

    def drop(rate: float) -> Tensor:
        return torch.rand(count, generator=generator) < rate

    # Denser near pure noise, where speech alone decides (density 2 s).
    s = training_times(count, generator, data.device, "uniform").sqrt()
    noise = torch.randn(data.shape, generator=generator)
    none = torch.zeros(model.config.emotions)
    none[-1] = 1.0
    emotion = torch.where(drop(weights.drop_emotion)[:, None], none, batch.emotion)
    previous = torch.where(drop(weights.drop_previous)[:, None], model.null_motion, batch.previous)
    x = between(data, noise, s)
    tokens = model.encode_speech(batch.speech, drop(weights.drop_speech))
    null_identity = drop(weights.drop_identity) if model.null_identity is not None else None
    conditions = model.encode_conditions(tokens, emotion, batch.identity, null_identity=null_identity)
    v = model.velocity(torch.cat([previous[:, None].expand_as(x), x], -1), NETWORK_TIME * s, conditions).float()
    error = v - (noise - data)
    action, pose = metric(error)
    # Change over time of the clean estimate: its error is s times the velocity's.
    change = sum(part.diff(dim=1).square().mean(dim=(1, 2)) for part in (action, pose))
    terms = {
        "plain": error.square().mean(),
        "action": action.square().mean(),
        "pose": pose.square().mean(),
        "change": (s * change).mean(),
    }
    total = sum(getattr(weights, name) * value for name, value in terms.items())
    assert isinstance(total, Tensor)
    return total, {name: float(value.detach()) for name, value in terms.items()}
