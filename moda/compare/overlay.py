"""Trajectories of all variants over each other, for print: a colour is a variant, a panel a movement.

Drawn from `Signals`, so that another system's video, followed in its pixels, lies on the same axes as our motions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moda.compare.figures import DASHES, GRID, LINE, STYLE, colours, draw_sound, new_figure, save, wrapped
from moda.evaluate.measures.blinks import closure
from moda.evaluate.measures.signals import RATE, Array, Signals
from moda.media.audio import RATE as SAMPLES
from moda.media.audio import Speech
from moda.motion.actions import GAP_PER_JAW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 8
PANELS = ("mouth\nopening", "pitch (°)", "yaw (°)", "roll (°)", "eyes shut")
#: Always in view, so that a still face does not look lively.
REACH = ((-0.03, 0.8), (-3.0, 3.0), (-3.0, 3.0), (-3.0, 3.0), (-0.1, 1.0))


def curves(signals: Signals) -> list[Array]:
    """What the panels show, (T,) each: opening (1 = a wide "ah"), degrees from the median, closure of the lids."""
    angles = signals.rotation - np.median(signals.rotation, axis=0)
    return [signals.opening / GAP_PER_JAW, *angles.T, np.clip(closure(signals.eyes, signals.shut), -0.2, 1.1)]


def overlay_figure(
    names: Sequence[str], signals: Sequence[Signals], speech: Speech, width: float, ordered: bool = False
) -> Figure:
    """A Matplotlib figure `width` inches wide. ordered: the variants are steps of one number. At most 8 are drawn."""
    import matplotlib
    from matplotlib.lines import Line2D

    drawn = list(zip(names, signals))[:MOST]
    tints = colours(len(drawn), ordered)
    columns = max(1, min(len(drawn), int(width / 1.7)))
    letters = int(width / columns * 72 / 4.3) - 6
    top = LINE * 1.3 * -(-len(drawn) // columns) + 0.06
    heights = [0.28, 0.75, 0.5, 0.5, 0.5, 0.45]
    gap, bottom, left, right = 0.07, 0.33, 0.82, 0.10
    height = top + sum(heights) + gap * (len(heights) - 1) + bottom
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, height)
        edge = height - top
        for panel, tall in enumerate(heights):
            box = (left / width, (edge - tall) / height, (width - left - right) / width, tall / height)
            axes = figure.add_axes(box)
            edge -= tall + gap
            if panel == 0:
                draw_sound(axes, speech.waveform, SAMPLES, speech.seconds)
                figure.text(0.02 / width, (edge + gap + tall / 2) / height, "speech", ha="left", va="center")
                axes.tick_params(labelbottom=False)
                continue
            for i, (_, moved) in enumerate(drawn):
                curve = curves(moved)[panel - 1]
                style = "-" if ordered else DASHES[i // len(tints) % len(DASHES)]
                axes.plot(np.arange(len(curve)) / RATE, curve, style, color=tints[i], linewidth=0.8)
            middle = (edge + gap + tall / 2) / height
            figure.text(0.02 / width, middle, PANELS[panel - 1], ha="left", va="center", linespacing=1.1)
            low, high = axes.get_ylim()
            least, most = REACH[panel - 1]
            axes.set(xlim=(0, speech.seconds), ylim=(min(low, least), max(high, most)))
            axes.locator_params(axis="y", nbins=4)
            axes.grid(color=GRID, linewidth=0.4)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
            if panel < len(heights) - 1:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel("seconds", labelpad=1)
        lines = [Line2D([], [], color=tint, linewidth=1.4) for tint in tints]
        labels = [wrapped(name, letters, 1) for name, _ in drawn]
        figure.legend(
            lines, labels, loc="upper center", bbox_to_anchor=(0.5 + (left - right) / 2 / width, 1.0), ncols=columns,
            frameon=False, handlelength=1.6, columnspacing=1.2, borderpad=0.1, labelspacing=0.25,
        )  # fmt: skip
    return figure


def write_overlay(path: str | os.PathLike[str], figure: Figure) -> list[Path]:
    """PATH.png and PATH.pdf. Raises OutputFailed."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        return save(figure, path)
