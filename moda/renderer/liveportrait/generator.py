"""G: warped features become the picture.

SPADE (arXiv 1903.07291): the features steer the normalisation of every layer, at every resolution
(LivePortrait, arXiv 2407.03168, section 3.1). Spectral norm is a constant at inference and is folded into the
weights when they are loaded.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of G; the defaults are the published ones."""

    features: int = 256
    width: int = 512
    middle_blocks: int = 6
    up_widths: tuple[int, ...] = (256, 64)
    hidden: int = 128
    picture_channels: int = 3
    last_upscale: int = 2


class Modulation(nn.Module):
    """SPADE: instance norm, then gain and shift predicted per position from the features."""

    def __init__(self, channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.channels = channels
        self.shared = nn.Conv2d(config.features, config.hidden, 3, padding=1)
        self.gain = nn.Conv2d(config.hidden, channels, 3, padding=1)
        self.shift = nn.Conv2d(config.hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        steering = functional.relu_(self.shared(functional.interpolate(features, size=x.shape[2:])))
        normal = functional.instance_norm(x)
        return torch.addcmul(self.shift(steering), normal, 1 + self.gain(steering))


class ModulatedBlock(nn.Module):
    """Residual block of two modulated convolutions; a modulated 1x1 shortcut where the widths differ."""

    def __init__(self, before: int, after: int, config: GeneratorConfig) -> None:
        super().__init__()
        inner = min(before, after)
        self.modulate_first = Modulation(before, config)
        self.first = nn.Conv2d(before, inner, 3, padding=1)
        self.modulate_second = Modulation(inner, config)
        self.second = nn.Conv2d(inner, after, 3, padding=1)
        self.modulate_shortcut = Modulation(before, config) if before != after else None
        self.shortcut = nn.Conv2d(before, after, 1, bias=False) if before != after else None

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        inner = self.first(functional.leaky_relu_(self.modulate_first(x, features), 0.2))
        inner = self.second(functional.leaky_relu_(self.modulate_second(inner, features), 0.2))
        if self.modulate_shortcut is not None and self.shortcut is not None:
            x = self.shortcut(self.modulate_shortcut(x, features))
        return x + inner


class PictureGenerator(nn.Module):
    """G. ``forward``: features (B, 256, 64, 64) -> pictures (B, 3, 512, 512) in [0, 1]."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GeneratorConfig()
        self.first = nn.Conv2d(config.features, config.width, 3, padding=1)
        self.middle = nn.ModuleList(
            ModulatedBlock(config.width, config.width, config) for _ in range(config.middle_blocks)
        )
        widths = (config.width, *config.up_widths)
        self.up = nn.ModuleList(ModulatedBlock(a, b, config) for a, b in itertools.pairwise(widths))
        channels = config.picture_channels * config.last_upscale**2
        self.picture = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        x = self.first(features)
        for block in self.middle:
            x = block(x, features)
        for block in self.up:
            x = block(functional.interpolate(x, scale_factor=2), features)
        x = self.picture(functional.leaky_relu_(x, 0.2))
        return torch.sigmoid(functional.pixel_shuffle(x, self.config.last_upscale))
