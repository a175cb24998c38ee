"""The visible mark that says a video is AI-generated, drawn onto its frames.

A plate of plain contrast in a corner, a few per cent of the frame high: large enough to survive re-encoding and
scaling down to a phone, small enough to leave the face alone.
"""

from __future__ import annotations

import functools

import numpy as np

from moda.media.overlay import Plate

TEXT = "AI-generated"


@functools.lru_cache(maxsize=16)
def _plate(width: int, height: int, text: str) -> Plate:
    from PIL import Image, ImageDraw, ImageFont

    short = min(width, height)
    letter = max(9.0, short * 0.034)
    font = ImageFont.load_default(size=letter)
    left, top, right, bottom = font.getbbox(text)
    across = (right - left) + 1.2 * letter
    if across > 0.9 * width:  # a very narrow frame: shrink the letters until the words fit
        font = ImageFont.load_default(size=max(4.0, letter * 0.9 * width / across))
        left, top, right, bottom = font.getbbox(text)
    pad = max(2, round(0.4 * (bottom - top)))
    box = (min(width, round(right - left) + 2 * pad), min(height, round(bottom - top) + 2 * pad))
    image = Image.new("RGBA", box, (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), radius=pad, fill=(16, 16, 20, 175))
    draw.text((pad - left, pad - top), text, font=font, fill=(255, 255, 255, 235))
    margin = round(short * 0.02)
    x, y = max(0, width - box[0] - margin), max(0, height - box[1] - margin)
    return Plate.of(np.asarray(image), x, y)


def mark(frame: np.ndarray, text: str = TEXT) -> np.ndarray:
    """A copy of `frame`, (H, W, 3) uint8 RGB or (H, W, 4) RGBA, with the mark in its lower right corner."""
    return _plate(frame.shape[1], frame.shape[0], text).onto(frame)
