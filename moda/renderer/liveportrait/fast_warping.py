"""W for the CPU: Winograd's filtering in the hourglass, Fourier transforms for the masks. See :mod:`fast`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from moda.renderer.liveportrait.fourier import FourierConv3d
from moda.renderer.liveportrait.warping import (
    Source,
    Warped,
    WarpingModule,
    identity_grid,
    prepare_source,
    proposals,
    warp_volume,
)
from moda.renderer.liveportrait.winograd import Winograd, inside, padded_like, repeated_kernel, tiles

SMALLEST = 8
"""Side below which a direct convolution is as fast: there its time goes into reading the weights."""
MARGIN = 3
"""Padding of the 7x7 convolutions."""


class FastConv3d(nn.Module):
    """ReLU of a 3x3x3 convolution: padded frame (D + 2, H + 2, W + 2, C) -> (D, H, W, K)."""

    def __init__(self, plain: nn.Conv3d, side: int) -> None:
        super().__init__()
        assert plain.bias is not None
        self.outputs = plain.out_channels
        self.fast = Winograd(plain.weight, plain.bias) if side >= SMALLEST else None
        self.plain = plain if side < SMALLEST else None

    def forward(self, padded: Tensor, target: Tensor | None = None) -> Tensor:
        depth, height, width = (n - 2 for n in padded.shape[:3])
        if target is None:
            target = padded.new_empty(depth, height, width, self.outputs)
        if self.fast is not None:
            return self.fast(padded, target, lambda made: made.clamp_min_(0))
        assert self.plain is not None
        x = functional.conv3d(padded.permute(3, 0, 1, 2)[None], self.plain.weight, self.plain.bias)
        return target.copy_(x[0].permute(1, 2, 3, 0).clamp_min_(0))


class DoublingConv3d(nn.Module):
    """A frame repeated 2x2 in the plane, then ReLU of a 3x3x3 convolution, computed before repeating.

    Padded frame (D + 2, H + 2, W + 2, C) -> ``target`` (D, 2 H, 2 W, K).
    """

    def __init__(self, plain: nn.Conv3d) -> None:
        super().__init__()
        assert plain.bias is not None
        self.outputs = plain.out_channels
        kernel, _ = repeated_kernel(plain.weight, 2)
        self.fast = Winograd(kernel, plain.bias.detach().repeat(4))

    def forward(self, padded: Tensor, target: Tensor) -> Tensor:
        for top, rows, made in self.fast.bands(padded):
            made = made.clamp_min_(0).unflatten(-1, (2, 2, self.outputs))
            for i in range(2):
                for j in range(2):
                    tiles(target[:, i::2, j::2], top, rows).copy_(made[..., i, j, :])
        return target


class FastWarping(nn.Module):
    """See :class:`warping.WarpingModule`; equal to it within rounding. ``side``: of the feature volume."""

    occlusion: Tensor
    occlusion_bias: Tensor

    def __init__(self, plain: WarpingModule, side: int = 64) -> None:
        super().__init__()
        self.config, self.compress = plain.config, plain.compress
        hourglass, levels = plain.hourglass, plain.config.hourglass_levels
        downs, ups = (cast(list[nn.Conv3d], list(part)) for part in (hourglass.down, hourglass.up))
        self.widths_up = [conv.out_channels for conv in ups]
        self.down = nn.ModuleList(FastConv3d(conv, side >> i) for i, conv in enumerate(downs))
        sides = [side >> (levels - i) for i in range(levels)]  # of what each step up receives
        self.up = nn.ModuleList(
            DoublingConv3d(conv) if received >= 2 * SMALLEST else FastConv3d(conv, 2 * received)
            for conv, received in zip(ups, sides)
        )
        self.last = FastConv3d(hourglass.last, side)
        assert plain.mask.bias is not None and plain.third.bias is not None and plain.occlusion.bias is not None
        depth, inner = plain.config.volume.depth, plain.config.hourglass_output
        self.mask = FourierConv3d(plain.mask.weight, plain.mask.bias, depth)
        weight = plain.occlusion.weight.detach().view(inner, depth, -1)
        self.register_buffer("occlusion", weight.permute(1, 0, 2).contiguous())  # (D, C, 49)
        self.register_buffer("occlusion_bias", plain.occlusion.bias.detach().clone())
        self.third = Winograd(plain.third.weight, plain.third.bias)
        self.fourth = plain.fourth

    def prepare(self, volume: Tensor, keypoints: Tensor) -> Source:
        """See :meth:`warping.WarpingModule.prepare`."""
        return prepare_source(self.compress, volume, keypoints, self.config.inverse_variance)

    def forward(self, source: Source, driving: Tensor) -> Warped:
        """See :meth:`warping.WarpingModule.forward`."""
        warped = [self._one(source, each[None]) for each in driving]
        return Warped(*(torch.cat(parts) for parts in zip(*warped)))

    def _one(self, source: Source, driving: Tensor) -> Warped:
        features = self._hourglass(self._input(source, driving))
        height, width = (n - 2 * MARGIN for n in features.shape[1:3])
        masks = self.mask(features).softmax(dim=-1)
        flow = masks[..., 1:] @ (source.keypoints - driving)[0]
        deformation = (identity_grid(source.volume) + flow)[None]
        occlusion = torch.sigmoid(self._occlusion(features, height, width))[None, None]
        moved = warp_volume(source.volume, deformation)
        padded = padded_like((1, height, width, moved.shape[1]), moved)
        inside(padded).copy_(moved.permute(0, 2, 3, 1))
        x = self.third(
            padded,
            moved.new_empty(1, height, width, self.third.outputs),
            lambda made: functional.leaky_relu_(made, 0.01),
        )
        return Warped(self.fourth(x.permute(0, 3, 1, 2)) * occlusion, deformation, occlusion)

    def _input(self, source: Source, driving: Tensor) -> Tensor:
        """The hourglass's last skip, (18, 66, 66, 142): 32 channels of room, then the 110 of the proposals."""
        config = self.config
        heat, samples = proposals(source, driving, config.inverse_variance)
        padded = padded_like((*heat.shape[2:], config.hourglass_output), heat, slabs=1)
        made = inside(padded, 1)[..., config.hourglass_width :].unflatten(-1, (config.proposals, -1))
        made[..., 0, :].copy_(source.background[0].permute(1, 2, 3, 0))
        made[..., 1:, 0].copy_(heat[0].permute(1, 2, 3, 0))
        made[..., 1:, 1:].copy_(samples[0].permute(2, 3, 4, 0, 1))
        return padded

    def _hourglass(self, skip: Tensor) -> Tensor:
        """Padded input -> features (16, 70, 70, 142) with the zeros around them that 7x7 convolutions need."""
        width = self.config.hourglass_width
        skips = [skip]  # each padded, with room for what the way up adds in front
        x = skip[..., width:]
        for level, down in enumerate(self.down):
            y = down(x)
            y = functional.avg_pool2d(y.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
            deepest = level == len(self.down) - 1
            room = 0 if deepest else self.widths_up[len(self.down) - 2 - level]
            padded = padded_like((*y.shape[:3], room + y.shape[3]), y, slabs=1)
            x = padded[..., room:]
            inside(x, 1).copy_(y)
            skips.append(padded)
        y = inside(skips.pop(), 1)
        for up in self.up:
            skip = skips.pop()
            target = inside(skip, 1)[..., : up.outputs]
            repeat = 1 if isinstance(up, DoublingConv3d) else 2
            up(_repeated(y, repeat), target)
            y = inside(skip, 1)
        depth, height, width_, _ = y.shape
        features = y.new_zeros(depth, height + 2 * MARGIN, width_ + 2 * MARGIN, self.last.outputs)
        self.last(skip, features[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
        return features

    def _occlusion(self, features: Tensor, height: int, width: int) -> Tensor:
        """7x7 convolution over all channels of all slabs: one product per tap, then shifted sums. (H, W)."""
        taps = torch.bmm(features.flatten(1, 2), self.occlusion).sum(0).view(*features.shape[1:3], -1)
        side = 2 * MARGIN + 1
        total = self.occlusion_bias.expand(height, width).clone()
        for tap in range(side * side):
            i, j = divmod(tap, side)
            total += taps[i : i + height, j : j + width, tap]
        return total


def _repeated(frame: Tensor, repeat: int) -> Tensor:
    """(D, H, W, C) with every pixel repeated in the plane, and padded."""
    depth, height, width, channels = frame.shape
    padded = padded_like((depth, repeat * height, repeat * width, channels), frame, slabs=1)
    room = inside(padded, 1).unflatten(2, (width, repeat)).unflatten(1, (height, repeat))
    room.copy_(frame[:, :, None, :, None])
    return padded


def accelerate_warping(network: WarpingModule, side: int = 64) -> FastWarping:
    """W for the CPU and volumes of this side; the network given is left as it is."""
    return FastWarping(network, side).eval().requires_grad_(False)
