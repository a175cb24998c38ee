"""The reference preset from the command line: files in the published layout in, the published sampler's motion out."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moda.conditions.hubert import SILENCE_FRAMES, reference_features, with_silence
from moda.generator.published import sample_published
from moda.generator.sampler import ClipRequest, SamplingOptions
from moda.models import registry, weights
from moda.motion.space import denormalise
from moda.motion.takes import Take
from moda.portrait.portrait import open_portrait
from tests.cli.conftest import Call
from tests.generator.conftest import network, seeded_state
from tests.parity import FOLDER, seeded, seeded_hubert

CONFIG = {"conv_bias": False, "feat_extract_norm": "group", "do_stable_layer_norm": False}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as MODA_WEIGHTS names it, with seeded files under the published names. The generator is the narrow one
    of the parity fixtures, so its size is not asked for."""
    small = replace(registry.NETWORK, size=0)
    entry = registry.REGISTRY["moda-base"]
    changed = replace(entry, files=tuple(small if file is registry.NETWORK else file for file in entry.files))
    monkeypatch.setitem(registry.REGISTRY, "moda-base", changed)
    monkeypatch.setattr(registry, "NETWORK", small)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    files = json.loads((FOLDER / "manifest.json").read_text())["files"]

    def save(name: str, state: dict[str, torch.Tensor]) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path)

    def seeded_file(name: str, tag: str) -> None:
        shapes = {key: tuple(value["shape"]) for key, value in files[name]["keys"].items()}
        save(name, {key: torch.from_numpy(np.asarray(seeded.value(tag, key, shapes))) for key in shapes})

    save("moda/net-200.pth", seeded_state(256))
    seeded_file("audio/chinese-hubert-base/pytorch_model.bin", "hubert")
    (tmp_path / "audio/chinese-hubert-base/config.json").write_text(json.dumps(CONFIG))
    extractor = "decode/v1/first_stage/base_models/motion_extractor.pth"
    seeded_file(extractor, files[extractor]["tag"])
    return tmp_path


@pytest.mark.slow
def test_the_reference_preset_is_the_published_sampler(
    published: Path, files: Path, tmp_path: Path, call: Call
) -> None:
    pcm = np.floor(3000 * seeded.tensor("e2e/pcm", (25600,)).astype(np.float64) + 0.5)
    with wave.open(str(tmp_path / "speech.wav"), "wb") as speech:
        speech.setparams((1, 2, 16_000, 0, "NONE", ""))
        speech.writeframes(pcm.astype("<i2").tobytes())
    take = tmp_path / "take.npz"
    code, _, err = call(
        "generate", files / "me.png", tmp_path / "speech.wav", "-o", tmp_path / "out.mp4", "--model", "moda-base",
        "--renderer", "mesh", "--preset", "reference", "--seed", 7, "--emotion", "happiness", "--size", 256,
        "--save-motion", take,
    )  # fmt: skip
    assert code == 0, err
    start = registry.load_model("moda-base").start(open_portrait(files / "me.png"))
    features = reference_features(seeded_hubert(), with_silence(pcm / 32768))
    request = ClipRequest(features, torch.eye(9)[4], start.identity, start.first, seed=7)
    sampled = sample_published(network(256), request, SILENCE_FRAMES, SamplingOptions.reference())
    wanted = denormalise(sampled.numpy(), start.ratio)
    assert np.abs(Take.load(take).motion.array - wanted).max() < 1e-4
