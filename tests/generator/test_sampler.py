"""Segments and clips: the published sampler's numbers, and what ours promises beyond them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.errors import BadSetting, BadSpeech, Cancelled
from moda.generator.anchor import PoseGuidance
from moda.generator.flow import euler, schedule
from moda.generator.guidance import Guidance, GuidedVelocity, encode_branches
from moda.generator.network import MoDA
from moda.generator.noise import BROW_ACTIONS, LIP_ACTIONS, NoiseByFrame, projection
from moda.generator.noise_scale import NoiseScale
from moda.generator.sampler import ClipRequest, ClipStep, SamplingOptions, cross_fade, sample_clip, smooth_pose
from tests.generator.inputs import named, one_hot, small_network
from tests.parity import fixture, largest_difference

EXPECTED = fixture("sample")
SPEECH = named("sample/audio", (200, 12, 768))
IDENTITY = named("sample/ref_kp", (1, 21, 3), 0.4).flatten()
FIRST = named("sample/prev_motion", (1, 1, 70)).flatten()
REFERENCE = SamplingOptions.reference()


@torch.inference_mode()
@pytest.mark.parametrize(("emotion", "scale"), [(4, 1.2), (4, 1.0), (8, 1.2)])
def test_reference_segment(dit_t: MoDA, emotion: int, scale: float) -> None:
    guidance = Guidance(joint=scale, refresh=1)
    branches = encode_branches(dit_t, guidance, SPEECH[None, :80], one_hot(emotion)[None], IDENTITY[None])
    noise = named("sample/latents", (1, 80, 70))
    out = euler(GuidedVelocity(dit_t, guidance, branches, FIRST[None]), noise, schedule("reference", 10))
    assert largest_difference(EXPECTED, f"subclip/emo{emotion}/cfg{scale}", out.numpy()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "emotion"), [(40, 4), (80, 4), (81, 4), (200, 4), (200, 8)])
def test_reference_clip(dit_t: MoDA, frames: int, emotion: int) -> None:
    out = sample_clip(dit_t, ClipRequest(SPEECH[:frames], one_hot(emotion), IDENTITY, FIRST, 7), REFERENCE)
    assert largest_difference(EXPECTED, f"clip{frames}/emo{emotion}", out.numpy()) < 1e-4


def test_reference_noise_is_drawn_a_segment_at_a_time() -> None:
    noise = NoiseByFrame(7, 70, 80, shared=False)
    drawn = torch.cat([noise.segment(64 * i, 80) for i in range(3)])
    assert torch.equal(drawn, torch.from_numpy(EXPECTED["clip200/emo4/latents"]))


@pytest.mark.parametrize(
    ("scale", "share", "actions"),
    [(NoiseScale(lips=0.3), 0.3, LIP_ACTIONS), (NoiseScale(brows=2.0), 2.0, BROW_ACTIONS)],
)
def test_noise_of_one_part_is_scaled_and_nothing_else(
    scale: NoiseScale, share: float, actions: tuple[str, ...]
) -> None:
    full, scaled = (NoiseByFrame(7, 70, 80, shared=True, scale=s).segment(0, 80)[0] for s in (NoiseScale(), scale))
    part, rest = projection(actions), torch.eye(63) - projection(actions)
    assert torch.equal(full[:, 63:], scaled[:, 63:])
    assert torch.allclose(full[:, :63] @ rest, scaled[:, :63] @ rest, atol=1e-5)
    assert torch.allclose(share * (full[:, :63] @ part), scaled[:, :63] @ part, atol=1e-5)
    assert torch.linalg.matrix_rank(part) == len(actions)


def test_noise_of_the_head_is_scaled_alone_and_within_limits() -> None:
    full, wide = (NoiseByFrame(7, 70, 80, True, s).segment(0, 80)[0] for s in (NoiseScale(), NoiseScale(head=1.3)))
    assert torch.equal(full[:, :63], wide[:, :63]) and torch.allclose(1.3 * full[:, 63:], wide[:, 63:])
    with pytest.raises(BadSetting, match="0 to 3"):
        NoiseScale(head=3.5)


def test_reference_smoothing_and_joining() -> None:
    smoothed = smooth_pose(named("sample/smooth_in", (1, 6, 70)))
    assert largest_difference(EXPECTED, "smooth/out", smoothed.numpy()) < 1e-6
    before, after = named("sample/fuse_prev", (1, 20, 70)), named("sample/fuse_cur", (1, 18, 70))
    joined = cross_fade(before, after, 16)[:, : before.shape[1]]
    assert largest_difference(EXPECTED, "fuse/out", joined.numpy()) < 1e-6


def test_reference_clip_from_its_segments() -> None:
    """Smooth each of the stored segments, join, drop the padding, smooth again: the stored clip."""
    segments = [smooth_pose(s[None]) for s in torch.from_numpy(EXPECTED["clip200/emo4/segments"])]
    clip = segments[0]
    for segment in segments[1:]:
        clip = cross_fade(clip, segment, 16)
    out = smooth_pose(clip[:, :200])[0]
    assert largest_difference(EXPECTED, "clip200/emo4", out.numpy()) < 1e-5


# Ours, on a small network.


@pytest.fixture(scope="module")
def small() -> MoDA:
    return small_network(0.1)


NOBODY, REST = torch.zeros(63), torch.zeros(70)


def take(
    model: MoDA,
    frames: int,
    seed: int = 5,
    options: SamplingOptions | None = None,
    pose: PoseGuidance | None = None,
    watch: Callable[[ClipStep], None] | None = None,
) -> torch.Tensor:
    speech = torch.sin(torch.arange(frames)[:, None] * torch.arange(1, 7) * 0.1)
    request = ClipRequest(speech, one_hot(4), NOBODY, REST, seed, pose)
    return sample_clip(model, request, options or SamplingOptions(steps=4), watch)


@settings(max_examples=30)
@given(frames=st.integers(1, 400), joining=st.sampled_from(["anchored", "reference"]))
def test_segments_cover_every_frame(frames: int, joining: str) -> None:
    options = SamplingOptions(joining=joining)
    starts = options.starts(frames)
    assert starts[0] == 0 and starts[-1] + 80 >= frames
    assert all(0 < b - a <= 64 for a, b in pairwise(starts))
    if joining == "anchored" and frames > 80:
        assert starts[-1] + 80 == frames  # ends with the speech: nothing padded


@pytest.mark.parametrize("frames", [1, 2, 3, 17, 79, 80, 81, 95, 96, 97, 144, 145, 301])
def test_any_length_gives_that_many_finite_frames(small: MoDA, frames: int) -> None:
    out = take(small, frames)
    assert out.shape == (frames, 70) and out.dtype == torch.float32 and torch.isfinite(out).all()


@pytest.mark.parametrize("solver", ["euler", "heun", "ab2"])
def test_one_step_works(small: MoDA, solver: str) -> None:
    for kind in ("full", "reference"):
        out = take(small, 90, options=SamplingOptions(steps=1, solver=solver, schedule=kind))
        assert torch.isfinite(out).all()


def test_a_take_depends_on_its_seed(small: MoDA) -> None:
    assert torch.equal(take(small, 170, 5), take(small, 170, 5))
    assert (take(small, 170, 5) - take(small, 170, 9)).abs().mean() > 0.1


def test_a_shorter_speech_changes_nothing_but_its_last_segment(small: MoDA) -> None:
    long, short = take(small, 400), take(small, 260)
    assert torch.equal(long[:190], short[:190])


def test_no_jump_where_segments_meet(small: MoDA) -> None:
    """Steps between frames at the seams are no larger than elsewhere."""
    options = SamplingOptions(steps=4, smooth_pose=False)
    clip = torch.cat([take(small, 720, seed, options) for seed in range(4)], dim=-1)
    speed = clip.diff(dim=0).square().mean(dim=1).sqrt()
    seams = torch.zeros(len(speed), dtype=torch.bool)
    for start in options.starts(720)[1:]:
        seams[start - 2 : start + 18] = True
    assert speed[seams].mean() < 1.1 * speed[~seams].mean()
    assert speed[seams].max() < 1.25 * speed[~seams].max()


def test_lazy_features_are_asked_for_a_segment_at_a_time(small: MoDA) -> None:
    asked = []

    class Lazy:
        def __len__(self) -> int:
            return 300

        def __getitem__(self, frames: slice) -> torch.Tensor:
            asked.append((frames.start, frames.stop))
            return torch.zeros(frames.stop - frames.start, 6)

    sample_clip(small, ClipRequest(Lazy(), one_hot(4), NOBODY, REST), SamplingOptions(steps=1))
    assert asked == [(0, 80), (64, 144), (128, 208), (192, 272), (220, 300)]


@pytest.mark.parametrize("joining", ["anchored", "reference"])
def test_emotion_over_time(small: MoDA, joining: str) -> None:
    """A track that does not change is the constant mixture; one that changes late leaves what came before."""
    options = SamplingOptions(steps=4, joining=joining, guidance=Guidance(speech=1.5, emotion=2.0))

    def felt(emotion: torch.Tensor) -> torch.Tensor:
        return sample_clip(small, ClipRequest(torch.zeros(170, 6), emotion, NOBODY, REST, 5), options)

    still, track = felt(one_hot(4)), one_hot(4).expand(170, -1).clone()
    assert (felt(track) - still).abs().max() < 1e-3
    track[150:] = one_hot(0)
    changed = felt(track)
    assert (changed[:60] - still[:60]).abs().max() < 1e-3 < (changed[150:] - still[150:]).abs().max()


def prior(frames: int) -> torch.Tensor:
    return torch.sin(torch.arange(frames)[:, None] * 0.05 + torch.arange(7)).float()


@pytest.mark.parametrize("solver", ["euler", "heun", "ab2"])
def test_pose_strength(small: MoDA, solver: str) -> None:
    """0 is no prior to the bit, 1 follows it, in between the distance falls."""
    options = SamplingOptions(steps=6, solver=solver)
    frames, free = 170, take(small, 170, options=options)
    distances = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        out = take(small, frames, options=options, pose=PoseGuidance(prior(frames), strength))
        if strength == 0.0:
            assert torch.equal(out, free)
        distances.append(float((out[:, 63:] - prior(frames)).abs().mean()))
    assert all(a > b for a, b in pairwise(distances)), distances
    assert distances[-1] < 0.01 < distances[0]  # smoothing over three frames leaves a trace of the prior's bends


def test_pose_mask_leaves_the_other_dimensions_free(small: MoDA) -> None:
    pull = PoseGuidance(prior(100), 1.0, mask=(0, 0, 0, 0, 1, 1, 1))
    out = take(small, 100, pose=pull)[:, 63:]
    assert (out[:, 4:] - prior(100)[:, 4:]).abs().max() < 0.05
    assert (out[:, :4] - prior(100)[:, :4]).abs().mean() > 0.2


@pytest.mark.parametrize("solver", ["euler", "heun", "ab2"])
def test_the_callback_sees_the_state(small: MoDA, solver: str) -> None:
    """Every step in order; the clean estimate at the end of a segment is nearly what becomes of it."""
    seen: list[ClipStep] = []
    options = SamplingOptions(steps=4, solver=solver, smooth_pose=False)
    out = take(small, 170, options=options, watch=seen.append)
    assert [(at.done, at.total) for at in seen] == [(i + 1, 12) for i in range(12)]  # 3 segments of 4 steps
    assert [at.start for at in seen] == [start for start in (0, 64, 90) for _ in range(4)]
    assert [at.step.s for at in seen[:4]] == schedule("full", 4)[:-1]
    errors = [float((at.step.clean[0] - out[:80]).square().mean()) for at in seen[:4]]
    assert errors[-1] < 0.1 * errors[0] and float((seen[0].step.x[0] - out[:80]).square().mean()) > errors[-1]


def test_an_exception_of_the_callback_stops_the_work(small: MoDA) -> None:
    seen: list[ClipStep] = []

    def stop(at: ClipStep) -> None:
        seen.append(at)
        if at.done == 5:
            raise Cancelled("Sampling was stopped.")

    with pytest.raises(Cancelled):
        take(small, 170, watch=stop)
    assert len(seen) == 5


def test_bad_input_is_named(small: MoDA) -> None:
    with pytest.raises(BadSpeech, match="short"):
        take(small, 0)
    with pytest.raises(BadSetting, match="emotion track"):
        sample_clip(small, ClipRequest(torch.zeros(9, 6), one_hot(4).expand(8, -1), NOBODY, REST))
    with pytest.raises(BadSetting, match="pose prior has 5"):
        take(small, 9, pose=PoseGuidance(prior(5), 0.5))
    with pytest.raises(BadSetting, match="strength"):
        PoseGuidance(prior(5), 1.5)
    with pytest.raises(BadSetting, match="strength"):
        PoseGuidance(prior(5), float("nan"))
    with pytest.raises(BadSetting, match="shape"):
        PoseGuidance(torch.zeros(5, 3), 0.5)
    with pytest.raises(BadSetting, match="joining"):
        SamplingOptions(joining="glue")
    with pytest.raises(BadSetting, match="overlap"):
        SamplingOptions(overlap=80)
