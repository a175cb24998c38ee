"""SyncNet (Chung and Zisserman, "Out of time", 2016): lip and sound encoders, and the two numbers papers print.

Sync-D is the mean distance of matching lip and sound features at the best shift, Sync-C ("confidence") the median over
all shifts minus that. Preprocessing as published: 25 fps faces of 224 pixels in windows of five frames with values 0 to
255, MFCC of 13 numbers at 100 Hz in windows of 20, shifts of up to 15 frames. Tensor names are the published file's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from moda.media.audio import RATE

FPS, SIDE, WINDOW, SHIFT = 25, 224, 5, 15
SOUND_PER_FRAME, SOUND_WINDOW = 4, 20
_BATCH = 20


def _conv2d(inside: int, outside: int, kernel: Any, padding: Any = (1, 1)) -> list[nn.Module]:
    return [nn.Conv2d(inside, outside, kernel, padding=padding), nn.BatchNorm2d(outside), nn.ReLU()]


def _conv3d(inside: int, outside: int, kernel: Any, stride: Any = 1, padding: Any = (0, 1, 1)) -> list[nn.Module]:
    layer = nn.Conv3d(inside, outside, kernel, stride=stride, padding=padding)
    return [layer, nn.BatchNorm3d(outside), nn.ReLU()]


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, width))


class SyncNet(nn.Module):
    """Lips (N, 3, 5, 224, 224) in 0 to 255 and MFCC (N, 1, 13, 20) to features (N, 1024) each."""

    def __init__(self, width: int = 1024) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, 64, (3, 3)), nn.MaxPool2d((1, 1), (1, 1)),
            *_conv2d(64, 192, (3, 3)), nn.MaxPool2d((3, 3), (1, 2)),
            *_conv2d(192, 384, (3, 3)), *_conv2d(384, 256, (3, 3)), *_conv2d(256, 256, (3, 3)),
            nn.MaxPool2d((3, 3), (2, 2)), *_conv2d(256, 512, (5, 4), (0, 0)),
        )  # fmt: skip
        self.netfcaud = _head(width)
        self.netfclip = _head(width)
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, 96, (5, 7, 7), (1, 2, 2), 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(96, 256, (1, 5, 5), (1, 2, 2)), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3)), *_conv3d(256, 256, (1, 3, 3)), *_conv3d(256, 256, (1, 3, 3)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)), *_conv3d(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip

    def lips(self, faces: torch.Tensor) -> torch.Tensor:
        """(N, 3, 5, 224, 224) to (N, 1024)."""
        return self.netfclip(self.netcnnlip(faces).flatten(1))

    def sound(self, cepstra: torch.Tensor) -> torch.Tensor:
        """(N, 1, 13, 20) to (N, 1024)."""
        return self.netfcaud(self.netcnnaud(cepstra).flatten(1))


@dataclass(frozen=True)
class Sync:
    """confidence: Sync-C, higher is better. distance: Sync-D, lower is better. lag: frames by which lips are late."""

    confidence: float
    distance: float
    lag: int


def mfcc(waveform: npt.NDArray) -> npt.NDArray[np.float64]:
    """(T, 13) cepstra at 100 Hz of a 16 kHz waveform in -1 to 1, as python_speech_features computes them.

    The published file was trained on 16-bit samples, so the waveform is scaled to them.
    """
    from python_speech_features import mfcc as features

    return np.asarray(features(np.round(np.asarray(waveform, np.float64) * 32768.0), RATE))


def score(network: SyncNet, faces: npt.NDArray[np.uint8], waveform: npt.NDArray) -> Sync:
    """Sync of one clip. faces (T, 224, 224, 3) uint8 RGB at 25 fps; waveform 16 kHz.

    Raises ValueError where fewer than `WINDOW` frames have both picture and sound.
    """
    cepstra = mfcc(waveform)
    count = min(len(faces), len(cepstra) // SOUND_PER_FRAME) - WINDOW
    if count < 1:
        raise ValueError("too short for SyncNet")
    # The published network was trained on OpenCV's BGR pictures.
    pictures = torch.from_numpy(np.ascontiguousarray(faces[..., ::-1])).permute(0, 3, 1, 2)
    heard = torch.from_numpy(cepstra.T.astype(np.float32))
    lips, sounds = [], []
    with torch.inference_mode():
        for first in range(0, count, _BATCH):
            at = range(first, min(count, first + _BATCH))
            seen = torch.stack([pictures[k : k + WINDOW].permute(1, 0, 2, 3) for k in at])
            lips.append(network.lips(seen.float()))
            part = [heard[:, SOUND_PER_FRAME * k : SOUND_PER_FRAME * k + SOUND_WINDOW] for k in at]
            sounds.append(network.sound(torch.stack(part)[:, None]))
    return from_features(torch.cat(lips), torch.cat(sounds))


def from_features(lips: torch.Tensor, sounds: torch.Tensor, shift: int = SHIFT) -> Sync:
    """Sync of matching features (T, D): mean distance at every shift of up to `shift` frames, and its best."""
    padded = functional.pad(sounds, (0, 0, shift, shift))
    means = torch.stack(
        [functional.pairwise_distance(lips, padded[k : k + len(lips)]).mean() for k in range(2 * shift + 1)]
    )
    best = int(means.argmin())
    return Sync(float(means.median() - means[best]), float(means[best]), shift - best)
