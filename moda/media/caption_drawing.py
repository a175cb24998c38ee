"""Caption text as pixels: white on a dark plate, in the safe area, in a font that has the letters."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadSetting
from moda.media.language import script_of
from moda.media.overlay import Plate

HEIGHT = 0.052  # letters' size as a share of the frame's shorter side
SAFE_SIDE, SAFE_BOTTOM = 0.05, 0.09  # shares of width and height that stay free: players and phones cover the edge
SMALLEST = 9.0  # pixels of letters
FREE_SERIF = (
    "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil", "Malayalam", "Sinhala", "Thai", "Ethiopic",
)  # fmt: skip
"""Scripts that GNU FreeSerif has and DejaVu Sans has not."""
INK, PLATE = (255, 255, 255, 255), (12, 12, 14, 190)


def draw(lines: Sequence[str], size: tuple[int, int]) -> Plate:
    """Lines of a caption for a frame of (width, height). Raises BadSetting where no font has their letters."""
    from PIL import Image, ImageDraw

    width, height = size
    face = font_for("".join(lines))
    room = width * (1 - 2 * SAFE_SIDE)
    points = max(SMALLEST, HEIGHT * min(width, height))
    while True:
        font = _font(face, points)
        boxes = [font.getbbox(line, direction=direction(line)) for line in lines]
        pad = round(0.45 * points)
        widest = max(right - left for left, _, right, _ in boxes) + 2 * pad
        if widest <= room or points <= SMALLEST:
            break
        points = max(SMALLEST, min(points * room / widest, points - 0.5))
    step = round(1.3 * points)
    box = (min(width, round(widest)), min(height, step * len(lines) + pad))
    image = Image.new("RGBA", box, (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), radius=pad, fill=PLATE)
    ascent = font.getmetrics()[0]
    for number, (line, (left, _, right, _)) in enumerate(zip(lines, boxes)):
        x = (box[0] - (right - left)) / 2 - left
        y = pad / 2 + number * step + (step - 1.2 * points) / 2 + ascent
        pen.text((x, y), line, font=font, fill=INK, anchor="ls", direction=direction(line))
    x, y = (width - box[0]) // 2, round(height * (1 - SAFE_BOTTOM)) - box[1]
    return Plate.of(np.asarray(image), max(0, x), max(0, y))


def direction(line: str) -> str | None:
    """rtl where the first letter with a direction is written from the right; None where Pillow cannot shape text."""
    from PIL import features

    if not features.check("raqm"):
        return None
    for letter in line:
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL"):
            return "rtl"
        if kind == "L":
            return "ltr"
    return "ltr"


def _font(path: str, points: float) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(path, points)


@functools.lru_cache(maxsize=64)
def font_for(text: str) -> str:
    """Path of a font that has every letter of a text: DejaVu Sans (it comes with matplotlib), or one of the system."""
    needed = {ord(letter) for letter in text if not letter.isspace() and unicodedata.category(letter)[0] not in "CM"}
    for path in _candidates():
        if needed <= _letters(path):
            return path
    known = _letters(next(_candidates()))
    lacking = next(letter for letter in text if ord(letter) in needed and ord(letter) not in known)
    raise BadSetting(
        f"No font on this machine has all letters of the captions (such as {lacking}): install {_remedy(lacking)}, or "
        "leave out burn_captions; captions in files need no font."
    )


def _remedy(letter: str) -> str:
    """A font that has a letter beside Latin ones: those of one script alone often lack digits and commas."""
    script = script_of(letter)
    if script in ("Chinese", "Hiragana", "Katakana", "Hangul"):
        return "Noto Sans CJK (the package fonts-noto-cjk of Debian and Ubuntu)"
    if script in FREE_SERIF:
        return "FreeSerif (the package fonts-freefont-ttf of Debian and Ubuntu)"
    return f"one that has Latin and {script} letters"


def _candidates() -> Iterator[str]:
    from matplotlib import font_manager, get_data_path

    yield str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    likely = ("noto", "cjk", "gothic", "ming", "hei", "song", "arial", "meiryo", "malgun", "pingfang", "segoe", "wqy")
    found = font_manager.findSystemFonts()
    yield from sorted(found, key=lambda path: (not any(name in Path(path).name.lower() for name in likely), path))


@functools.lru_cache(maxsize=256)
def _letters(path: str) -> frozenset[int]:
    """Code points that a font has glyphs for."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()
