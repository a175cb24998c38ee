"""The training loss: its value by hand, its dropout, its randomness, and that it teaches."""

from __future__ import annotations

import pytest
import torch

from moda.generator.network import MoDA, MoDAConfig
from moda.generator.objective import LossOptions, MotionBatch, flow_matching_loss
from moda.generator.sampler import SamplingOptions, sample_clip

CONFIG = MoDAConfig(
    width=32, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(4,),
    condition_tokens="single", has_null_identity=True,
)  # fmt: skip
NO_DROP = LossOptions(drop_speech=0, drop_emotion=0, drop_identity=0, drop_previous=0)


def fresh() -> MoDA:
    return MoDA.from_config(CONFIG, torch.Generator().manual_seed(1))


def batch(count: int = 8, frames: int = 24) -> MotionBatch:
    """Motion whose first dimension is the speech's first feature, smooth in time."""
    g = torch.Generator().manual_seed(4)
    phase = 6.28 * torch.rand(count, 1, 1, generator=g)
    speech = torch.sin(phase + 0.4 * torch.arange(frames)[None, :, None] * torch.arange(1, 5))
    motion = torch.zeros(count, frames, 70)
    motion[..., 0] = speech[..., 0]
    emotion = torch.eye(9)[torch.arange(count) % 8]
    return MotionBatch(motion, torch.zeros(count, 70), speech, emotion, torch.zeros(count, 63))


def test_value_of_a_network_that_says_zero() -> None:
    """A fresh network answers v = 0: flow is mean (noise - data)^2, the differences those of s times it."""
    data = batch()
    parts = flow_matching_loss(fresh(), data, torch.Generator().manual_seed(9), NO_DROP)
    g = torch.Generator().manual_seed(9)
    offsets = torch.rand(8, generator=g)
    s = ((torch.randperm(8, generator=g) + offsets) / 8).clamp(0.001, 1.0)
    target = torch.randn(data.motion.shape, generator=g) - data.motion
    error = s[:, None, None] * target
    assert torch.isclose(parts.flow, target.square().mean(), rtol=1e-5)
    assert torch.isclose(parts.velocity, error.diff(dim=1).square().mean(), rtol=1e-5)
    assert torch.isclose(parts.temporal, error.diff(dim=1).diff(dim=1).square().mean(), rtol=1e-5)
    assert torch.isclose(parts.total, parts.flow + 0.5 * parts.velocity + 0.25 * parts.temporal)


def test_dimension_weights_count() -> None:
    weights = torch.zeros(70)
    weights[3] = 70.0
    one = flow_matching_loss(fresh(), batch(), torch.Generator().manual_seed(9), NO_DROP, weights)
    data = batch()
    data.motion[..., :3] += 5.0  # not looked at
    two = flow_matching_loss(fresh(), data, torch.Generator().manual_seed(9), NO_DROP, weights)
    assert torch.isclose(one.flow, two.flow)


def test_randomness_is_the_generator_s_alone() -> None:
    values = [flow_matching_loss(fresh(), batch(), torch.Generator().manual_seed(k)).total.item() for k in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("name", ["speech", "emotion", "identity", "previous"])
def test_dropping_everything_hides_the_modality(name: str) -> None:
    """With rate 1 the loss no longer depends on the modality, and the learned null gets the gradient."""
    model = fresh()
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1
    rates = {f"drop_{other}": float(other == name) for other in ("speech", "emotion", "identity", "previous")}

    def loss(shift: float) -> torch.Tensor:
        data = batch()
        if name == "emotion":
            data.emotion = data.emotion.roll(int(shift), dims=1)
        else:
            setattr(data, name, getattr(data, name) + shift)
        return flow_matching_loss(model, data, torch.Generator().manual_seed(3), LossOptions(**rates)).total

    assert torch.equal(loss(0.0), loss(1.0))
    loss(0.0).backward()
    learned = {
        "speech": model.null_speech, "identity": model.null_identity, "previous": model.null_motion,
        "emotion": model.emotion_embedder.table,
    }[name]  # fmt: skip
    assert learned is not None and learned.grad is not None and learned.grad[-1].abs().sum() > 0


@pytest.mark.slow
def test_it_teaches_a_small_network_to_follow_speech() -> None:
    """After a short training the sampled motion follows speech it has not seen."""
    model, data = fresh().train(), batch(16)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3)
    weights = torch.ones(70)
    weights[0] = 30.0
    for _ in range(200):
        optimiser.zero_grad(set_to_none=True)
        flow_matching_loss(model, data, generator, dimension_weights=weights).total.backward()
        optimiser.step()
    speech = torch.sin(2.0 + 0.4 * torch.arange(24)[:, None] * torch.arange(1, 5))
    out = sample_clip(model.eval(), speech, data.emotion[0], torch.zeros(63), torch.zeros(70), SamplingOptions(), [3])
    correlation = torch.corrcoef(torch.stack([out[0, :, 0], speech[:, 0]]))[0, 1]
    assert correlation > 0.8
