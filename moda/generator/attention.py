"""Joint attention over any number of streams, rotary positions, root-mean-square norms.

The published network rotates adjacent pairs of numbers. Here the two numbers of a pair sit half a head apart,
which is the same attention (queries and keys are permuted alike) and lets the rotation run on contiguous
memory; `moda.generator.convert` reorders the published weights once, on loading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-6  # of the norms in front of a modulation
QK_NORM_EPS = 1e-5  # of the norms of queries and keys


def rms(x: Tensor, eps: float = NORM_EPS) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over the last axis, without gain."""
    return F.rms_norm(x, (x.shape[-1],), None, eps)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Adaptive norm rms(x) (1 + scale) + shift; shift and scale are (B, 1 or n, D)."""
    return torch.addcmul(shift, rms(x), 1 + scale)


def rotary_table(positions: Tensor, head_dim: int, base: float) -> Tensor:
    """Cosines and sines of the rotary positions, (2, n, head_dim / 2) float32.

    Pair i at position p turns by p * base^(-2 i / head_dim).
    """
    half = head_dim // 2
    index = torch.arange(half, device=positions.device, dtype=torch.float64)
    angle = positions.to(torch.float64)[:, None] * base ** (-2.0 * index / head_dim)
    return torch.stack([angle.cos(), angle.sin()]).to(torch.float32)


class QKNorm(nn.Module):
    """Norm with gain for the queries and keys of one stream, then their rotary positions."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2, head_dim))

    def forward(self, query_key: Tensor, rotary: Tensor | None) -> Tensor:
        """(B, n, 2, heads, d) raw queries and keys -> the same, normed and (if `rotary` is given) turned."""
        x = rms(query_key, QK_NORM_EPS) * self.gain[:, None, :]
        if rotary is None:
            return x
        cos, sin = rotary[:, :, None, None, :].to(x.dtype)
        u, w = x.chunk(2, dim=-1)
        return torch.cat([u * cos - w * sin, w * cos + u * sin], dim=-1)


def split_heads(projected: Tensor, heads: int, norm: QKNorm, rotary: Tensor | None) -> tuple[Tensor, Tensor]:
    """Output of a q,k,v projection (B, n, 3 D) -> normed, turned (B, n, 2, heads, d) and values (B, n, heads, d)."""
    batch, count, width = projected.shape
    qkv = projected.view(batch, count, 3, heads, width // 3 // heads)
    return norm(qkv[:, :, :2], rotary), qkv[:, :, 2]


def attend(query_key: Tensor, value: Tensor, bias: Tensor | None = None, queries: int | None = None) -> Tensor:
    """Softmax attention of all tokens to all tokens.

    query_key (B, n, 2, heads, d), value (B, n, heads, d); `bias` (n,) is added to every logit of that key (the
    log of how many equal tokens it stands for); `queries`: only the first so many tokens are queries. -> (B, n, D).
    """
    query = query_key[:, :queries, 0].transpose(1, 2)
    key = query_key[:, :, 1].transpose(1, 2)
    mask = None if bias is None else bias.to(query.dtype).view(1, 1, 1, -1)
    out = F.scaled_dot_product_attention(query, key, value.transpose(1, 2), attn_mask=mask)
    return out.transpose(1, 2).flatten(2)


def repeat_bias(tokens: Sequence[int], stands_for: Sequence[int], device: torch.device) -> Tensor | None:
    """Key bias (sum tokens,) where each of the `tokens[i]` tokens of stream i stands for `stands_for[i]` equal ones;
    None where every token stands for itself."""
    if all(times == 1 for times in stands_for):
        return None
    return torch.cat([torch.full((n,), math.log(times), device=device) for n, times in zip(tokens, stands_for)])
