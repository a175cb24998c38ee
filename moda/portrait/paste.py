"""Put rendered crops back into the full picture, with a soft square or a face mask."""

from __future__ import annotations

import functools

import numpy as np

LONGEST = 1920
"""Longer side of a whole picture, px, as the reference limits it."""
BORDER = 16
"""Width in crop pixels over which the soft square fades."""
FACE_CLASSES = range(1, 14)
"""Classes of the face parser that belong to the face: skin, brows, eyes, glasses, ears, nose, mouth, lips."""


@functools.lru_cache(maxsize=4)
def soft_square(size: int = 512, border: int = BORDER) -> np.ndarray:
    """The paste-back mask (size, size) uint8, read-only: 255 inside, falling linearly to 0 over `border` pixels.

    floor(255 max(0, 1 - d / border)), d = exact distance to the square [border, size - border]².
    """
    place = np.arange(size, dtype=np.float64)
    away = np.maximum(np.maximum(border - place, place - (size - border)), 0)
    distance = np.hypot(away[:, None], away[None, :])
    mask = np.floor(255.0 * np.maximum(0.0, 1.0 - distance / border) + 1e-9).astype(np.uint8)
    mask.setflags(write=False)
    return mask


def face_mask(parsing: np.ndarray) -> np.ndarray:
    """Face mask (H, W) uint8 0 or 255 from a parsing map (H, W): the face's classes, opened, closed and dilated."""
    import cv2

    mask = np.isin(parsing, list(FACE_CLASSES)).astype(np.uint8) * 255
    square = np.ones((13, 13), np.uint8)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, square, iterations=2)
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, square, iterations=2)
    return np.asarray(cv2.dilate(closed, square, iterations=3))


class PasteBack:
    """Pastes crops of one portrait into its full picture; the mask is warped once, and only its box is touched.

    Args:
        picture: (H, W, 3) uint8 RGB, the full picture.
        c2o: (3, 3) or (2, 3), crop pixels -> picture pixels (`Crop.c2o`).
        size: side of the crops.
        mask: (size, size) uint8 in crop pixels; None = `soft_square`.
    """

    def __init__(self, picture: np.ndarray, c2o: np.ndarray, size: int = 512, mask: np.ndarray | None = None) -> None:
        self._picture = picture
        self._size = size
        height, width = picture.shape[:2]
        matrix = np.asarray(c2o, np.float64)[:2]
        corners = np.array([(-1, -1), (size, -1), (-1, size), (size, size)]) @ matrix[:, :2].T + matrix[:, 2]
        left, top = (int(v) for v in np.clip(np.floor(corners.min(0)) - 1, 0, (width, height)))
        right, bottom = (int(v) for v in np.clip(np.ceil(corners.max(0)) + 2, 0, (width, height)))
        self._box = (slice(top, bottom), slice(left, right))
        self._matrix = matrix.copy()
        self._matrix[:, 2] -= (left, top)
        self.set_mask(soft_square(size) if mask is None else mask)

    def set_mask(self, mask: np.ndarray) -> None:
        """Change the mask (size, size) uint8, as when it is the union of the source's and the frame's faces."""
        share = self._warp(mask).astype(np.float32)[..., None] / np.float32(255)
        self._share = share
        self._rest = (1 - share) * self._picture[self._box]

    def _warp(self, image: np.ndarray) -> np.ndarray:
        import cv2

        rows, columns = self._box
        shape = (columns.stop - columns.start, rows.stop - rows.start)
        if 0 in shape:
            return np.zeros((shape[1], shape[0], *image.shape[2:]), image.dtype)
        return np.asarray(cv2.warpAffine(image, self._matrix, shape, flags=cv2.INTER_LINEAR))

    @property
    def mask(self) -> np.ndarray:
        """The warped mask over the full picture, (H, W) float32 in 0..1."""
        full = np.zeros(self._picture.shape[:2], np.float32)
        full[self._box] = self._share[..., 0]
        return full

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """The full picture (H, W, 3) uint8 with `crop` (size, size, 3) uint8 pasted in; a new array."""
        out = self._picture.copy()
        out[self._box] = (self._share * self._warp(crop) + self._rest).astype(np.uint8)
        return out


def reference_size(height: int, width: int, longest: int = LONGEST, multiple: int = 2) -> tuple[int, int]:
    """(height, width) to which the reference reduces its pictures: at most `longest`, then cut to even numbers."""
    side = max(height, width)
    if side > longest:
        height, width = int(height * (longest / side)), int(width * (longest / side))
    return height - height % multiple, width - width % multiple


def limit_picture(picture: np.ndarray, longest: int = LONGEST, multiple: int = 2) -> np.ndarray:
    """Reduce `picture` (H, W, 3) so that its longer side is at most `longest` and both sides are even."""
    import cv2

    height, width = picture.shape[:2]
    side = max(height, width)
    if side > longest:
        size = (int(width * (longest / side)), int(height * (longest / side)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    height, width = reference_size(height, width, longest, multiple)
    return np.ascontiguousarray(picture[:height, :width])
