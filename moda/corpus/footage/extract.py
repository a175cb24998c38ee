"""Motion by LivePortrait's motion extractor M: its reading of every frame of a stretch, in one fixed crop.

The crop stands still over the stretch, so that what moves in it is the head. It is laid upright with the face; the
angle by which it is turned is given back to roll and translation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from moda.motion.space import DIM, ROLL, SCALE, TRANSLATION, FloatArray
from moda.motion.statistics import MEAN

if TYPE_CHECKING:
    from moda.renderer.liveportrait.motion_extractor import MotionExtractor

BATCH = 16


def extract_motion(network: MotionExtractor, frames: Iterable[np.ndarray], landmarks: npt.NDArray) -> FloatArray:
    """(T, 70) physical motion of frames (H, W, 3) uint8 RGB, scale and translation as a generator is told them: the
    first frame has the average size (see `moda.renderer.liveportrait.drive.first_motion`).

    landmarks: (478, 3) px of the face in the middle of the stretch, in the frames' own pixels.
    """
    import torch

    from moda.portrait.crop import crop_face, crop_matrices
    from moda.renderer.liveportrait.batches import as_tensor

    device = next(network.parameters()).device
    pictures: list[np.ndarray] = []
    rows: list[np.ndarray] = []

    def flush() -> None:
        if not pictures:
            return
        with torch.inference_mode():
            pose = network(torch.cat([as_tensor(picture) for picture in pictures]).to(device))
            rows.append(torch.cat([pose.exp, pose.scale, pose.t, pose.degrees()], dim=1).float().cpu().numpy())
        pictures.clear()

    for frame in frames:
        pictures.append(crop_face(frame, landmarks).network_input())
        if len(pictures) == BATCH:
            flush()
    flush()
    motion = np.concatenate(rows) if rows else np.zeros((0, DIM), np.float32)
    o2c, _ = crop_matrices(landmarks)
    turn = -np.arctan2(o2c[1, 0], o2c[0, 0])  # of the crop in the picture, + clockwise
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = TRANSLATION.start, TRANSLATION.start + 1
    motion[:, x], motion[:, y] = cos * motion[:, x] - sin * motion[:, y], sin * motion[:, x] + cos * motion[:, y]
    motion[:, TRANSLATION.stop - 1] = 0.0  # depth of the translation is never used
    motion[:, ROLL] += np.degrees(turn)
    if len(motion):
        motion[:, SCALE : TRANSLATION.stop] *= MEAN[SCALE] / max(float(motion[0, SCALE]), 1e-3)
    return motion.astype(np.float32)
