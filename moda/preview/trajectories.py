"""Trajectories to look at: an interactive figure, a web page that works offline, a picture and a table.

One shared time axis; the waveform on top, then head, mouth, eyes and brows. Several takes lie over each other: a
colour is a trajectory, a dash pattern is a take. Grounds are transparent and all text is of middle grey, so the
figure reads on light and dark pages alike.
"""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.errors import BadSetting
from moda.media.audio import RATE
from moda.media.output import write_bytes
from moda.motion.actions import ACTIONS
from moda.motion.space import Motion
from moda.preview.panels import COLUMNS, PANELS, envelope, thinned, trajectories

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from moda.media.audio import Speech

MAX_TAKES = 8
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px,1px,2px", "2px,4px")
STYLES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (8, 3)), (0, (8, 3, 2, 3)), (0, (5, 2, 1, 2)), (0, (1, 4)))
TEXT, GRID, WAVE = "#747c86", "rgba(125,133,144,0.22)", "#7d8590"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>body{{margin:12px;background:#fff;color:#24292f;font:15px system-ui,sans-serif}}
@media (prefers-color-scheme:dark){{body{{background:#0d1117;color:#d7dde4}}}}
h1{{font-size:17px;margin:4px 8px}}p{{margin:4px 8px;opacity:.8}}</style></head>
<body><h1>{title}</h1><p>Click a name to show or hide it, double-click to see it alone; drag to zoom.</p>
{figure}</body></html>
"""


def figure(
    motions: Sequence[Motion], speech: Speech | None = None, names: Sequence[str] | None = None, height: int = 760
) -> Figure:
    """An interactive Plotly figure of one or more motions and the speech they were made for.

    names: what the takes are called in the legend; default "take 1", ... Raises BadSetting for none or too many.
    """
    from plotly.graph_objects import Figure, Scatter

    called = _names(motions, names)
    drawn = Figure()
    shares = ([0.10] if speech is not None else []) + [0.30, 0.30, 0.20, 0.14]
    gap = 0.035
    unit = (1 - gap * (len(shares) - 1)) / sum(shares)
    top, axes = 1.0, []
    for share in shares:
        axes.append((max(0.0, top - share * unit), top))
        top -= share * unit + gap
    layout: dict[str, Any] = {}
    row = 0
    if speech is not None:
        times, low, high = envelope(speech.waveform, RATE)
        outline = np.concatenate([high, low[::-1]])
        drawn.add_trace(
            Scatter(
                x=np.concatenate([times, times[::-1]]).round(4), y=outline.round(4), mode="lines", fill="toself",
                line={"width": 0.5, "color": WAVE}, name="speech", hoverinfo="skip", showlegend=False,
            )
        )  # fmt: skip
        layout["yaxis"] = _axis("Speech", axes[0], [-1.05, 1.05], ticks=False)
        row = 1
    found = [trajectories(motion) for motion in motions]
    for panel, span in zip(PANELS, axes[row:]):
        number = "" if row == 0 else str(row + 1)
        shown = [take[line.key] for take in found for line in panel.lines if line.shown]
        least, most = (
            min(panel.low, *(float(v.min()) for v in shown)),
            max(panel.high, *(float(v.max()) for v in shown)),
        )
        room = 0.05 * (most - least)
        layout[f"yaxis{number}"] = _axis(panel.title, span, [least - room, most + room])
        legend = f"legend{number}"
        layout[legend] = {
            "y": span[1], "yanchor": "top", "x": 1.01, "xanchor": "left", "font": {"size": 11, "color": TEXT},
            "bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 0, "itemsizing": "constant",
        }  # fmt: skip
        for line in panel.lines:
            for take, (motion, values) in enumerate(zip(motions, found)):
                times, curve = thinned(np.arange(len(motion)) / motion.fps, values[line.key])
                whose = f" · {called[take]}" if len(motions) > 1 else ""
                drawn.add_trace(
                    Scatter(
                        x=np.round(times, 4), y=np.round(curve, 4), mode="lines", name=line.label, legend=legend,
                        legendgroup=line.key, showlegend=take == 0, yaxis=f"y{number}",
                        visible=True if line.shown else "legendonly",
                        line={"color": line.colour, "width": 1.6, "dash": DASHES[take]},
                        opacity=1.0 if take == 0 else 0.85,
                        hovertemplate=f"%{{y:.2f}}{line.unit}{whose}",
                    )
                )  # fmt: skip
        row += 1
    if len(motions) > 1:  # the legend names each trajectory once; the patterns of the takes are named above
        layout["title"] = {"text": " · ".join(f"{_sign(k)} {name}" for k, name in enumerate(called)),
                           "font": {"size": 12, "color": TEXT}, "x": 0.01, "y": 0.995, "yanchor": "top"}  # fmt: skip
    seconds = max(motion.seconds for motion in motions)
    last = "" if row == 1 else str(row)
    layout["xaxis"] = {
        "range": [0, seconds], "anchor": f"y{last}", "title": {"text": "seconds", "font": {"size": 11}},
        "gridcolor": GRID, "zeroline": False, "showspikes": True, "spikemode": "across", "spikesnap": "cursor",
        "spikethickness": 1, "spikedash": "solid", "spikecolor": TEXT, "hoverformat": ".2f", "ticksuffix": " s",
    }  # fmt: skip
    drawn.update_layout(
        height=height, margin={"l": 62, "r": 10, "t": 28 if len(motions) > 1 else 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": TEXT, "activecolor": "#3d8bfd"},
        font={"color": TEXT, "size": 12}, hovermode="x unified", hoversubplots="single",
        hoverlabel={"bgcolor": "rgba(22,27,34,0.94)", "font": {"color": "#f0f3f6", "size": 11}, "bordercolor": TEXT},
        dragmode="zoom", uirevision="trajectories", **layout,
    )  # fmt: skip
    return drawn


def _axis(title: str, span: tuple[float, float], bounds: list[float], ticks: bool = True) -> dict[str, Any]:
    return {
        "domain": list(span), "range": bounds, "title": {"text": title, "font": {"size": 11}, "standoff": 4},
        "gridcolor": GRID, "zerolinecolor": "rgba(125,133,144,0.55)", "zerolinewidth": 1, "fixedrange": True,
        "showticklabels": ticks, "showgrid": ticks, "nticks": max(3, round(24 * (span[1] - span[0]))),
    }  # fmt: skip


def _sign(take: int) -> str:
    return ("──", "─ ─", "···", "─·─", "━ ━", "━·━", "─··", "· ·")[take]


def _names(motions: Sequence[Motion], names: Sequence[str] | None) -> list[str]:
    if not motions:
        raise BadSetting("There is no take to draw: plan one first.")
    if len(motions) > MAX_TAKES:
        raise BadSetting(f"At most {MAX_TAKES} takes can be drawn over each other, not {len(motions)}.")
    given = list(names or [f"take {k + 1}" for k in range(len(motions))])
    if len(given) != len(motions):
        raise BadSetting(f"{len(motions)} takes were given with {len(given)} names.")
    # Plotly reads a small part of HTML in names; a file name must not become markup.
    return [html.escape(str(name)[:60]) for name in given]


def write_html(
    path: str | os.PathLike[str],
    motions: Sequence[Motion],
    speech: Speech | None = None,
    names: Sequence[str] | None = None,
    title: str = "Trajectories",
) -> Path:
    """A web page with the figure that needs no network (5 MB: it carries Plotly). Raises OutputFailed."""
    inner = figure(motions, speech, names).to_html(
        full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True}
    )
    return write_bytes(Path(path), PAGE.format(title=html.escape(title), figure=inner).encode("utf-8"))


def write_csv(path: str | os.PathLike[str], motion: Motion) -> Path:
    """A table: frame, time in seconds, every action, then scale, translation, pitch, yaw, roll. Raises OutputFailed.

    Holds nothing but numbers under fixed names, so no spreadsheet can take a cell for a formula.
    """
    found = trajectories(motion)
    pose = dict(zip(COLUMNS[len(ACTIONS) :], motion.array[:, 63:70].T))
    columns = [found[name] if name in found else pose[name] for name in COLUMNS]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["frame", "time", *COLUMNS])
    for frame, values in enumerate(zip(*columns)):
        writer.writerow([frame, f"{frame / motion.fps:.4f}", *(f"{value:.6g}" for value in values)])
    return write_bytes(Path(path), text.getvalue().encode("ascii"))


def write_png(
    path: str | os.PathLike[str],
    motions: Sequence[Motion],
    speech: Speech | None = None,
    names: Sequence[str] | None = None,
    title: str = "",
) -> Path:
    """The same panels as a picture for reports (Matplotlib, white ground, 1,650 px wide). Raises OutputFailed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Picture
    from matplotlib.lines import Line2D

    called = [html.unescape(name) for name in _names(motions, names)]
    found = [trajectories(motion) for motion in motions]
    shares = ([0.4] if speech is not None else []) + [1.0, 1.0, 0.75, 0.55]
    picture = Picture(figsize=(11, 1.0 + 2.1 * sum(shares)), dpi=150, layout="constrained")
    FigureCanvasAgg(picture)
    axes = list(np.atleast_1d(picture.subplots(len(shares), 1, sharex=True, height_ratios=shares)))
    if speech is not None:
        times, low, high = envelope(speech.waveform, RATE)
        axes[0].fill_between(times, low, high, color="#8a929b", linewidth=0)
        axes[0].set(ylim=(-1.05, 1.05), yticks=[], ylabel="Speech")
    for axis, panel in zip(axes[len(shares) - len(PANELS) :], PANELS):
        lines = [line for line in panel.lines if line.shown]
        for line in lines:
            for take, (motion, values) in enumerate(zip(motions, found)):
                times, curve = thinned(np.arange(len(motion)) / motion.fps, values[line.key])
                label = line.label if take == 0 else None
                axis.plot(times, curve, color=line.colour, linestyle=STYLES[take], linewidth=1.1, label=label)
        bottom, top = axis.get_ylim()
        axis.set(
            ylim=(min(bottom, panel.low), max(top, panel.high)),
            ylabel=panel.title + (" (°)" if panel.title == "Head" else ""),
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.03), fontsize=8, frameon=False)
        axis.axhline(0, color="#b5bbc1", linewidth=0.6, zorder=0)
    for axis in axes:
        axis.grid(axis="x", color="#e4e7ea", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set(xlabel="seconds", xlim=(0, max(motion.seconds for motion in motions)))
    if len(motions) > 1:
        patterns = [Line2D([], [], color="#555", linestyle=STYLES[k]) for k in range(len(motions))]
        picture.legend(
            patterns, called, loc="outside upper center", ncols=min(4, len(motions)), fontsize=8, frameon=False
        )
    if title:
        picture.suptitle(title, fontsize=10)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png")
    return write_bytes(Path(path), buffer.getvalue())
