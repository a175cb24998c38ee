"""From what the network is given to tokens of its width."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moda.generator.attention import rms
from moda.generator.linear import Linear


class MLPEmbedder(nn.Module):
    """Linear, SiLU, linear: the embedder of motion, identity and (after sinusoids) time."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = Linear(inputs, width)
        self.second = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., width)."""
        return self.second(F.silu(self.first(x)))


def sinusoids(time: Tensor, features: int, base: float = 10_000.0) -> Tensor:
    """[cos(t f_i), sin(t f_i)], f_i = base^(-2 i / features): (B,) network times in 1..1000 -> (B, features)."""
    half = features // 2
    index = torch.arange(half, device=time.device, dtype=torch.float32)
    angle = time.to(torch.float32)[:, None] * torch.exp(-math.log(base) * index / half)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class SpeechEmbedder(nn.Module):
    """Three layers with ReLU and a norm with gain: one token per frame of speech features."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = Linear(inputs, width)
        self.second = Linear(width, width)
        self.third = Linear(width, width)
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, features: Tensor) -> Tensor:
        """(B, L, inputs) -> (B, L, width)."""
        hidden = F.relu(self.second(F.relu(self.first(features))))
        return rms(self.third(hidden)) * self.gain


class EmotionEmbedder(nn.Module):
    """One vector per emotion class; a mixture is their weighted sum."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(classes, width))

    def forward(self, mixture: Tensor) -> Tensor:
        """(..., classes) weights -> (..., width)."""
        return mixture @ self.table
