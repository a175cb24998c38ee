"""Named inputs of the parity fixtures as tensors."""

from __future__ import annotations

import torch

from moda.generator.network import MoDA, MoDAConfig
from tests.parity import seeded


def named(name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    """The seeded input of that name, times `scale`."""
    return torch.from_numpy(seeded.tensor(name, shape, scale=scale))


def one_hot(index: int) -> torch.Tensor:
    """Emotion mixture of one class."""
    return torch.eye(9)[index]


def small_network(noise: float) -> MoDA:
    """A network of one block a kind, all of whose weights differ from their first values by `noise`."""
    config = MoDAConfig(
        width=32, heads=2, blocks4=1, blocks2=1, blocks1=1, speech_shape=(6,),
        condition_tokens="single", has_null_identity=True,
    )  # fmt: skip
    model = MoDA.from_config(config, torch.Generator().manual_seed(2))
    with torch.no_grad():
        for value in model.parameters():
            value += noise * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    return model.eval()
