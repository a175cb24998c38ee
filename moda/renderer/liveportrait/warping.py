"""W: how the appearance volume must be deformed so that its keypoints reach the driving ones.

face-vid2vid (arXiv 2011.15126, section 3.2), as LivePortrait uses it: each keypoint proposes one rigid shift of
the volume, a 3-D hourglass says where which proposal holds, and the blended flow warps the volume.

Nothing here materialises the 22 flow fields. A proposal is the grid plus one constant vector per keypoint, so

* sampling along it is separable: three small matrices, one an axis (:func:`shift_matrices`);
* the masks sum to one, so the blended flow is ``grid + sum_k mask_k * shift_k``;
* a keypoint's Gaussian is an outer product of three 1-D Gaussians.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from moda.renderer.liveportrait.appearance import PUBLISHED_VOLUME, Volume


@dataclass(frozen=True)
class WarpingConfig:
    """Sizes of W; the defaults are the published ones."""

    keypoints: int = 21
    volume: Volume = PUBLISHED_VOLUME
    compressed: int = 4
    """Channels of the volume that the estimate of the motion looks at."""
    hourglass_width: int = 32
    """Channels before the first of the `hourglass_levels`; each doubles them, up to `hourglass_max`."""
    hourglass_levels: int = 5
    hourglass_max: int = 1024
    output: int = 256
    """Channels handed to the generator."""
    inverse_variance: float = 50.0
    """heat = exp(-50 d^2): a Gaussian of standard deviation 0.1."""

    @property
    def proposals(self) -> int:
        """One shift per keypoint, and the background that stays."""
        return self.keypoints + 1

    @property
    def hourglass_input(self) -> int:
        return self.proposals * (1 + self.compressed)

    @property
    def hourglass_output(self) -> int:
        return self.hourglass_width + self.hourglass_input

    def hourglass_widths(self) -> list[int]:
        """Channels after each down block, preceded by the input's."""
        levels = range(1, self.hourglass_levels + 1)
        widths = [min(self.hourglass_max, self.hourglass_width * 2**level) for level in levels]
        return [self.hourglass_input, *widths]


class Source(NamedTuple):
    """What depends on the portrait alone; one portrait (leading size 1), shared by every frame."""

    volume: Tensor  # (1, 32, 16, 64, 64), float32 whatever the networks compute in
    compressed: Tensor  # (1, 4, 16, 64, 64)
    keypoints: Tensor  # (1, 21, 3), float32
    heat: Tensor  # (1, 21, 16, 64, 64)
    background: Tensor  # (1, 5, 16, 64, 64): the proposal that nothing moves


class Warped(NamedTuple):
    """``features`` (B, 256, 64, 64) for the generator, and the two fields that made them."""

    features: Tensor
    deformation: Tensor  # (B, 16, 64, 64, 3), x y z in [-1, 1]
    occlusion: Tensor  # (B, 1, 64, 64) in [0, 1]


class Warper(Protocol):
    """What the renderer needs of W, however it is computed."""

    def prepare(self, volume: Tensor, keypoints: Tensor) -> Source: ...

    def __call__(self, source: Source, driving: Tensor) -> Warped: ...


class Hourglass(nn.Module):
    """3-D U-Net that halves height and width but keeps depth. Output = concat(new 32, input)."""

    def __init__(self, config: WarpingConfig) -> None:
        super().__init__()
        widths = config.hourglass_widths()
        self.down = nn.ModuleList(nn.Conv3d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths))
        ups = []
        incoming = widths[-1]
        for level in reversed(range(config.hourglass_levels)):
            made = min(config.hourglass_max, config.hourglass_width * 2**level)
            ups.append(nn.Conv3d(incoming, made, 3, padding=1))
            incoming = made + widths[level]
        self.up = nn.ModuleList(ups)
        self.last = nn.Conv3d(incoming, incoming, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for down in self.down:
            skips.append(halved(functional.relu_(down(skips[-1]))))
        x = skips.pop()
        for up in self.up:
            x = functional.relu_(up(functional.interpolate(x, scale_factor=(1, 2, 2))))
            x = torch.cat([x, skips.pop()], dim=1)
        return functional.relu_(self.last(x))


def halved(x: Tensor) -> Tensor:
    """(B, C, D, H, W) averaged over 2x2 in the plane."""
    if x.is_cuda:
        return functional.avg_pool3d(x, (1, 2, 2))
    # The CPU has no bfloat16 kernel for three dimensions.
    return functional.avg_pool2d(x.flatten(1, 2), 2).unflatten(1, x.shape[1:3])


class WarpingModule(nn.Module):
    """W. ``prepare`` once a portrait, ``forward`` for any number of driving keypoints (B, 21, 3)."""

    def __init__(self, config: WarpingConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or WarpingConfig()
        inner = config.hourglass_output
        self.compress = nn.Conv3d(config.volume.channels, config.compressed, 1)
        self.hourglass = Hourglass(config)
        self.mask = nn.Conv3d(inner, config.proposals, 7, padding=3)
        self.occlusion = nn.Conv2d(inner * config.volume.depth, 1, 7, padding=3)
        self.third = nn.Conv2d(config.volume.channels * config.volume.depth, config.output, 3, padding=1)
        self.fourth = nn.Conv2d(config.output, config.output, 1)

    def prepare(self, volume: Tensor, keypoints: Tensor) -> Source:
        """``volume`` (1, 32, 16, 64, 64) from F and the source's placed keypoints (1, 21, 3), float32."""
        return prepare_source(self.compress, volume, keypoints, self.config.inverse_variance)

    def forward(self, source: Source, driving: Tensor) -> Warped:
        """Warp one prepared portrait to each of B driving keypoint sets (B, 21, 3), float32."""
        heat, samples = proposals(source, driving, self.config.inverse_variance)
        made = torch.cat([heat[:, :, None], samples], dim=2).flatten(1, 2)
        background = source.background.expand(len(made), -1, -1, -1, -1)
        features = self.hourglass(torch.cat([background, made], dim=1))
        masks = self.mask(features).float().softmax(dim=1)
        flow = torch.einsum("bkdhw,bkc->bdhwc", masks[:, 1:], source.keypoints - driving)
        deformation = identity_grid(source.volume) + flow
        occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        moved = warp_volume(source.volume, deformation).to(occlusion.dtype)
        x = functional.leaky_relu_(self.third(moved), 0.01)
        return Warped(self.fourth(x) * occlusion, deformation, occlusion)


def prepare_source(compress: nn.Module, volume: Tensor, keypoints: Tensor, inverse_variance: float) -> Source:
    """All that the proposals of every frame share."""
    keypoints = keypoints.float()
    compressed = functional.relu(compress(volume.to(next(compress.parameters()).dtype)))
    still = shifted(compressed, torch.zeros_like(keypoints[:, :1])).flatten(1, 2)
    background = torch.cat([torch.zeros_like(still[:, :1]), still], dim=1)
    heat = gaussians(keypoints, compressed, inverse_variance)
    return Source(volume.float(), compressed, keypoints, heat, background)


def proposals(source: Source, driving: Tensor, inverse_variance: float) -> tuple[Tensor, Tensor]:
    """What the hourglass sees of each keypoint: the difference of heats (B, 21, D, H, W), and the compressed
    volume sampled where, seen from the driving pose, the source lies (B, 21, 4, D, H, W)."""
    heat = gaussians(driving, source.compressed, inverse_variance) - source.heat
    return heat, shifted(source.compressed, source.keypoints - driving)


def gaussians(keypoints: Tensor, like: Tensor, inverse_variance: float) -> Tensor:
    """exp(-inverse_variance d^2) about keypoints (B, 21, 3) on the grid of ``like``, in its dtype."""
    x, y, z = (
        torch.exp(-inverse_variance * (axis - keypoints[..., i, None]) ** 2).to(like.dtype)
        for i, axis in enumerate(axes(like))
    )
    return z[..., :, None, None] * (y[..., :, None] * x[..., None, :])[..., None, :, :]


def warp_volume(volume: Tensor, deformation: Tensor) -> Tensor:
    """``volume`` (1, C, D, H, W) sampled along deformations (B, D, H, W, 3) -> (B, C * D, H, W), float32."""
    volume = volume.expand(len(deformation), -1, -1, -1, -1)
    return functional.grid_sample(volume, deformation, align_corners=False).flatten(1, 2)


def axes(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """float32 x, y and z coordinates in [-1, 1], end points included, of a volume (..., D, H, W)."""
    depth, height, width = like.shape[-3:]
    x, y, z = (torch.linspace(-1, 1, n, device=like.device) for n in (width, height, depth))
    return x, y, z


def identity_grid(like: Tensor) -> Tensor:
    """(D, H, W, 3), x y z: the flow that leaves a volume (..., D, H, W) as it is."""
    x, y, z = axes(like)
    return torch.stack(torch.meshgrid(z, y, x, indexing="ij")[::-1], dim=-1)


def shift_matrices(offsets: Tensor, size: int) -> Tensor:
    """Linear interpolation as matrices: (..., size, size) for offsets (...) in grid units.

    Row i reads position ``g_i + offset``, g including the end points -1 and 1 but positions being cell centred
    (align_corners=False, as the reference samples), so the matrix is not a plain shift. Outside is zero.
    """
    grid = torch.linspace(-1, 1, size, device=offsets.device, dtype=offsets.dtype)
    position = ((grid + offsets[..., None] + 1) * size - 1) / 2
    index = torch.arange(size, device=offsets.device, dtype=offsets.dtype)
    return (1 - (position[..., None] - index).abs()).clamp_(min=0)


def shifted(volume: Tensor, shifts: Tensor) -> Tensor:
    """``volume`` (1, C, D, H, W) sampled along ``grid + shift`` for shifts (B, K, 3) -> (B, K, C, D, H, W).

    Trilinear sampling along a constant shift factors into one matrix an axis; equal to ``grid_sample`` with
    zeros outside and align_corners=False.
    """
    depth, height, width = volume.shape[-3:]
    along_x, along_y, along_z = (
        shift_matrices(shifts[..., i], n).to(volume.dtype) for i, n in enumerate((width, height, depth))
    )
    channels, count, points = volume.shape[1], *shifts.shape[:2]
    x = torch.matmul(volume.reshape(1, 1, -1, width), along_x.transpose(-1, -2))
    x = x.view(count, points, channels * depth, height, width)
    x = torch.matmul(along_y[:, :, None], x)
    x = x.view(count, points, channels, depth, height * width)
    x = torch.matmul(along_z[:, :, None], x)
    return x.view(count, points, channels, depth, height, width)
