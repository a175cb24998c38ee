"""Rendered crops back into the whole picture, with the soft square or with masks of the face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from moda.errors import BadSetting, WeightsMissing
from moda.portrait.paste import PasteBack

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait

MASKS: tuple[str, ...] = ("soft", "face")


class Paster:
    """Pastes the crops of one portrait, (512, 512, 3) uint8 each, into its picture.

    ``mask``: "soft" is the square with a faded border that the reference uses when speech drives; "face" takes
    only what the face parser calls face in the portrait or in the frame, and needs its weights (``parser``).
    """

    def __init__(
        self, portrait: Portrait, mask: str = "soft", parser: Path | None = None, device: torch.device | str = "cpu"
    ) -> None:
        if mask not in MASKS:
            raise BadSetting(f"The paste mask must be one of {', '.join(MASKS)}; {mask!r} is not known.")
        self._paste = PasteBack(portrait.image, portrait.crop.c2o, portrait.crop.size)
        self._parser = None
        if mask == "face":
            if parser is None:
                raise WeightsMissing("The face mask needs facexlib's parsing_bisenet.pth; use the soft mask instead.")
            from moda.renderer.liveportrait.parsing import FaceParser

            self._parser = FaceParser(parser, torch.device(device))
            self._own = self._parser(portrait.crop.image)

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """The whole picture (H, W, 3) uint8 with this crop in it."""
        if self._parser is not None:
            self._paste.set_mask(np.maximum(self._own, self._parser(crop)))
        return self._paste(crop)
