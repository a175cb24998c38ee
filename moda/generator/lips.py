"""The lip step of the published sampler: lips that move away from rest move a little further."""

from __future__ import annotations

import torch
from torch import Tensor

LIP_KEYPOINTS = (6, 12, 14, 17, 19, 20)
LIP_DIMENSIONS = tuple(3 * k + axis for k in LIP_KEYPOINTS for axis in range(3))
REST_FROM_END = 37  # the frame taken for lips at rest lies in the silence behind the speech
EXPECTED_DISTANCE = float(len(LIP_DIMENSIONS))  # mean of D where every number has its usual spread


def modulate_lips(motion: Tensor, rest: Tensor, causal: bool = False) -> Tensor:
    """e <- e_r + d (1 + w) on the 18 numbers of the lip keypoints; normalised motion (..., T, 70), rest (..., 70).

    d = e - e_r, D = sum d^2, w = (sigmoid(5 D) - 1/2) / (0.1 max D + 0.05), the maximum being that of the clip. With
    `causal` it is the maximum so far, at least what usual motion has, so that no frame depends on later ones.
    """
    index = torch.tensor(LIP_DIMENSIONS, device=motion.device)
    here = rest[..., None, index]
    d = motion[..., index] - here
    distance = d.square().sum(dim=-1, keepdim=True)
    if causal:
        largest = distance.cummax(dim=-2).values.clamp_min(EXPECTED_DISTANCE)
    else:
        largest = distance.amax(dim=-2, keepdim=True)
    weight = (torch.sigmoid(5 * distance) - 0.5) / (0.1 * largest + 0.05)
    out = motion.clone()
    out[..., index] = here + d * (1 + weight)
    return out
