"""F, M, W, G and S give the reference's numbers on seeded weights and inputs (float32, CPU)."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from moda.renderer.liveportrait import convert
from moda.renderer.liveportrait.warping import identity_grid, shifted
from tests.renderer.liveportrait.conftest import Expected, SeededFiles


def from_name(seeded: ModuleType, name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(seeded.tensor(name, shape, scale))


@pytest.fixture(scope="module")
def keypoints(seeded: ModuleType) -> tuple[torch.Tensor, torch.Tensor]:
    source = from_name(seeded, "lp/kp_source", (2, 21, 3), 0.35)
    return source, source + from_name(seeded, "lp/kp_delta", (2, 21, 3), 0.08)


def test_appearance(files: SeededFiles, expected: Expected, seeded: ModuleType) -> None:
    network = convert.load_appearance(files.network("appearance_feature_extractor"), "F")
    picture = torch.from_numpy(seeded.unit("lp/image", (1, 3, 256, 256)))
    assert expected.difference("F/out", network(picture)) < 1e-4


def test_motion_extractor(files: SeededFiles, expected: Expected, seeded: ModuleType) -> None:
    network = convert.load_motion_extractor(files.network("motion_extractor"), "M")
    pose = network(torch.from_numpy(seeded.unit("lp/image", (1, 3, 256, 256))))
    for name, value in pose._asdict().items():
        assert expected.difference(f"M/{name}", value) < 5e-5, name
    for name, value in zip(("pitch", "yaw", "roll"), pose.degrees().T):
        assert expected.difference(f"M/degrees/{name}", value) < 1e-4, name  # 3 degrees a bin


def test_stitching_and_retargeting(
    files: SeededFiles, expected: Expected, seeded: ModuleType, keypoints: tuple[torch.Tensor, torch.Tensor]
) -> None:
    source, driving = (x.flatten(1) for x in keypoints)
    networks = convert.load_retargeting(files.retargeting(), "S")
    lip = torch.cat([source, from_name(seeded, "lp/lip_ratio", (2, 2))], dim=1)
    eye = torch.cat([source, from_name(seeded, "lp/eye_ratio", (2, 3))], dim=1)
    assert expected.difference("S/out", networks.stitching(torch.cat([source, driving], dim=1))) < 1e-5
    assert expected.difference("lip/out", networks.lip(lip)) < 1e-5
    assert expected.difference("eye/out", networks.eye(eye)) < 1e-5


@pytest.mark.slow
def test_warping(
    files: SeededFiles, expected: Expected, seeded: ModuleType, keypoints: tuple[torch.Tensor, torch.Tensor]
) -> None:
    network = convert.load_warping(files.network("warping_module"), "W")
    volumes = from_name(seeded, "lp/feature_3d", (2, 32, 16, 64, 64))
    warped = [
        network(network.prepare(volume[None], source[None]), driving[None])
        for volume, source, driving in zip(volumes, *keypoints)
    ]
    assert expected.difference("W/out", torch.cat([w.features for w in warped])) < 2e-4
    assert expected.difference("W/deformation", torch.cat([w.deformation for w in warped])) < 1e-5
    assert expected.difference("W/occlusion_map", torch.cat([w.occlusion for w in warped])) < 1e-5


@pytest.mark.slow
def test_generator(files: SeededFiles, expected: Expected, seeded: ModuleType) -> None:
    network = convert.load_generator(files.network("spade_generator"), "G")
    assert expected.difference("G/out", network(from_name(seeded, "lp/warped", (1, 256, 64, 64)))) < 5e-5


@pytest.mark.parametrize("size", [(16, 64, 64), (5, 9, 4), (1, 3, 2)])
def test_sampling_along_a_shift_is_what_grid_sample_does(size: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    volume = torch.randn(1, 4, *size, generator=generator)
    shifts = torch.randn(2, 3, 3, generator=generator)
    shifts[0, 0] = 0
    shifts[1, 2] = torch.tensor([3.0, 0.1, -0.2])  # wholly outside
    if size[0] == 1:
        shifts[..., 2] = 0  # linspace(-1, 1, 1) is -1: the reference's grid has no other meaning there
    flow = identity_grid(volume) + shifts.view(6, 1, 1, 1, 3)
    sampled = torch.nn.functional.grid_sample(volume.expand(6, -1, -1, -1, -1), flow, align_corners=False)
    torch.testing.assert_close(shifted(volume, shifts).flatten(0, 1), sampled, atol=2e-5, rtol=0)
    assert shifted(volume, shifts)[1, 2].abs().max() == 0
