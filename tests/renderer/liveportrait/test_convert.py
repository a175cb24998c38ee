"""A checkpoint is taken whole or refused with a sentence that says what is wrong."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moda.errors import BadWeights, UserError, WeightsMissing
from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.checkpoint import read_checkpoint
from tests.renderer.liveportrait.conftest import SeededFiles

LOADERS = {
    "appearance_feature_extractor": convert.load_appearance,
    "motion_extractor": convert.load_motion_extractor,
    "warping_module": convert.load_warping,
    "spade_generator": convert.load_generator,
}


def empty_state(files: SeededFiles, name: str) -> dict[str, Any]:
    """Right names and shapes, no numbers worth the time to make."""
    keys = files.files[f"decode/v1/first_stage/base_models/{name}.pth"]["keys"]
    return {key: torch.ones(()).expand(entry["shape"]) for key, entry in keys.items()}


@pytest.mark.parametrize("name", LOADERS)
def test_every_published_key_is_needed_and_none_other_is_taken(files: SeededFiles, name: str) -> None:
    state = empty_state(files, name)
    for key in list(state)[:: max(1, len(state) // 7)]:
        with pytest.raises(BadWeights, match="missing") as raised:
            LOADERS[name]({k: v for k, v in state.items() if k != key}, "some.pth")
        assert key in str(raised.value)
        assert "some.pth" in str(raised.value)
    with pytest.raises(BadWeights, match=r"unexpected \(stray\.weight\)"):
        LOADERS[name]({**state, "stray.weight": torch.zeros(1)}, "some.pth")


def test_a_wrong_shape_is_named(files: SeededFiles) -> None:
    state = empty_state(files, "appearance_feature_extractor")
    state["second.weight"] = torch.zeros(512, 128, 1, 1)
    with pytest.raises(BadWeights, match=r"second.weight is \(512, 128, 1, 1\) instead of \(512, 256, 1, 1\)"):
        convert.load_appearance(state, "F.pth")


def test_half_precision_files_are_read(files: SeededFiles) -> None:
    state = {k: v.half() for k, v in files.network("appearance_feature_extractor").items()}
    assert convert.load_appearance(state, "F.pth").stem.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "other", "says"),
    [
        ("motion_extractor", "appearance_feature_extractor", "appearance feature extractor"),
        ("spade_generator", "warping_module", "warping module"),
        ("warping_module", "spade_generator", "SPADE generator"),
    ],
)
def test_the_checkpoint_of_another_network_is_recognised(files: SeededFiles, name: str, other: str, says: str) -> None:
    with pytest.raises(BadWeights, match=f"is a checkpoint of .*{says}"):
        LOADERS[name](empty_state(files, other), "mixed-up.pth")


def test_a_motion_generator_is_no_renderer() -> None:
    with pytest.raises(BadWeights, match="MoDA motion generator"):
        convert.load_retargeting({"talking_head_dit.x": torch.zeros(1)}, "net-200.pth")


def test_stitching_with_and_without_the_wrapper_prefix(files: SeededFiles) -> None:
    plain = files.retargeting()
    wrapped = {
        group: {key.replace("mlp.", "module.mlp."): value for key, value in state.items()}
        for group, state in plain.items()
    }
    for one, two in zip(convert.load_retargeting(plain, "S"), convert.load_retargeting(wrapped, "S")):
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))
    del wrapped["retarget_eye"]
    with pytest.raises(BadWeights, match="lacks retarget_eye"):
        convert.load_retargeting(wrapped, "S")


def test_spectral_norm_is_folded_with_the_stored_vectors(files: SeededFiles) -> None:
    state = files.network("spade_generator")
    weight = state["up_0.conv_s.weight_orig"].double()
    u, v = state["up_0.conv_s.weight_u"].double(), state["up_0.conv_s.weight_v"].double()
    network = convert.load_generator(state, "G.pth")
    torch.testing.assert_close(
        network.up[0].shortcut.weight.double(), weight / (u @ weight.flatten(1) @ v), rtol=1e-6, atol=0
    )


class TestFiles:
    def test_absent(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsMissing, match=r"gone\.pth is not there"):
            read_checkpoint(tmp_path / "gone.pth", "an example")

    def test_a_numpy_scalar_is_named_for_what_it_is(self, tmp_path: Path) -> None:
        torch.save({"weight": torch.zeros(1), "epoch": np.float64(3)}, tmp_path / "more.pth")
        with pytest.raises(BadWeights, match="holds more than tensors and plain containers"):
            read_checkpoint(tmp_path / "more.pth", "an example")

    @pytest.mark.parametrize("keep", [0, 1, 200, 0.5, 0.99])
    def test_truncated(self, tmp_path: Path, keep: Any) -> None:
        buffer = io.BytesIO()
        torch.save({"weight": torch.arange(4096.0)}, buffer)
        whole = buffer.getvalue()
        path = tmp_path / "cut.pth"
        path.write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
        with pytest.raises(BadWeights, match=r"cut\.pth .* cannot be read as an example: it is truncated"):
            read_checkpoint(path, "an example")

    def test_code_in_a_file_is_never_run(self, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> Any:
                return (open, (str(tmp_path / "exploded"), "w"))

        path = tmp_path / "bomb.pth"
        torch.save({"weight": Bomb()}, path)
        with pytest.raises(UserError):
            read_checkpoint(path, "an example")
        path.write_bytes(pickle.dumps({"weight": Bomb()}))
        with pytest.raises(UserError):
            read_checkpoint(path, "an example")
        assert not (tmp_path / "exploded").exists()

    def test_not_a_dictionary(self, tmp_path: Path) -> None:
        torch.save(torch.zeros(3), tmp_path / "tensor.pth")
        with pytest.raises(BadWeights, match="holds a Tensor"):
            read_checkpoint(tmp_path / "tensor.pth", "an example")
