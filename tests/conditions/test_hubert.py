"""HuBERT features: the published numbers, seams that do not show, and files that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from moda.conditions.hubert import (
    FRAME,
    SILENCE_FRAMES,
    HubertFeatures,
    frames_of,
    interpolate,
    normalised,
    published_features,
    reference_features,
    reflect_edges,
    with_silence,
)
from moda.conditions.hubert_encoder import CHINESE_HUBERT_BASE, Hubert
from moda.errors import BadSpeech, BadWeights, WeightsMissing
from tests.parity import FOLDER, fixture, largest_difference, seeded, seeded_hubert

EXPECTED, MOTION = fixture("hubert"), fixture("motion")
ENTRY = json.loads((FOLDER / "manifest.json").read_text())["files"]["audio/chinese-hubert-base/pytorch_model.bin"]
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def small() -> Hubert:
    """A narrow encoder with random weights, for what needs no published numbers."""
    return Hubert.from_state(small_state(), SMALL)


SMALL = {
    **CHINESE_HUBERT_BASE, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip


def small_state() -> dict[str, torch.Tensor]:
    from transformers import HubertConfig, HubertModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {k: v.detach().clone() for k, v in HubertModel(HubertConfig(**SMALL)).state_dict().items()}


def test_the_manifest_s_configuration_is_ours() -> None:
    assert ENTRY["config"] == CHINESE_HUBERT_BASE


@pytest.mark.slow
@pytest.mark.parametrize(("tag", "samples"), [("2s", 32000), ("1s03", 16500)])
def test_published_features_stage_by_stage(tag: str, samples: int) -> None:
    published = seeded_hubert()
    waveform = seeded.tensor("hubert/audio", (samples,), scale=0.1, offset=0.01)
    frames = frames_of(samples)
    assert frames == EXPECTED[f"{tag}/frames"]

    def check(stage: str, value: np.ndarray) -> None:
        assert largest_difference(EXPECTED, f"{tag}/{stage}", value) < TOLERANCE, stage

    cut = normalised(waveform)[: frames * FRAME]
    check("normalised", cut[None])
    padded = reflect_edges(cut)
    assert len(padded) == EXPECTED[f"{tag}/padded_length"]
    assert np.abs(padded[:64] - EXPECTED[f"{tag}/padded_head"]).max() < 1e-5
    assert np.abs(padded[-64:] - EXPECTED[f"{tag}/padded_tail"]).max() < 1e-5
    with torch.inference_mode():
        steps = published.steps(torch.from_numpy(padded))
        check("conv", steps[None].numpy())
        framed = interpolate(steps, np.linspace(0, 2 * frames - 1, frames))
        check("presample", framed[None].numpy())
        check("hidden0", published.enter(published.project(framed))[None].numpy())
    features = reference_features(published, waveform).numpy()
    check("features", features)
    assert np.abs(features[7] - EXPECTED[f"{tag}/features_frame7"]).max() < TOLERANCE
    assert np.abs(HubertFeatures(published, waveform)[:].numpy() - features).max() < 1e-5


def test_long_speech_is_cut_every_sixty_seconds_in_the_reference(small: Hubert) -> None:
    samples = int(MOTION["long_audio/samples"])
    pieces = MOTION["long_audio/piece_samples"]
    assert sum(frames_of(int(n)) for n in pieces) == MOTION["long_audio/frames"]
    waveform = np.random.default_rng(1).standard_normal(samples).astype(np.float32)
    features = reference_features(small, waveform)
    assert len(features) == MOTION["long_audio/frames"]
    alone = reference_features(small, waveform[pieces[0] : pieces[0] + pieces[1]])
    assert torch.equal(features[1500:3000], alone)


def speechlike(seconds: float) -> np.ndarray:
    """Noise that swells and changes colour, louder towards the end."""
    rng = np.random.default_rng(2)
    t = np.arange(int(seconds * 16000)) / 16000
    tone = np.sin(2 * np.pi * 140 * t + 8 * np.sin(2 * np.pi * 0.7 * t))
    envelope = (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * t)) * (0.3 + t / seconds)
    return (envelope * (tone + 0.3 * rng.standard_normal(len(t))) * 0.2).astype(np.float32)


def test_windows_leave_no_seam(small: Hubert) -> None:
    """Against one run over everything: below 1 % at the borders, where a hard cut is far above."""
    waveform = speechlike(16.0)
    whole = HubertFeatures(small, waveform)[:]
    features = HubertFeatures(small, waveform, window=140, context=30, fade=10)
    assert features.borders == [0, 80, 160, 240, 320, 400]

    def relative(a: torch.Tensor, border: int) -> float:
        near = slice(border - 12, border + 12)
        return float((a[near] - whole[near]).norm() / whole[near].norm())

    cut = torch.cat([reference_features(small, waveform[80 * FRAME * k : 80 * FRAME * (k + 1)]) for k in range(5)])
    for border in features.borders[1:-1]:
        assert relative(features[:], border) < 1e-2 < relative(cut, border)


def test_a_minute_and_more_is_what_one_unchunked_run_gives(small: Hubert) -> None:
    """Where the reference cuts, at 60 s, ours shows nothing: convolutions in blocks are exact, attention is whole."""
    waveform = speechlike(64.0)
    padded = torch.from_numpy(reflect_edges(normalised(waveform)))
    with torch.inference_mode():
        framed = interpolate(small.steps(padded), np.linspace(0, 3199, 1600))
        whole = small.layers(small.enter(small.project(framed)))
    assert (HubertFeatures(small, waveform)[:] - whole).abs().max() < 1e-4
    cut = reference_features(small, waveform)
    border = slice(1490, 1510)
    assert (cut[border] - whole[border]).norm() / whole[border].norm() > 1e-2


def test_slices_in_any_order_agree_and_memory_stays_flat(small: Hubert) -> None:
    features = HubertFeatures(small, speechlike(16.0), window=140, context=30, fade=10)
    whole = features[:]
    for start, stop in ((0, 80), (64, 144), (320, 400), (71, 89), (399, 400), (5, 5)):
        assert torch.equal(features[start:stop], whole[start:stop])
        assert len(features.kept) <= 2
    assert len(features) == 400 and len(features[-3:]) == 3
    with pytest.raises(IndexError):
        features[::2]


@pytest.mark.parametrize("samples", [640, 1279, 1280, 16037])
def test_short_speech(small: Hubert, samples: int) -> None:
    waveform = speechlike(2.0)[:samples]
    features = HubertFeatures(small, waveform)[:]
    assert features.shape == (samples // 640, 2, 32) and torch.isfinite(features).all()
    assert torch.allclose(features, reference_features(small, waveform), atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 639])
def test_less_than_a_frame_is_refused(small: Hubert, samples: int) -> None:
    for run in (reference_features, HubertFeatures):
        with pytest.raises(BadSpeech, match="too short"):
            run(small, np.zeros(samples, np.float32))  # type: ignore[operator]


def test_silence_gives_finite_features(small: Hubert) -> None:
    assert torch.isfinite(HubertFeatures(small, np.zeros(32000, np.float32))[:]).all()


@pytest.mark.parametrize("frames", [10, 11])
def test_what_the_generator_is_given(small: Hubert, frames: int) -> None:
    """Exactly the frames of the video and the silence, lazily by default, hard-cut in the reference preset."""
    waveform = speechlike(0.43)  # ten whole frames and a rest
    ours, reference = (published_features(small, waveform, frames, p) for p in ("default", "reference"))
    assert len(ours) == len(reference) == frames + SILENCE_FRAMES
    assert torch.allclose(torch.as_tensor(ours[0:60]), torch.as_tensor(reference[0:60]), atol=1e-5)
    assert isinstance(ours, HubertFeatures) and isinstance(reference, torch.Tensor)


def test_published_preparation_of_speech() -> None:
    pcm = np.floor(3000 * seeded.tensor("motion/pcm", (8000,)).astype(np.float64) + 0.5) / 32768
    joined = with_silence(pcm)
    assert np.abs(joined[:256] - MOTION["silence/joined_head"]).max() < 1e-6
    assert np.abs(joined[8000 - 16 : 8000 + 16] - MOTION["silence/joined_at_seam"]).max() < 1e-6
    for samples, total, frames, added, out in MOTION["silence/table"]:
        joined = with_silence(np.zeros(samples, np.float32))
        assert (len(joined), frames_of(len(joined)), 50, frames_of(len(joined)) - 50) == (total, frames, added, out)
    with pytest.raises(BadSpeech, match="empty"):
        with_silence(np.zeros(0))


def test_both_spellings_prefixes_and_half_precision(small: Hubert) -> None:
    state = small_state()
    new, old = "encoder.pos_conv_embed.conv.parametrizations.weight.original", "encoder.pos_conv_embed.conv.weight_"
    turned = {k.replace(f"{new}0", f"{old}g").replace(f"{new}1", f"{old}v"): v for k, v in state.items()}
    assert set(turned) != set(state)
    waveform, wanted = speechlike(1.0), reference_features(small, speechlike(1.0))
    for variant in (turned, {f"hubert.{k}": v for k, v in turned.items() if k != "masked_spec_embed"}):
        assert torch.equal(reference_features(Hubert.from_state(variant, SMALL), waveform), wanted)
    half = Hubert.from_state({k: v.half() for k, v in state.items()}, SMALL)
    assert half.encoder.layer_norm.weight.dtype == torch.float32
    assert (reference_features(half, waveform) - wanted).abs().max() < 0.05


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="HuBERT"):
        Hubert.from_folder(tmp_path)
    state = small_state()
    torch.save(state, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    assert Hubert.from_folder(tmp_path).model.config.hidden_size == 32
    with pytest.raises(BadWeights, match=r"missing encoder\.layer_norm\.bias"):
        Hubert.from_state({k: v for k, v in state.items() if k != "encoder.layer_norm.bias"}, SMALL)
    with pytest.raises(BadWeights, match="not expected lm_head"):
        Hubert.from_state({**state, "lm_head.weight": torch.zeros(2, 2)}, SMALL)
    with pytest.raises(BadWeights, match="has shape"):
        Hubert.from_state(state, {**SMALL, "intermediate_size": 48})
    whole = (tmp_path / "pytorch_model.bin").read_bytes()
    (tmp_path / "pytorch_model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadWeights, match=r"pytorch_model\.bin.*chinese-hubert-base"):
        Hubert.from_folder(tmp_path)
