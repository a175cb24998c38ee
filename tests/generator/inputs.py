"""Named inputs of the parity fixtures as tensors."""

from __future__ import annotations

import torch

from tests.parity import seeded


def named(name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    """The seeded input of that name, times `scale`."""
    return torch.from_numpy(seeded.tensor(name, shape, scale=scale))


def one_hot(index: int) -> torch.Tensor:
    """Emotion mixture of one class."""
    return torch.eye(9)[index]
