"""The grid: all variants, and other systems' videos, playing side by side under their names, with the speech."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.compare.alignment import Aligned, frames_at
from moda.errors import Cancelled
from moda.media.audio import Speech
from moda.media.video import VideoWriter
from moda.motion.space import FPS

Picture = npt.NDArray[np.uint8]
PAPER, INK, SOFT = (255, 255, 255), (24, 28, 33), (110, 118, 128)
WIDEST, HIGHEST, LEAST = 1920, 1440, 96


@dataclass(frozen=True)
class Cell:
    """A place in the grid: which video plays there, under which name."""

    name: str
    video: Aligned
    row: int
    column: int


@dataclass(frozen=True)
class Layout:
    """Where everything lies, in pixels. cell: side of a picture; bar: height of a name; gap between cells."""

    rows: int
    columns: int
    cell: tuple[int, int]
    bar: int
    gap: int
    foot: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the whole picture, even."""
        width = self.columns * (self.cell[0] + self.gap) + self.gap
        height = self.rows * (self.cell[1] + self.bar + self.gap) + self.gap + self.foot
        return width + width % 2, height + height % 2

    def corner(self, cell: Cell) -> tuple[int, int]:
        """Left and top of the picture of a cell; its name is drawn above."""
        left = self.gap + cell.column * (self.cell[0] + self.gap)
        return left, self.gap + cell.row * (self.cell[1] + self.bar + self.gap) + self.bar


def plan_layout(cells: Sequence[Cell], picture: tuple[int, int]) -> Layout:
    """A layout for these cells; `picture` is the (width, height) they would like to have, shrunk to fit a screen."""
    rows, columns = max(c.row for c in cells) + 1, max(c.column for c in cells) + 1
    ratio = min(1.0, WIDEST / columns / picture[0], HIGHEST / rows / picture[1])
    ratio = max(ratio, LEAST / min(picture))
    width, height = (2 * round(side * ratio / 2) for side in picture)
    bar = max(20, round(0.085 * height))
    return Layout(rows, columns, (width, height), bar, max(4, round(0.02 * width)), max(20, round(0.07 * height)))


@lru_cache(maxsize=16)
def font(size: int) -> Any:
    """DejaVu Sans, which Matplotlib carries everywhere, at this height in pixels."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def draw_name(canvas: Any, text: str, box: tuple[int, int, int, int], colour: tuple[int, int, int] = INK) -> None:
    """Text in the middle of (left, top, right, bottom), smaller or cut short where it would not fit."""
    left, top, right, bottom = box
    room = right - left - 4
    text = " ".join(text.split())
    size = max(9, round(0.62 * (bottom - top)))
    while size > 9 and font(size).getlength(text) > room:
        size -= 1
    if font(size).getlength(text) > room:
        while len(text) > 1 and font(size).getlength(text + "…") > room:
            text = text[:-1]
        text += "…"
    canvas.text(((left + right) / 2, (top + bottom) / 2), text, fill=colour, font=font(size), anchor="mm")


def draw_ground(layout: Layout, cells: Sequence[Cell], caption: str) -> Picture:
    """Everything that stays: paper, names, caption."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", layout.size, PAPER)
    canvas = ImageDraw.Draw(image)
    for cell in cells:
        left, top = layout.corner(cell)
        draw_name(canvas, cell.name, (left, top - layout.bar, left + layout.cell[0], top))
    width, height = layout.size
    draw_name(canvas, caption, (layout.gap, height - layout.foot, width - 6 * layout.foot // 2, height), SOFT)
    return np.array(image, dtype=np.uint8)


def write_grid(
    path: str | os.PathLike[str],
    cells: Sequence[Cell],
    speech: Speech,
    *,
    fps: float = FPS,
    picture: tuple[int, int] = (512, 512),
    caption: str = "",
    metadata: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Path:
    """Write the labelled grid with the speech as its sound; memory does not grow with length.

    picture: (width, height) of one cell before it is shrunk to fit. Raises BadVideo, OutputFailed, Cancelled.
    """
    layout = plan_layout(cells, picture)
    ground = draw_ground(layout, cells, caption)
    count = speech.frames(fps)
    streams = [frames_at(cell.video, layout.cell, fps, count) for cell in cells]
    clock = _Clock(layout, fps)
    about = {"comparison": len(cells), **(metadata or {})}
    try:
        with VideoWriter(path, fps, layout.size, speech, about, frames=count, crf=20) as video:
            for index in range(count):
                if cancel is not None and cancel():
                    raise Cancelled("The comparison was stopped.")
                frame = ground.copy()
                for cell, stream in zip(cells, streams):
                    left, top = layout.corner(cell)
                    frame[top : top + layout.cell[1], left : left + layout.cell[0]] = next(stream)
                clock.draw(frame, index)
                video.write(frame)
                if progress is not None:
                    progress(index + 1, count)
    finally:
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]  # ends the decoder behind it
    return Path(path)


class _Clock:
    """The time in the corner, drawn ten times a second and kept in between."""

    def __init__(self, layout: Layout, fps: float) -> None:
        width, height = layout.size
        self._box = (width - 3 * layout.foot, height - layout.foot, width, height)
        self._fps = fps
        self._text = ""
        self._patch: Picture | None = None

    def draw(self, frame: Picture, index: int) -> None:
        from PIL import Image, ImageDraw

        left, top, right, bottom = self._box
        text = f"{index / self._fps:.1f} s"
        if self._patch is None or text != self._text:
            image = Image.new("RGB", (right - left, bottom - top), PAPER)
            draw_name(ImageDraw.Draw(image), text, (0, 0, right - left, bottom - top), SOFT)
            self._text, self._patch = text, np.array(image, dtype=np.uint8)
        frame[top:bottom, left:right] = self._patch
