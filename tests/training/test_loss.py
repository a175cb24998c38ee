"""The training loss: its value by hand, its dropout, its randomness, and that it teaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from moda.corpus.dataset import MotionBatch
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.noise import LIP_ACTIONS, projection
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from moda.training.loss import (
    TERMS,
    ActionMetric,
    Draws,
    LossWeights,
    Window,
    lips_of,
    lite_loss,
    velocity,
    window_loss,
)

CONFIG = MoDAConfig(
    width=32, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(4,),
    condition_tokens="single", has_null_identity=True,
)  # fmt: skip
NO_DROP = LossWeights(drop_speech=0, drop_emotion=0, drop_identity=0, drop_previous=0)
METRIC = ActionMetric()
JAW = 5.0 * METRIC.action[:, 0] / METRIC.action[:, 0].norm()


def fresh() -> MoDA:
    return MoDA.from_config(CONFIG, torch.Generator().manual_seed(1))


def batch(count: int = 8, frames: int = 24) -> MotionBatch:
    """Motion whose jaw is the speech's first feature, smooth in time."""
    g = torch.Generator().manual_seed(4)
    phase = 6.28 * torch.rand(count, 1, 1, generator=g)
    speech = torch.sin(phase + 0.4 * torch.arange(frames)[None, :, None] * torch.arange(1, 5))
    motion = torch.zeros(count, frames, 70)
    motion[..., :63] = speech[..., :1] * JAW
    emotion = torch.eye(9)[torch.arange(count) % 8]
    return MotionBatch(motion, torch.zeros(count, 70), speech, emotion, torch.zeros(count, 63))


def draws(data: MotionBatch, seed: int, weights: LossWeights = NO_DROP) -> Draws:
    return Draws.of(tuple(data.motion.shape), torch.Generator().manual_seed(seed), weights, identity=True)


def test_value_of_a_network_that_says_zero() -> None:
    """A fresh network answers v = 0, so that its error is data - noise, and that of the clean estimate s times it."""
    data = batch()
    drawn = draws(data, 9)
    total, terms = lite_loss(fresh(), data, METRIC, drawn, NO_DROP)
    error = data.motion - drawn.noise
    action, pose = METRIC(error)
    action = action * METRIC.emphasis(data.motion)
    clean = torch.cat([action, pose], dim=-1)
    change = clean.diff(dim=1).square()
    parts = change[..., : action.shape[-1]].mean(dim=(1, 2)) + change[..., action.shape[-1] :].mean(dim=(1, 2))
    wanted = [error.square().mean(), action.square().mean(), pose.square().mean(), (drawn.times * parts).mean()]
    assert torch.allclose(terms, torch.stack(wanted), rtol=1e-5)
    assert torch.isclose(total, sum(getattr(NO_DROP, n) * v for n, v in zip(TERMS, wanted)), rtol=1e-5)


def test_lips_that_are_pressed_count_more() -> None:
    from moda.motion.actions import INDEX, write_actions
    from moda.motion.space import neutral_reference, normalise
    from moda.training.loss import CLOSED

    motion = np.repeat(neutral_reference()[None], 3, 0)
    values = np.zeros((3, len(INDEX)), np.float32)
    values[1:, INDEX["lips_press"]] = 0.55, -0.3
    values[:, INDEX["jaw_open"]] = 0.4
    motion[:, :63] = write_actions(values)
    factor = METRIC.emphasis(torch.from_numpy(normalise(motion)))[:, 0].square()
    assert factor.tolist() == pytest.approx([1.0, 1.0 + CLOSED, 1.0], abs=0.02)


def test_weights_of_the_terms_count() -> None:
    data = batch()
    drawn = draws(data, 9)
    nothing = replace(NO_DROP, plain=0.0, action=0.0, pose=0.0, change=0.0)
    _, terms = lite_loss(fresh(), data, METRIC, drawn, NO_DROP)
    for name, term in zip(TERMS, terms):
        total, _ = lite_loss(fresh(), data, METRIC, drawn, replace(nothing, **{name: 2.0}))
        assert torch.isclose(total, 2.0 * term)


def test_a_wrong_jaw_costs_more_than_an_axis_that_nothing_reads() -> None:
    """Errors of one size: along jaw_open, and along a direction of expression that no action reads."""
    basis = torch.linalg.qr(METRIC.action).Q
    unread = torch.eye(63)[0] - basis @ basis.T[:, 0]
    jaw = METRIC.action[:, 0] / METRIC.action[:, 0].norm()
    costs = [float(METRIC(torch.cat([d / d.norm(), torch.zeros(7)]))[0].square().sum()) for d in (jaw, unread)]
    assert costs[0] > 1.0 and costs[1] < 1e-6


def test_randomness_is_the_generator_s_alone() -> None:
    values = [lite_loss(fresh(), batch(), METRIC, draws(batch(), k), NO_DROP)[0].item() for k in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("name", ["speech", "emotion", "identity", "previous"])
def test_dropping_everything_hides_the_modality(name: str) -> None:
    """With rate 1 the loss no longer depends on the modality, and the learned null gets the gradient."""
    model = fresh()
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    weights = replace(NO_DROP, **{f"drop_{name}": 1.0})

    def loss(shift: float, dropped: LossWeights) -> torch.Tensor:
        data = batch()
        if name == "emotion":
            data.emotion = data.emotion.roll(int(shift), dims=1)
        else:
            setattr(data, name, getattr(data, name) + shift)
        return lite_loss(model, data, METRIC, draws(data, 3, dropped), dropped)[0]

    assert torch.equal(loss(0.0, weights), loss(1.0, weights))
    assert not torch.equal(loss(0.0, NO_DROP), loss(1.0, NO_DROP))
    loss(0.0, weights).backward()
    learned = {
        "speech": model.null_speech, "identity": model.null_identity, "previous": model.null_motion,
        "emotion": model.emotion_embedder.table,
    }[name]  # fmt: skip
    assert learned is not None and learned.grad is not None and learned.grad[-1].abs().sum() > 0


def test_share_of_those_who_go_without() -> None:
    rates = LossWeights(drop_speech=0.3, drop_emotion=0.1, drop_identity=0.2, drop_previous=0.4)
    drawn = Draws.of((20_000, 1, 1), torch.Generator().manual_seed(5), rates, identity=True)
    for name in ("speech", "emotion", "identity", "previous"):
        share = float(getattr(drawn, f"null_{name}").float().mean())
        assert abs(share - getattr(rates, f"drop_{name}")) < 0.015, name


def shaken(seed: int) -> MoDA:
    """A network that answers something."""
    model = fresh()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1 * torch.randn(value.shape, generator=generator)
    return model


def test_in_the_whole_window_a_teacher_says_what_it_says_itself() -> None:
    data, model = batch(), shaken(1)
    same, _ = window_loss(model, shaken(1), data, METRIC, draws(data, 3), NO_DROP, Window(slice(0, 24)))
    other, _ = window_loss(model, shaken(2), data, METRIC, draws(data, 3), NO_DROP, Window(slice(0, 24)))
    assert float(same.detach()) < 1e-9 < 0.01 < float(other.detach())


def test_a_window_asks_for_what_the_teacher_says_who_sees_more() -> None:
    """By hand: the pupil has frames 6 to 18 alone, begins behind frame 5, is asked for the lips of the last five."""
    data, model, teacher = batch(), shaken(1), shaken(2)
    drawn, seen = draws(data, 3), slice(6, 18)
    _, terms = window_loss(model, teacher, data, METRIC, drawn, NO_DROP, Window(seen, 7))
    part = MotionBatch(data.motion[:, seen], data.motion[:, 5], data.speech[:, seen], data.emotion, data.identity)
    answer = velocity(model, part, replace(drawn, noise=drawn.noise[:, seen]))
    error = (answer - velocity(teacher, data, drawn)[:, seen])[:, 7:]
    assert torch.isclose(terms[0], lips_of(error).square().mean(), rtol=1e-4)
    assert 0 < float(lips_of(error).square().sum()) < float(error[..., :63].square().sum())
    # What is asked hangs on what the window hides from the pupil, not from the teacher.
    data.speech[:, 20] += 1.0
    assert not torch.isclose(
        terms[0], window_loss(model, teacher, data, METRIC, drawn, NO_DROP, Window(seen, 7))[1][0], rtol=1e-4
    )


def test_a_teacher_learns_nothing() -> None:
    with torch.inference_mode():
        projection.cache_clear()
        projection(LIP_ACTIONS)  # as where a take was sampled before
    data, model, teacher = batch(), shaken(1), shaken(2)
    window_loss(model, teacher, data, METRIC, draws(data, 3), NO_DROP, Window(slice(2, 20), 8))[0].backward()
    assert all(value.grad is None for value in teacher.parameters())
    assert any(value.grad is not None for value in model.parameters())


def test_a_pupil_comes_nearer_to_its_teacher() -> None:
    data, model, teacher = batch(), shaken(1), shaken(1)
    drawn, window = draws(data, 3), Window(slice(6, 18), 7)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        loss, _ = window_loss(model, teacher, data, METRIC, drawn, NO_DROP, window)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert 0 < losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
def test_it_teaches_a_small_network_to_follow_speech() -> None:
    """After a short training the sampled motion follows speech it has not seen."""
    model, data = fresh().train(), batch(16)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3)
    weights = LossWeights()
    for _ in range(200):
        optimiser.zero_grad(set_to_none=True)
        drawn = Draws.of(tuple(data.motion.shape), generator, weights, identity=True)
        lite_loss(model, data, METRIC, drawn, weights)[0].backward()
        optimiser.step()
    speech = torch.sin(2.0 + 0.4 * torch.arange(24)[:, None] * torch.arange(1, 5))
    request = ClipRequest(speech, data.emotion[0], torch.zeros(63), torch.zeros(70), 3)
    out = sample_clip(model.eval(), request, SamplingOptions())
    assert torch.corrcoef(torch.stack([out[:, :63] @ JAW, speech[:, 0]]))[0, 1] > 0.8
