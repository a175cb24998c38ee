"""The neural renderer: LivePortrait's networks run in batches, and their crops put back into the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from moda.errors import BadSetting, WeightsMissing
from moda.motion.space import Motion
from moda.precision import choose_dtype
from moda.renderer.base import Renderer, View
from moda.renderer.liveportrait.batches import Learnt, crops, learn
from moda.renderer.liveportrait.convert import Networks, load_networks
from moda.renderer.liveportrait.drive import choose_mode, head_moves
from moda.renderer.liveportrait.precision import default_batch, place, usual_precision

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait
    from moda.renderer.liveportrait.parsing import FaceParser

PASTES = ("soft", "face")


@dataclass(frozen=True)
class Prepared:
    """A portrait as this renderer keeps it: what the networks learnt of it, and where its crops belong."""

    learnt: Learnt
    portrait: Portrait
    parser: FaceParser | None = None


class LivePortraitRenderer(Renderer):
    """``weights``: the networks, or the folder that holds the published ``base_models`` and
    ``retargeting_models``. ``device``: auto, cpu, cuda... ``precision``: float32, float16, bfloat16, or auto: half
    precision on CUDA and float32 on the CPU. ``batch_size``: frames computed at once, at most. ``fast``: compute
    large convolutions on the CPU by Winograd and Fourier transforms, which is algebraically the same (see
    :mod:`moda.renderer.liveportrait.fast`). ``parser``: facexlib's parsing_bisenet.pth, for ``paste`` face.
    """

    name = "liveportrait"

    def __init__(
        self,
        weights: Networks | Path | str,
        device: torch.device | str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        fast: bool = True,
        parser: Path | None = None,
    ) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.dtype = choose_dtype(precision, usual_precision(self.device))
        if batch_size is not None and batch_size < 1:
            raise BadSetting(f"The renderer's batch size must be at least 1, not {batch_size}.")
        self.parser = parser
        self.batch_size = batch_size or default_batch(self.device)
        networks = weights if isinstance(weights, Networks) else load_networks(Path(weights))
        self.networks = place(networks, self.device, self.dtype, fast=fast)

    def prepare(
        self,
        portrait: Portrait,
        *,
        background_still: bool = True,
        paste: str = "soft",
        mode: str = "auto",
        stitching: bool = True,
    ) -> Prepared:
        """Read the portrait once. ``background_still``: False is refused (BadSetting). ``paste``: soft, the square
        with a faded border that the reference uses when speech drives, or face, only the face (WeightsMissing without
        its parser). ``mode``: auto, absolute or relative (:func:`drive.choose_mode`)."""
        if not background_still:
            raise BadSetting("liveportrait always keeps the background; switch background_still on or take mesh.")
        if paste not in PASTES:
            raise BadSetting(f"paste must be one of {', '.join(PASTES)}, not {paste!r}.")
        learnt = learn(self.networks, portrait.crop.network_input(), self.device, mode, stitching)
        return Prepared(learnt, portrait, self._face_parser() if paste == "face" else None)

    def _face_parser(self) -> FaceParser:
        from moda.renderer.liveportrait.parsing import FaceParser

        if self.parser is None:
            raise WeightsMissing(
                "Pasting the face alone needs facexlib's parsing_bisenet.pth (`moda doctor` says where); "
                "use paste soft instead."
            )
        return FaceParser(self.parser, self.device)

    def draw(
        self, prepared: Prepared, motion: Motion, wanted: range, view: View, watch: Callable[[], None]
    ) -> Iterator[np.ndarray]:
        """See :class:`moda.renderer.base.Renderer`. Raises UserError when one frame alone needs more GPU memory than
        there is."""
        from moda.renderer.liveportrait.showing import Showing

        choose_mode(prepared.learnt.mode, motion)  # a bad mode is refused before the first frame is asked for
        show = Showing(prepared.portrait, view.size, view.whole, view.alpha, prepared.parser)

        learnt = prepared.learnt

        def shown() -> Iterator[np.ndarray]:
            pictures = crops(self.networks, learnt, motion, wanted, self.batch_size, watch)
            for index, crop in zip(wanted, pictures):
                watch()
                moved = head_moves(learnt.face, motion, index, index + 1, learnt.mode)[0] if view.alpha else None
                yield show(crop, moved)

        return shown()
