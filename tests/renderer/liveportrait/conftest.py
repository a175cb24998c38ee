"""The published files, seeded: what the reference gives for exactly these weights is in the fixtures."""

from __future__ import annotations

import json
import os
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from moda.motion.space import Motion
from tests import parity

FIXTURES = parity.FOLDER
BASE = "decode/v1/first_stage/base_models"
STITCHING = "decode/v1/first_stage/retargeting_models/stitching_retargeting_module.pth"


@pytest.fixture(scope="session")
def seeded() -> ModuleType:
    """Names -> numbers (see tests/fixtures/parity/seeded.py)."""
    return parity.seeded


class SeededFiles:
    """State dicts of the published files under their published keys, filled by rule."""

    def __init__(self, seeded: ModuleType) -> None:
        self.seeded = seeded
        self.files = json.loads((FIXTURES / "manifest.json").read_text())["files"]

    def fill(self, tag: str, keys: dict[str, Any]) -> dict[str, torch.Tensor]:
        shapes = {key: tuple(entry["shape"]) for key, entry in keys.items()}
        return {key: torch.from_numpy(np.asarray(self.seeded.value(tag, key, shapes))) for key in shapes}

    def network(self, name: str) -> dict[str, torch.Tensor]:
        entry = self.files[f"{BASE}/{name}.pth"]
        return self.fill(entry["tag"], entry["keys"])

    def retargeting(self) -> dict[str, dict[str, torch.Tensor]]:
        groups = self.files[STITCHING]["groups"]
        return {name: self.fill(group["tag"], group["keys"]) for name, group in groups.items()}


@pytest.fixture(scope="session")
def files(seeded: ModuleType) -> SeededFiles:
    return SeededFiles(seeded)


class Expected:
    """One fixture file. ``check`` compares a tensor with what the reference gave, in full or as it was sampled."""

    def __init__(self, name: str) -> None:
        self.arrays = np.load(FIXTURES / f"{name}.npz")

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def difference(self, key: str, found: torch.Tensor | np.ndarray) -> float:
        """Largest absolute difference; for sampled arrays also shape, mean, deviation and peak are compared."""
        array = np.asarray(found, dtype=np.float64)
        if key in self.arrays:
            assert array.size == self.arrays[key].size, f"{key}: {array.shape} against {self.arrays[key].shape}"
            return float(np.abs(array.reshape(self.arrays[key].shape) - self.arrays[key]).max())
        assert array.shape == tuple(self.arrays[f"{key}@shape"])
        sampled = array[tuple(slice(None, None, int(step)) for step in self.arrays[f"{key}@stride"])]
        mean, deviation, peak = self.arrays[f"{key}@stats"]
        worst = float(np.abs(sampled - self.arrays[f"{key}@sample"]).max())
        whole = (abs(array.mean() - mean), abs(array.std() - deviation), abs(np.abs(array).max() - peak))
        return max(worst, *map(float, whole))


@pytest.fixture(scope="session")
def expected() -> Expected:
    """What the reference's LivePortrait modules gave."""
    return Expected("liveportrait")


@pytest.fixture(scope="session")
def expected_motion() -> Expected:
    """What the reference's motion arithmetic gave."""
    return Expected("motion")


def driving(prefix: str, frames: int, angles: tuple[float, float, float]) -> Motion:
    """A generated motion, physical units: the reference's inputs below `prefix`; angles: sizes of pitch, yaw, roll."""
    parts = [
        parity.seeded.tensor(f"{prefix}/exp", (frames, 63), 0.05),
        parity.seeded.tensor(f"{prefix}/scale", (frames, 1), 0.05, 1.2),
        parity.seeded.tensor(f"{prefix}/t", (frames, 3), 0.03),
        *(
            parity.seeded.tensor(f"{prefix}/{name}", (frames, 1), size)
            for name, size in zip(("pitch", "yaw", "roll"), angles)
        ),
    ]
    return Motion(np.concatenate(parts, axis=1), origin="moda-base")


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.inference_mode():
        yield


def _shared_threads() -> None:
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(2, os.cpu_count() or 1))


_shared_threads()
