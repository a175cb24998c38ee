"""`moda evaluate videos A=DIR B=DIR --real DIR`: several systems' videos of the same clips, measured alike.

Clips are matched by file name without ending. Every video is followed at 25 fps by one tracker; a clip counts where all
systems have it. Written into the output folder: clips.csv (every number of every clip), table.csv and table.tex (means
with 95 % bootstrap intervals over clips, the best bold, a dagger where it differs from the best by a paired permutation
test at p < 0.05), results.json (the same, and the card: what was measured how, with which versions).

Measures beside those of `measures`: AKD (mean distance of 468 landmarks, pixels of a 256 face cut), APD (mean absolute
difference of the head's angles, degrees), beat alignment (Li et al. 2021, eq. 8, head against sound, sigma 3 frames),
head diversity (standard deviation of the angles, degrees), Sync-C and Sync-D (SyncNet), CSIM (ArcFace against the real
clip's first frame), FID, LPIPS and FVD where their weights are, and our Frechet distance of motion.
"""

from __future__ import annotations

import csv
import io
import json as jsonlib
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting, BadVideo, UserError
from moda.evaluate.distances import frechet, reconstruction, windows
from moda.evaluate.intervals import bootstrap_interval, paired_p
from moda.evaluate.judges import Judges
from moda.evaluate.perceptual import SIDE, Perceptual, face_cuts
from moda.evaluate.signals import Array, Signals
from moda.media.audio import RATE as SAMPLES
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
SIGMA = 3.0
BEAT_SECONDS = 0.2


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


@dataclass(frozen=True)
class _Seen:
    """A followed video: signals at 25 fps, its file, its landmarks as coded, and its sound."""

    path: Path
    fps: float
    signals: Signals
    landmarks: npt.NDArray
    waveform: Array | None


def parse_systems(pairs: Sequence[str]) -> dict[str, Path]:
    """["A=dirA", ...] to folders by name. Raises BadSetting."""
    found: dict[str, Path] = {}
    for pair in pairs:
        name, mark, folder = pair.partition("=")
        if not mark or not name.strip() or not folder:
            raise BadSetting(f"A system is given as NAME=FOLDER, not {pair!r}.")
        if name in found:
            raise BadSetting(f"The system {name!r} is given twice.")
        found[name.strip()] = Path(folder)
    if not found:
        raise BadSetting("Give at least one system as NAME=FOLDER.")
    return found


def match_clips(
    systems: Mapping[str, Path], real: Path
) -> tuple[list[str], dict[str, dict[str, Path]], tuple[str, ...]]:
    """(clips that all have, system -> clip -> file, sentences about what is left out); the real set is called ""."""
    from moda.evaluate.datasets import find_clips

    files: dict[str, dict[str, Path]] = {}
    for name, folder in {"": real, **systems}.items():
        files[name] = {Path(clip.path).stem: folder / clip.path for clip in find_clips(folder)}
    shared = sorted(set.intersection(*(set(found) for found in files.values())))
    notes = []
    everything = set().union(*files.values())
    for name, found in files.items():
        if lacking := sorted(everything - set(found)):
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            notes.append(f"{name or 'The real set'} lacks {', '.join(lacking[:3])}{more}: left out for all.")
    if not shared:
        raise BadVideo("No clip is in every folder: give videos of one clip the same file name.")
    return shared, files, tuple(notes)


def evaluate_systems(
    systems: Mapping[str, Path],
    real: Path,
    output: Path,
    *,
    seconds: float = 600.0,
    pixels: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure all systems and the real clips themselves; returns what results.json holds.

    Raises BadSetting, BadVideo (no clip in common), OutputFailed. A video that cannot be measured is named.
    """
    from moda.media.output import check_folder, write_bytes

    clips, files, notes = match_clips(systems, real)
    check_folder(output)
    judges = Judges()
    pictures = {name: Perceptual() for name in systems} if pixels else {}
    results = {name: SystemResult(name, []) for name in ("", *systems)}
    for done, clip in enumerate(clips, 1):
        truth = _measured(files[""][clip], None, judges, seconds, results[""], clip)
        for name in systems:
            seen = _measured(files[name][clip], truth, judges, seconds, results[name], clip)
            if seen is not None and truth is not None and pixels:
                results[name].clips[-1].values |= _compared(pictures[name], truth, seen)
        if progress is not None:
            progress("clips", done, len(clips))
    _sets(results, pictures, judges)
    facts = _facts(results, clips, notes, judges, pictures, seconds)
    tables = {
        "clips.csv": clips_table(results), "table.csv": summary_table(results), "table.tex": latex_table(results),
        "results.json": jsonlib.dumps(facts, indent=1, ensure_ascii=False) + "\n",
    }  # fmt: skip
    for name, text in tables.items():
        write_bytes(output / name, text.encode())
    return facts


def _measured(
    path: Path, truth: _Seen | None, judges: Judges, seconds: float, result: SystemResult, clip: str
) -> _Seen | None:
    """Follow and measure one video into `result`; None, and a sentence in the result, where it cannot be."""
    from moda.evaluate.takes import movement_measures
    from moda.evaluate.videos import follow, sound_of
    from moda.media.footage import probe

    try:
        about = probe(path)
        signals, _, landmarks, found = follow(path, about.fps, seconds)
        waveform = sound_of(path)[0] if about.audio else None
    except UserError as fault:
        result.clips.append(ClipResult(clip, fault=" ".join(str(fault).split())))
        return None
    seen = _Seen(path, about.fps, signals, landmarks, waveform)
    values = dict(movement_measures(signals, waveform))
    values |= {
        "face_found": found,
        "seconds": len(signals) / 25.0,
        "head_diversity": float(signals.rotation.std(0).mean()),
    }
    if waveform is not None:
        values["beat_alignment"] = beat_alignment(signals, waveform)
    if truth is not None:
        values |= against(seen, truth)
    real = None if truth is None else truth.path
    values |= judges.measure(result.name, path, about.fps, landmarks, waveform, real)
    result.clips.append(ClipResult(clip, values, motion=windows(signals)))
    return seen


def against(seen: _Seen, truth: _Seen) -> dict[str, float]:
    """Distances to the real clip over the frames that both have."""
    count = min(len(seen.signals), len(truth.signals))
    ours, real = seen.signals.part(0, count), truth.signals.part(0, count)
    a, b = (_cut_landmarks(one, count) for one in (seen, truth))
    return {
        **reconstruction(ours, real),
        "apd": float(np.abs(ours.rotation - real.rotation).mean()),
        "akd": float(np.linalg.norm(a - b, axis=-1).mean()),
    }


def _cut_landmarks(seen: _Seen, count: int) -> Array:
    """(count, 468, 2): landmarks at 25 fps in pixels of the 256-pixel square that `face_cuts` cuts."""
    at = np.clip(np.round((np.arange(count) + 0.5) / 25.0 * seen.fps - 0.5), 0, len(seen.landmarks) - 1).astype(int)
    points = seen.landmarks[:, :468, :2].astype(np.float64)
    centre = np.median(points.mean(1), axis=0)
    side = 2.0 * float(np.median(np.ptp(points[:, :, 0], axis=1)))
    return np.asarray((points[at] - centre) / side * SIDE)


def beat_alignment(signals: Signals, waveform: Array) -> float:
    """Mean over the head's beats of exp(-d^2 / 2 sigma^2), d frames to the sound's nearest (Li et al. 2021, eq. 8).

    A beat of the head is a local minimum of its turning speed, one of the sound a local maximum of its onset strength
    above the mean; both at least 0.2 s apart. NaN without either.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    turning = np.linalg.norm(np.gradient(gaussian_filter1d(signals.rotation, 2.0, axis=0), axis=0), axis=1)
    apart = max(1, round(BEAT_SECONDS * 25))
    head = find_peaks(-turning, distance=apart)[0]
    hop = SAMPLES // 25
    wave = np.asarray(waveform[: len(waveform) // hop * hop], np.float64).reshape(-1, hop)
    level = gaussian_filter1d(np.log10(1e-4 + np.sqrt(np.square(wave).mean(1))), 1.0)
    onset = np.maximum(np.diff(level, prepend=level[:1]), 0.0)
    sound = find_peaks(onset, height=float(onset.mean()), distance=apart)[0]
    if not len(head) or not len(sound):
        return math.nan
    nearest = np.abs(head[:, None] - sound[None]).min(1)
    return float(np.exp(-np.square(nearest) / (2 * SIGMA**2)).mean())


def _compared(pictures: Perceptual, truth: _Seen, seen: _Seen) -> dict[str, float]:
    from moda.media.footage import read_frames

    if not pictures.any:
        return {}
    count = min(len(truth.signals), len(seen.signals))
    real, ours = (face_cuts(read_frames(one.path, one.fps), one.landmarks, one.fps, count) for one in (truth, seen))
    return pictures.add(real, ours)


def _sets(results: dict[str, SystemResult], pictures: Mapping[str, Perceptual], judges: Judges) -> None:
    """Distances between each system's set and the real one, where there are clips enough."""
    real = [clip.motion for clip in results[""].clips if not clip.fault]
    for name, result in results.items():
        usable = [clip.motion for clip in result.clips if not clip.fault]
        if not name or min(len(usable), len(real)) < FEWEST:
            continue
        result.sets = {"frechet_motion": frechet(np.concatenate(real), np.concatenate(usable))}
        if name in pictures:
            result.sets |= pictures[name].results()
        result.sets |= judges.distances(name)


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


def _facts(
    results: Mapping[str, SystemResult], clips: list[str], notes: tuple[str, ...], judges: Judges,
    pictures: Mapping[str, Perceptual], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """What results.json holds."""
    import torch

    from moda import __version__

    absent = [note for perceptual in list(pictures.values())[:1] for note in perceptual.notes]
    few = [f"{len(clips)} clips are too few for distances between sets: none is given."] if len(clips) < FEWEST else []
    table = {
        name or "real": {m: [_plain(v) for v in values] for m, values in summarise(result).items()}
        for name, result in results.items()
    }
    return {
        "kind": "moda-systems",
        "systems": [name for name in results if name],
        "clips": clips,
        "means": table,
        "p_against_best": {m: {n: _plain(p) for n, p in row.items()} for m, row in significance(results).items()},
        "left_out": {f"{n or 'real'}/{c.clip}": c.fault for n, r in results.items() for c in r.clips if c.fault},
        "notes": [*notes, *few, *absent, *judges.notes],
        "card": {
            "frames": "25 fps, nearest frame", "seconds_at_most": seconds, "resolution": "as coded; face cuts 256 px",
            "tracker": "MediaPipe face mesh with attention", "sound": "16 kHz mono",
            "intervals": "95 %, BCa bootstrap over clips, 10,000 resamples, seed 0",
            "tests": "paired permutation of signs, 10,000 resamples, seed 0",
            "columns": {name: f"{head} ({good or 'no direction'})" for name, head, _, good in COLUMNS},
            "versions": {"moda": __version__, "torch": torch.__version__, "python": platform.python_version()},
        },
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None
