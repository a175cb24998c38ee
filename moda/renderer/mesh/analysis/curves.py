"""Smooth steps, and smooth curves through a few landmarks as fixed linear operators."""

from __future__ import annotations

import numpy as np

from moda.renderer.mesh.analysis.topology import LIP_LOWER_INNER, LIP_UPPER_INNER, EyeLandmarks

EYE_SAMPLES, LIP_SAMPLES = 65, 97
CREASE_UP = 0.75  # of the way to the ring above


def smoothstep(x: np.ndarray | float, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, 3t^2 - 2t^3 between; keeps the type of floating-point arrays."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


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


_EYE = spline_matrix(9, EYE_SAMPLES)
_LIP = spline_matrix(11, LIP_SAMPLES)


def eye_lines(marks: EyeLandmarks, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower rim of an eye as (65, 2) curves through ``positions`` (n, 2+)."""
    return _EYE @ positions[list(marks.upper), :2], _EYE @ positions[list(marks.lower), :2]


def crease_line(marks: EyeLandmarks, positions: np.ndarray) -> np.ndarray:
    """The crease above the upper lid as a (65, 2) curve, a little on the brow's side: lashes reach up to it."""
    crease, above = positions[list(marks.crease), :2], positions[list(marks.above), :2]
    return _EYE @ (crease + CREASE_UP * (above - crease))


def lip_lines(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner rims (97, 2) of the upper and the lower lip."""
    return _LIP @ positions[list(LIP_UPPER_INNER), :2], _LIP @ positions[list(LIP_LOWER_INNER), :2]
