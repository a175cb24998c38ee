"""Small plates (a mark, a caption) laid onto frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plate:
    """A drawn rectangle and where its top left corner goes.

    colour: (h, w, 3) float32, 0..255, already multiplied with its opacity. keep: (h, w, 1) float32, 1 - opacity.
    """

    colour: np.ndarray
    keep: np.ndarray
    x: int
    y: int

    @classmethod
    def of(cls, rgba: np.ndarray, x: int, y: int) -> Plate:
        """From straight RGBA (h, w, 4), 0..255."""
        pixels = np.asarray(rgba, np.float32)
        opacity = pixels[..., 3:] / 255.0
        return cls(pixels[..., :3] * opacity, 1.0 - opacity, x, y)

    def onto(self, frame: np.ndarray) -> np.ndarray:
        """A copy of a frame (H, W, 3) uint8 RGB, or (H, W, 4) straight RGBA, with the plate on it."""
        marked = frame.copy()
        height, width = self.colour.shape[:2]
        part = marked[self.y : self.y + height, self.x : self.x + width]
        if frame.shape[2] == 3:
            part[:] = np.rint(part * self.keep + self.colour).astype(np.uint8)
            return marked
        below = part[..., 3:] / 255.0 * self.keep
        opacity = 1.0 - self.keep + below
        colour = (part[..., :3] * below + self.colour) / np.maximum(opacity, 1e-6)
        part[..., :3] = np.rint(np.clip(colour, 0, 255)).astype(np.uint8)
        part[..., 3:] = np.rint(255.0 * opacity).astype(np.uint8)
        return marked
