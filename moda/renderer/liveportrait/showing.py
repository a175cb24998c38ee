"""Where a rendered crop is shown: pasted back into the picture, then all of it or the renderers' upright window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from moda.portrait.paste import LONGEST, PasteBack, limit_picture
from moda.renderer.window import upright_window

if TYPE_CHECKING:
    from moda.portrait.portrait import Portrait
    from moda.renderer.liveportrait.parsing import FaceParser


class Showing:
    """Crops (512, 512, 3) uint8 of one portrait -> frames, each a new array.

    ``whole``: the whole picture, its longer side at most 1920 as the reference has it; else the upright window about
    the head at ``size``. ``alpha``: a fourth channel, the person's opacity in the portrait, straight (the networks give
    none, so it does not follow the head). ``parser``: paste only what it calls face, in the portrait or in the crop,
    in place of the reference's soft square.
    """

    def __init__(
        self, portrait: Portrait, size: int, whole: bool, alpha: bool = False, parser: FaceParser | None = None
    ) -> None:
        picture, place = portrait.image, portrait.crop
        if whole:
            still = limit_picture(picture)
            shrink = min(1.0, LONGEST / max(picture.shape[:2]))
            across, down = (int(n * shrink) / n for n in (picture.shape[1], picture.shape[0]))
            origin = (0.0, 0.0)
        else:
            x, y, side = upright_window(portrait)
            across = down = size / side
            origin = (x, y)
        # Between pixel centres: p -> (p - origin + 1/2) scale - 1/2.
        to_frame = np.diag([across, down, 1.0])
        to_frame[:2, 2] = ((across - 1) / 2 - across * origin[0], (down - 1) / 2 - down * origin[1])
        if not whole:
            still = windowed(picture, to_frame, size)
        crop_to_frame = to_frame @ np.vstack([np.asarray(place.c2o, np.float64)[:2], [0, 0, 1]])
        self._paste = PasteBack(still, crop_to_frame, place.size)
        self._parser, self._own = parser, np.zeros(0, np.uint8) if parser is None else parser(place.image)
        self._cover = None
        if alpha:
            opacity = np.rint(255 * portrait.matte.alpha).astype(np.uint8)[..., None].repeat(3, -1)
            self._cover = (limit_picture(opacity) if whole else windowed(opacity, to_frame, size))[..., :1]

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """The frame (H, W, 3) uint8, or (H, W, 4) with alpha."""
        if self._parser is not None:
            self._paste.set_mask(np.maximum(self._own, self._parser(crop)))
        frame = self._paste(crop)
        return frame if self._cover is None else np.concatenate([frame, self._cover], axis=-1)


def windowed(image: np.ndarray, to_frame: np.ndarray, size: int) -> np.ndarray:
    """(size, size, C) of a picture (H, W, C) uint8; where it is made smaller, what would alias is blurred first."""
    scale = float(to_frame[0, 0])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    flags = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(image, to_frame[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE))
