"""Is something before the mouth? A mask, a hand, a microphone, a cup."""

from __future__ import annotations

import numpy as np

from moda.portrait.faces import Face


def mouth_is_covered(image: np.ndarray, face: Face) -> bool:
    """Whether something hides the mouth of `face` in `image` (H, W, 3) uint8 RGB."""
    return False
