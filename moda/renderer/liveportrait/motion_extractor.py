"""M: canonical keypoints, pose, expression, scale and translation of the face in a picture.

ConvNeXt V2 tiny (arXiv 2301.00808) with linear heads (LivePortrait, arXiv 2407.03168, section 3.1).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

KEYPOINTS = 21
ANGLE_BINS = 66


@dataclass(frozen=True)
class MotionExtractorConfig:
    """Sizes of M; the defaults are the published ones."""

    depths: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)
    keypoints: int = KEYPOINTS
    bins: int = ANGLE_BINS
    eps: float = 1e-6

    @property
    def heads(self) -> dict[str, int]:
        """Output width of every head, in the order in which they are concatenated."""
        points = 3 * self.keypoints
        return {
            "kp": points, "scale": 1, "pitch": self.bins, "yaw": self.bins, "roll": self.bins,
            "t": 3, "exp": points,
        }  # fmt: skip


class FacePose(NamedTuple):
    """What M says of B pictures: keypoints and expression (B, 63), scale (B, 1), translation ``t`` (B, 3),
    and the three angles as logits over bins (B, 66)."""

    kp: Tensor
    scale: Tensor
    pitch: Tensor
    yaw: Tensor
    roll: Tensor
    t: Tensor
    exp: Tensor

    def degrees(self) -> Tensor:
        """Pitch, yaw and roll in degrees, (B, 3)."""
        return torch.stack([angle_from_bins(self.pitch), angle_from_bins(self.yaw), angle_from_bins(self.roll)], 1)


def angle_from_bins(logits: Tensor) -> Tensor:
    """Expected angle in degrees of logits (B, bins): bins are 3 degrees wide and the first stands for -97.5."""
    index = torch.arange(logits.shape[-1], device=logits.device, dtype=torch.float32)
    return 3.0 * (logits.float().softmax(-1) * index).sum(-1) - 97.5


class ChannelsFirstNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """ConvNeXt V2, equation 1-3: channels compete by their energy over the picture. Input (B, H, W, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(channels))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.norm(dim=(1, 2), keepdim=True)
        share = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        return x + self.gain * (x * share) + self.shift


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7, norm, expand fourfold, GELU, global response norm, contract; residual."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=eps)
        self.expand = nn.Linear(channels, 4 * channels)
        self.response = GlobalResponseNorm(4 * channels)
        self.contract = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        inner = self.contract(self.response(functional.gelu(self.expand(inner))))
        return x + inner.permute(0, 3, 1, 2)


class MotionExtractor(nn.Module):
    """M. ``forward``: pictures (B, 3, 256, 256) in [0, 1] -> :class:`FacePose`."""

    def __init__(self, config: MotionExtractorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or MotionExtractorConfig()
        widths = config.widths
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelsFirstNorm(widths[0], eps=config.eps))
        self.down = nn.ModuleList(
            nn.Sequential(ChannelsFirstNorm(before, eps=config.eps), nn.Conv2d(before, after, 2, stride=2))
            for before, after in itertools.pairwise(widths)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(width, config.eps) for _ in range(depth)))
            for depth, width in zip(config.depths, widths)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=config.eps)
        self.heads = nn.Linear(widths[-1], sum(config.heads.values()))

    def forward(self, pictures: Tensor) -> FacePose:
        x = self.stages[0](self.stem(pictures))
        for down, stage in zip(self.down, list(self.stages)[1:]):
            x = stage(down(x))
        pooled = self.norm(x.mean(dim=(2, 3)))
        return FacePose(*self.heads(pooled).split(list(self.config.heads.values()), dim=-1))
