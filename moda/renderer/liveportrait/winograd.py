"""3x3 convolutions by Winograd's minimal filtering, F(4x4, 3x3): 36 products where 144 would be due.

Lavin and Gray (arXiv 1509.09308), section 4.2: for every 4x4 tile of outputs, Y = A^T [(G g G^T) . (B^T d B)] A.
The products over channels are plain matrix products, one for each of the 36 points, so this is a float32
computation of the same sum in another order; it differs from the direct one by rounding (1e-5 relative). A third
kernel axis (depth) is summed directly.

Everything here is one frame at a time and channels last, and runs in bands of tiles small enough for the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

TILE, PATCH = 4, 6
POINTS = PATCH * PATCH
BAND_TILES = 256
"""Tiles of a band: enough columns for the matrix products to be efficient, few enough for the last cache."""
ALIGNED = 16
"""Matrix products like channel counts that are multiples of a vector's width; others are filled up with zeros."""
ONES = PATCH + 1
"""The point (1, 1): its value reaches every output of a tile unchanged, so a bias is added there."""

_B_T = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_A_T = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def transform_kernel(weight: Tensor) -> Tensor:
    """(K, C, 3, 3) or (K, C, taps, 3, 3) -> (taps, 36, C, K) with C and K filled up to ``ALIGNED``."""
    if weight.ndim == 4:
        weight = weight[:, :, None]
    g = torch.tensor(_G, dtype=torch.float64)
    points = torch.einsum("ai,kctij,bj->tabck", g, weight.detach().double().cpu(), g)
    taps, outputs, inputs = weight.shape[2], weight.shape[0], weight.shape[1]
    points = functional.pad(points, (0, -outputs % ALIGNED, 0, -inputs % ALIGNED))
    return points.reshape(taps, POINTS, *points.shape[-2:]).float().contiguous()


def _kronecker(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    matrix = torch.tensor(rows, dtype=torch.float32)
    return torch.kron(matrix, matrix).contiguous()


class Winograd(nn.Module):
    """A convolution with 3x3 in the picture plane and padding 1, over channels-last frames.

    Inputs carry their zero padding: (slabs, H + 2, W + 2, C) with slabs = D + taps - 1; H and W multiples of 4.
    """

    kernel: Tensor
    bias: Tensor
    into: Tensor
    back: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("kernel", transform_kernel(weight))
        self.register_buffer("bias", bias.detach().clone())
        self.register_buffer("into", torch.tensor(_B_T, dtype=torch.float32))
        self.register_buffer("back", _kronecker(_A_T))
        self.outputs = len(bias)

    def spread(self, padded: Tensor, top: int, rows: int) -> Tensor:
        """Patches of ``rows`` rows of tiles from ``top`` on, at the 36 points: (36, slabs, rows, across, C)."""
        slabs, _, width, channels = padded.shape
        across = (width - 2) // TILE
        slab, row, column, _ = padded.stride()
        patches = padded.as_strided(
            (PATCH, PATCH, slabs, rows, across, channels),
            (row, column, slab, TILE * row, TILE * column, 1),
            padded.storage_offset() + TILE * top * row,
        )
        filled = -channels % ALIGNED
        points = patches.contiguous() if not filled else functional.pad(patches, (0, filled))
        points = (self.into @ points.view(PATCH, -1)).view(PATCH, PATCH, -1)
        points = torch.bmm(self.into.expand(PATCH, -1, -1), points)
        return points.view(POINTS, slabs, rows, across, channels + filled)

    def multiply(self, points: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """Points (36, slabs, rows, across, C) -> outputs (4, 4, D, rows, across, K): place within the tile first."""
        taps, slabs = len(kernel), points.shape[1]
        depth = slabs - taps + 1
        made = torch.bmm(points[:, :depth].flatten(1, 3), kernel[0])
        for tap in range(1, taps):
            made.baddbmm_(points[:, tap : tap + depth].flatten(1, 3), kernel[tap])
        made[ONES, :, : len(bias)] += bias
        return (self.back @ made.flatten(1)).view(TILE, TILE, depth, *points.shape[2:4], -1)

    def bands(self, padded: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """(first row of tiles, rows of tiles, outputs (4, 4, D, rows, across, K)), band by band."""
        slabs, height, width, _ = padded.shape
        if (height - 2) % TILE or (width - 2) % TILE:
            raise ValueError(f"sides must be multiples of {TILE}, not {height - 2} x {width - 2}")
        down, across = (height - 2) // TILE, (width - 2) // TILE
        rows = max(1, min(down, BAND_TILES // (slabs * across)))
        for top in range(0, down, rows):
            count = min(rows, down - top)
            made = self.multiply(self.spread(padded, top, count), self.kernel, self.bias)
            yield top, count, made[..., : self.outputs]

    def forward(self, padded: Tensor, target: Tensor, finish: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Write the outputs into ``target`` (D, H, W, K), after ``finish`` (which may work in place)."""
        for top, count, made in self.bands(padded):
            tiles(target, top, count).copy_(made if finish is None else finish(made))
        return target


def repeated_kernel(weight: Tensor, repeat: int) -> tuple[Tensor, list[int]]:
    """A 3x3 convolution of pixels repeated ``repeat`` times each way, as convolutions before repeating.

    ``weight`` (K, C, 3, 3) or (K, C, taps, 3, 3). Returns kernels (positions^2 * K, C, ..., 3, 3), one K for each
    distinct pair of positions within the repeated pixel (row first), and for every position 0 .. repeat - 1 the
    index of its distinct one.
    """
    kinds: list[int] = []
    rows: list[Tensor] = []
    for position in range(repeat):
        row = torch.zeros(3, 3, dtype=torch.float64)  # (tap before repeating, tap after)
        for tap in range(3):
            row[(position + tap - 1) // repeat + 1, tap] = 1
        same = [k for k, other in enumerate(rows) if torch.equal(row, other)]
        kinds.append(same[0] if same else len(rows))
        if not same:
            rows.append(row)
    gather = torch.stack(rows)
    made = torch.einsum("pai,qbj,kc...ij->pqkc...ab", gather, gather, weight.detach().double())
    return made.flatten(0, 2).float(), kinds


def tiles(frame: Tensor, top: int, rows: int, repeat: int = 1) -> Tensor:
    """View of ``rows`` rows of 4x4 tiles of a frame (D, H, W, C): (4, 4, D, rows, across, C).

    With ``repeat`` 2 the frame is read as if every pixel were doubled in both directions: nothing is copied, and
    the first two axes come as (2, 2, 2, 2).
    """
    depth, _, width, channels = frame.shape
    side = TILE // repeat
    across = width // side
    slab, row, column, channel = frame.stride()
    shape: tuple[int, ...] = (depth, rows, across, channels)
    strides: tuple[int, ...] = (slab, side * row, side * column, channel)
    if repeat == 1:
        shape, strides = (TILE, TILE, *shape), (row, column, *strides)
    else:
        shape, strides = (side, repeat, side, repeat, *shape), (row, 0, column, 0, *strides)
    return frame.as_strided(shape, strides, frame.storage_offset() + side * top * row)


def padded_like(size: Sequence[int], like: Tensor, slabs: int = 0) -> Tensor:
    """Room for a frame of ``size`` (D, H, W, C), one pixel of zeros around it, ``slabs`` in front and behind."""
    depth, height, width, channels = size
    room = like.new_empty(depth + 2 * slabs, height + 2, width + 2, channels)
    room[:, 0], room[:, -1], room[:, :, 0], room[:, :, -1] = 0, 0, 0, 0
    if slabs:
        room[:slabs], room[-slabs:] = 0, 0
    return room


def inside(padded: Tensor, slabs: int = 0) -> Tensor:
    """The frame within its padding, a view."""
    return padded[slabs : len(padded) - slabs, 1:-1, 1:-1]
