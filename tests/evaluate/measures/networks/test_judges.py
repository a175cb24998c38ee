"""The published judges: tensor names and shapes of their files, and numbers against plain arithmetic on seeded weights.

The files themselves are not ours to ship: what can be proven without them is that the networks take files of the
published names and compute what the layers, applied one by one in the published order, compute.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from moda.errors import BadWeights, WeightsMissing
from moda.evaluate.measures.judges import Judges, plain_frechet
from moda.evaluate.measures.networks import arcface, deep3d, i3d, syncnet
from moda.evaluate.measures.networks.published import ARCFACE, SYNCNET, load_into, read_state


def seeded(network: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights that keep values in range through many layers; statistics of the norms are positive."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in network.state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        if name.endswith("running_var"):
            drawn = 0.5 + drawn.abs()
        elif tensor.dim() > 1:
            drawn = drawn / math.sqrt(tensor[0].numel())
        state[name] = drawn
    return state


def bn(x: torch.Tensor, state: dict[str, torch.Tensor], name: str, eps: float = 1e-5) -> torch.Tensor:
    """A norm by its formula."""
    shape = (1, -1, *(1,) * (x.dim() - 2))
    mean, var, weight, bias = (state[f"{name}.{part}"].view(shape) for part in
                               ("running_mean", "running_var", "weight", "bias"))  # fmt: skip
    return (x - mean) / torch.sqrt(var + eps) * weight + bias


def test_syncnet_is_the_published_stack_of_layers() -> None:
    network = syncnet.SyncNet()
    state = seeded(network)
    assert state["netcnnlip.0.weight"].shape == (96, 3, 5, 7, 7) and state["netcnnaud.18.weight"].shape == (
        512,
        256,
        5,
        4,
    )
    assert state["netfclip.3.weight"].shape == (1024, 512) and "netcnnlip.20.running_var" not in state
    load_into(network, state, SYNCNET)
    faces = torch.rand(1, 3, 5, 224, 224, generator=torch.Generator().manual_seed(1)) * 255
    x = faces
    layers: list[tuple[int, Any, Any, Any]] = [
        (0, (1, 2, 2), 0, 0), (4, (1, 2, 2), (0, 1, 1), (0, 1, 1)), (8, 1, (0, 1, 1), None),
        (11, 1, (0, 1, 1), None), (14, 1, (0, 1, 1), 0), (18, 1, 0, None),
    ]  # fmt: skip
    for place, stride, padding, pool in layers:
        x = functional.conv3d(x, state[f"netcnnlip.{place}.weight"], state[f"netcnnlip.{place}.bias"], stride, padding)
        x = bn(x, state, f"netcnnlip.{place + 1}").relu()
        if pool is not None:
            x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), pool)
    x = x.flatten(1) @ state["netfclip.0.weight"].T + state["netfclip.0.bias"]
    x = bn(x, state, "netfclip.1").relu() @ state["netfclip.3.weight"].T + state["netfclip.3.bias"]
    with torch.inference_mode():
        assert torch.allclose(network.lips(faces), x, rtol=1e-3, atol=1e-3 * float(x.abs().max()))
        assert network.sound(torch.zeros(2, 1, 13, 20)).shape == (2, 1024)


def test_sync_numbers_by_hand() -> None:
    """Sounds that lead the lips by two frames: the best shift says so, and the numbers are those of the definition."""
    lips = torch.randn(40, 8, generator=torch.Generator().manual_seed(3))
    sounds = torch.roll(lips, -2, 0)
    found = syncnet.from_features(lips, sounds, 5)
    assert found.lag == 2
    means = []
    for shift in range(-5, 6):
        rows = [sounds[k + shift] if 0 <= k + shift < 40 else torch.zeros(8) for k in range(40)]
        means.append(float(torch.stack([(a - b + 1e-6).norm() for a, b in zip(lips, rows)]).mean()))
    assert found.distance == pytest.approx(min(means), rel=1e-5)
    assert found.confidence == pytest.approx(float(np.median(means)) - min(means), rel=1e-5)


def test_arcface_reads_its_depth_and_computes_blocks_by_hand() -> None:
    network = arcface.IResNet((1, 1, 2, 1))
    state = seeded(network, 1)
    assert arcface.depth_of({f"module.{name}": tensor for name, tensor in state.items()}) == (1, 1, 2, 1)
    load_into(network, {f"module.{name}": tensor for name, tensor in state.items()}, ARCFACE)
    x = torch.rand(1, 64, 12, 12, generator=torch.Generator().manual_seed(2))
    p = "layer1.0."
    y = functional.conv2d(bn(x, state, p + "bn1"), state[p + "conv1.weight"], padding=1)
    y = functional.prelu(bn(y, state, p + "bn2"), state[p + "prelu.weight"])
    y = bn(functional.conv2d(y, state[p + "conv2.weight"], stride=2, padding=1), state, p + "bn3")
    y = y + bn(functional.conv2d(x, state[p + "downsample.0.weight"], stride=2), state, p + "downsample.1")
    block: Any = network.layer1
    with torch.inference_mode():
        assert torch.allclose(block(x), y, rtol=1e-4, atol=1e-4)
    unit = arcface.features(network, np.zeros((2, 112, 112, 3), np.uint8))
    assert unit.shape == (2, 512) and np.allclose(np.linalg.norm(unit, axis=1), 1)
    assert [sum(arcface.depth_of(arcface.IResNet(b).state_dict())) for b in ((3, 4, 14, 3), (3, 13, 30, 3))] == [24, 49]


def test_faces_are_laid_onto_the_template() -> None:
    landmarks = np.zeros((478, 3))
    for points, place in zip(arcface.POINTS, arcface.TEMPLATE):
        landmarks[list(points), :2] = place * 2 + (30, 40)
    image = np.zeros((400, 400, 3), np.uint8)
    x, y = np.round(arcface.TEMPLATE[2] * 2 + (30, 40)).astype(int)
    image[y - 6 : y + 6, x - 6 : x + 6] = 255
    rows, columns = np.nonzero(arcface.aligned(image, landmarks)[..., 0] > 127)
    assert abs(rows.mean() - arcface.TEMPLATE[2][1]) < 1 and abs(columns.mean() - arcface.TEMPLATE[2][0]) < 1


def test_i3d_pads_as_tensorflow_and_has_the_published_names() -> None:
    network = i3d.I3D()
    names = set(network.state_dict())
    assert {"Conv3d_1a_7x7.conv3d.weight", "Mixed_4f.b1b.bn.running_mean", "logits.conv3d.bias"} <= names
    assert sum(p.numel() for p in network.parameters()) == 12_697_264  # as published
    x = torch.arange(7.0).view(1, 1, 7, 1, 1)
    assert i3d.same_padding(x, (3, 1, 1), (2, 1, 1)).flatten().tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 0]
    assert i3d.same_padding(x[:, :, :6], (3, 1, 1), (2, 1, 1)).flatten().tolist() == [0, 1, 2, 3, 4, 5, 0]
    network.eval()
    assert i3d.features(network, np.zeros((16, 32, 32, 3), np.uint8)).shape == (1, 400)
    assert i3d.features(network, np.zeros((15, 32, 32, 3), np.uint8)).shape == (0, 400)


def test_deep3d_lays_the_mean_face_where_it_belongs() -> None:
    """A picture of the mean face, turned nowhere: after the layout its eyes lie SCALE/scale apart about the centre."""
    rng = np.random.default_rng(0)
    lm = rng.normal(size=(68, 3))
    lm[[36, 39]], lm[[42, 45]] = (-0.3, 0.3, 0.1), (0.3, 0.3, 0.1)
    lm[30], lm[48], lm[54] = (0, 0, 0.4), (-0.25, -0.35, 0.1), (0.25, -0.35, 0.1)
    standard = deep3d.standard_points({"lm": lm})
    assert np.allclose(standard[0], (-0.3, 0.3, 0.1)) and np.allclose(standard[2], (0, 0, 0.4))
    points = np.column_stack([200 + 300 * standard[:, 0], 399 - (200 + 300 * standard[:, 1])])
    image = np.zeros((400, 400, 3), np.uint8)
    for x, y in np.round(points[:2]).astype(int):
        image[y - 5 : y + 5, x - 5 : x + 5] = 255
    rows, columns = np.nonzero(deep3d.aligned(image, points, standard)[..., 0] > 127)
    eyes = columns[columns < 112].mean(), columns[columns > 112].mean()
    assert eyes[1] - eyes[0] == pytest.approx(0.6 * deep3d.SCALE, abs=1.5) and abs(np.mean(eyes) - 112) < 1.5
    assert rows.mean() == pytest.approx(112 - 0.3 * deep3d.SCALE, abs=2)
    network = deep3d.Deep3D().eval()
    assert {"backbone.layer4.2.conv3.weight", "final_layers.6.bias"} <= set(network.state_dict())
    assert deep3d.expressions(network, np.zeros((1, 224, 224, 3), np.uint8)).shape == (1, 64)


def test_frechet_distance_of_known_gaussians() -> None:
    """Equal covariances: the squared distance of the means; scaled by two: trace (s - 2 s)^2."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20_000, 4))
    assert plain_frechet(a, a + 3.0) == pytest.approx(36.0, rel=1e-6)
    assert plain_frechet(a, 2 * a) == pytest.approx(
        float(np.trace(np.cov(a.T))) + float((a.mean(0) ** 2).sum()), rel=1e-6
    )


def test_absent_weights_are_told_with_address_and_licence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODA_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissing, match="robots"):
        read_state(SYNCNET)
    assert len(Judges().notes) == 4 and all("MODA_WEIGHTS" in note for note in Judges().notes)
    (tmp_path / "evaluate").mkdir()
    torch.save({"netcnnaud.0.weight": torch.zeros(1)}, tmp_path / "evaluate" / "syncnet_v2.model")
    with pytest.raises(BadWeights, match="does not fit"):
        load_into(syncnet.SyncNet(), read_state(SYNCNET), SYNCNET)
    (tmp_path / "evaluate" / "syncnet_v2.model").write_bytes(b"no archive")
    with pytest.raises(BadWeights, match="damaged"):
        read_state(SYNCNET)
