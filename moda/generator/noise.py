"""The noise that sampling starts from: one generator per take, one draw per frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from moda.generator.noise_scale import NoiseScale
from moda.motion.actions import INDEX, write_matrix
from moda.motion.space import EXPRESSION, POSE, STD_FLOOR
from moda.motion.statistics import STD

LIP_ACTIONS = ("jaw_open", "lips_press", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress")
BROW_ACTIONS = ("brow_raise", "brow_furrow")


@lru_cache(maxsize=2)
def projection(actions: tuple[str, ...]) -> Tensor:
    """(63, 63) orthogonal projection of normalised expression onto the directions of the named actions."""
    columns = write_matrix()[:, [INDEX[name] for name in actions]]
    basis, _ = np.linalg.qr(columns / (STD[:63, None].astype(np.float64) + STD_FLOOR))
    with torch.inference_mode(False):  # it is kept, and a training may ask for it after a sampler did
        return torch.from_numpy((basis @ basis.T).astype(np.float32))


def scaled(noise: Tensor, scale: NoiseScale) -> Tensor:
    """Noise (..., 70) of unit variance, scaled in place part by part; returns it."""
    face = noise[..., EXPRESSION]
    for share, actions in ((scale.lips, LIP_ACTIONS), (scale.brows, BROW_ACTIONS)):
        if share != 1.0:
            face += (share - 1.0) * (face @ projection(actions))
    noise[..., POSE] *= scale.head
    return noise


class NoiseByFrame:
    """The starting noise of one take, drawn in order from its own generator.

    Without `shared` a whole segment is drawn at a time. With it each frame of the clip is drawn once, so that a frame
    that two segments share starts from the same noise in both; only the last segment is kept.
    """

    def __init__(self, seed: int, motion_dim: int, length: int, shared: bool, scale: NoiseScale | None = None) -> None:
        self.generator = torch.Generator("cpu").manual_seed(int(seed))
        self.shared = shared
        self.motion_dim = motion_dim
        self.length = length
        self.scale = scale or NoiseScale()
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
        return scaled(torch.randn(1, frames, self.motion_dim, generator=self.generator), self.scale)
