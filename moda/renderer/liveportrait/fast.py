"""W and G for the CPU: the same float32 sums with far fewer multiplications.

* 3x3 convolutions go through Winograd's filtering (2.25 products an output instead of 9), the 7x7x7 one through
  Fourier transforms.
* Nothing is computed at a resolution that does not need it. SPADE's first convolution reads features that were
  enlarged by repetition; every output then depends on few distinct inputs, and the convolution becomes one at 64x64
  for each distinct position within a repeated pixel (9 of 16 where a pixel is repeated 4x4). Normalisation of a
  doubled picture is done before doubling it.
* The three convolutions of a SPADE layer and its arithmetic run band by band, so that gains and shifts never
  leave the cache.

Frames are channels last and taken one at a time: batches gain nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from moda.renderer.liveportrait.generator import ModulatedBlock, Modulation, PictureGenerator
from moda.renderer.liveportrait.winograd import (
    TILE,
    Winograd,
    inside,
    padded_like,
    repeated_kernel,
    tiles,
    transform_kernel,
)

Band = tuple[int, int, Tensor]
"""First row of tiles, rows of tiles, and what was computed for them."""


class FastModulation(nn.Module):
    """SPADE for features of 64x64 and a picture ``repeat`` times as large. See :class:`generator.Modulation`."""

    shared: Tensor
    shared_bias: Tensor

    def __init__(self, plain: Modulation, repeat: int) -> None:
        super().__init__()
        self.repeat, self.channels = repeat, plain.channels
        kernel, self.kinds = repeated_kernel(plain.shared.weight, repeat)
        self.hidden = plain.shared.out_channels
        count = len(kernel) // self.hidden
        bias = plain.shared.bias
        assert bias is not None and plain.gain.bias is not None and plain.shift.bias is not None
        self.register_buffer("shared", transform_kernel(kernel))
        self.register_buffer("shared_bias", bias.detach().repeat(count))
        self.field = Winograd(
            torch.cat([plain.gain.weight, plain.shift.weight]),
            torch.cat([plain.gain.bias + 1, plain.shift.bias]),
        )

    def steering(self, features: FeaturePoints) -> Tensor:
        """What gains and shifts are computed from, at the picture's size and padded: (1, H + 2, W + 2, 128)."""
        side = features.side * self.repeat
        target = padded_like((1, side, side, self.hidden), self.shared)
        frame = inside(target)
        distinct = 1 + max(self.kinds)
        for top, rows, points in features.bands():
            made = features.transforms.multiply(points, self.shared, self.shared_bias).clamp_min_(0)
            made = made[..., : len(self.shared_bias)].unflatten(-1, (distinct, distinct, self.hidden))
            for i, row in enumerate(self.kinds):
                for j, column in enumerate(self.kinds):
                    picture = frame[:, i :: self.repeat, j :: self.repeat]
                    tiles(picture, top, rows).copy_(made[..., row, column, :])
        return target

    def modulated(self, normal: Tensor, features: FeaturePoints, doubled: bool) -> Iterator[Band]:
        """(first row of tiles, rows, normal * gain + shift as (4, 4, 1, rows, across, C)) band by band.

        ``normal`` (1, H, W, C) is half as large each way if ``doubled``.
        """
        repeat = 2 if doubled else 1
        for top, rows, field in self.field.bands(self.steering(features)):
            if doubled:
                field = field.view(2, 2, 2, 2, *field.shape[2:])
            gain, shift = field[..., : self.channels], field[..., self.channels :]
            made = torch.addcmul(shift, tiles(normal, top, rows, repeat), gain)
            yield top, rows, made.view(TILE, TILE, *made.shape[-4:])


class FeaturePoints:
    """W's features (1, H, W, 256) at Winograd's points, shared by every SPADE layer of a frame."""

    def __init__(self, features: Tensor, transforms: Winograd) -> None:
        self.transforms, self.side = transforms, features.shape[1]
        padded = padded_like(features.shape, features)
        inside(padded).copy_(features)
        self.padded = padded
        self._points = transforms.spread(padded, 0, self.side // TILE)

    def bands(self, rows: int = 4) -> Iterator[Band]:
        """(first row of tiles, rows, points) in bands of rows of tiles."""
        down = self.side // TILE
        for top in range(0, down, rows):
            yield top, min(rows, down - top), self._points[:, :, top : top + rows]


class FastBlock(nn.Module):
    """See :class:`generator.ModulatedBlock`; ``doubled`` blocks take their input before it is enlarged."""

    shortcut: Tensor

    def __init__(self, plain: ModulatedBlock, repeat: int, doubled: bool) -> None:
        super().__init__()
        self.doubled = doubled
        self.modulate_first = FastModulation(plain.modulate_first, repeat)
        self.modulate_second = FastModulation(plain.modulate_second, repeat)
        self.first = _winograd(plain.first)
        self.second = _winograd(plain.second)
        self.modulate_shortcut = None
        if plain.modulate_shortcut is not None and plain.shortcut is not None:
            self.modulate_shortcut = FastModulation(plain.modulate_shortcut, repeat)
            self.register_buffer("shortcut", plain.shortcut.weight.detach().flatten(1).t().contiguous())

    def forward(self, x: Tensor, features: FeaturePoints) -> Tensor:
        """(1, H, W, C) -> (1, H', W', K)."""
        normal = normalised(x)
        scale = 2 if self.doubled else 1
        _, height, width, channels = x.shape
        ready = padded_like((1, scale * height, scale * width, channels), x)
        _activated(self.modulate_first.modulated(normal, features, self.doubled), inside(ready))
        inner = x.new_empty(1, scale * height, scale * width, self.first.outputs)
        self.first(ready, inner)
        del ready
        out = x
        if self.modulate_shortcut is not None:
            out = x.new_empty(1, scale * height, scale * width, self.second.outputs)
            for top, rows, made in self.modulate_shortcut.modulated(normal, features, self.doubled):
                tiles(out, top, rows).copy_(made @ self.shortcut)
        normal = normalised(inner)
        ready = padded_like(inner.shape, inner)
        _activated(self.modulate_second.modulated(normal, features, False), inside(ready))
        for top, rows, made in self.second.bands(ready):
            tiles(out, top, rows).add_(made)
        return out


class FastGenerator(nn.Module):
    """See :class:`generator.PictureGenerator`; equal to it within rounding."""

    def __init__(self, plain: PictureGenerator) -> None:
        super().__init__()
        self.config = plain.config
        self.first = _winograd(plain.first)
        self.middle = nn.ModuleList(FastBlock(cast(ModulatedBlock, block), 1, False) for block in plain.middle)
        self.up = nn.ModuleList(
            FastBlock(cast(ModulatedBlock, block), 2 ** (i + 1), True) for i, block in enumerate(plain.up)
        )
        self.picture = plain.picture

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, 256, 64, 64) -> pictures (B, 3, 512, 512) in [0, 1]."""
        return torch.cat([self._one(each[None].permute(0, 2, 3, 1).contiguous()) for each in features])

    def _one(self, features: Tensor) -> Tensor:
        points = FeaturePoints(features, self.first)
        x = self.first(points.padded, features.new_empty(*features.shape[:3], self.first.outputs))
        for block in (*self.middle, *self.up):
            x = block(x, points)
        x = self.picture(functional.leaky_relu_(x, 0.2).permute(0, 3, 1, 2))
        return torch.sigmoid(functional.pixel_shuffle(x, self.config.last_upscale))


def normalised(x: Tensor) -> Tensor:
    """Instance norm of a frame (1, H, W, C). Plain sums over rows are twice as fast here as ``var_mean``."""
    flat = x.flatten(0, 2)
    centred = flat - flat.mean(0)
    return centred.mul_(torch.rsqrt((centred * centred).mean(0) + 1e-5)).view_as(x)


def _activated(bands: Iterable[Band], target: Tensor) -> None:
    for top, rows, made in bands:
        tiles(target, top, rows).copy_(functional.leaky_relu_(made, 0.2))


def _winograd(conv: nn.Conv2d | nn.Conv3d) -> Winograd:
    assert conv.bias is not None
    return Winograd(conv.weight, conv.bias)


def accelerate_generator(network: PictureGenerator) -> FastGenerator:
    """G for the CPU; the network given is left as it is."""
    return FastGenerator(network).eval().requires_grad_(False)
