"""Closed-form matting: the alpha that is locally a linear function of the colours (Levin, Lischinski, Weiss 2008).

The matting Laplacian is never written down: applied to a picture it is what a guided filter leaves over (He, Sun, Tang
2010, "Fast matting using large kernel matting Laplacian matrices"), a handful of box filters. The system is solved by
conjugate gradients on the unknown pixels alone.
"""

from __future__ import annotations

import numpy as np

EPSILON = 3e-4
"""Regularisation of the colour covariance of a window, colours in 0..1: a noise of about 1.5 levels. Far smaller ones
drown in single precision, and let the noise of flat places pass for structure."""


class MattingLaplacian:
    """The operator L of one picture (h, w, 3) float32 in 0..1, with windows of (2 radius + 1)² pixels."""

    def __init__(self, image: np.ndarray, radius: int = 1, epsilon: float = EPSILON) -> None:
        self._radius = radius
        self._planes = [np.ascontiguousarray(image[..., c], np.float32) for c in range(3)]
        self._count = self._sum(np.ones(image.shape[:2], np.float32))
        self._means = [self._sum(plane) / self._count for plane in self._planes]
        covariance = np.empty((*image.shape[:2], 3, 3), np.float32)
        for i in range(3):
            for j in range(i, 3):
                mean = self._sum(self._planes[i] * self._planes[j]) / self._count
                covariance[..., i, j] = covariance[..., j, i] = mean - self._means[i] * self._means[j]
        covariance += (epsilon / self._count)[..., None, None] * np.eye(3, dtype=np.float32)
        self._inverse = _inverse_symmetric(covariance)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        import cv2

        side = 2 * self._radius + 1
        return np.asarray(
            cv2.boxFilter(values, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        )

    def coefficients(self, alpha: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The windows' best linear models of `alpha` (h, w): three slopes and an offset, summed over the windows."""
        mean = self._sum(alpha) / self._count
        shared = [self._sum(plane * alpha) / self._count - own * mean for plane, own in zip(self._planes, self._means)]
        slopes = [row[0] * shared[0] + row[1] * shared[1] + row[2] * shared[2] for row in self._inverse]
        for slope, own in zip(slopes, self._means):
            mean = mean - slope * own
        return [self._sum(slope) for slope in slopes], self._sum(mean)

    def __call__(self, alpha: np.ndarray) -> np.ndarray:
        """L alpha, (h, w) float32."""
        slopes, offset = self.coefficients(alpha)
        result = self._count * alpha - offset
        for slope, plane in zip(slopes, self._planes):
            result -= slope * plane
        return result

    def model(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean slopes (h, w, 3) and offset (h, w): alpha is about slopes . colour + offset, also in a finer picture."""
        slopes, offset = self.coefficients(alpha)
        return np.stack(slopes, axis=-1) / self._count[..., None], offset / self._count


def _inverse_symmetric(m: np.ndarray) -> list[list[np.ndarray]]:
    """Inverse of symmetric matrices (..., 3, 3), as nine planes by row."""
    a, b, c = m[..., 0, 0], m[..., 0, 1], m[..., 0, 2]
    d, e, f = m[..., 1, 1], m[..., 1, 2], m[..., 2, 2]
    aa, bb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    dd, ee, ff = a * f - c * c, b * c - a * e, a * d - b * b
    scale = 1.0 / (a * aa + b * bb + c * cc)
    planes = [np.ascontiguousarray(v * scale) for v in (aa, bb, cc, dd, ee, ff)]
    return [[planes[0], planes[1], planes[2]], [planes[1], planes[3], planes[4]], [planes[2], planes[4], planes[5]]]


def solve_alpha(
    laplacian: MattingLaplacian,
    start: np.ndarray,
    unknown: np.ndarray,
    prior: np.ndarray,
    trust: np.ndarray | float,
    steps: int,
) -> np.ndarray:
    """Minimise alpha' L alpha + trust |alpha - prior|² over the `unknown` pixels; the others stay as in `start`.

    Args:
        start: (h, w) float32, with which the conjugate gradients begin.
        unknown: (h, w) bool.
        prior: (h, w) float32, what is expected; `trust` how strongly, against the Laplacian's 9 a window.
        steps: of conjugate gradients.

    Returns:
        (h, w) float32 in 0..1.
    """
    free = unknown.astype(np.float32)
    alpha = start.astype(np.float32).copy()
    residual = free * (trust * (prior - alpha) - laplacian(alpha))
    direction = residual.copy()
    power = float(np.vdot(residual, residual))
    for _ in range(steps):
        if power < 1e-6:
            break
        moved = free * (laplacian(direction) + trust * direction)
        step = power / float(np.vdot(direction, moved))
        alpha += step * direction
        residual -= step * moved
        before, power = power, float(np.vdot(residual, residual))
        direction = residual + power / before * direction
    return np.clip(alpha, 0.0, 1.0)
