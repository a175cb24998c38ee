"""Linear layers by whichever library forms their products: the same numbers, and gradients where they are asked for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from moda.generator.linear import LARGE, Linear, one_dnn, product

WIDTH = 1024


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(
    "x",
    [
        drawn(2, 7, WIDTH),
        drawn(1, 1, WIDTH).expand(3, 5, WIDTH),
        drawn(9, 2, WIDTH).transpose(0, 1),
        drawn(4, 2 * WIDTH)[:, ::2],
        drawn(0, WIDTH),
    ],
    ids=["whole", "repeated", "turned", "every second", "empty"],
)
@torch.inference_mode()
def test_products_of_large_matrices(x: torch.Tensor) -> None:
    weight, bias = drawn(2 * WIDTH, WIDTH), drawn(2 * WIDTH)
    assert weight[: LARGE // WIDTH].numel() >= LARGE
    exact = F.linear(x.double(), weight.double(), bias.double())
    for rows in (slice(None), slice(1, None), slice(0, LARGE // WIDTH)):
        made = product(x, weight[rows], bias[rows])
        assert made.shape == exact[..., rows].shape
        assert made.is_contiguous()
        torch.testing.assert_close(made.double(), exact[..., rows], rtol=0, atol=3e-4)
    torch.testing.assert_close(product(x, weight, None).double(), exact - bias, rtol=0, atol=3e-4)


@torch.inference_mode()
def test_small_matrices_and_other_precisions_are_pytorchs_own_to_the_bit() -> None:
    x, weight, bias = drawn(5, 64), drawn(32, 64), drawn(32)
    assert torch.equal(product(x, weight, bias), F.linear(x, weight, bias))
    x, weight, bias = drawn(5, WIDTH).bfloat16(), drawn(WIDTH, WIDTH).bfloat16(), drawn(WIDTH).bfloat16()
    assert torch.equal(product(x, weight, bias), F.linear(x, weight, bias))


def test_a_large_layer_learns() -> None:
    layer = Linear(WIDTH, WIDTH)
    layer(drawn(3, WIDTH)).sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad[0], drawn(3, WIDTH).sum(dim=0))


def test_it_is_tried_only_where_its_kernels_exist() -> None:
    assert not one_dnn() or torch.backends.cpu.get_cpu_capability() == "AVX512"
