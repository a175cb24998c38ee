"""Loading the published checkpoint: every key accounted for, every fault named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from moda.errors import BadWeights, WeightsMissing
from moda.generator.convert import (
    convert,
    halves_first,
    infer_config,
    load_published,
    published_names,
    read_checkpoint,
)
from moda.generator.network import MoDA, MoDAConfig
from tests.generator.conftest import seeded_state
from tests.parity import FOLDER

Q = "talking_head_dit.blocks2.3.attn1.qkv_au.weight"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """The published layout, narrow: 64 wide, one head."""
    return seeded_state(64)


def test_the_manifest_is_covered_key_by_key() -> None:
    """Names and shapes of `moda/net-200.pth`, all 411 of them, and nothing else."""
    entry = json.loads((FOLDER / "manifest.json").read_text())["files"]["moda/net-200.pth"]
    shapes = {key: tuple(value["shape"]) for key, value in entry["keys"].items()}
    config = infer_config(shapes)
    assert config == MoDAConfig()  # our defaults are the published model
    ours = {name for theirs in published_names(config).values() for name in theirs}
    assert ours | {"null_audio_feat", "null_motion_feat", "scheduler.sigmas"} == set(shapes)
    with torch.device("meta"):
        assert set(published_names(config)) | {"null_speech", "null_motion"} == set(MoDA(config).state_dict())


def test_rotary_pairs_are_moved_half_a_head_apart() -> None:
    rows = torch.arange(8.0)  # two heads of four
    assert halves_first(rows, 2).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_null_vectors_may_be_absent(state: dict[str, torch.Tensor]) -> None:
    _, full = convert(state)
    assert torch.equal(full["null_speech"], state["null_audio_feat"].flatten())
    less = {k: v for k, v in state.items() if not k.startswith("null_") and k != "scheduler.sigmas"}
    _, first = convert(less)
    _, second = convert(less)
    assert torch.equal(first["null_speech"], second["null_speech"])  # the same on every run
    assert abs(float(first["null_speech"].square().mean()) - 1) < 0.15
    assert first["null_motion"].abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_are_cast(state: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
    """Noise levels too, which half precision rounds."""
    halved = {k: v.to(dtype) for k, v in state.items()}
    assert all(v.dtype == torch.float32 for v in convert(halved)[1].values())


def test_tensors_that_are_not_the_generators_are_left_out_with_a_warning(
    state: dict[str, torch.Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    """As the reference does, which loads with strict=False."""
    _, plain = convert(state)
    _, found = convert({**state, "optimizer.step": torch.zeros(1)}, "net-200.pth")
    assert all(torch.equal(found[name], plain[name]) for name in plain) and found.keys() == plain.keys()
    assert "net-200.pth holds 1 tensors" in caplog.text and "optimizer.step" in caplog.text


def test_missing_and_misshapen_keys_are_named(state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(BadWeights, match=Q.replace(".", r"\.")):
        convert({k: v for k, v in state.items() if k != Q})
    with pytest.raises(BadWeights, match="not the published MoDA generator"):
        convert({f"module.{k}": v for k, v in state.items()})
    with pytest.raises(BadWeights, match=r"of another shape: \S+ \(3, 64\) instead of"):
        convert({**state, Q: torch.zeros(3, 64)})
    with pytest.raises(BadWeights, match="scheduler"):
        convert({**state, "scheduler.sigmas": torch.linspace(0, 1, 1000)})
    with pytest.raises(BadWeights, match="null_audio_feat"):
        convert({**state, "null_audio_feat": torch.zeros(5)})
    with pytest.raises(BadWeights, match="not the published MoDA generator"):
        convert({"detector.conv.weight": torch.zeros(3)})


def test_files(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "net-200.pth"
    torch.save(state, path)
    model = load_published(path)
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    known = model.null_speech.clone()  # the file is mapped into memory
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as PyTorch before 1.6
    assert torch.equal(load_published(path).null_speech, known)
    torch.save(state, path)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 50):
        path.write_bytes(whole[:cut])
        with pytest.raises(BadWeights, match=r"net-200\.pth.*expected a PyTorch file"):
            load_published(path)
    with pytest.raises(WeightsMissing, match="absent"):
        load_published(tmp_path / "absent.pth")
    torch.save({"state_dict": state}, path)
    with pytest.raises(BadWeights, match="flat dict"):
        load_published(path)


def test_pickles_with_code_are_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadWeights, match="not a weight file"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
