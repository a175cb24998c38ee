"""Linear layers whose float32 products are formed at full width on CPUs that have it.

PyTorch forms float32 products of matrices with MKL, whose kernels for AMD processors use half of AVX-512. oneDNN, which
PyTorch brings as well and uses for bfloat16, takes all of it: 2.2 times as many products a second on such a machine,
equal to the rounding of float32.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGE = 1 << 20
"""Numbers of a matrix from which on its products are what takes the time; moda-lite has none so large."""


@lru_cache(maxsize=1)
def one_dnn() -> bool:
    """Whether oneDNN's float32 products are here and of use.

    Its operator for a linear layer is one that PyTorch's own compiler calls and documents for nobody, so it is tried.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    x, weight = torch.eye(16), torch.arange(256.0).view(16, 16)
    try:
        return torch.equal(torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], ""), weight.T)
    except Exception:  # whatever another PyTorch raises in its place
        return False


def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x weight^T + bias as `torch.nn.functional.linear`: x (..., n), weight (m, n), bias (m,) -> (..., m)."""
    plain = x.dtype is torch.float32 and x.device.type == "cpu" and not torch.is_grad_enabled()
    if plain and weight.numel() >= LARGE and one_dnn():
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return made
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """`torch.nn.Linear` by `product`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        return product(x, self.weight, self.bias)
