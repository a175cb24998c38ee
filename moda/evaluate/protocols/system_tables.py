"""What `systems` found, as tables: means with intervals, what differs from the best, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from moda.evaluate.measures.intervals import bootstrap_interval, paired_p
from moda.evaluate.measures.signals import Array
from moda.media.csv_safe import cell, number

#: Name, head, decimals, which way is good.
COLUMNS: tuple[tuple[str, str, int, Literal["higher", "lower", ""]], ...] = (
    ("sync_c", "Sync-C", 2, "higher"), ("sync_d", "Sync-D", 2, "lower"), ("sync_correlation", "Sync r", 3, "higher"),
    ("lips_r", "Lips r", 3, "higher"), ("csim", "CSIM", 3, "higher"), ("akd", "AKD (px)", 2, "lower"),
    ("apd", "APD (deg)", 2, "lower"), ("expression_error", "Expr. err. (IOD)", 3, "lower"),
    ("beat_alignment", "Beat align.", 3, "higher"), ("head_diversity", "Head div. (deg)", 2, ""),
    ("lpips", "LPIPS", 3, "lower"), ("fid", "FID", 1, "lower"), ("fvd", "FVD", 1, "lower"),
    ("fvd_r3d18", "FVD (R3D-18)", 1, "lower"), ("e_fid", "E-FID", 2, "lower"),
    ("frechet_motion", "FD motion", 1, "lower"),
)  # fmt: skip
SET_MEASURES = ("fid", "fvd", "fvd_r3d18", "e_fid", "frechet_motion")
FEWEST = 3
"""Clips under which no interval and no distance between sets is given."""


@dataclass
class ClipResult:
    """One system's video of one clip: numbers by name, or why there are none."""

    clip: str
    values: dict[str, float] = field(default_factory=dict)
    fault: str = ""
    motion: Array = field(default_factory=lambda: np.zeros((0, 16)))


@dataclass
class SystemResult:
    """All clips of one system, and distances between its set and the real one."""

    name: str
    clips: list[ClipResult]
    sets: dict[str, float] = field(default_factory=dict)

    def column(self, name: str) -> list[float]:
        """A measure clip by clip; NaN where it could not be taken."""
        return [clip.values.get(name, math.nan) for clip in self.clips]


def summarise(result: SystemResult) -> dict[str, tuple[float, float, float]]:
    """Measure -> (mean over clips, low, high) with the 95 % interval; sets have a value alone."""
    found: dict[str, tuple[float, float, float]] = {}
    for name, *_ in COLUMNS:
        if name in result.sets:
            found[name] = (result.sets[name], math.nan, math.nan)
            continue
        column = np.array(result.column(name))
        if np.isfinite(column).any():
            found[name] = (float(np.nanmean(column)), *bootstrap_interval(column.tolist()))
    return found


def significance(results: Mapping[str, SystemResult]) -> dict[str, dict[str, float]]:
    """Measure -> system -> p that its mean differs by chance from the best system's; the best itself has none."""
    found: dict[str, dict[str, float]] = {}
    names = [name for name in results if name]
    for measure, _, _, good in COLUMNS:
        means = {n: summarise(results[n])[measure][0] for n in names if measure in summarise(results[n])}
        if measure in SET_MEASURES or not good or len(means) < 2:
            continue
        best = (max if good == "higher" else min)(means, key=lambda n: means[n])
        found[measure] = {
            n: paired_p(results[n].column(measure), results[best].column(measure)) for n in means if n != best
        }
    return found


def clips_table(results: Mapping[str, SystemResult]) -> str:
    """Every number of every clip as CSV; the real clips' system is "real"."""
    names = list(dict.fromkeys(name for result in results.values() for clip in result.clips for name in clip.values))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "clip", *names, "fault"])
    for name, result in results.items():
        for clip in result.clips:
            cells = [number(clip.values.get(one, math.nan)) for one in names]
            writer.writerow([cell(name or "real"), cell(clip.clip), *cells, cell(clip.fault)])
    return text.getvalue()


def _shown(results: Mapping[str, SystemResult]) -> list[tuple[str, str, int, str]]:
    summaries = [summarise(result) for name, result in results.items() if name]
    return [column for column in COLUMNS if any(column[0] in found for found in summaries)]


def summary_table(results: Mapping[str, SystemResult]) -> str:
    """Means with intervals and p values against the best, as CSV."""
    tested = significance(results)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "measure", "mean", "low", "high", "clips", "p_against_best"])
    for name, result in results.items():
        for measure, (mean, low, high) in summarise(result).items():
            count = int(np.isfinite(result.column(measure)).sum()) or len(result.clips)
            p = tested.get(measure, {}).get(name, math.nan)
            writer.writerow([cell(name or "real"), measure, *map(number, (mean, low, high)), count, number(p)])
    return text.getvalue()


def latex_table(results: Mapping[str, SystemResult]) -> str:
    """A booktabs table: one row a system, best bold, a dagger where the best differs at p < 0.05; real people last."""
    columns, tested = _shown(results), significance(results)
    summaries = {name: summarise(result) for name, result in results.items()}
    arrows = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
    lines = [
        r"% needs \usepackage{booktabs}", r"\begin{table}[t]", r"\centering\small",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule",
        " & ".join(["", *(head + arrows[good] for _, head, _, good in columns)]) + r" \\", r"\midrule",
    ]  # fmt: skip
    for name in [n for n in results if n] + [""]:
        cells = []
        for measure, _, decimals, good in columns:
            if measure not in summaries[name]:
                cells.append("--")
                continue
            mean, low, high = summaries[name][measure]
            text = f"{mean:.{decimals}f}"
            others = [found[measure][0] for n, found in summaries.items() if n and measure in found]
            if name and good and len(others) > 1 and mean == (max if good == "higher" else min)(others):
                text = rf"\textbf{{{text}}}"
            if math.isfinite(low):
                text += rf"\,{{\scriptsize[{low:.{decimals}f}, {high:.{decimals}f}]}}"
            if tested.get(measure, {}).get(name, 1.0) < 0.05:
                text += r"$^\dagger$"
            cells.append(text)
        if not name:
            lines.append(r"\midrule")
        lines.append(" & ".join([_latex(name) if name else "real videos", *cells]) + r" \\")
    clips = len(results[""].clips)
    lines += [
        r"\bottomrule", r"\end{tabular}",
        rf"\caption{{Means over {clips} clips with 95\,\% bootstrap intervals. $\dagger$: differs from the best, "
        r"paired permutation test, $p<0.05$.}", r"\end{table}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _latex(text: str) -> str:
    """Text in which LaTeX finds no command."""
    return "".join({"\\": r"\textbackslash{}"}.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
