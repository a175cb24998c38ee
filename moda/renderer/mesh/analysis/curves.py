"""Smooth curves through a few landmarks, as fixed linear operators."""

from __future__ import annotations

import numpy as np


def spline_matrix(knots: int, samples: int) -> np.ndarray:
    """(samples, knots): natural cubic spline over equally spaced knots, evaluated at equally spaced samples.

    ``spline_matrix(n, m) @ values`` gives the curve through ``values`` (n, ...) in its index parameter.
    """
    system = np.zeros((knots, knots))
    right = np.zeros((knots, knots))
    system[0, 0] = system[-1, -1] = 1.0
    for row in range(1, knots - 1):
        system[row, row - 1 : row + 2] = (1.0, 4.0, 1.0)
        right[row, row - 1 : row + 2] = (6.0, -12.0, 6.0)
    bend = np.linalg.solve(system, right)  # second derivatives
    t = np.linspace(0, knots - 1, samples)
    i = np.minimum(t.astype(int), knots - 2)
    a, b = (i + 1 - t)[:, None], (t - i)[:, None]
    eye = np.eye(knots)
    return a * eye[i] + b * eye[i + 1] + ((a**3 - a) * bend[i] + (b**3 - b) * bend[i + 1]) / 6.0
