"""Another background: a colour or a picture behind a person who was cut out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moda.errors import BadPicture, BadSetting


def read_colour(text: str) -> tuple[int, int, int] | None:
    """RGB of a colour as CSS writes it (green, #00b140, rgb(0, 177, 64)); None if the text is no colour."""
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        return None


class Backdrop:
    """What stands behind a person. Fits itself to the first frame's size and keeps that.

    source: a colour, or a picture (H, W, 3) uint8. A picture of another shape is scaled until it fills the frame, and
    what stands over is cut off evenly at both ends.
    """

    def __init__(self, source: tuple[int, int, int] | np.ndarray) -> None:
        self._source = source
        self._fitted: np.ndarray | None = None

    def note(self, size: tuple[int, int]) -> str:
        """One sentence for the person where a picture loses something in a frame of this (width, height), else ""."""
        if not isinstance(self._source, np.ndarray):
            return ""
        height, width = self._source.shape[:2]
        if abs(width / height / (size[0] / size[1]) - 1) < 0.01:
            return ""
        return (
            f"The background ({width} x {height}) has another shape than the video ({size[0]} x {size[1]}): it fills "
            "the frame, and what stands over is cut off."
        )

    def behind(self, frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8: a frame (H, W, 4) uint8, straight RGBA, over this background."""
        behind = self._fit(frame.shape[1], frame.shape[0])
        cover = frame[..., 3:].astype(np.uint16)
        # a * x + (255 - a) * y, divided by 255 and rounded: exact for all values below 255 * 255.
        mixed = cover * frame[..., :3] + (255 - cover) * behind + 128
        return ((mixed + (mixed >> 8)) >> 8).astype(np.uint8)

    def _fit(self, width: int, height: int) -> np.ndarray:
        if self._fitted is None or self._fitted.shape[:2] != (height, width):
            if isinstance(self._source, np.ndarray):
                self._fitted = _cover(self._source, width, height)
            else:
                self._fitted = np.full((height, width, 3), self._source, np.uint8)
        return self._fitted


def _cover(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    from PIL import Image, ImageOps

    fitted = ImageOps.fit(Image.fromarray(picture), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def open_backdrop(text: str, load_picture: Callable[[str], np.ndarray]) -> Backdrop:
    """The background that a setting names: a colour, else the path of a picture, read by `load_picture`.

    Raises BadSetting where the picture cannot be used, with the reason that `load_picture` gave (a BadPicture).
    """
    colour = read_colour(text)
    if colour is not None:
        return Backdrop(colour)
    try:
        return Backdrop(load_picture(text.strip()))
    except BadPicture as fault:
        raise BadSetting(
            f"The background {text.strip()[:80]!r} is neither a colour such as green or #00b140 nor a usable picture: "
            f"{str(fault)[0].lower()}{str(fault)[1:]}"
        ) from None
