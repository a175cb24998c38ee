"""The CPU's way through W and G gives what the plain way gives."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional

from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.appearance import Volume
from moda.renderer.liveportrait.fast import accelerate_generator, normalised
from moda.renderer.liveportrait.fast_warping import accelerate_warping
from moda.renderer.liveportrait.fourier import FourierConv3d
from moda.renderer.liveportrait.generator import GeneratorConfig, PictureGenerator
from moda.renderer.liveportrait.warping import WarpingConfig, WarpingModule
from moda.renderer.liveportrait.winograd import Winograd, inside, padded_like, repeated_kernel, tiles
from tests.renderer.liveportrait.conftest import Expected, SeededFiles


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(*shape: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    weight = random(*shape, seed=seed)
    return weight / weight[0].numel() ** 0.5, random(shape[0], seed=seed + 1)


@pytest.mark.parametrize(("inputs", "outputs", "side"), [(16, 32, 8), (5, 3, 4), (33, 17, 40)])
def test_winograd_in_the_plane(inputs: Any, outputs: Any, side: Any) -> None:
    weight, bias = layer(outputs, inputs, 3, 3)
    x = random(1, inputs, side, side + 4)
    padded = padded_like((1, side, side + 4, inputs), x)
    inside(padded).copy_(x.permute(0, 2, 3, 1))
    found = Winograd(weight, bias)(padded, torch.empty(1, side, side + 4, outputs))
    wanted = functional.conv2d(x, weight, bias, padding=1).permute(0, 2, 3, 1)
    # Rounding depends on how many threads share the sums: 2.2e-5 was seen with two.
    torch.testing.assert_close(found, wanted, atol=4e-5, rtol=0)


@pytest.mark.parametrize(("inputs", "outputs", "depth", "side"), [(6, 4, 5, 8), (14, 20, 2, 36)])
def test_winograd_in_a_volume(inputs: Any, outputs: Any, depth: Any, side: Any) -> None:
    weight, bias = layer(outputs, inputs, 3, 3, 3)
    x = random(1, inputs, depth, side, side)
    padded = padded_like((depth, side, side, inputs), x, slabs=1)
    inside(padded, 1).copy_(x[0].permute(1, 2, 3, 0))
    found = Winograd(weight, bias)(padded, torch.empty(depth, side, side, outputs))
    wanted = functional.conv3d(x, weight, bias, padding=1)[0].permute(1, 2, 3, 0)
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)


def test_winograd_refuses_sides_it_would_compute_wrongly() -> None:
    weight, bias = layer(2, 2, 3, 3)
    with pytest.raises(ValueError, match="multiples of 4"):
        Winograd(weight, bias)(torch.zeros(1, 8, 10, 2), torch.zeros(1, 6, 8, 2))


@pytest.mark.parametrize(("repeat", "distinct"), [(1, 1), (2, 2), (4, 3)])
def test_a_convolution_of_repeated_pixels(repeat: Any, distinct: Any) -> None:
    weight, _ = layer(3, 5, 3, 3)
    x = random(1, 5, 6, 7)
    kernel, kinds = repeated_kernel(weight, repeat)
    assert len(kernel) == 3 * distinct**2
    small = functional.conv2d(x, kernel, padding=1).unflatten(1, (distinct, distinct, 3))
    wanted = functional.conv2d(functional.interpolate(x, scale_factor=repeat), weight, padding=1)
    for i, row in enumerate(kinds):
        for j, column in enumerate(kinds):
            torch.testing.assert_close(small[:, row, column], wanted[:, :, i::repeat, j::repeat], atol=1e-5, rtol=0)


def test_tiles_of_a_doubled_frame() -> None:
    frame = random(1, 4, 6, 3)
    large = frame.repeat_interleave(2, 1).repeat_interleave(2, 2)
    doubled = tiles(frame, 0, 2, 2).reshape(4, 4, 1, 2, 3, 3)
    torch.testing.assert_close(doubled, tiles(large, 0, 2).contiguous(), atol=0, rtol=0)


@pytest.mark.parametrize(("taps", "depth"), [(7, 16), (7, 5), (3, 4)])
def test_fourier(taps: Any, depth: Any) -> None:
    weight, bias = layer(3, 5, taps, taps, taps)
    x, margin = random(1, 5, depth, 32, 16), taps // 2
    padded = functional.pad(x, (margin,) * 4)[0].permute(1, 2, 3, 0).contiguous()
    found = FourierConv3d(weight, bias, depth)(padded)
    wanted = functional.conv3d(x, weight, bias, padding=margin)[0].permute(1, 2, 3, 0)
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)


def test_instance_norm() -> None:
    x = random(1, 12, 16, 5) * 3 + 100
    wanted = functional.instance_norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(normalised(x), wanted, atol=1e-4, rtol=0)


def test_a_small_generator() -> None:
    torch.manual_seed(3)
    plain = PictureGenerator(GeneratorConfig(features=12, width=24, middle_blocks=2, up_widths=(16, 8), hidden=6))
    features = random(2, 12, 16, 16)
    torch.testing.assert_close(accelerate_generator(plain)(features), plain(features), atol=5e-5, rtol=0)


@pytest.mark.parametrize("levels", [2, 4])
def test_a_small_warping_module(levels: Any) -> None:
    torch.manual_seed(4)
    config = WarpingConfig(
        keypoints=5, volume=Volume(4, 6), compressed=2, hourglass_width=4,
        hourglass_levels=levels, output=12,
    )  # fmt: skip
    plain = WarpingModule(config)
    source = plain.prepare(random(1, 4, 6, 32, 32), random(1, 5, 3) * 0.3)
    driving = random(3, 5, 3, seed=5) * 0.3
    for found, wanted in zip(accelerate_warping(plain, side=32)(source, driving), plain(source, driving)):
        torch.testing.assert_close(found, wanted, atol=5e-5, rtol=0)


@pytest.mark.slow
def test_the_published_warping_module(files: SeededFiles, expected: Expected, seeded: ModuleType) -> None:
    network = accelerate_warping(convert.load_warping(files.network("warping_module"), "W"))
    source = torch.from_numpy(seeded.tensor("lp/kp_source", (2, 21, 3), 0.35))
    driving = source + torch.from_numpy(seeded.tensor("lp/kp_delta", (2, 21, 3), 0.08))
    volumes = torch.from_numpy(seeded.tensor("lp/feature_3d", (2, 32, 16, 64, 64)))
    warped = [network(network.prepare(volumes[i : i + 1], source[i : i + 1]), driving[i : i + 1]) for i in range(2)]
    assert expected.difference("W/out", torch.cat([w.features for w in warped])) < 2e-4
    assert expected.difference("W/deformation", torch.cat([w.deformation for w in warped])) < 1e-5
    assert expected.difference("W/occlusion_map", torch.cat([w.occlusion for w in warped])) < 1e-5


@pytest.mark.slow
def test_the_published_generator(files: SeededFiles, expected: Expected, seeded: ModuleType) -> None:
    network = accelerate_generator(convert.load_generator(files.network("spade_generator"), "G"))
    found = network(torch.from_numpy(seeded.tensor("lp/warped", (1, 256, 64, 64))))
    assert expected.difference("G/out", found) < 5e-5
