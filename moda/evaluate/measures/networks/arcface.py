"""ArcFace (Deng et al., CVPR 2019): the improved residual network and CSIM, the cosine of two faces' features.

Tensor names are those of the published `backbone.pth` files (iResNet-18 to -100); which depth a file has is read from
its names. Faces are laid onto 112 pixels by five points with the published template, values -1 to 1, RGB.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

SIDE = 112
#: Where eyes, nose tip and corners of the mouth (the picture's left first) lie in the 112-pixel face.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)
#: MediaPipe landmarks of the same five points; an eye is the mean of its corners.
POINTS = ((33, 133), (362, 263), (4,), (61,), (291,))


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.prelu = nn.PReLU(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return out + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """(N, 3, 112, 112) in -1 to 1 to features (N, 512); `blocks` of each of the four stages."""

    def __init__(self, blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        inside = 64
        for number, (count, width) in enumerate(zip(blocks, (64, 128, 256, 512)), 1):
            stage = [_Block(inside if k == 0 else width, width, 2 if k == 0 else 1) for k in range(count)]
            self.add_module(f"layer{number}", nn.Sequential(*stage))
            inside = width
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))


def depth_of(state: dict[str, Any]) -> tuple[int, int, int, int]:
    """How many blocks each stage of a published file has."""
    found = [0, 0, 0, 0]
    for name in state:
        if match := re.match(r"(?:module\.)?layer([1-4])\.(\d+)\.", name):
            found[int(match[1]) - 1] = max(found[int(match[1]) - 1], int(match[2]) + 1)
    return found[0], found[1], found[2], found[3]


def aligned(image: npt.NDArray[np.uint8], landmarks: npt.NDArray) -> npt.NDArray[np.uint8]:
    """(112, 112, 3): the face of landmarks (478, 2 or 3) px laid onto the template by a similarity."""
    import cv2
    from skimage.transform import SimilarityTransform

    seen = np.array([landmarks[list(points), :2].mean(0) for points in POINTS], np.float64)
    transform = SimilarityTransform()
    transform.estimate(seen, TEMPLATE)
    return np.asarray(cv2.warpAffine(image, transform.params[:2], (SIDE, SIDE)), np.uint8)


def features(network: IResNet, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Unit vectors (N, 512) of aligned faces (N, 112, 112, 3) uint8 RGB."""
    with torch.inference_mode():
        pictures = torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2).float() / 127.5 - 1
        found = network(pictures).double().numpy()
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))
