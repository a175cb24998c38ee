"""A large 3-D convolution by Fourier transforms of tiles (overlap and save).

The mask convolution of the warping module has 343 taps and takes a fifth of the renderer's multiplications when it
is computed directly. Transforms of 22 points are small enough to be matrix products, which are faster here than
an FFT because the data need not be rearranged: every axis in turn is contracted by one real matrix that carries
real and imaginary parts side by side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

TILE = 16
"""Side of the square of outputs made at once."""


def _angles(rows: Tensor, columns: Tensor, size: int) -> tuple[Tensor, Tensor]:
    phase = 2 * math.pi * torch.outer(rows.double(), columns.double()) / size
    return phase.cos(), phase.sin()


def forward_matrix(size: int) -> Tensor:
    """(size * 2, 2 * size): complex numbers as (part, position) -> their transform as (frequency, part)."""
    n = torch.arange(size)
    cos, sin = _angles(n, n, size)
    blocks = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
    return blocks.reshape(2 * size, 2 * size).float()


def backward_matrix(size: int, kept: int) -> Tensor:
    """(2 * kept, size * 2): a transform as (frequency, part) -> the first ``kept`` numbers as (part, position)."""
    cos, sin = _angles(torch.arange(kept), torch.arange(size), size)
    blocks = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], 0) / size
    return blocks.reshape(2 * kept, 2 * size).float()


def real_forward_matrix(size: int, count: int, offset: int) -> Tensor:
    """(frequencies * 2, count): ``count`` real numbers, zeros around them, -> half their transform."""
    cos, sin = _angles(torch.arange(size // 2 + 1), torch.arange(count) + offset, size)
    return torch.stack([cos, -sin], 1).reshape(-1, count).float()


def real_backward_matrix(size: int, kept: int) -> Tensor:
    """(kept, frequencies * 2): half a transform -> the first ``kept`` real numbers."""
    half = size // 2 + 1
    cos, sin = _angles(torch.arange(kept), torch.arange(half), size)
    twice = torch.full((half,), 2.0, dtype=torch.float64)
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    return (torch.stack([cos * twice, -sin * twice], -1) / size).reshape(kept, -1).float()


class FourierConv3d(nn.Module):
    """A cubic convolution with "same" padding, one channels-last frame at a time.

    ``forward``: (D, H + k - 1, W + k - 1, C), zeros around height and width but not depth -> (D, H, W, K).
    D is fixed when built; H and W are multiples of 16.
    """

    bias: Tensor
    kernel: Tensor
    deep_in: Tensor
    deep_out: Tensor
    plane_in: Tensor
    plane_out: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, depth: int) -> None:
        super().__init__()
        outputs, _, taps = weight.shape[:3]
        self.taps, self.outputs, self.depth = taps, outputs, depth
        plane, deep = TILE + taps - 1, depth + taps - 1
        if deep % 2:
            deep += 1
        self.plane = plane
        self.register_buffer("bias", bias.detach().clone())
        self.register_buffer("deep_in", real_forward_matrix(deep, depth, taps // 2))
        self.register_buffer("deep_out", real_backward_matrix(deep, depth))
        self.register_buffer("plane_in", forward_matrix(plane))
        self.register_buffer("plane_out", backward_matrix(plane, TILE))
        self.register_buffer("kernel", _transformed(weight.detach(), (deep, plane, plane)))

    def forward(self, padded: Tensor) -> Tensor:
        depth, height, width, _ = padded.shape
        down, across = (height - self.taps + 1) // TILE, (width - self.taps + 1) // TILE
        spectra = [
            self._spectrum(padded[:, TILE * i : TILE * i + self.plane, TILE * j : TILE * j + self.plane])
            for i in range(down)
            for j in range(across)
        ]
        product = torch.bmm(torch.stack(spectra, dim=1), self.kernel)
        out = padded.new_empty(depth, TILE * down, TILE * across, self.outputs)
        for index in range(down * across):
            i, j = divmod(index, across)
            tile = self._tile(product[:, index])
            torch.add(tile, self.bias, out=out[:, TILE * i : TILE * (i + 1), TILE * j : TILE * (j + 1)])
        return out

    def _spectrum(self, patch: Tensor) -> Tensor:
        """(D, n, n, C) -> (frequencies, 2 C), real parts of all channels first."""
        n, channels = self.plane, patch.shape[-1]
        x = self.deep_in @ patch.reshape(self.depth, -1)  # (frequency, part), (height, width, C)
        x = torch.matmul(self.plane_in, x.view(-1, 2 * n, n * channels))  # ..., (frequency, part), (width, C)
        x = torch.matmul(self.plane_in, x.view(-1, 2 * n, channels))
        return x.view(-1, 2 * channels)

    def _tile(self, spectrum: Tensor) -> Tensor:
        """(frequencies, 2 K) -> (D, 16, 16, K)."""
        n, channels = self.plane, self.outputs
        x = torch.matmul(self.plane_out, spectrum.reshape(-1, 2 * n, channels))  # ..., (part, width), K
        x = torch.matmul(self.plane_out, x.view(-1, 2 * n, TILE * channels))  # ..., (part, height), (width, K)
        x = self.deep_out @ x.view(-1, TILE * TILE * channels)
        return x.view(self.depth, TILE, TILE, channels)


def _transformed(weight: Tensor, sizes: tuple[int, int, int]) -> Tensor:
    """(K, C, k, k, k) -> (frequencies, 2 C, 2 K): multiplication by the conjugate transform, as real matrices."""
    deep, plane, _ = sizes
    spectrum = torch.fft.fftn(weight.double().cpu(), s=(plane, plane), dim=(3, 4))
    spectrum = torch.fft.fft(spectrum, n=deep, dim=2)[:, :, : deep // 2 + 1].conj()
    spectrum = spectrum.permute(2, 3, 4, 1, 0).flatten(0, 2)
    real, imaginary = spectrum.real.float(), spectrum.imag.float()
    top = torch.cat([real, imaginary], dim=-1)
    bottom = torch.cat([-imaginary, real], dim=-1)
    return torch.cat([top, bottom], dim=1).contiguous()
