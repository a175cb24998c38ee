"""The network against the published reference, stage by stage, and its own contracts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moda.errors import BadSetting, BadWeights, WeightsMissing
from moda.generator.attention import QK_NORM_EPS, rms, rotary_table
from moda.generator.embedders import sinusoids
from moda.generator.network import LARGE, MoDA, MoDAConfig
from moda.models import lite_folder
from tests.generator.inputs import named, one_hot
from tests.parity import fixture, largest_difference

TOLERANCE = 1e-4  # float32 on CPU; an independent implementation reaches 1e-5
TIMES = torch.tensor([1000.0, 334.0])


def dit_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    motion = named("dit/motion", (2, 80, 140))
    speech = named("dit/audio", (2, 80, 1, 12, 768)).squeeze(2)
    emotion = torch.stack([one_hot(4), one_hot(8)])
    identity = named("dit/audio_cond", (2, 80, 63), 2.0)
    return motion, speech, emotion, identity


@torch.inference_mode()
def test_small_published_network_gives_the_reference_velocity(dit_t: MoDA) -> None:
    motion, speech, emotion, identity = dit_inputs()
    out = dit_t(motion, TIMES, speech, emotion, identity)
    assert largest_difference(fixture("dit_t"), "out", out.numpy()) < TOLERANCE


@pytest.mark.slow
@torch.inference_mode()
def test_published_size_gives_the_reference_velocity(dit_b: MoDA) -> None:
    motion, speech, emotion, identity = dit_inputs()
    assert sum(p.numel() for p in dit_b.parameters()) == 372_985_716 - 1000  # all of the file but the noise levels
    out = dit_b(motion, TIMES, speech, emotion, identity)
    assert largest_difference(fixture("dit_b"), "out", out.numpy()) < TOLERANCE


@torch.inference_mode()
def test_every_stage_of_the_reference(dit_t: MoDA) -> None:
    """Reads as the architecture: embedders, three four-stream blocks, six two-stream ones, twelve single ones."""
    motion, speech, emotion, identity = dit_inputs()
    expected = fixture("dit_t")

    def check(stage: str, value: torch.Tensor) -> None:
        assert largest_difference(expected, f"stage/{stage}", value.numpy()) < TOLERANCE, stage

    time = dit_t.time_embedder(sinusoids(TIMES, 256))
    given = dit_t.encode_conditions(dit_t.encode_speech(speech), emotion, identity)
    x = dit_t.motion_embedder(motion)
    check("time_embedder", time)
    check("emo_embedder", given.frame_emotion[:, 0])
    check("identity_embedder", given.streams[2][:, 0])
    check("motion_embedder", x)
    check("audio_embedder", given.streams[0])

    c = torch.nn.functional.silu(time[:, None] + given.frame_emotion)
    table = rotary_table(torch.arange(80), 64, 256.0)
    streams = (x, *(tokens.expand(-1, 80, -1) for tokens in given.streams))
    for index, block in enumerate(dit_t.blocks4):  # all 4 L tokens, nothing collapsed
        streams = block(streams, (c,) * 4, (table, table, None, None))
        if index in (0, 2):
            for name, stream in zip(("motion", "audio", "emo", "identity"), streams):
                check(f"{'four0' if index == 0 else 'four'}/{name}", stream)
    x, context = streams[0], torch.cat(streams[1:], dim=1)
    for block in dit_t.blocks2:
        x, context = block((x, context), (c, c), (table, table.repeat(1, 3, 1)))
    check("dual/motion", x)
    check("dual/context", context)
    x = torch.cat([x, context], dim=1)
    for block in dit_t.blocks1:
        x = block(x, c, table.repeat(1, 4, 1))
    check("single", x)
    assert largest_difference(expected, "out", dit_t.final(x[:, :80], c).numpy()) < TOLERANCE


@torch.inference_mode()
def test_one_token_stands_for_all_equal_ones(dit_t: MoDA) -> None:
    """Emotion and identity stay equal over frames in the four-stream blocks: collapsing them changes nothing."""
    motion, speech, emotion, identity = dit_inputs()
    short = dit_t(motion, TIMES, speech, emotion, identity)
    long = dit_t(motion, TIMES, speech, emotion[:, None].expand(-1, 80, -1), identity)  # takes the long way
    assert (short - long).abs().max() < TOLERANCE


@torch.inference_mode()
def test_emotion_mixture_is_linear_in_the_class_vectors(dit_t: MoDA) -> None:
    mixture = 0.3 * one_hot(4) + 0.7 * one_hot(6)
    table = dit_t.emotion_embedder.table
    assert torch.allclose(dit_t.emotion_embedder(mixture), 0.3 * table[4] + 0.7 * table[6], atol=1e-6)


@torch.inference_mode()
def test_null_speech_is_the_null_vector_in_every_layer(dit_t: MoDA) -> None:
    speech = named("dit/audio", (2, 80, 1, 12, 768)).squeeze(2)
    masked = dit_t.encode_speech(speech, torch.tensor([True, False]))
    assert torch.allclose(masked[:1], dit_t.encode_null_speech(80), atol=1e-5)
    assert torch.equal(masked[1], dit_t.encode_speech(speech)[1])
    assert dit_t.null_speech.shape == (768,)


def lite(**changes: object) -> MoDA:
    sizes = {"width": 64, "heads": 2, "blocks4": 1, "blocks2": 1, "blocks1": 2, "speech_shape": (20,)}
    config = MoDAConfig(**{**sizes, "condition_tokens": "single", "has_null_identity": True, **changes})  # type: ignore[arg-type]
    model = MoDA.from_config(config, torch.Generator().manual_seed(3))
    with torch.no_grad():  # past the zero start, so that everything shows in the output
        for value in model.parameters():
            value += 0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    return model.eval()


@torch.inference_mode()
@pytest.mark.parametrize("tokens", ["single", "repeated"])
def test_emotion_over_time_equals_a_constant_mixture_where_it_does_not_change(tokens: str) -> None:
    model = lite(condition_tokens=tokens)
    motion, speech, identity = torch.randn(1, 30, 140), torch.randn(1, 30, 20), torch.randn(1, 63)
    still = model(motion, torch.tensor([500.0]), speech, one_hot(4)[None], identity)
    track = one_hot(4).expand(1, 30, -1).clone()
    assert (model(motion, torch.tensor([500.0]), speech, track, identity) - still).abs().max() < 1e-4
    track[:, 15:] = one_hot(0)
    assert (model(motion, torch.tensor([500.0]), speech, track, identity) - still).abs().max() > 1e-3


@torch.inference_mode()
def test_every_condition_reaches_the_output() -> None:
    model = lite()
    given = {
        "speech": torch.randn(1, 30, 20),
        "emotion": one_hot(4)[None],
        "identity": torch.randn(1, 63),
    }
    motion, time = torch.randn(1, 30, 140), torch.tensor([500.0])
    base = model(motion, time, **given)
    other = {"speech": torch.randn(1, 30, 20), "emotion": one_hot(0)[None], "identity": torch.randn(1, 63)}
    for name, value in other.items():
        assert (model(motion, time, **{**given, name: value}) - base).abs().max() > 1e-4, name
    assert (model(motion, torch.tensor([600.0]), **given) - base).abs().max() > 1e-4
    changed = motion.clone()
    changed[..., :70] += 1.0
    assert (model(changed, time, **given) - base).abs().max() > 1e-4
    yes = torch.ones(1, dtype=torch.bool)
    assert (model(motion, time, **given, null_speech=yes) - base).abs().max() > 1e-4
    assert (model(motion, time, **given, null_identity=yes) - base).abs().max() > 1e-4


def test_a_model_without_null_identity_says_so() -> None:
    model = lite(has_null_identity=False)
    with pytest.raises(BadSetting, match="identity"):
        model.encode_conditions(
            torch.zeros(1, 5, 64), one_hot(4)[None], torch.zeros(1, 63), torch.ones(1, dtype=torch.bool)
        )


def test_rotary_turns_depend_on_distance_alone() -> None:
    table = rotary_table(torch.arange(12), 8, 256.0)
    q, k = torch.randn(2, 4), torch.randn(2, 4)

    def turned(pair: torch.Tensor, p: int) -> torch.Tensor:
        cos, sin = table[:, p]
        return torch.cat([pair[0] * cos - pair[1] * sin, pair[1] * cos + pair[0] * sin])

    assert torch.allclose(turned(q, 2) @ turned(k, 5), turned(q, 8) @ turned(k, 11), atol=1e-5)
    assert np.isclose(float(table[0, 3, 1]), np.cos(3 * 256 ** (-2 / 8)))


def test_rms_has_mean_square_one() -> None:
    x = rms(3.0 * torch.randn(5, 64), QK_NORM_EPS)
    assert torch.allclose(x.square().mean(-1), torch.ones(5), atol=1e-3)


def test_fresh_networks_are_reproducible_and_leave_the_global_generator_alone() -> None:
    config = MoDAConfig(width=64, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(20,))
    state = torch.random.get_rng_state()
    one, two = (MoDA.from_config(config, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))
    out = one(torch.randn(1, 9, 140), torch.tensor([10.0]), torch.randn(1, 9, 20), one_hot(1)[None], torch.zeros(1, 63))
    assert out.abs().max() == 0.0  # zero-initialised read-out


def test_saving_and_reading_back_gives_the_same_network(tmp_path: Path) -> None:
    model = lite()
    model.save_pretrained(tmp_path / "new" / "folder", torch.float32)
    again = MoDA.from_pretrained(tmp_path / "new" / "folder")
    assert again.config == model.config and not again.training
    for (name, a), b in zip(model.state_dict().items(), again.state_dict().values()):
        assert torch.equal(a, b), name


def test_large_matrices_are_stored_in_half_precision_and_read_as_whole(tmp_path: Path) -> None:
    model = lite(width=256)
    model.save_pretrained(tmp_path)
    half = MoDA.from_pretrained(tmp_path)
    whole = sum(4 * value.numel() for value in model.state_dict().values())
    assert half.dtype == torch.float32 and (tmp_path / "model.safetensors").stat().st_size < 0.6 * whole
    for name, value in model.state_dict().items():
        difference = (half.state_dict()[name] - value).abs()
        if value.numel() >= LARGE:
            assert difference.max() > 0 and (difference <= 2**-11 * value.abs() + 2**-24).all(), name
        else:
            assert difference.max() == 0, name


def test_what_ships_is_small() -> None:
    """A Space and a wheel take it: the Hub refuses bare files over 10 MiB."""
    assert (lite_folder() / "model.safetensors").stat().st_size < 10_000_000


def test_damaged_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"config\.json"):
        MoDA.from_pretrained(tmp_path)
    model = lite()
    model.save_pretrained(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadWeights, match="cut short"):
        MoDA.from_pretrained(tmp_path)
    lite(blocks1=1).save_pretrained(tmp_path / "other")
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(BadWeights, match=r"missing: blocks1\.1"):
        MoDA.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"width": "wide"}')
    with pytest.raises(BadWeights, match=r"config\.json"):
        MoDA.from_pretrained(tmp_path)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(BadSetting, match="heads"):
        MoDAConfig(width=100, heads=3)
    with pytest.raises(BadSetting, match="condition_tokens"):
        MoDAConfig(condition_tokens="some")
