"""Seeded published networks for the parity tests: every weight follows from its published name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from moda.generator.convert import build, convert
from moda.generator.network import MoDA
from tests.parity import FOLDER, seeded


def seeded_state(width: int) -> dict[str, torch.Tensor]:
    """The state dict of `moda/net-200.pth` with seeded values, 768 wide as published or narrower."""
    manifest = json.loads((FOLDER / "manifest.json").read_text())["files"]["moda/net-200.pth"]
    shapes = {}
    for key, entry in manifest["keys"].items():
        shape = [n * width // 768 if n % 768 == 0 and n != 9216 else n for n in entry["shape"]]
        shapes[key] = tuple([768] if key == "null_audio_feat" else shape)
        if key == "null_audio_feat":
            shapes[key] = (1, 1, 1, 1, 768)
    state = {}
    for key, shape in shapes.items():
        array = seeded.value("moda", key, shapes)
        if array is None:
            array = np.arange(1, 1001, dtype=np.float32) / 1000
        state[key] = torch.from_numpy(array).view(shape)
    return state


def network(width: int) -> MoDA:
    config, state = convert(seeded_state(width))
    return build(config, state)


@pytest.fixture(scope="session")
def dit_t() -> MoDA:
    """The small published layout: width 256, 4 heads, 3 + 6 + 12 blocks."""
    return network(256)


@pytest.fixture(scope="session")
def dit_b() -> MoDA:
    """The published size: width 768, 12 heads, 3 + 6 + 12 blocks (373 million parameters)."""
    return network(768)
