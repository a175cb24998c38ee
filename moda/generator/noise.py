"""The noise that sampling starts from: one generator per take, one draw per frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from moda.motion.actions import INDEX, write_matrix
from moda.motion.space import EXPRESSION, STD_FLOOR
from moda.motion.statistics import STD

LIP_ACTIONS = ("jaw_open", "lips_press", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress")


@lru_cache(maxsize=1)
def lip_projection() -> Tensor:
    """(63, 63) orthogonal projection of normalised expression onto the directions of the lip actions."""
    columns = write_matrix()[:, [INDEX[name] for name in LIP_ACTIONS]]
    basis, _ = np.linalg.qr(columns / (STD[:63, None].astype(np.float64) + STD_FLOOR))
    return torch.from_numpy((basis @ basis.T).astype(np.float32))


class NoiseByFrame:
    """The starting noise of one take, drawn in order from its own generator.

    Without `shared` a whole segment is drawn at a time. With it each frame of the clip is drawn once, so that a frame
    that two segments share starts from the same noise in both; only the last segment is kept.
    `lip_noise` scales the noise in the directions of the lip actions: a flow that starts nearer to the middle ends at
    the likelier articulation, as a lower temperature does, while head and eyes stay as varied as they were.
    """

    def __init__(self, seed: int, motion_dim: int, length: int, shared: bool, lip_noise: float = 1.0) -> None:
        self.generator = torch.Generator("cpu").manual_seed(int(seed))
        self.shared = shared
        self.motion_dim = motion_dim
        self.length = length
        self.lip_noise = lip_noise
        self.first = 0
        self.kept = torch.empty(1, 0, motion_dim)

    def segment(self, start: int, frames: int) -> Tensor:
        """(1, frames, 70) for the segment that starts at frame `start` (not before the one asked for last)."""
        if not self.shared:
            return self.draw(frames)
        if self.kept.shape[1] == 0:
            self.kept = self.draw(self.length)
        else:
            self.kept = torch.cat([self.kept[:, start - self.first :], self.draw(start - self.first)], dim=1)
        self.first = start
        return self.kept[:, :frames]

    def draw(self, frames: int) -> Tensor:
        """The next frames of noise."""
        noise = torch.randn(1, frames, self.motion_dim, generator=self.generator)
        if self.lip_noise != 1.0:
            face = noise[..., EXPRESSION]
            noise[..., EXPRESSION] = face - (1 - self.lip_noise) * (face @ lip_projection())
        return noise
