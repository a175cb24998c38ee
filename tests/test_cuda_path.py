"""The whole CUDA path without a GPU: fake tensors know device, type and shape, and nothing else.

What mixes devices or types, or asks a CUDA tensor for its values in the middle of the work, fails here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from moda.generator.anchor import PoseGuidance, Pull
from moda.generator.guidance import Guidance, GuidedVelocity, encode_branches
from moda.generator.network import MoDA, MoDAConfig
from moda.generator.sampler import SamplingOptions, smooth_pose
from moda.renderer.liveportrait.appearance import AppearanceEncoder
from moda.renderer.liveportrait.generator import PictureGenerator
from moda.renderer.liveportrait.motion_extractor import MotionExtractor
from moda.renderer.liveportrait.stitching import STITCHING_SIZES, KeypointMLP, stitch
from moda.renderer.liveportrait.warping import WarpingModule

CUDA = torch.device("cuda")
PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)
LITE = MoDAConfig(
    width=192, heads=6, blocks4=1, blocks2=1, blocks1=2, speech_shape=(1000,), condition_tokens="single",
    has_null_identity=True, mlp_ratio=2, time_features=64,
)  # fmt: skip


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    with FakeTensorMode(), torch.no_grad():
        yield


def cuda(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, device=CUDA, dtype=dtype)


M = TypeVar("M", bound=torch.nn.Module)


def on_cuda(build: Callable[[], M], dtype: torch.dtype) -> M:
    """A network made where and as it computes: fake parameters cannot be moved."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with CUDA:
            return build().eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(usual)


def described(x: torch.Tensor) -> tuple[str, torch.dtype, tuple[int, ...]]:
    assert isinstance(x, FakeTensor)
    return x.device.type, x.dtype, tuple(x.shape)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("config", [LITE, MoDAConfig()], ids=["lite", "base"])
@pytest.mark.parametrize("timed", [False, True], ids=["constant", "timed"])
@pytest.mark.parametrize(
    "options",
    [SamplingOptions(steps=3, guidance=Guidance(speech=1.5, emotion=2.0)), SamplingOptions.reference(3)],
    ids=["ours", "reference"],
)
def test_planning(dtype: torch.dtype, config: MoDAConfig, timed: bool, options: SamplingOptions) -> None:
    """A segment behind known frames and towards a pose prior, by both samplers, in three precisions."""
    model = on_cuda(lambda: MoDA(config), dtype)
    emotion = cuda(1, 80, 9, dtype=dtype) if timed else cuda(1, 9, dtype=dtype)
    speech, identity = cuda(1, 80, *config.speech_shape, dtype=dtype), cuda(1, config.identity_dim, dtype=dtype)
    branches = encode_branches(model, options.guidance, speech, emotion, identity)
    velocity = GuidedVelocity(model, options.guidance, branches, cuda(1, 70))
    x = cuda(1, 80, 70)
    pull = Pull.of(x, cuda(1, 16, 70), 16, PoseGuidance(cuda(80, 7), 0.5), range(80))
    assert pull is not None
    out = smooth_pose(options.solve(pull.around(velocity), x))
    assert described(out) == ("cuda", torch.float32, (1, 80, 70))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("batch", [1, 16])
def test_liveportrait(dtype: torch.dtype, batch: int) -> None:
    """F, M and S in single precision, W and G in any, from a picture to a batch of pictures."""
    appearance, extractor = on_cuda(AppearanceEncoder, torch.float32), on_cuda(MotionExtractor, torch.float32)
    warping, generator = on_cuda(WarpingModule, dtype), on_cuda(PictureGenerator, dtype)
    stitching = on_cuda(lambda: KeypointMLP(STITCHING_SIZES), torch.float32)
    picture = cuda(1, 3, 256, 256)
    pose = extractor(picture)
    assert described(pose.degrees()) == ("cuda", torch.float32, (1, 3))
    source = warping.prepare(appearance(picture), cuda(1, 21, 3))
    driving = stitch(stitching, cuda(1, 21, 3).expand(batch, -1, -1), cuda(batch, 21, 3))
    made = generator(warping(source, driving).features)
    assert described(made) == ("cuda", dtype, (batch, 3, 512, 512))
    levels = (made.float() * 255).clamp_(0, 255).to(torch.uint8)
    assert described(levels) == ("cuda", torch.uint8, (batch, 3, 512, 512))


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_hubert(dtype: torch.dtype) -> None:
    from transformers import HubertConfig, HubertModel

    model = on_cuda(lambda: HubertModel(HubertConfig()), dtype)
    out = model(cuda(1, 16_000, dtype=dtype), output_hidden_states=True)
    assert len(out.hidden_states) == 13 and described(out.hidden_states[-1])[:2] == ("cuda", dtype)
