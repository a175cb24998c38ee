"""Points of pictures."""

from __future__ import annotations

import numpy as np


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Affine map (3, 3) or (2, 3) of points (..., 2)."""
    moved: np.ndarray = np.asarray(points, np.float64) @ matrix[:2, :2].T + matrix[:2, 2]
    return moved
