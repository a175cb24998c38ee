"""The lip step, and the published way from a wav file to motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from moda.conditions.hubert import SILENCE_FRAMES, reference_features, with_silence
from moda.errors import BadSetting, BadSpeech
from moda.generator.anchor import PoseGuidance
from moda.generator.lips import LIP_DIMENSIONS, modulate_lips
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.published import sample_published
from moda.generator.sampler import ClipRequest, SamplingOptions, sample_clip
from tests.generator.inputs import named, one_hot
from tests.parity import fixture, largest_difference, seeded, seeded_hubert

MOTION = fixture("motion")


def test_published_lip_step() -> None:
    motion = named("motion/lip_motion", (60, 70))
    assert MOTION["modulate_lip/standard_index"] == 60 - 37
    out = modulate_lips(motion, motion[-37])
    assert largest_difference(MOTION, "modulate_lip/out", out.numpy()) < 1e-5


def test_causal_lip_step_depends_on_no_later_frame() -> None:
    motion = named("motion/lip_motion", (60, 70))
    out = modulate_lips(motion, motion[0], causal=True)
    assert torch.equal(modulate_lips(motion[:30], motion[0], causal=True), out[:30])
    free = [d for d in range(70) if d not in LIP_DIMENSIONS]
    assert torch.equal(out[:, free], motion[:, free])
    assert torch.equal(out[0], motion[0])  # at rest nothing happens
    moved, before = (x[1:, list(LIP_DIMENSIONS)] - motion[0, list(LIP_DIMENSIONS)] for x in (out, motion))
    growth = moved.norm(dim=1) / before.norm(dim=1)
    assert growth.min() > 1.0 and growth.max() < 1.5


@pytest.mark.slow
def test_from_wav_to_motion(dit_t: MoDA) -> None:
    """Pre-emphasis, silence, HuBERT, sampling, lips: the numbers of the whole published way."""
    expected = fixture("e2e")
    pcm = np.floor(3000 * seeded.tensor("e2e/pcm", (25600,)).astype(np.float64) + 0.5) / 32768

    features = reference_features(seeded_hubert(), with_silence(pcm))
    assert largest_difference(expected, "audio_features", features.numpy()) < 1e-3
    given = (one_hot(4), torch.from_numpy(expected["ref_kp"][0]), torch.from_numpy(expected["prev_motion"][0, 0]))
    request = ClipRequest(features, *given, seed=7)
    out = sample_published(dit_t, request, SILENCE_FRAMES, SamplingOptions.reference())
    assert largest_difference(expected, "motion", out.numpy()) < 1e-3


@pytest.fixture(scope="module")
def small() -> MoDA:
    config = MoDAConfig(width=32, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(6,))
    model = MoDA.from_config(config, torch.Generator().manual_seed(2))
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    return model.eval()


@pytest.mark.parametrize("lips", ["reference", "causal", "off"])
@pytest.mark.parametrize("frames", [1, 70, 130])
def test_every_way_gives_the_frames_of_the_speech(small: MoDA, lips: str, frames: int) -> None:
    features = torch.randn(frames + 50, 6, generator=torch.Generator().manual_seed(1))
    track, options = one_hot(4).expand(frames, -1), SamplingOptions(steps=2)
    request = ClipRequest(features, track, torch.zeros(63), torch.zeros(70), 1, PoseGuidance(torch.zeros(frames, 7), 1))
    out = sample_published(small, request, 50, options, lips)
    assert out.shape == (frames, 70) and torch.isfinite(out).all()
    assert out[:, 63:].abs().max() < 1e-4
    if lips == "off" and frames >= 80:
        assert torch.equal(out, sample_clip(small, replace(request, features=features[:frames]), options))


def test_short_speech_runs_on_into_the_silence(small: MoDA) -> None:
    features = torch.randn(70, 6, generator=torch.Generator().manual_seed(1))
    request = ClipRequest(features, one_hot(4), torch.zeros(63), torch.zeros(70), 1)
    out = sample_published(small, request, 50, SamplingOptions(steps=2), "off")
    longer = sample_clip(small, request, SamplingOptions(steps=2))
    assert (out - longer[:20]).abs().max() < 0.05  # but for the smoothing of the last frame


def test_bad_input_is_named(small: MoDA) -> None:
    def request(frames: int) -> ClipRequest:
        return ClipRequest(torch.zeros(frames, 6), one_hot(4), torch.zeros(63), torch.zeros(70))

    with pytest.raises(BadSetting, match="lips"):
        sample_published(small, request(60), 50, lips="some")
    with pytest.raises(BadSpeech, match="short"):
        sample_published(small, request(50), 50)
    with pytest.raises(BadSetting, match="37 frames"):
        sample_published(small, request(50), 20)
