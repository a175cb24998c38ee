"""Every container in which the published weights are passed on: it loads, or is refused in a sentence.

The published tensors are seeded, MoDA's and HuBERT's narrower than published; what is varied is how a file holds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import HubertConfig, HubertModel

from moda.conditions.hubert_encoder import CHINESE_HUBERT_BASE, Hubert
from moda.errors import BadWeights
from moda.generator.convert import load_published
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.checkpoint import read_checkpoint
from tests.generator.conftest import seeded_state
from tests.parity import seeded
from tests.renderer.liveportrait.conftest import SeededFiles

State = Mapping[str, Any]
NARROW_HUBERT = {
    **CHINESE_HUBERT_BASE, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip


def save(state: Any, path: Path) -> None:
    torch.save(state, path)


def save_legacy(state: Any, path: Path) -> None:
    """As PyTorch before 1.6 did."""
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_safetensors(state: Any, path: Path) -> None:
    save_file({k: v.contiguous().clone() for k, v in state.items()}, path.with_name("model.safetensors"))


def as_is(state: State) -> State:
    return state


def halved(state: State) -> State:
    return {k: halved(v) if isinstance(v, Mapping) else v.half() for k, v in state.items()}


def brain_halved(state: State) -> State:
    return {k: v.bfloat16() for k, v in state.items()}


def parameters(state: State) -> State:
    return {k: torch.nn.Parameter(v, requires_grad=False) for k, v in state.items()}


def without_null(state: State) -> State:
    return {k: v for k, v in state.items() if not k.startswith("null_")}


def with_more(state: State) -> State:
    return {**state, "ema.step": torch.zeros(1)}


def of_a_module(state: State) -> State:
    return {f"module.{k}": v for k, v in state.items()}


def nested(state: State) -> State:
    return {"model": dict(state)}


def one_less(state: State) -> State:
    return dict(list(state.items())[:-5])


def groups_of_a_module(state: State) -> State:
    return {group: {k.replace("mlp.", "module.mlp."): v for k, v in part.items()} for group, part in state.items()}


def with_optimizer(state: State) -> State:
    moments = {i: {"exp_avg": torch.zeros(4), "exp_avg_sq": torch.zeros(4), "step": 3} for i in range(2)}
    return {**state, "optimizer": {"state": moments, "param_groups": [{"lr": 1e-4, "params": [0, 1]}]}}


def with_a_scalar(state: State) -> State:
    return {**state, "epoch": np.float64(3)}


def old_names(state: State) -> State:
    new, old = "conv.parametrizations.weight.original", "conv.weight_"
    return {k.replace(f"{new}0", f"{old}g").replace(f"{new}1", f"{old}v"): v for k, v in state.items()}


def of_hubert(state: State) -> State:
    return {f"hubert.{k}": v for k, v in state.items()}


def with_a_head(state: State) -> State:
    return {**state, "lm_head.weight": torch.zeros(2, 2)}


@pytest.fixture(scope="module")
def generator() -> State:
    return seeded_state(64)


@pytest.fixture(scope="module")
def liveportrait() -> SeededFiles:
    return SeededFiles(seeded)


@pytest.fixture(scope="module")
def hubert() -> State:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = HubertModel(HubertConfig(**NARROW_HUBERT))
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def numbers(module: torch.nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in module.state_dict().items()}


def close(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], tolerance: float) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        scale = float(value.abs().max()) + 1e-6
        assert found[key].dtype == torch.float32 and float((found[key] - value).abs().max()) <= tolerance * scale, key


@pytest.mark.parametrize(
    ("change", "write", "tolerance"),
    [(as_is, save, 0), (as_is, save_legacy, 0), (parameters, save, 0), (without_null, save, 0), (halved, save, 1e-3),
     (brain_halved, save, 1e-2), (with_more, save, 0)],
)  # fmt: skip
def test_the_generator_loads(
    change: Callable[[State], State], write: Callable[[Any, Path], None], tolerance: float, generator: State,
    tmp_path: Path,
) -> None:  # fmt: skip
    write(dict(generator), tmp_path / "plain.pth")
    write(dict(change(generator)), tmp_path / "net-200.pth")
    wanted, found = (numbers(load_published(tmp_path / name)) for name in ("plain.pth", "net-200.pth"))
    # What stands in for absent null vectors is test_convert's.
    stand_ins = ("null_speech", "null_motion") if change is without_null else ()
    for absent in stand_ins:
        del found[absent], wanted[absent]
    close(found, wanted, tolerance)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(of_a_module, "not the published MoDA generator"), (nested, "flat dict of tensors"), (one_less, "missing")],
)
def test_the_generator_is_refused(
    change: Callable[[State], State], sentence: str, generator: State, tmp_path: Path
) -> None:
    """Where the reference would load nothing, or a part, and say nothing of it."""
    save(dict(change(generator)), tmp_path / "net-200.pth")
    with pytest.raises(BadWeights, match=sentence):
        load_published(tmp_path / "net-200.pth")


@pytest.mark.parametrize(
    ("change", "write", "tolerance"),
    [(as_is, save, 0), (groups_of_a_module, save, 0), (with_optimizer, save, 0), (as_is, save_legacy, 0),
     (halved, save, 1e-3)],
)  # fmt: skip
def test_stitching_loads(
    change: Callable[[State], State], write: Callable[[Any, Path], None], tolerance: float,
    liveportrait: SeededFiles, tmp_path: Path,
) -> None:  # fmt: skip
    state = liveportrait.retargeting()
    path = tmp_path / "stitching_retargeting_module.pth"
    write(dict(change(state)), path)
    found = convert.load_retargeting(read_checkpoint(path, convert.STITCHING), path)
    for one, two in zip(found, convert.load_retargeting(state, "as seeded")):
        close(numbers(one), numbers(two), tolerance)


def test_stitching_with_a_numpy_scalar_is_refused_for_what_it_is(liveportrait: SeededFiles, tmp_path: Path) -> None:
    path = tmp_path / "stitching_retargeting_module.pth"
    save(dict(with_a_scalar(liveportrait.retargeting())), path)
    with pytest.raises(BadWeights, match="holds more than tensors and plain containers"):
        read_checkpoint(path, convert.STITCHING)


@pytest.mark.parametrize(
    ("change", "write", "tolerance"), [(as_is, save, 0), (halved, save, 5e-3), (as_is, save_legacy, 0)]
)
def test_the_appearance_extractor_loads(
    change: Callable[[State], State], write: Callable[[Any, Path], None], tolerance: float,
    liveportrait: SeededFiles, tmp_path: Path,
) -> None:  # fmt: skip
    state = liveportrait.network("appearance_feature_extractor")
    path = tmp_path / "appearance_feature_extractor.pth"
    write(dict(change(state)), path)
    found = convert.load_appearance(read_checkpoint(path, convert.APPEARANCE), path)
    close(numbers(found), numbers(convert.load_appearance(state, "as seeded")), tolerance)


def test_the_appearance_extractor_of_a_module_is_refused(liveportrait: SeededFiles, tmp_path: Path) -> None:
    path = tmp_path / "appearance_feature_extractor.pth"
    save(dict(of_a_module(liveportrait.network("appearance_feature_extractor"))), path)
    with pytest.raises(BadWeights, match=r"appearance feature extractor.*missing"):
        convert.load_appearance(read_checkpoint(path, convert.APPEARANCE), path)


@pytest.mark.parametrize(
    ("change", "write", "tolerance"),
    [(as_is, save, 0), (old_names, save, 0), (halved, save, 1e-3), (of_hubert, save, 0), (as_is, save_safetensors, 0),
     (old_names, save_legacy, 0)],
)  # fmt: skip
def test_hubert_loads(
    change: Callable[[State], State], write: Callable[[Any, Path], None], tolerance: float, hubert: State,
    tmp_path: Path,
) -> None:  # fmt: skip
    write(dict(change(hubert)), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(NARROW_HUBERT), encoding="utf-8")
    close(numbers(Hubert.from_folder(tmp_path).model), dict(hubert), tolerance)


def test_hubert_with_a_head_is_refused(hubert: State, tmp_path: Path) -> None:
    save(dict(with_a_head(hubert)), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(NARROW_HUBERT), encoding="utf-8")
    with pytest.raises(BadWeights, match=r"not expected lm_head\.weight"):
        Hubert.from_folder(tmp_path)
