"""The layers of a portrait: the person, whom the mesh carries, over a plate that stands still.

Where nobody could be told from the background there is one layer: the whole picture is carried, and its weights
(:mod:`head_weights`) fade out around the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait


@dataclass(frozen=True)
class Layers:
    """See `moda.portrait.matte.Matte`. Sizes are the picture's."""

    picture: np.ndarray  # (H, W, 3) uint8 RGB
    foreground: np.ndarray  # (H, W, 3) uint8: the person's colours, continued a little beyond the edge
    alpha: np.ndarray | None  # (H, W) float32 0..1: over other backgrounds; None: one layer, opaque everywhere
    plate: np.ndarray  # (H, W, 3) uint8: the picture without the person
    carried: np.ndarray | None  # (H, W) float32 0..1: over its own plate


def layers_of(portrait: Portrait, separate: bool) -> Layers:
    """The layers of a portrait; one layer where the portrait has no more, or where they are not to be ``separate``."""
    matte = portrait.matte if separate else None
    if matte is None or matte.whole:
        return Layers(portrait.image, portrait.image, None, portrait.image, None)
    return Layers(portrait.image, matte.foreground, matte.alpha, portrait.plate, matte.carried)
