"""Pulls on the clean estimate while sampling: towards frames that are decided already, and towards a head pose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting
from moda.generator.flow import Velocity, clean_estimate
from moda.motion.space import POSE

LEAD = 40
"""Frames, half a segment, over which a segment's head pose is led on from the known frames in front of it."""
LAST_KNOWN = 4
"""Known frames whose mean pose error is led on."""


@dataclass(frozen=True)
class PoseGuidance:
    """A head-pose trajectory that sampling is drawn to.

    trajectory (T, 7) normalised: scale, translation xyz, pitch, yaw, roll (dimensions 63..69); strength in [0, 1];
    mask (7,) in [0, 1]: which of the seven are pulled. At every step the pose of the clean estimate becomes
    (1 - strength) estimate + strength trajectory, so that expression is sampled to fit it.
    """

    trajectory: Tensor | np.ndarray
    strength: float
    mask: Sequence[float] = (1.0,) * 7

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength) or not 0.0 <= self.strength <= 1.0:
            raise BadSetting(f"The pose strength must be from 0 to 1, not {self.strength}.")
        if self.trajectory.ndim != 2 or self.trajectory.shape[1] != 7:
            raise BadSetting(f"A pose prior must have shape (frames, 7), not {tuple(self.trajectory.shape)}.")


@dataclass(frozen=True)
class Pull:
    """What the clean estimate of a segment is drawn to.

    weight in [0, 1] and target, both (n, L, 70). Head pose is decided at the noisiest steps, where little is seen of
    the `known` frames in front; so the pose error at their end is carried on into the frames after them, fading
    out by `lead` (L, 7), and the head goes on from where it was.
    """

    weight: Tensor
    target: Tensor
    known: int = 0
    lead: Tensor | None = None

    @classmethod
    def of(cls, x: Tensor, known: Tensor, overlap: int, pose: PoseGuidance | None, frames: range) -> Pull | None:
        """For a segment like x (n, L, 70), the `frames` of the clip: towards known frames (n, k, 70), the last
        `overlap` of which fade out, and towards a pose prior. None where nothing pulls."""
        if pose is None and known.shape[1] == 0:
            return None
        pull = towards_pose(pose, frames, x) if pose is not None else cls(torch.zeros_like(x), torch.zeros_like(x))
        return pull.anchored(known, overlap) if known.shape[1] else pull

    def anchored(self, known: Tensor, overlap: int) -> Pull:
        """The same, drawn to known frames (n, k, 70) in front besides: pose wholly, expression by `fade`."""
        count, length = known.shape[1], self.weight.shape[1]
        keep = fade(count, overlap).to(self.weight).repeat(1, known.shape[-1])
        keep[:, POSE] = 1.0
        weight, target = self.weight.clone(), self.target.clone()
        w, t = self.weight[:, :count], self.target[:, :count]
        both = keep + (1 - keep) * w
        weight[:, :count] = both
        target[:, :count] = (keep * known.to(w) + (1 - keep) * w * t) / both.clamp_min(1e-6)
        free = 1 - self.weight[0, :, POSE]  # where a pose prior holds, nothing is led on
        after = (torch.arange(length, device=w.device, dtype=w.dtype) - count).clamp(0, LEAD) / LEAD
        return Pull(weight, target, count, (0.5 + 0.5 * torch.cos(torch.pi * after))[:, None] * free)

    def around(self, velocity: Velocity) -> Velocity:
        """The velocity that leads to the drawn clean estimate, where `velocity` leads to the free one."""

        def pulled(x: Tensor, s: float) -> Tensor:
            clean = clean_estimate(x, velocity(x, s), s)
            if self.lead is not None:
                end = slice(max(self.known - LAST_KNOWN, 0), self.known)
                error = (self.target - clean)[:, end, POSE].mean(dim=1, keepdim=True)
                clean = torch.cat([clean[..., : POSE.start], clean[..., POSE] + self.lead * error], dim=-1)
            return (x - torch.lerp(clean, self.target, self.weight)) / s

        return pulled


def towards_pose(pose: PoseGuidance, frames: range, x: Tensor) -> Pull:
    """The pull of a pose prior on a segment like x (n, L, 70) that begins with these frames of the clip."""
    weight, target = torch.zeros_like(x), torch.zeros_like(x)
    weight[:, : len(frames), POSE] = pose.strength * torch.as_tensor(pose.mask, dtype=x.dtype, device=x.device)
    target[:, : len(frames), POSE] = torch.as_tensor(pose.trajectory[frames.start : frames.stop]).to(x)
    return Pull(weight, target)


def fade(known: int, overlap: int) -> Tensor:
    """(known, 1): 1 for frames to be kept as they are, falling to 0 over the last `overlap` frames."""
    after = torch.arange(known, 0, -1, dtype=torch.float32)[:, None]
    return (after / (overlap + 1)).clamp_max(1.0)
