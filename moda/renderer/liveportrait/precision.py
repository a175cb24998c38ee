"""Which precision, memory layout and batch size suit a device."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from moda.errors import BadWeights
from moda.renderer.liveportrait.appearance import AppearanceEncoder
from moda.renderer.liveportrait.convert import Networks, Retargeting
from moda.renderer.liveportrait.motion_extractor import MotionExtractor
from moda.renderer.liveportrait.warping import Warper


class Placed(NamedTuple):
    """LivePortrait's networks where and as they compute."""

    appearance: AppearanceEncoder
    motion: MotionExtractor
    warping: Warper
    generator: Callable[[Tensor], Tensor]
    retargeting: Retargeting


M = TypeVar("M", bound=nn.Module)

CPU_BATCH = 1
CUDA_BATCH = 16
BYTES_PER_FRAME = 200_000_000
"""GPU memory that a frame of a batch needs in half precision, weights aside (`bench.gpu` on an H200: 0.19 GiB)."""
LARGEST_WEIGHT = 3e4
"""Half precision ends at 65504; a weight near it overflows with the first activation above 2."""


def usual_precision(device: torch.device) -> str:
    """float16 on CUDA, as the reference; float32 elsewhere."""
    return "float16" if device.type == "cuda" else "float32"


def free_batch(wanted: int, device: torch.device, dtype: torch.dtype = torch.float16) -> int:
    """At most `wanted` frames at once, at least one, and no more than the GPU's free memory holds."""
    if device.type != "cuda":
        return wanted
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(wanted, free // (BYTES_PER_FRAME * dtype.itemsize // 2)))


def check_weights(network: nn.Module, name: str, dtype: torch.dtype) -> None:
    """Raise BadWeights where a weight, with its batch norm folded in, is too large for half precision."""
    if dtype != torch.float16:
        return
    for key, value in network.named_parameters():
        largest = float(value.abs().amax())
        if not largest <= LARGEST_WEIGHT:
            raise BadWeights(
                f"LivePortrait's {name} has a weight of {largest:.3g} ({key}), too large for half precision; choose "
                "precision bfloat16 or float32."
            )


def default_batch(device: torch.device) -> int:
    """Frames at once: enough to fill a GPU, few enough for a laptop's memory."""
    return CUDA_BATCH if device.type == "cuda" else CPU_BATCH


def place(networks: Networks, device: torch.device, dtype: torch.dtype, *, fast: bool = True) -> Placed:
    """Copies of the networks on ``device``. Only W and G, which run every frame, compute in ``dtype``."""
    appearance, motion, warping, generator, retargeting = networks
    if device.type == "cpu" and dtype == torch.float32:
        if fast:
            from moda.renderer.liveportrait.fast import accelerate_generator
            from moda.renderer.liveportrait.fast_warping import accelerate_warping

            return Placed(appearance, motion, accelerate_warping(warping), accelerate_generator(generator), retargeting)
        return Placed(*networks)
    for name, network in (("warping module", warping), ("generator", generator)):
        check_weights(network, name, dtype)
    layout = device.type == "cuda"  # tensor cores want the channels innermost
    return Placed(
        moved(appearance, device, torch.float32, layout),
        moved(motion, device, torch.float32, layout),
        moved(warping, device, dtype, layout),
        moved(generator, device, dtype, layout),
        type(retargeting)(*(moved(network, device, torch.float32, False) for network in retargeting)),
    )


def moved(network: M, device: torch.device, dtype: torch.dtype, channels_last: bool) -> M:
    """A copy of ``network``; the one given is left as it is."""
    network = copy.deepcopy(network).to(device, dtype)
    if channels_last:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        for parameter in network.parameters():
            if parameter.ndim in formats:
                parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
    return network
