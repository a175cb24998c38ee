"""Reading the parity fixtures: seeded inputs and the reference's outputs (tests/fixtures/parity)."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from moda.conditions.hubert_encoder import Hubert

FOLDER = Path(__file__).parent / "fixtures" / "parity"


def _load_seeded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity_seeded", FOLDER / "seeded.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


seeded = _load_seeded()


def fixture(name: str) -> Mapping[str, np.ndarray]:
    """All arrays of one fixture file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def largest_difference(expected: Mapping[str, np.ndarray], key: str, actual: np.ndarray) -> float:
    """Largest |difference| between `actual` and what the fixture stores of `key`: all of it, or samples and stats."""
    actual = np.asarray(actual)
    if key in expected:
        assert actual.shape == expected[key].shape, (key, actual.shape, expected[key].shape)
        return float(np.abs(actual - expected[key]).max())
    assert actual.shape == tuple(expected[f"{key}@shape"]), (key, actual.shape, expected[f"{key}@shape"])
    part = actual[tuple(slice(None, None, int(s)) for s in expected[f"{key}@stride"])]
    wide = actual.astype(np.float64)
    stats = np.array([wide.mean(), wide.std(), np.abs(wide).max()])
    return float(max(np.abs(part - expected[f"{key}@sample"]).max(), np.abs(stats - expected[f"{key}@stats"]).max()))


@cache
def seeded_hubert() -> Hubert:
    """chinese-hubert-base with seeded weights under the published names."""
    import torch

    entry = json.loads((FOLDER / "manifest.json").read_text())["files"]
    keys = entry["audio/chinese-hubert-base/pytorch_model.bin"]["keys"]
    shapes = {key: tuple(value["shape"]) for key, value in keys.items()}
    return Hubert.from_state({key: torch.from_numpy(seeded.value("hubert", key, shapes)) for key in shapes})
