"""Guidance per modality: what each scale means, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from moda.errors import BadSetting
from moda.generator.guidance import Guidance, GuidedVelocity, encode_branches
from moda.generator.network import MoDA
from tests.generator.inputs import one_hot, small_network


@pytest.fixture(scope="module")
def small() -> MoDA:
    return small_network(0.2)


X = torch.randn(1, 20, 70, generator=torch.Generator().manual_seed(1))
SPEECH = torch.randn(20, 6, generator=torch.Generator().manual_seed(2))
IDENTITY = torch.randn(63, generator=torch.Generator().manual_seed(3))
FIRST = torch.zeros(1, 70)


def velocity(model: MoDA, guidance: Guidance, takes: int = 1) -> GuidedVelocity:
    speech, emotion, identity = (v.expand(takes, *v.shape) for v in (SPEECH, one_hot(4), IDENTITY))
    return GuidedVelocity(
        model, guidance, encode_branches(model, guidance, speech, emotion, identity), FIRST.expand(takes, -1)
    )


@torch.inference_mode()
def guided(model: MoDA, guidance: Guidance, s: float = 0.5, x: torch.Tensor = X) -> torch.Tensor:
    return velocity(model, guidance, len(x))(x, s)


@torch.inference_mode()
def plain(model: MoDA, speech: bool = True, emotion: bool = True, identity: bool = True) -> torch.Tensor:
    """The network asked directly, with the nulls of what is left out."""
    motion = torch.cat([FIRST[:, None].expand_as(X), X], dim=-1)
    return model(
        motion,
        torch.tensor([500.0]),
        SPEECH[None],
        one_hot(4 if emotion else 8)[None],
        IDENTITY[None],
        null_speech=torch.tensor([not speech]),
        null_identity=torch.tensor([not identity]),
    )


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() < 2e-4)


def test_scale_one_is_plain_conditional_sampling(small: MoDA) -> None:
    assert torch.allclose(guided(small, Guidance()), plain(small), atol=1e-5)


@pytest.mark.parametrize("name", ["speech", "emotion", "identity"])
def test_scale_zero_ignores_the_modality(small: MoDA, name: str) -> None:
    out = guided(small, Guidance(**{name: 0.0}))
    assert close(out, plain(small, **{name: False}))
    assert (out - plain(small)).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["speech", "emotion", "identity"])
def test_scale_two_exaggerates_what_the_modality_adds(small: MoDA, name: str) -> None:
    with_it, without = plain(small), plain(small, **{name: False})
    assert close(guided(small, Guidance(**{name: 2.0})), with_it + (with_it - without))


def test_all_three_are_a_sum_of_conditional_differences(small: MoDA) -> None:
    full = plain(small)
    wanted = full + 0.5 * (full - plain(small, speech=False)) - 0.7 * (full - plain(small, emotion=False))
    wanted = wanted + 2.0 * (full - plain(small, identity=False))
    assert close(guided(small, Guidance(speech=1.5, emotion=0.3, identity=3.0)), wanted)


def test_everything_off_is_the_unconditional_network(small: MoDA) -> None:
    off = guided(small, Guidance(speech=0.0, emotion=0.0, identity=0.0))
    assert close(off, plain(small, speech=False, emotion=False, identity=False))


@torch.inference_mode()
def test_joint_guidance_of_the_reference(small: MoDA) -> None:
    full, without = plain(small), plain(small, speech=False, emotion=False)
    assert close(guided(small, Guidance(joint=1.2)), without + 1.2 * (full - without))
    assert close(guided(small, Guidance(joint=1.0)), full)


@pytest.mark.parametrize(
    ("guidance", "rows"),
    [
        (Guidance(), 1),
        (Guidance(speech=0.0, emotion=0.0), 1),
        (Guidance(speech=2.0), 2),
        (Guidance(speech=2.0, emotion=0.0), 2),
        (Guidance(speech=2.0, emotion=1.5, identity=1.5), 4),
        (Guidance(joint=1.2), 2),
        (Guidance(joint=1.0), 1),
    ],
)
def test_only_needed_branches_run_in_one_call_per_step(small: MoDA, guidance: Guidance, rows: int) -> None:
    calls: list[int] = []
    hook = small.final.register_forward_hook(lambda module, given, out: calls.append(len(out)))
    try:
        guided(small, guidance)
        guided(small, guidance, x=X.expand(3, -1, -1))
    finally:
        hook.remove()
    assert calls == [rows, 3 * rows] and guidance.branches == rows


@torch.inference_mode()
def test_takes_in_a_batch_do_not_mix(small: MoDA) -> None:
    two = torch.cat([X, X.flip(1)])
    scales = Guidance(speech=2.0, emotion=1.5)
    assert close(guided(small, scales, x=two)[1:], guided(small, scales, x=X.flip(1)))


@torch.inference_mode()
def test_what_guidance_adds_is_kept_between_refreshes(small: MoDA) -> None:
    """Every second evaluation asks one branch only, and still adds what the one before it found."""
    rows: list[int] = []
    hook = small.final.register_forward_hook(lambda module, given, out: rows.append(len(out)))
    asked = velocity(small, Guidance(speech=2.0, emotion=1.5))
    try:
        first, second = asked(X, 0.5), asked(X, 0.5)
        asked(X, 0.5)
    finally:
        hook.remove()
    assert rows == [3, 1, 3]
    assert (first - second).abs().max() < 1e-4  # the same place: nothing lost


@pytest.mark.parametrize(("refresh", "expected"), [(2, [1, 3, 1, 3]), (9, [1, 3, 1, 1])])
@torch.inference_mode()
def test_guidance_begins_where_it_is_told_to(small: MoDA, refresh: int, expected: list[int]) -> None:
    """The first evaluation is plain, the second finds what guidance adds, the others keep it or find it again."""
    rows: list[int] = []
    hook = small.final.register_forward_hook(lambda module, given, out: rows.append(len(out)))
    scales = Guidance(speech=2.0, emotion=1.5, refresh=refresh, first=1)
    asked = velocity(small, scales)
    try:
        bare, *guided_there = (asked(X, 0.5) for _ in range(4))
    finally:
        hook.remove()
    assert rows == expected and sum(rows) == scales.rows(4)
    assert close(bare, guided(small, Guidance()))
    assert all(close(there, guided(small, replace(scales, first=0))) for there in guided_there)
    with pytest.raises(BadSetting, match="begin with"):
        Guidance(first=-1)


@pytest.mark.parametrize("value", [-0.1, 11.0, float("nan"), float("inf")])
def test_scales_out_of_range_are_refused(value: float) -> None:
    for name in ("speech", "emotion", "identity", "joint"):
        with pytest.raises(BadSetting, match="from 0 to 10"):
            Guidance(**{name: value})


def test_clashing_settings_are_refused(small: MoDA) -> None:
    with pytest.raises(BadSetting, match="joint"):
        Guidance(joint=1.2, speech=2.0)
    with pytest.raises(BadSetting, match="refreshed"):
        Guidance(refresh=0)


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_identity_guidance_needs_a_trained_null(dit_t: MoDA, scale: float) -> None:
    with pytest.raises(BadSetting, match="identity guidance"):
        encode_branches(dit_t, Guidance(identity=scale), torch.zeros(1, 8, 12, 768), one_hot(4)[None], IDENTITY[None])
