"""S: small networks over keypoints that hide the seam at the shoulders (and retarget lips or eyes).

LivePortrait (arXiv 2407.03168, section 3.2). Driving by speech uses only the stitching one.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

KEYPOINTS = 21

STITCHING_SIZES = (126, 128, 128, 64, 65)
LIP_SIZES = (65, 128, 128, 64, 63)
EYE_SIZES = (66, 256, 256, 128, 128, 64, 63)


class KeypointMLP(nn.Module):
    """Linear layers with ReLU between them. ``forward``: (B, sizes[0]) -> (B, sizes[-1])."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        *inner, last = self.layers
        for layer in inner:
            x = functional.relu(layer(x))
        return last(x)


def stitch(network: KeypointMLP, source: Tensor, driving: Tensor) -> Tensor:
    """Driving keypoints (B, 21, 3) moved so that head and shoulders meet ``source`` (B, 21, 3) without a seam."""
    both = torch.cat([source.flatten(1), driving.flatten(1)], dim=1)
    delta = network(both)
    moved = driving + delta[:, : 3 * KEYPOINTS].view_as(driving)
    shift = functional.pad(delta[:, 3 * KEYPOINTS :], (0, 1))
    return moved + shift[:, None]
