"""Motion through LivePortrait's networks in batches: crops as 8-bit pictures, with memory that does not grow.

The next batch is computed while the last is pasted and encoded; on a GPU its pictures cross to the CPU through pinned
memory. Needs nothing but torch and the networks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moda.errors import UserError
from moda.motion.space import Motion
from moda.renderer.ahead import one_ahead
from moda.renderer.liveportrait.drive import SourceFace, driving_keypoints
from moda.renderer.liveportrait.motion_extractor import MotionExtractor
from moda.renderer.liveportrait.precision import Placed, free_batch
from moda.renderer.liveportrait.stitching import stitch
from moda.renderer.liveportrait.warping import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Learnt:
    """What the networks know of a portrait: everything that does not depend on the motion."""

    face: SourceFace
    placed: Tensor  # (1, 21, 3)
    source: Source
    mode: str = "auto"
    stitching: bool = True


def as_tensor(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def read_face(network: MotionExtractor, picture: np.ndarray) -> SourceFace:
    """M's reading of the (256, 256, 3) uint8 RGB source crop.

    This is all that a motion generator needs of LivePortrait (see :func:`drive.first_motion`).
    """
    with torch.inference_mode():
        pose = network(as_tensor(picture).to(next(network.parameters()).device))
        vector = torch.cat([pose.exp, pose.scale, pose.t, pose.degrees()], dim=1)[0]
    return SourceFace(pose.kp[0].view(-1, 3).cpu().numpy(), vector.cpu().numpy())


@torch.inference_mode()
def learn(networks: Placed, picture: np.ndarray, device: torch.device, mode: str, stitching: bool) -> Learnt:
    """Read the (256, 256, 3) uint8 RGB source crop."""
    face = read_face(networks.motion, picture)
    placed = torch.from_numpy(face.placed)[None].to(device)
    volume = networks.appearance(as_tensor(picture).to(device))
    return Learnt(face, placed, networks.warping.prepare(volume, placed), mode, stitching)


@torch.inference_mode()
def keypoints(networks: Placed, learnt: Learnt, motion: Motion, frames: range) -> Tensor:
    """Driving keypoints (n, 21, 3), stitched unless the portrait was prepared without."""
    points = driving_keypoints(learnt.face, motion, frames.start, frames.stop, learnt.mode)
    driving = torch.from_numpy(points).to(learnt.placed.device)
    if not learnt.stitching:
        return driving
    return stitch(networks.retargeting.stitching, learnt.placed.expand_as(driving), driving)


@torch.inference_mode()
def pictures(networks: Placed, learnt: Learnt, motion: Motion, frames: range) -> np.ndarray:
    """(n, 512, 512, 3) uint8 RGB, one network call."""
    made = networks.generator(networks.warping(learnt.source, keypoints(networks, learnt, motion, frames)).features)
    levels = (made.float() * 255).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    if not levels.is_cuda:
        return np.asarray(levels.cpu().numpy())
    host = torch.empty(levels.shape, dtype=torch.uint8, pin_memory=True)
    host.copy_(levels, non_blocking=True)
    done = torch.cuda.Event()
    done.record()
    done.synchronize()  # waits for this copy alone
    return np.asarray(host.numpy())


def crops(
    networks: Placed, learnt: Learnt, motion: Motion, wanted: range, batch: int, watch: Callable[[], None]
) -> Iterator[np.ndarray]:
    """(512, 512, 3) uint8 RGB of the wanted frames, in order.

    ``batch``: frames at once, at most; halved when the GPU has too little memory. ``watch`` is called before every
    batch; what it raises ends the work. Raises UserError when one frame alone needs more memory than there is.
    """
    size = free_batch(batch, learnt.placed.device, learnt.source.compressed.dtype)

    def compute(frames: range) -> list[np.ndarray]:
        nonlocal size
        made: list[np.ndarray] = []
        position = frames.start
        while position < frames.stop:
            watch()
            part = range(position, min(position + size, frames.stop))
            try:
                made.append(pictures(networks, learnt, motion, part))
            except torch.OutOfMemoryError as error:
                size = smaller(len(part), error)
                continue
            position = part.stop
        return made

    def spans() -> Iterator[range]:
        position = wanted.start
        while position < wanted.stop:
            stop = min(position + size, wanted.stop)
            yield range(position, stop)
            position = stop

    for parts in one_ahead(compute, spans()):
        for part in parts:
            yield from part


def smaller(count: int, error: Exception) -> int:
    """Half as many frames at once, after running out of memory with so many."""
    torch.cuda.empty_cache()
    if count == 1:
        raise UserError(
            f"The GPU has too little free memory to render a single frame with LivePortrait ({error}); "
            "close other programs that use it, or render with device cpu or with the mesh renderer."
        ) from error
    log.warning("GPU memory is short: rendering %d frames at a time from here on.", count // 2)
    return count // 2
