"""From settings to the sampler: what each model's defaults mean, and the reference preset through the whole way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from moda.generator.guidance import Guidance
from moda.generator.sampler import SamplingOptions
from moda.models.base import BaseModel
from moda.models.lite import LiteModel
from moda.planning import sampling_options
from moda.settings import Settings


def test_guidance_left_alone_is_the_models_own() -> None:
    assert sampling_options(Settings(), BaseModel).guidance == Guidance(joint=1.2, refresh=2, first=1)
    own = Settings().speech_guidance
    assert sampling_options(Settings(), LiteModel).guidance == Guidance(speech=own)
    assert sampling_options(Settings(emotion_guidance=2.0), BaseModel).guidance == Guidance(speech=own, emotion=2.0)


def test_the_reference_preset_is_the_published_sampler() -> None:
    for model in (BaseModel, LiteModel):
        assert sampling_options(Settings(preset="reference"), model) == SamplingOptions.reference(10, 1.2)
    assert sampling_options(Settings.from_mapping({"preset": "reference", "steps": 4}), BaseModel).steps == 4


def test_moda_base_walks_its_own_pace() -> None:
    """5 steps, guidance at the second and fourth: 7 rows for the published 20."""
    options = sampling_options(Settings(), BaseModel)
    guidance = options.guidance
    assert (options.steps, options.warp, guidance.refresh, guidance.first, guidance.joint) == (5, 0.8, 2, 1, 1.2)
    assert guidance.rows(options.steps) == 7
    published = SamplingOptions.reference()
    assert published.guidance.rows(published.steps) == 20


def test_moda_lite_walks_six_even_steps() -> None:
    options = sampling_options(Settings(), LiteModel)
    assert (options.steps, options.solver, options.warp, options.guidance.refresh) == (6, "ab2", 1.0, 2)


@pytest.mark.parametrize("values", [{"steps": 8}, {"solver": "heun"}, {"schedule": "reference"}])
def test_what_is_asked_for_is_done(values: dict[str, object]) -> None:
    settings = Settings(**values)  # type: ignore[arg-type]
    options = sampling_options(settings, BaseModel)
    assert (options.steps, options.solver, options.schedule) == (settings.steps, settings.solver, settings.schedule)
    assert options.warp == 1.0


@pytest.mark.slow
def test_a_take_by_the_reference_preset_is_the_published_motion() -> None:
    """TalkingHead.plan with preset reference and a seeded moda-base: the numbers of the reference's own sampler, to the
    rounding of float32, and no trim touches them."""
    from moda.conditions.hubert import SILENCE_FRAMES, reference_features, with_silence
    from moda.generator.published import sample_published
    from moda.generator.sampler import ClipRequest
    from moda.media.audio import Speech
    from moda.models.motion_model import Start
    from moda.motion.actions import NEUTRAL
    from moda.motion.space import denormalise, neutral_reference, normalise
    from moda.motion.trims import trim
    from moda.planning import sample
    from tests.generator.conftest import network
    from tests.parity import seeded, seeded_hubert

    speech = Speech.of(0.1 * seeded.tensor("plan/speech", (12_800,)).astype(np.float32).clip(-3, 3) / 3)
    model = BaseModel.__new__(BaseModel)
    model.network, model.hubert, model.threads = network(256), seeded_hubert(), 1  # type: ignore[misc]
    resting = neutral_reference()
    start = Start(np.zeros(63, np.float32), normalise(resting), resting, NEUTRAL)
    settings = Settings(preset="reference", seed=7, emotion="happiness")
    features = model.features(speech, settings.preset)
    motion, _ = sample(model, speech, start, features, settings, None)

    published = reference_features(model.hubert, with_silence(speech.waveform))
    request = ClipRequest(published, torch.eye(9)[4], start.identity, start.first, seed=7)
    wanted = sample_published(model.network, request, SILENCE_FRAMES, SamplingOptions.reference())
    assert np.abs(motion.array - denormalise(wanted.numpy())).max() < 1e-5
    assert np.array_equal(trim(motion, settings).array, motion.array)
