"""The training loss of the motion generator, with the condition dropout that guidance needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from moda.generator.flow import NETWORK_TIME, between, clean_estimate, training_times
from moda.generator.network import MoDA


@dataclass
class MotionBatch:
    """Training segments; all tensors on the network's device, motion in normalised space."""

    motion: Tensor  # (B, L, 70)
    previous: Tensor  # (B, 70): the frame before the segment
    speech: Tensor  # (B, L, *speech_shape)
    emotion: Tensor  # (B, 9) or (B, L, 9)
    identity: Tensor  # (B, 63)


@dataclass(frozen=True)
class LossOptions:
    """Weights of the terms and rates of the condition dropout."""

    velocity: float = 0.5  # first difference of the clean estimate: the paper's velocity term
    temporal: float = 0.25  # second difference: no jitter that the data has not
    drop_speech: float = 0.2
    drop_emotion: float = 0.1
    drop_identity: float = 0.1
    drop_previous: float = 0.1
    times: str = "uniform"


@dataclass
class LossParts:
    """The loss and its terms (scalars that still carry gradients)."""

    total: Tensor
    flow: Tensor
    velocity: Tensor
    temporal: Tensor


def flow_matching_loss(
    model: MoDA,
    batch: MotionBatch,
    generator: torch.Generator,
    options: LossOptions | None = None,
    dimension_weights: Tensor | None = None,
) -> LossParts:
    """One evaluation of the loss on one batch.

    flow = mean w |v - (noise - data)|^2; velocity and temporal compare first and second differences over time of
    the clean estimate x_s - s v with those of the data. `dimension_weights` (70,) weighs the dimensions (mean 1
    keeps the scale). Every random number comes from `generator` (CPU, or on the network's device).
    """
    options = options or LossOptions()
    data = batch.motion
    count, device = data.shape[0], data.device
    where = generator.device

    def drop(rate: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=where) < rate).to(device)

    s = training_times(count, generator, device, options.times)
    noise = torch.randn(data.shape, generator=generator, device=where).to(device)
    null_speech, null_emotion = drop(options.drop_speech), drop(options.drop_emotion)
    null_identity, null_previous = drop(options.drop_identity), drop(options.drop_previous)

    none = torch.zeros(model.config.emotions, device=device, dtype=batch.emotion.dtype)
    none[-1] = 1.0
    emotion = torch.where(null_emotion.view(-1, *[1] * (batch.emotion.dim() - 1)), none, batch.emotion)
    previous = torch.where(null_previous[:, None], model.null_motion, batch.previous)
    x = between(data, noise, s)
    motion = torch.cat([previous[:, None].expand_as(x), x], dim=-1)
    conditions = model.encode_conditions(
        model.encode_speech(batch.speech, null_speech),
        emotion,
        batch.identity,
        null_identity=null_identity if model.null_identity is not None else None,
    )
    v = model.velocity(motion, NETWORK_TIME * s, conditions).float()

    weights = torch.ones(data.shape[-1], device=device) if dimension_weights is None else dimension_weights
    flow = ((v - (noise - data)).square() * weights).mean()
    error = clean_estimate(x, v, s) - data
    first = error.diff(dim=1)
    velocity = (first.square() * weights).mean()
    temporal = (first.diff(dim=1).square() * weights).mean()
    total = flow + options.velocity * velocity + options.temporal * temporal
    return LossParts(total, flow, velocity, temporal)
