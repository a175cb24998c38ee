"""Inflated 3D Inception (Carreira and Zisserman 2017) on Kinetics-400: the features of FVD (Unterthiner et al. 2018).

Clips of 16 frames, 224 pixels, values -1 to 1; the features are the 400 logits, averaged over time. Tensor names are
those of the published `rgb_imagenet.pt`; convolutions and pools pad as TensorFlow's SAME does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

SIDE, CLIP, FEATURES = 224, 16, 400


def same_padding(x: torch.Tensor, kernel: Sequence[int], stride: Sequence[int]) -> torch.Tensor:
    """Zeros around (N, C, T, H, W) so that a layer without padding gives ceil(size / stride)."""
    pad: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride)):
        total = max(k - (s if size % s == 0 else size % s), 0)
        pad += [total // 2, total - total // 2]
    return functional.pad(x, pad)


class _Unit(nn.Module):
    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1, plain: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inside, outside, kernel, stride, bias=plain)
        self.bn = None if plain else nn.BatchNorm3d(outside, eps=0.001, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv3d(same_padding(x, self.kernel, self.stride))
        return x if self.bn is None else functional.relu(self.bn(x))


class _Pool(nn.Module):
    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool3d(same_padding(x, self.kernel, self.stride), self.kernel, self.stride)


class _Mixed(nn.Module):
    """Four branches side by side: 1, 1 then 3, 1 then 3, and a pool then 1."""

    def __init__(self, inside: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.b0 = _Unit(inside, widths[0])
        self.b1a, self.b1b = _Unit(inside, widths[1]), _Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = _Unit(inside, widths[3]), _Unit(widths[3], widths[4], 3)
        self.b3a, self.b3b = _Pool((3, 3, 3), (1, 1, 1)), _Unit(inside, widths[5])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(parts, dim=1)


_MIXED = {
    "3b": (192, (64, 96, 128, 16, 32, 32)), "3c": (256, (128, 128, 192, 32, 96, 64)),
    "4b": (480, (192, 96, 208, 16, 48, 64)), "4c": (512, (160, 112, 224, 24, 64, 64)),
    "4d": (512, (128, 128, 256, 24, 64, 64)), "4e": (512, (112, 144, 288, 32, 64, 64)),
    "4f": (528, (256, 160, 320, 32, 128, 128)), "5b": (832, (256, 160, 320, 32, 128, 128)),
    "5c": (832, (384, 192, 384, 48, 128, 128)),
}  # fmt: skip


class I3D(nn.Module):
    """(N, 3, T, 224, 224) in -1 to 1, T at least 16, to logits (N, 400)."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = _Unit(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = _Unit(64, 64)
        self.Conv3d_2c_3x3 = _Unit(64, 192, 3)
        for name, (inside, widths) in _MIXED.items():
            self.add_module(f"Mixed_{name}", _Mixed(inside, widths))
        self.logits = _Unit(1024, FEATURES, plain=True)
        flat, halved = _Pool((1, 3, 3), (1, 2, 2)), _Pool((2, 2, 2), (2, 2, 2))
        mixed = [getattr(self, f"Mixed_{name}") for name in _MIXED]
        self._way: tuple[Any, ...] = (
            self.Conv3d_1a_7x7, flat, self.Conv3d_2b_1x1, self.Conv3d_2c_3x3, flat, *mixed[:2],
            _Pool((3, 3, 3), (2, 2, 2)), *mixed[2:7], halved, *mixed[7:],
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self._way:
            x = layer(x)
        return self.logits(functional.avg_pool3d(x, (2, 7, 7), 1)).mean((2, 3, 4))


def features(network: I3D, cuts: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(N, 400) of the whole clips of 16 frames in cuts (T, H, W, 3) uint8 RGB."""
    whole = len(cuts) // CLIP * CLIP
    if not whole:
        return np.zeros((0, FEATURES))
    with torch.inference_mode():
        pictures = torch.from_numpy(np.ascontiguousarray(cuts[:whole])).permute(0, 3, 1, 2).float() / 127.5 - 1
        small = functional.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
        clips = small.reshape(-1, CLIP, 3, SIDE, SIDE).permute(0, 2, 1, 3, 4)
        return np.concatenate([network(clip[None]).double().numpy() for clip in clips])
