"""Measures of all variants as CSV for machines and LaTeX for papers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moda.evaluate.latex import latex
from moda.evaluate.measures.definitions import MEASURES
from moda.media.csv_safe import cell, number

#: What the table in a paper shows: name, head, decimals. The CSV has everything.
SHOWN: tuple[tuple[str, str, int], ...] = (
    ("sync_correlation", "Sync $r$", 2),
    ("sync_lag_ms", "Lag (ms)", 0),
    ("opening_std", "Mouth", 2),
    ("diversity_mouth", "Variety", 3),
    ("yaw_std", "Yaw (°)", 1),
    ("head_jitter", "Jitter", 2),
    ("blink_rate", "Blinks/min", 0),
    ("sharpness", "Sharp.", 2),
    ("identity_drift", "Identity", 3),
)
#: Own timings, where a row has them.
TIMES: tuple[tuple[str, str, int], ...] = (("plan_seconds", "Plan (s)", 2), ("real_time_factor", "RTF", 2))
MARKS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "inside": ""}


@dataclass(frozen=True)
class Row:
    """A variant, or another system's video: its name, the settings that were varied, and its numbers by name."""

    name: str
    values: Mapping[str, float]
    changed: Mapping[str, Any] = field(default_factory=dict)
    how: str = "motion"  # where the measures come from: motion, followed (tracked pixels), video (all frames)


def write_csv(rows: Sequence[Row], changed: Sequence[str] = ()) -> str:
    """A table with a row a variant: name, varied settings, source, every number. Text cannot become a formula."""
    names = _columns(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", *changed, "measured", *names])
    for row in rows:
        numbers = [number(row.values.get(name, math.nan)) for name in names]
        writer.writerow([cell(row.name), *(cell(row.changed.get(c, "")) for c in changed), row.how, *numbers])
    return text.getvalue()


def _columns(rows: Sequence[Row]) -> list[str]:
    """Every name that any row has a number for, measures in the order of their table, the rest behind."""
    present = {name for row in rows for name, value in row.values.items() if math.isfinite(value)}
    known = [name for name in MEASURES if name in present]
    return [*known, *sorted(present - set(known))]


def shown_columns(rows: Sequence[Row]) -> list[tuple[str, str, int]]:
    """The columns of the short table: those of `SHOWN` and `TIMES` that any row can fill."""
    present = set(_columns(rows))
    return [column for column in (*SHOWN, *TIMES) if column[0] in present]


def best(rows: Sequence[Row], name: str, decimals: int) -> set[int]:
    """Rows that hold the best value as it is printed; none where nothing is better than the rest."""
    good = MEASURES[name].good if name in MEASURES else "inside"
    found = {
        i: round(row.values[name], decimals)
        for i, row in enumerate(rows)
        if math.isfinite(row.values.get(name, math.nan))
    }
    if good == "inside" or len(set(found.values())) < 2:
        return set()
    top = max(found.values()) if good == "higher" else min(found.values())
    return {i for i, value in found.items() if value == top}


def write_latex(rows: Sequence[Row], caption: str = "", label: str = "tab:compare") -> str:
    """A booktabs table of the short columns; best values bold, a last line with the range of real people."""
    columns = shown_columns(rows)
    bold = {name: best(rows, name, decimals) for name, _, decimals in columns}
    heads = [head + (MARKS[MEASURES[name].good] if name in MEASURES else "") for name, head, _ in columns]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"\centering\small",
        r"\begin{tabular}{l" + "r" * len(columns) + "}",
        r"\toprule",
        " & ".join(["", *(head.replace("°", r"$^\circ$") for head in heads)]) + r" \\",
        r"\midrule",
    ]
    for i, row in enumerate(rows):
        cells = []
        for name, _, decimals in columns:
            text = printed(row.values.get(name, math.nan), decimals)
            cells.append(rf"\textbf{{{text}}}" if i in bold[name] else text)
        mark = {"followed": r"$^\dagger$"}.get(row.how, "")
        lines.append(" & ".join([latex(row.name) + mark, *cells]) + r" \\")
    ranges = [_range(name, decimals) for name, _, decimals in columns]
    if any(ranges):
        lines += [r"\midrule", " & ".join(["real people", *ranges]) + r" \\"]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if caption:
        lines.append(rf"\caption{{{latex(caption)}}}")
    lines += [rf"\label{{{label}}}", r"\end{table}", ""]
    return "\n".join(lines)


def printed(value: float, decimals: int) -> str:
    """A number as the short table prints it; a dash where it was not measured, and no minus before zero."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if math.isfinite(value) else "--"


def _range(name: str, decimals: int) -> str:
    real = MEASURES[name].real if name in MEASURES else None
    return "" if real is None else f"{real[0]:.{decimals}f} to {real[2]:.{decimals}f}"
