"""F: what the portrait looks like, as a feature volume.

LivePortrait (arXiv 2407.03168, section 3.1) after face-vid2vid (arXiv 2011.15126, figure 3): a picture becomes
a 3-D volume that the warping module can turn and deform. It depends on the portrait alone, so it runs once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Volume:
    """The portrait's features in space, as F hands them to W: the picture's channels read as slices in depth."""

    channels: int = 32
    depth: int = 16


PUBLISHED_VOLUME = Volume()


@dataclass(frozen=True)
class AppearanceConfig:
    """Sizes of F; the defaults are the published ones."""

    picture_channels: int = 3
    width: int = 64
    """Channels after the first convolution; each of the `down_blocks` doubles them and halves the sides."""
    down_blocks: int = 2
    volume: Volume = PUBLISHED_VOLUME
    residual_blocks: int = 6
    """Of the volume."""


class ChannelAffine(nn.Module):
    """``x * gain + shift`` per channel: what an evaluated batch norm is when no convolution can absorb it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return x * self.gain.view(shape) + self.shift.view(shape)


class ResidualBlock3d(nn.Module):
    """Pre-activation residual block; its second normalisation lives in ``first``'s weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.affine = ChannelAffine(channels)
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(functional.relu(self.affine(x)))
        return x + self.second(functional.relu(inner))


class AppearanceEncoder(nn.Module):
    """F. ``forward``: pictures (B, 3, H, W) in [0, 1] -> volumes (B, 32, 16, H/4, W/4)."""

    def __init__(self, config: AppearanceConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AppearanceConfig()
        widths = [config.width * 2**level for level in range(config.down_blocks + 1)]
        self.stem = nn.Conv2d(config.picture_channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.lift = nn.Conv2d(widths[-1], config.volume.channels * config.volume.depth, 1)
        self.blocks = nn.ModuleList(ResidualBlock3d(config.volume.channels) for _ in range(config.residual_blocks))

    def forward(self, pictures: Tensor) -> Tensor:
        x = functional.relu(self.stem(pictures))
        for down in self.down:
            x = functional.avg_pool2d(functional.relu(down(x)), 2)
        x = self.lift(x)
        volume = x.view(len(x), self.config.volume.channels, self.config.volume.depth, *x.shape[2:])
        for block in self.blocks:
            volume = block(volume)
        return volume
