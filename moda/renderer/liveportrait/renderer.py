"""The neural renderer: LivePortrait's networks run in batches, with memory that does not grow with the motion."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting, Cancelled, UserError
from moda.motion.space import Motion
from moda.renderer.base import Cancel
from moda.renderer.liveportrait.convert import Networks, load_networks
from moda.renderer.liveportrait.drive import SourceFace, choose_mode, driving_keypoints
from moda.renderer.liveportrait.motion_extractor import MotionExtractor
from moda.renderer.liveportrait.precision import default_batch, default_dtype, place
from moda.renderer.liveportrait.stitching import stitch
from moda.renderer.liveportrait.warping import Source

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait
    from moda.renderer.liveportrait.pasting import Paster

log = logging.getLogger(__name__)

SIDE = 512
"""Side of the pictures that G makes."""


@dataclass(frozen=True)
class Prepared:
    """A portrait as this renderer keeps it: everything that does not depend on the motion."""

    face: SourceFace
    placed: Tensor  # (1, 21, 3)
    source: Source
    mode: str
    stitching: bool
    paster: Paster


def read_face(network: MotionExtractor, picture: np.ndarray) -> SourceFace:
    """M's reading of the (256, 256, 3) uint8 RGB source crop.

    This is all that a motion generator needs of LivePortrait (see :func:`drive.first_motion`).
    """
    with torch.inference_mode():
        pose = network(as_tensor(picture).to(next(network.parameters()).device))
        vector = torch.cat([pose.exp, pose.scale, pose.t, pose.degrees()], dim=1)[0]
    return SourceFace(pose.kp[0].view(-1, 3).cpu().numpy(), vector.cpu().numpy())


def as_tensor(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


class LivePortraitRenderer:
    """``weights``: the networks, or the folder that holds the published ``base_models`` and
    ``retargeting_models``. ``device``: auto, cpu, cuda... ``dtype``: auto is half precision on CUDA and float32
    on the CPU. ``batch_size``: frames computed at once; halved for good when the GPU has too little memory.
    ``fast``: compute large convolutions on the CPU by Winograd and Fourier transforms, which is algebraically
    the same (see :mod:`moda.renderer.liveportrait.fast`). ``parser``: facexlib's parsing_bisenet.pth, if the
    face mask is wanted.
    """

    name = "liveportrait"

    def __init__(
        self,
        weights: Networks | Path | str,
        device: torch.device | str = "auto",
        dtype: torch.dtype | str = "auto",
        batch_size: int | None = None,
        fast: bool = True,
        parser: Path | None = None,
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.dtype = default_dtype(self.device) if isinstance(dtype, str) else dtype
        if batch_size is not None and batch_size < 1:
            raise BadSetting(f"The renderer's batch size must be at least 1, not {batch_size}.")
        self.batch_size = batch_size or default_batch(self.device)
        networks = weights if isinstance(weights, Networks) else load_networks(Path(weights))
        self.parser = parser
        self.networks = place(networks, self.device, self.dtype, fast=fast)

    @torch.inference_mode()
    def prepare(
        self,
        portrait: Portrait,
        *,
        mode: str = "auto",
        stitching: bool = True,
        mask: str = "soft",
        background_still: bool = True,
        **options: Any,
    ) -> Prepared:
        """Read the portrait once. ``mode``: auto, absolute or relative (:func:`drive.choose_mode`);
        ``mask``: soft or face (:class:`pasting.Paster`); ``background_still``: False is refused (BadSetting)."""
        from moda.renderer.liveportrait.pasting import Paster

        if options:
            raise BadSetting(f"The liveportrait renderer has no option {', '.join(sorted(options))}.")
        if not background_still:
            raise BadSetting("liveportrait always keeps the background; switch background_still on or take mesh.")
        picture = portrait.crop.network_input()
        face = read_face(self.networks.motion, picture)
        placed = torch.from_numpy(face.placed)[None].to(self.device)
        volume = self.networks.appearance(as_tensor(picture).to(self.device))
        source = self.networks.warping.prepare(volume, placed)
        paster = Paster(portrait, mask, self.parser, self.device)
        return Prepared(face, placed, source, mode, stitching, paster)

    def frames(
        self,
        prepared: Prepared,
        motion: Motion,
        *,
        size: int = SIDE,
        whole: bool = False,
        start: int = 0,
        stop: int | None = None,
        cancel: Cancel | None = None,
        alpha: bool = False,
    ) -> Iterator[np.ndarray]:
        """See :class:`moda.renderer.base.Renderer`; ``alpha`` is refused (BadSetting).

        Raises Cancelled, and UserError when one frame alone needs more GPU memory than there is."""
        if alpha:
            raise BadSetting("Transparent frames are drawn by the mesh renderer.")
        choose_mode(prepared.mode, motion)  # a bad mode is refused before the first frame is asked for
        last = len(motion) if stop is None else min(stop, len(motion))
        return self._frames(prepared, motion, size, whole, range(max(start, 0), last), cancel)

    def _frames(
        self, prepared: Prepared, motion: Motion, size: int, whole: bool, wanted: range, cancel: Cancel | None
    ) -> Iterator[np.ndarray]:
        position = wanted.start
        while position < wanted.stop:
            count = min(self.batch_size, wanted.stop - position)
            if cancel is not None and cancel():
                raise Cancelled("Rendering was stopped.")
            try:
                pictures = self._pictures(prepared, motion, position, position + count)
            except torch.OutOfMemoryError as error:
                self._use_less_memory(count, error)
                continue
            for picture in pictures:
                if cancel is not None and cancel():
                    raise Cancelled("Rendering was stopped.")
                yield prepared.paster(picture) if whole else resized(picture, size)
            position += count

    def _use_less_memory(self, count: int, error: Exception) -> None:
        torch.cuda.empty_cache()
        if count == 1:
            raise UserError(
                f"The GPU has too little free memory to render a single frame with LivePortrait ({error}); "
                "close other programs that use it, or render with device cpu or with the mesh renderer."
            ) from error
        self.batch_size = count // 2
        log.warning("GPU memory is short: rendering %d frames at a time from here on.", self.batch_size)

    @torch.inference_mode()
    def _pictures(self, prepared: Prepared, motion: Motion, start: int, stop: int) -> np.ndarray:
        """(stop - start, 512, 512, 3) uint8 RGB."""
        driving = self.keypoints(prepared, motion, start, stop)
        features = self.networks.warping(prepared.source, driving).features
        pictures = self.networks.generator(features)
        levels = (pictures.float() * 255).clamp_(0, 255).to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @torch.inference_mode()
    def keypoints(self, prepared: Prepared, motion: Motion, start: int, stop: int) -> Tensor:
        """Driving keypoints (stop - start, 21, 3), stitched unless the portrait was prepared without."""
        points = driving_keypoints(prepared.face, motion, start, stop, prepared.mode)
        driving = torch.from_numpy(points).to(self.device)
        if not prepared.stitching:
            return driving
        return stitch(self.networks.retargeting.stitching, prepared.placed.expand_as(driving), driving)


def resized(picture: np.ndarray, size: int) -> np.ndarray:
    """A square (512, 512, 3) picture at another side; itself at its own."""
    if size == picture.shape[0]:
        return picture
    import cv2

    how = cv2.INTER_AREA if size < picture.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=how)
