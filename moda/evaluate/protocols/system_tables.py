"""What `systems` found, as tables: means with intervals, what differs from the best, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from moda.evaluate.latex import latex
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
WIDEST = 9
"""Columns with intervals that fit across a page of two columns; more are scaled down to it."""


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


def over_common_clips(results: Mapping[str, SystemResult]) -> dict[str, SystemResult]:
    """The same without what only some have: a clip counts in a measure where every set that has the measure has it
    there, so that all means of a measure, and their tests, are over the same clips."""
    clips = range(max((len(result.clips) for result in results.values()), default=0))
    counts: dict[str, set[int]] = {}
    for measure, *_ in COLUMNS:
        having = [there for result in results.values() if (there := np.isfinite(result.column(measure))).any()]
        counts[measure] = {k for k in clips if all(there[k] for there in having)}
    return {
        name: replace(
            result,
            clips=[
                replace(clip, values={m: v for m, v in clip.values.items() if m not in counts or k in counts[m]})
                for k, clip in enumerate(result.clips)
            ],
        )
        for name, result in results.items()
    }


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
    """A booktabs table across the page: a row of means for each system, its intervals below, best bold, a dagger where
    it differs from the best at p < 0.05; real people last."""
    columns, tested = _shown(results), significance(results)
    summaries = {name: summarise(result) for name, result in results.items()}
    arrows = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
    heads = [head.partition(" (") for _, head, _, _ in columns]
    units = [rf"{{\scriptsize({unit}}}" if unit else "" for _, _, unit in heads]
    wide = len(columns) > WIDEST
    lines = [
        r"% needs \usepackage{booktabs,graphicx}" if wide else r"% needs \usepackage{booktabs}",
        r"\begin{table*}[t]", r"\centering\small\setlength{\tabcolsep}{4pt}",
        *([r"\resizebox{\textwidth}{!}{%"] * wide),
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}", r"\toprule",
        " & ".join(["", *(name + arrows[good] for (name, _, _), (_, _, _, good) in zip(heads, columns))]) + r" \\",
        " & ".join(["", *units]) + r" \\", r"\midrule",
    ]  # fmt: skip
    for name in [n for n in results if n] + [""]:
        means, intervals = [], []
        for measure, _, decimals, good in columns:
            if measure not in summaries[name]:
                means.append("--")
                intervals.append("")
                continue
            mean, low, high = summaries[name][measure]
            text = f"{mean:.{decimals}f}"
            others = [found[measure][0] for n, found in summaries.items() if n and measure in found]
            if name and good and len(others) > 1 and mean == (max if good == "higher" else min)(others):
                text = rf"\textbf{{{text}}}"
            if tested.get(measure, {}).get(name, 1.0) < 0.05:
                text += r"$^\dagger$"
            means.append(text)
            between = rf"{{\scriptsize[{low:.{decimals}f}, {high:.{decimals}f}]}}"
            intervals.append(between if math.isfinite(low) else "")
        if not name:
            lines.append(r"\midrule")
        lines.append(" & ".join([latex(name) if name else "Real videos", *means]) + r" \\")
        if any(intervals):
            lines.append(" & ".join(["", *intervals]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}" + "}" * wide, rf"\caption{{{_caption(results)}}}"]
    lines += [r"\label{tab:systems}", r"\end{table*}", ""]
    return "\n".join(lines)


def _caption(results: Mapping[str, SystemResult]) -> str:
    """Over how many clips, and what the marks mean."""
    clips = sum(not clip.fault for clip in results[""].clips)
    said = f"Means over {clips} clip{'s' if clips != 1 else ''}"
    if clips >= FEWEST:
        said += r", in brackets 95\,\% bootstrap intervals"
    if len(results) > 2:
        said += r"; best in bold. $\dagger$: differs from the best, paired permutation test, $p<0.05$"
    return said + "."
