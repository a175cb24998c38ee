"""Figures for print: exact width in inches, type that can be read at it, PNG at 300 dpi and vector PDF."""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.errors import BadSetting
from moda.media.output import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Widths of a text block and of one of two columns in the usual conference templates, in inches.
WIDTHS = {"double": 6.875, "single": 3.25}
TALLEST = 9.0
DPI = 300
POINTS = 7.0  # type size; captions around it are 9 or 10
LINE = POINTS / 72 * 1.25  # height of a line of type, inches
INK, SOFT, GRID = "#1b1f24", "#6b737c", "#dfe3e7"
#: Told apart by people with any colour vision (Okabe and Ito's set, yellow left out, in an order of contrast).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#8c6bb1")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": POINTS,
    "axes.labelsize": POINTS,
    "xtick.labelsize": POINTS - 1,
    "ytick.labelsize": POINTS - 1,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "pdf.fonttype": 42,  # text stays text: it can be searched and edited
    "axes.edgecolor": SOFT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.usetex": False,
    "mathtext.default": "regular",
}


def width_of(width: str | float) -> float:
    """Inches for "single", "double" or a number. Raises BadSetting."""
    try:
        inches = WIDTHS[width] if isinstance(width, str) and width in WIDTHS else float(width)
    except ValueError:
        inches = 0.0
    if not 2.0 <= inches <= 20.0:
        raise BadSetting("The figure width must be single, double or 2 to 20 inches.")
    return inches


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def plain(text: str) -> str:
    """Text as it is: Matplotlib would read dollar signs as mathematics."""
    return text.replace("$", r"\$")


def wrapped(text: str, letters: int, lines: int) -> str:
    """Text broken into at most `lines` lines of about `letters`, at commas first; cut short with an ellipsis."""
    text = " ".join(text.split())
    pieces = [text] if len(text) <= letters else text.replace(", ", ",\n").split("\n")
    broken = [textwrap.wrap(piece, max(letters, 4), break_long_words=True) for piece in pieces]
    parts = [line for lines_of_piece in broken for line in lines_of_piece] or [""]
    if len(parts) > lines:
        parts = [*parts[: lines - 1], parts[lines - 1][: max(letters - 1, 1)] + "…"]
    return plain("\n".join(parts))


def colours(count: int, ordered: bool) -> list[str]:
    """`count` line colours: an even ramp for values with an order, else unlike ones."""
    if ordered and count > 2:
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        ramp = colormaps["viridis"]
        return [to_hex(ramp(0.88 * i / (count - 1))) for i in range(count)]
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def save(figure: Figure, path: str | os.PathLike[str]) -> list[Path]:
    """Writes PATH.png and PATH.pdf, each whole or not at all. Raises OutputFailed."""
    written = []
    for kind in ("png", "pdf"):
        buffer = io.BytesIO()
        # No date: the same comparison gives the same file.
        about = {"CreationDate": None} if kind == "pdf" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=about)
        written.append(write_bytes(Path(f"{os.fspath(path)}.{kind}"), buffer.getvalue()))
    return written


def draw_sound(axes: Any, waveform: Any, rate: int, seconds: float, marks: Sequence[float] = ()) -> None:
    """The outline of a waveform on axes of seconds, with marks at some instants."""
    from moda.preview.panels import envelope

    times, low, high = envelope(waveform, rate, 900)
    axes.fill_between(times, low, high, color="#8a929b", linewidth=0)
    for mark in marks:
        axes.axvline(mark, color="#d55e00", linewidth=0.7)
    axes.set(xlim=(0, seconds), ylim=(-1.05, 1.05), yticks=[])
    axes.spines[["top", "right", "left"]].set_visible(False)
