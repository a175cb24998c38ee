"""Deep3DFaceRecon (Deng et al., CVPRW 2019): a ResNet-50 that reads a face model's coefficients, for E-FID.

E-FID is the Frechet distance between the 64 expression coefficients of two sets of frames. Faces are laid out as
published: 224 pixels, by five points against the face model's own (`similarity_Lm3D_all.mat`, which is distributed with
the model and expected beside the weights). Tensor names are those of the published `epoch_20.pth`, table `net_recon`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

SIDE, SCALE = 224, 102.0
#: Coefficients in order: identity, expression, texture, angles, light, translation xy, translation z.
WIDTHS = (80, 64, 80, 3, 27, 2, 1)
_SEVEN = (30, 36, 39, 42, 45, 48, 54)  # of the model's 68 points: nose tip, eye corners, corners of the mouth


class Deep3D(nn.Module):
    """(N, 3, 224, 224) in 0 to 1 to coefficients (N, 257)."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet50

        self.backbone = resnet50(weights=None)
        self.backbone.fc = nn.Identity()
        self.final_layers = nn.ModuleList([nn.Conv2d(2048, width, 1) for width in WIDTHS])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.backbone(x)[:, :, None, None]
        return torch.cat([layer(pooled) for layer in self.final_layers], dim=1).flatten(1)


def standard_points(mat: Any) -> npt.NDArray[np.float64]:
    """(5, 3): eyes, nose tip and corners of the mouth of the mean face, from `similarity_Lm3D_all.mat`'s table."""
    seven = np.asarray(mat["lm"], np.float64)[list(_SEVEN)]
    return np.stack([seven[1:3].mean(0), seven[3:5].mean(0), seven[0], seven[5], seven[6]])


def aligned(
    image: npt.NDArray[np.uint8], points: npt.NDArray[np.float64], standard: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """(224, 224, 3): the face scaled and cut as published. points (5, 2) px: eyes, nose tip, corners of the mouth.

    Scale and shift are the least-squares scaled orthographic projection of `standard` onto the points (y upwards).
    """
    import cv2

    height, width = image.shape[:2]
    seen = np.column_stack([points[:, 0], height - 1 - points[:, 1]])
    system = np.zeros((10, 8))
    system[0::2, :3], system[0::2, 3] = standard, 1
    system[1::2, 4:7], system[1::2, 7] = standard, 1
    found = np.linalg.lstsq(system, seen.reshape(-1), rcond=None)[0]
    scale = SCALE / ((np.linalg.norm(found[:3]) + np.linalg.norm(found[4:7])) / 2)
    shift_x, shift_y = found[3], found[7]
    left = width * scale / 2 - SIDE / 2 + (shift_x - width / 2) * scale
    up = height * scale / 2 - SIDE / 2 + (height / 2 - shift_y) * scale
    move = np.array([[scale, 0, -left], [0, scale, -up]])
    return np.asarray(cv2.warpAffine(image, move, (SIDE, SIDE), flags=cv2.INTER_CUBIC), np.uint8)


def expressions(network: Deep3D, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(N, 64) expression coefficients of aligned faces (N, 224, 224, 3) uint8 RGB."""
    with torch.inference_mode():
        pictures = torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2).float() / 255
        return network(pictures)[:, WIDTHS[0] : WIDTHS[0] + WIDTHS[1]].double().numpy()
