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
    the head at ``size``. ``alpha``: a fourth channel, the person's opacity, straight; the networks give none, so that
    of the portrait is carried along as the keypoints move. ``parser``: paste only what it calls face, in the portrait
    or in the crop, in place of the reference's soft square.
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
        self._cover: PasteBack | None = None
        if alpha:
            opacity = np.rint(255 * portrait.matte.alpha).astype(np.uint8)[..., None].repeat(3, -1)
            at_rest = limit_picture(opacity) if whole else windowed(opacity, to_frame, size)
            self._cover = PasteBack(at_rest, crop_to_frame, place.size)
            self._opacity = opacity[..., 0]
            self._from_crop = np.vstack([np.asarray(place.c2o, np.float64)[:2], [0, 0, 1]])

    def __call__(self, crop: np.ndarray, moved: np.ndarray | None = None) -> np.ndarray:
        """The frame (H, W, 3) uint8, or (H, W, 4) with alpha. moved: (2, 3) from `drive.head_moves`, None: at rest."""
        mask = None if self._parser is None else np.maximum(self._own, self._parser(crop))
        if mask is not None:
            self._paste.set_mask(mask)
        frame = self._paste(crop)
        if self._cover is None:
            return frame
        if mask is not None:
            self._cover.set_mask(mask)
        opacity = self._cover(self._carried(crop.shape[0], moved)[..., None].repeat(3, -1))
        return np.concatenate([frame, opacity[..., :1]], axis=-1)

    def _carried(self, side: int, moved: np.ndarray | None) -> np.ndarray:
        """The person's opacity (side, side) uint8 in the crop, moved."""
        to_unit = np.array([[2 / side, 0, 1 / side - 1], [0, 2 / side, 1 / side - 1], [0, 0, 1]])
        there = np.eye(3) if moved is None else np.vstack([np.asarray(moved, np.float64), [0, 0, 1]])
        back: np.ndarray = self._from_crop @ np.linalg.inv(np.linalg.inv(to_unit) @ there @ to_unit)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(self._opacity, back[:2], (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        )


def windowed(image: np.ndarray, to_frame: np.ndarray, size: int) -> np.ndarray:
    """(size, size, C) of a picture (H, W, C) uint8; where it is made smaller, what would alias is blurred first."""
    scale = float(to_frame[0, 0])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    flags = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(image, to_frame[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE))
