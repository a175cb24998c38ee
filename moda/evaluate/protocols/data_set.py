"""`python -m moda evaluate set FOLDER`: first frame and sound of real videos -> our motion -> against the real one.

Written into the output folder: split.csv (which clips, by index), clips.csv (every number of every clip), results.json,
table.tex and table.md (the summary), and with pixels the videos themselves.
"""

from __future__ import annotations

import csv
import io
import json as jsonlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting, UserError
from moda.evaluate.measures.distances import diversity, frechet, half_against_half, reconstruction, windows
from moda.evaluate.measures.perceptual import Perceptual, face_cuts
from moda.evaluate.measures.signals import Array, Signals, signals_of_motion
from moda.evaluate.measures.sync import score
from moda.evaluate.protocols.datasets import ClipFile, choose, find_clips, split_table
from moda.media.csv_safe import cell, number
from moda.media.output import write_bytes
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.pipeline import Progress, TalkingHead

#: Name, head, decimals of the summary table.
SHOWN: tuple[tuple[str, str, int], ...] = (
    ("lips_r", "Lips r", 2),
    ("opening_error", "Opening err.", 2),
    ("expression_error", "Expr. err. (IOD)", 3),
    ("pose_error", "Pose err. (deg)", 1),
    ("sync", "Sync r", 2),
    ("sync_of_real", "Sync r, real", 2),
    ("frechet_motion", "FD motion", 1),
    ("frechet_of_real", "FD real/real", 1),
    ("diversity_lips", "Div. lips", 2),
    ("diversity_head", "Div. head (deg)", 1),
    ("plan_per_second", "Plan (s/s)", 2),
    ("fid", "FID", 1),
    ("lpips", "LPIPS", 3),
    ("fvd_r3d18", "FVD (R3D-18)", 1),
)
NO_PIXELS = "FID, LPIPS and a distance like FVD are of pictures: they are measured with --pixels alone."


@dataclass(frozen=True)
class Protocol:
    """How a set is evaluated. count: clips, None = all. seconds: from the start of each. seeds: takes a clip.

    pixels: also render the first take and measure its pictures.
    """

    count: int | None = None
    seconds: float = 10.0
    seeds: tuple[int, ...] = (1, 2)
    shuffle: int = 0
    pixels: bool = False
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise BadSetting("The number of clips must be at least 1.")
        if not 1.0 <= self.seconds <= 600.0:
            raise BadSetting("Use 1 to 600 seconds of every clip.")
        if not 1 <= len(self.seeds) <= 16:
            raise BadSetting("Use 1 to 16 seeds.")


@dataclass
class Judged:
    """One clip: numbers by name, or why it could not be used; the windows of the real and of our motion."""

    clip: ClipFile
    fault: str = ""
    values: dict[str, float] = field(default_factory=dict)
    real: Array = field(default_factory=lambda: np.zeros((0, 16)))
    ours: Array = field(default_factory=lambda: np.zeros((0, 16)))


def evaluate_set(
    head: TalkingHead,
    folder: Path,
    output: Path,
    protocol: Protocol | None = None,
    *,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Evaluate on a folder of videos; returns what results.json holds. Raises BadVideo, OutputFailed.

    A clip that cannot be used (no face in its first frame, no sound) is left out of the means and named.
    """
    from moda.media.output import check_folder

    rules = protocol or Protocol()
    everything = find_clips(folder)
    chosen = choose(everything, rules.count, rules.shuffle)
    check_folder(output)
    write_bytes(output / "split.csv", split_table(everything, chosen, rules.seconds).encode())
    judged: list[Judged] = []
    pictures = Perceptual() if rules.pixels else None
    for done, clip in enumerate(chosen, 1):
        if cancel is not None and cancel():
            break
        judged.append(judge(head, folder, output, clip, rules, pictures))
        write_bytes(output / "clips.csv", clips_table(judged).encode())
        if progress is not None:
            progress("clips", done, len(chosen))
    means = summary(judged) | (pictures.results() if pictures else {})
    facts = {
        "kind": "moda-evaluation", "folder": folder.name, "layouts": sorted({c.layout for c in chosen}),
        "clips": len(judged), "used": sum(not j.fault for j in judged), "speakers": len({c.speaker for c in chosen}),
        "seconds": rules.seconds, "seeds": list(rules.seeds), "settings": rules.settings.as_dict(),
        "model": head.model.name if head.model else "", "renderer": head.renderer.name if rules.pixels else "",
        "means": {k: None if math.isnan(v) else round(v, 5) for k, v in means.items()},
        "left_out": {j.clip.path: j.fault for j in judged if j.fault},
        "notes": list(pictures.notes) if pictures else [NO_PIXELS],
    }  # fmt: skip
    write_bytes(output / "results.json", (jsonlib.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(output / "table.md", markdown(means).encode())
    write_bytes(output / "table.tex", latex(means, facts).encode())
    return facts


def judge(
    head: TalkingHead, folder: Path, output: Path, clip: ClipFile, rules: Protocol, pictures: Perceptual | None = None
) -> Judged:
    """One clip; a fault of the clip is its result."""
    try:
        return _judge(head, folder / clip.path, output, clip, rules, pictures)
    except UserError as fault:
        return Judged(clip, fault=" ".join(str(fault).split()))


def _judge(
    head: TalkingHead, path: Path, output: Path, clip: ClipFile, rules: Protocol, pictures: Perceptual | None
) -> Judged:
    from moda.evaluate.measures.following import follow
    from moda.media.footage import probe, read_frames

    about = probe(path)
    speech = head.speech(path)
    speech = speech.trim(0, rules.seconds) if speech.seconds > rules.seconds else speech
    frames = read_frames(path)
    try:
        portrait = head.portrait(next(frames))
    finally:
        frames.close()  # type: ignore[attr-defined]  # ends the decoder behind it
    real, _, landmarks, _ = follow(path, about.fps, rules.seconds)
    count = min(len(real), speech.frames())
    real = real.part(0, count)
    takes = [head.plan(portrait, speech, rules.settings.changed(seed=seed)) for seed in rules.seeds]
    ours = [signals_of_motion(take.motion).part(0, count) for take in takes]
    per_seed = [reconstruction(one, real) for one in ours]
    values = {name: float(np.nanmean([one[name] for one in per_seed])) for name in per_seed[0]}
    values["sync"] = float(np.mean([score(one.opening, speech.waveform).correlation for one in ours]))
    values["sync_of_real"] = score(real.opening, speech.waveform).correlation
    values |= diversity(ours)
    planned = [sum(take.timings.get(stage, 0.0) for stage in ("speech", "conditions", "motion")) for take in takes]
    values["plan_per_second"] = min(planned) / speech.seconds
    if rules.pixels:
        values |= _pixels(head, portrait, takes[0], speech, output, clip, real)
        if pictures is not None and pictures.any:
            video = output / "videos" / Path(clip.path).with_suffix(".mp4")
            values |= _compared(pictures, (path, about.fps, landmarks), video, count)
    values["seconds"] = count / 25.0
    return Judged(clip, "", values, windows(real), np.concatenate([windows(one) for one in ours]))


def _pixels(
    head: TalkingHead, portrait: Any, take: Any, speech: Any, output: Path, clip: ClipFile, real: Signals
) -> dict[str, float]:
    """Render a take, follow the face in its pixels, and measure them; names end in _video where both exist."""
    from moda.evaluate.measures.following import follow
    from moda.evaluate.videos import evaluate_video

    started = time.perf_counter()
    video = output / "videos" / Path(clip.path).with_suffix(".mp4")
    result = head.render(portrait, take, speech, video)
    seconds = time.perf_counter() - started
    followed = follow(video, result.fps)[0]
    count = min(len(followed), len(real))
    against = reconstruction(followed.part(0, count), real.part(0, count))
    report = evaluate_video(video, portrait)
    names = ("sharpness", "identity_drift", "flicker", "background_change")
    return {
        **{f"{name}_video": against[name] for name in ("lips_r", "pose_error")},
        **{name: report.get(name) for name in names},
        "render_per_second": seconds / result.duration,
    }


def _compared(pictures: Perceptual, real: tuple[Path, float, npt.NDArray], ours: Path, count: int) -> dict[str, float]:
    """The faces of the real video (path, fps, landmarks) and of ours, at the same times, given to the networks."""
    from moda.evaluate.measures.following import follow
    from moda.media.footage import probe, read_frames

    path, fps, landmarks = real
    made = probe(ours)
    followed = follow(ours, made.fps)[2]
    sides = ((path, landmarks, fps), (ours, followed, made.fps))
    cuts = [face_cuts(read_frames(video, rate), points, rate, count) for video, points, rate in sides]
    return pictures.add(*cuts)


def summary(judged: Sequence[Judged]) -> dict[str, float]:
    """Means over the usable clips, and the distances between the sets of windows."""
    used = [j for j in judged if not j.fault]
    names = list(dict.fromkeys(name for j in used for name in j.values))
    means = {}
    for name in names:
        column = np.array([j.values.get(name, math.nan) for j in used])
        means[name] = float(column[np.isfinite(column)].mean()) if np.isfinite(column).any() else math.nan
    real = np.concatenate([j.real for j in used]) if used else np.zeros((0, 16))
    ours = np.concatenate([j.ours for j in used]) if used else np.zeros((0, 16))
    means["frechet_motion"] = frechet(real, ours)
    means["frechet_of_real"] = half_against_half([j.real for j in used], real) if len(real) else math.nan
    return means


def clips_table(judged: Sequence[Judged]) -> str:
    """Every number of every clip as CSV."""
    names = list(dict.fromkeys(name for j in judged for name in j.values))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "speaker", *names, "fault"])
    for one in judged:
        cells = [number(one.values.get(name, math.nan)) for name in names]
        writer.writerow([cell(one.clip.path), cell(one.clip.speaker), *cells, cell(one.fault)])
    return text.getvalue()


def markdown(means: dict[str, float]) -> str:
    """The summary as a Markdown table."""
    columns = [(head, _shown(means[name], decimals)) for name, head, decimals in SHOWN if name in means]
    heads, cells = (" | ".join(part) for part in zip(*columns))
    return f"| {heads} |\n|{'---:|' * len(columns)}\n| {cells} |\n"


def latex(means: dict[str, float], facts: dict[str, Any]) -> str:
    """The summary as a booktabs table, one row, with the protocol as its caption."""
    columns = [(head, _shown(means[name], decimals)) for name, head, decimals in SHOWN if name in means]
    heads, cells = (" & ".join(part) for part in zip(*columns))
    caption = (
        f"{facts['model']} on {facts['used']} clips of {facts['speakers']} speakers, {facts['seconds']:g} s each, "
        f"{len(facts['seeds'])} seeds."
    )
    lines = [
        r"% needs \usepackage{booktabs}", r"\begin{table}[t]", r"\centering\small",
        rf"\begin{{tabular}}{{{'r' * len(columns)}}}", r"\toprule", heads + r" \\", r"\midrule", cells + r" \\",
        r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _shown(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0.0:.{decimals}f}" if math.isfinite(value) else "-"


def run(
    head: TalkingHead, folder: Path, output: Path, protocol: Protocol, json: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What the command line runs: evaluate and print."""
    facts = evaluate_set(head, folder, output, protocol, progress=progress)
    if json:
        print(jsonlib.dumps(facts))
    else:
        print(f"{facts['used']} of {facts['clips']} clips, {facts['speakers']} speakers; everything is in {output}")
        for name, value in facts["means"].items():
            print(f"{name:20} {'-' if value is None else f'{value:.4g}':>9}")
        for path, fault in facts["left_out"].items():
            print(f"left out: {path}: {fault}")
        for note in facts["notes"]:
            print(note)
    return facts
