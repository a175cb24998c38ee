"""The frame strip: a row a variant, a column a moment, the waveform below with the moments marked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from moda.compare.alignment import Aligned, frames_at
from moda.compare.figures import DPI, INK, LINE, POINTS, SOFT, STYLE, TALLEST, draw_sound, new_figure, save, wrapped
from moda.compare.moments import Moment
from moda.media.audio import RATE, Speech
from moda.motion.space import FPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Picture = npt.NDArray[np.uint8]
GAP = 0.03  # inches between pictures
SOUND = 0.30
LABEL = 0.82


def pictures_at(video: Aligned, moments: Sequence[Moment], size: tuple[int, int], fps: float = FPS) -> list[Picture]:
    """The frames of a video at some moments of the speech, each (H, W, 3) in (width, height)."""
    wanted = [int(moment.seconds * fps + 1e-6) for moment in moments]
    stream = frames_at(video, size, fps, max(wanted) + 1)
    shown = {index: picture for index, picture in enumerate(stream) if index in set(wanted)}
    return [shown[index] for index in wanted]


def strip_figure(
    names: Sequence[str],
    videos: Sequence[Aligned],
    moments: Sequence[Moment],
    speech: Speech,
    width: float,
    picture: tuple[int, int] = (512, 512),
    fps: float = FPS,
) -> Figure:
    """The strip as a Matplotlib figure `width` inches wide; at most 9 inches tall, smaller pictures if need be."""
    import matplotlib

    rows, columns = len(names), len(moments)
    label = min(LABEL, 0.16 * width)
    caption = LINE * (2.2 if any(moment.sound for moment in moments) else 1.2)
    foot = SOUND + caption + LINE * 1.9
    shape = picture[1] / picture[0]
    cell = (width - label - (columns - 1) * GAP - 0.01) / columns
    cell = min(cell, (TALLEST - foot - rows * GAP) / rows / shape, 1.9)
    tall = cell * shape
    height = rows * tall + (rows - 1) * GAP + foot
    pixels = (max(2, round(cell * DPI)), max(2, round(tall * DPI)))
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height)
        left = label + (width - label - columns * cell - (columns - 1) * GAP) / 2
        letters, lines = int(label * 72 / (POINTS * 0.60)), max(1, int(tall / LINE))
        for row, (name, video) in enumerate(zip(names, videos)):
            bottom = height - (row + 1) * tall - row * GAP
            figure.text(
                (left - 0.05) / width, (bottom + tall / 2) / height, wrapped(name, letters, min(lines, 5)),
                ha="right", va="center", linespacing=1.1,
            )  # fmt: skip
            for column, frame in enumerate(pictures_at(video, moments, pixels, fps)):
                box = ((left + column * (cell + GAP)) / width, bottom / height, cell / width, tall / height)
                axes = figure.add_axes(box)
                axes.imshow(frame, interpolation="none", aspect="auto")
                axes.set_axis_off()
        for column, moment in enumerate(moments):
            centre = (left + column * (cell + GAP) + cell / 2) / width
            figure.text(centre, (foot - 0.035) / height, moment.label, ha="center", va="top", linespacing=1.1)
        span = columns * cell + (columns - 1) * GAP
        axes = figure.add_axes((left / width, LINE * 1.9 / height, span / width, SOUND / height))
        draw_sound(axes, speech.waveform, RATE, speech.seconds, [moment.seconds for moment in moments])
        axes.set_xlabel("seconds", labelpad=1, color=SOFT)
        axes.tick_params(pad=1)
        figure.text((left - 0.05) / width, (LINE * 1.9 + SOUND / 2) / height, "speech", ha="right", va="center",
                    color=INK)  # fmt: skip
    return figure


def write_strip(path: str | os.PathLike[str], figure: Figure) -> list[Path]:
    """PATH.png and PATH.pdf. Raises OutputFailed."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        return save(figure, path)
