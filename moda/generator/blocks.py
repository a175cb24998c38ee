"""The two kinds of transformer block that MoDA is made of.

`JointBlock` takes a tuple of streams, each with weights of its own, that meet in one attention: it serves the
four-stream and the two-stream stage. `SingleBlock` runs over one sequence, attention and MLP side by side.
Both are modulated from time and emotion (adaptive norm, DiT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moda.generator.attention import QKNorm, attend, modulate, split_heads
from moda.generator.linear import Linear, product


class ZeroLinear(Linear):
    """A linear layer whose training starts from zero: modulations and the read-out (adaLN-Zero, DiT), so that a fresh
    block is the identity."""


class StreamWeights(nn.Module):
    """What one stream owns in a joint block: modulation, projections, head norms and an MLP."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.modulation = ZeroLinear(width, 6 * width)
        self.qkv = Linear(width, 3 * width)
        self.head_norm = QKNorm(width // heads)
        self.proj = Linear(width, width)
        self.mlp_in = Linear(width, mlp_ratio * width)
        self.mlp_out = Linear(mlp_ratio * width, width)

    def project(
        self, x: Tensor, shift: Tensor, scale: Tensor, heads: int, rotary: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Queries with keys, and values, of this stream; see `split_heads`."""
        return split_heads(self.qkv(modulate(x, shift, scale)), heads, self.head_norm, rotary)

    def update(self, x: Tensor, mixed: Tensor, gate1: Tensor, shift: Tensor, scale: Tensor, gate2: Tensor) -> Tensor:
        """Residual connections: the attention's output, then the MLP's."""
        x = torch.addcmul(x, gate1, self.proj(mixed))
        hidden = F.gelu(self.mlp_in(modulate(x, shift, scale)), approximate="tanh")
        return torch.addcmul(x, gate2, self.mlp_out(hidden))


class JointBlock(nn.Module):
    """Attention of several streams to each other, then an MLP per stream."""

    def __init__(self, streams: int, width: int, heads: int, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.streams = nn.ModuleList(StreamWeights(width, heads, mlp_ratio) for _ in range(streams))

    def forward(
        self,
        streams: Sequence[Tensor],
        conditions: Sequence[Tensor],
        rotary: Sequence[Tensor | None],
        bias: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Streams (B, n_i, D), their SiLU(c) (B, 1 or n_i, D) and rotary tables -> streams of the same shapes.

        `bias` (sum n_i,): see `attend`.
        """
        pairs, values, rest = [], [], []
        for weights, x, c, table in zip(self.weights, streams, conditions, rotary):
            shift, scale, *later = weights.modulation(c).chunk(6, dim=-1)
            pair, value = weights.project(x, shift, scale, self.heads, table)
            pairs.append(pair)
            values.append(value)
            rest.append(later)
        mixed = attend(torch.cat(pairs, dim=1), torch.cat(values, dim=1), bias)
        parts = mixed.split([x.shape[1] for x in streams], dim=1)
        return tuple(
            weights.update(x, part, *later) for weights, x, part, later in zip(self.weights, streams, parts, rest)
        )

    @property
    def weights(self) -> Iterator[StreamWeights]:
        """The streams' weights, typed."""
        return (cast(StreamWeights, module) for module in self.streams)


class SingleBlock(nn.Module):
    """One sequence; attention and MLP read the same normed input and are added together."""

    def __init__(self, width: int, heads: int, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.width = width
        self.modulation = ZeroLinear(width, 3 * width)
        self.head_norm = QKNorm(width // heads)
        self.wide = Linear(width, (3 + mlp_ratio) * width)  # rows: queries, keys, values, MLP
        self.out = Linear((1 + mlp_ratio) * width, width)

    def forward(self, x: Tensor, condition: Tensor, rotary: Tensor | None, keep: int | None = None) -> Tensor:
        """(B, n, D) -> (B, n, D); with `keep`, only the first `keep` tokens are computed and returned."""
        shift, scale, gate = self.modulation(condition).chunk(3, dim=-1)
        normed = modulate(x, shift, scale)
        if keep is None or keep == x.shape[1]:
            qkv, hidden = self.wide(normed).split([3 * self.width, self.out.in_features - self.width], dim=-1)
        else:
            # The last block: the other tokens are still keys and values, but their output is not read.
            first, weight, offset = normed[:, :keep], self.wide.weight, self.wide.bias
            three = 3 * self.width
            qkv = product(normed, weight[:three], offset[:three])
            hidden = product(first, weight[three:], offset[three:])
            x = x[:, :keep]
            gate = gate[:, :keep]
        pair, value = split_heads(qkv, self.heads, self.head_norm, rotary)
        mixed = attend(pair, value, queries=keep)
        joined = torch.cat([mixed, F.gelu(hidden, approximate="tanh")], dim=-1)
        return torch.addcmul(x, gate, self.out(joined))


class FinalLayer(nn.Module):
    """Modulated projection of the motion stream to velocities."""

    def __init__(self, width: int, motion_dim: int) -> None:
        super().__init__()
        self.modulation = ZeroLinear(width, 2 * width)
        self.linear = ZeroLinear(width, motion_dim)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, motion_dim)."""
        shift, scale = self.modulation(condition).chunk(2, dim=-1)
        return self.linear(modulate(x, shift, scale))
