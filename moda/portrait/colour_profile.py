"""Embedded colour profiles: what a picture's numbers mean, brought to sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

_COLOUR_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB ": "LAB"}
"""Colour space of a profile -> the Pillow mode whose numbers it explains."""


def to_srgb(image: Any, profile: bytes | None) -> Any:
    """A Pillow image without transparency -> RGB, by its colour `profile` (ICC) if that fits and says anything.

    Palettes are resolved first. Grey pictures with a profile of three colours are taken as those colours; any other
    profile that does not fit, or is damaged, is as if it were not there: that is common and harmless.
    """
    if image.mode in ("P", "1", "YCbCr", "HSV"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if profile:
        from PIL import ImageCms

        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = _COLOUR_SPACES.get(embedded.profile.xcolor_space)
            if mode == "RGB" and image.mode == "L":
                image = image.convert("RGB")
            if mode == "L" and image.mode == "RGB" and _is_grey(image):
                image = image.getchannel("R")
            if mode == image.mode:
                return _transformed(image, embedded)
        except Exception:  # LittleCMS and Pillow raise several kinds on a damaged profile
            pass
    return image.convert("RGB")


def _is_grey(image: Any) -> bool:
    pixels = np.asarray(image)
    return bool((pixels[..., :1] == pixels).all())


def _transformed(image: Any, embedded: Any) -> Any:
    from PIL import Image, ImageCms

    transform = ImageCms.buildTransform(embedded, ImageCms.createProfile("sRGB"), image.mode, "RGB")
    if image.mode == "RGB":
        # A profile that is sRGB but for rounding must not disturb a single pixel.
        steps = np.array([0, 32, 96, 160, 224, 255], np.uint8)
        patches = Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3))
        moved = np.asarray(ImageCms.applyTransform(patches, transform)).astype(int)
        if np.abs(moved - np.asarray(patches)).max() <= 1:
            return image
    return ImageCms.applyTransform(image, transform)
