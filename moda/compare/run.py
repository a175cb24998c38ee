"""A whole comparison: plan, render, grid, strip, trajectories, tables, report and the manifest that repeats it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda import __version__
from moda.compare.alignment import Aligned, align_video, framed, whole_video
from moda.compare.figures import width_of
from moda.compare.grid import Cell, write_grid
from moda.compare.manifest import (
    KIND,
    Request,
    keep_inputs,
    read_manifest,
    software,
)
from moda.compare.measuring import column_row, jsonable, variant_row
from moda.compare.moments import Moment, choose, telling
from moda.compare.overlay import overlay_figure, write_overlay
from moda.compare.strips import strip_figure, write_strip
from moda.compare.tables import Row, write_csv, write_latex
from moda.compare.variants import Variant, label, show
from moda.digests import array_digest, file_digest, weights_digest
from moda.errors import Cancelled
from moda.media.output import write_bytes
from moda.settings import CONTROLS, Settings

if TYPE_CHECKING:
    from moda.evaluate.measures.signals import Signals
    from moda.media.audio import Speech
    from moda.motion.takes import Take
    from moda.pipeline import Progress, RenderResult, TalkingHead
    from moda.portrait.portrait import Portrait


@dataclass(frozen=True)
class Comparison:
    """What was made: files by name, rows of numbers, notes for the person, and the manifest."""

    folder: Path
    files: Mapping[str, Path]
    rows: Sequence[Row]
    notes: tuple[str, ...]
    manifest: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "output": str(self.folder),
            "files": {name: str(path) for name, path in self.files.items()},
            "variants": len(self.manifest["variants"]),
            "columns": len(self.manifest["columns"]),
            "rows": [{"name": r.name, "measured": r.how, "values": jsonable(r.values)} for r in self.rows],
            "seconds": self.manifest["seconds"],
            "notes": list(self.notes),
        }


@dataclass
class _Made:
    """One variant with all that was made of it."""

    variant: Variant
    take: Take
    result: RenderResult
    video: Aligned
    transparent: Path | None = None


def compare(
    head: TalkingHead,
    portrait: Any,
    speech: Any,
    request: Request,
    output: Path,
    *,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Comparison:
    """Make a comparison in the folder `output`.

    portrait: a path, picture or Portrait; speech: a path or Speech. Everything that can be wrong with the request is
    found before any work is done. Raises a UserError; what was finished until then stays in the folder.
    """
    from moda.media.output import check_folder

    variants = request.variants()
    check_folder(output)
    started, stages = time.perf_counter(), _Stages()
    sound = head.speech(speech)
    face = portrait if hasattr(portrait, "digest") else head.portrait(portrait)
    aligned = {name: align_video(Path(path), sound) for name, path in request.columns.items()}
    stages.done("inputs")
    made = _make(head, face, sound, variants, output, progress, cancel)
    aligned = {name: framed(video, made[0].video) for name, video in aligned.items()}
    notes = [f"{name} {video.note}" for name, video in aligned.items() if video.note]
    if any(one.transparent for one in made):
        notes.append("Transparent variants are variants/*.webm; grid, stills and measures show their own background.")
    stages.done("variants")
    source = ("video" if aligned else "motion") if request.measure == "auto" else request.measure
    rows, signals, names = _measure(made, aligned, sound, face, source, notes, progress, cancel)
    stages.done("measures")
    first = made[0]
    moments = choose(request.at, sound, *telling(list(signals.values())), request.words)
    caption = _caption(head, sound, request)
    picture = _picture(made)
    cells = _cells(made, aligned)
    grid = write_grid(
        output / "grid.mp4", cells, sound, picture=picture, caption=caption,
        metadata={"model": first.take.model, "renderer": first.result.renderer, "version": __version__},
        progress=None if progress is None else lambda done, total: progress("grid", done, total), cancel=cancel,
    )  # fmt: skip
    stages.done("grid")
    files = {"grid": grid, **_figures(output, request, cells, names, signals, moments, sound, picture)}
    files |= _trajectories(output, made, sound, notes)
    stages.done("figures")
    files["csv"] = write_bytes(output / "measures.csv", write_csv(rows, tuple(request.vary)).encode("utf-8"))
    files["latex"] = write_bytes(output / "measures.tex", write_latex(rows, caption).encode("utf-8"))
    inputs = keep_inputs(output, portrait, face, sound, speech, request.columns)
    manifest: dict[str, Any] = {
        "kind": KIND, "version": __version__, "caption": caption, "inputs": inputs,
        "model": {"name": first.take.model, "sha256": weights_digest(head.model.network) if head.model else ""},
        "renderer": first.result.renderer, "device": head.device, "software": software(),
        "settings": request.base.as_dict(), "vary": {k: list(v) for k, v in request.vary.items()},
        "at": request.at, "words": request.words, "measure": request.measure, "width": request.width,
        "moments": [{"seconds": m.seconds, "phoneme": m.sound} for m in moments],
        "variants": [_variant_facts(one, output) for one in made],
        "columns": [
            {"name": n, "offset": round(a.offset, 4), "window": a.window, "note": a.note} for n, a in aligned.items()
        ],
        "rows": [{"name": r.name, "measured": r.how, "values": jsonable(r.values)} for r in rows],
        "notes": notes,
    }  # fmt: skip
    from moda.compare.report import write_report

    files["report"] = write_report(output, manifest, rows, files)
    stages.done("report")
    manifest["files"] = {path.relative_to(output).as_posix(): file_digest(path) for path in sorted(files.values())}
    manifest["seconds"] = {**stages.seconds, "all": round(time.perf_counter() - started, 3)}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    files["manifest"] = write_bytes(output / "manifest.json", text.encode("utf-8"))
    return Comparison(output, files, rows, tuple(notes), manifest)


def _make(
    head: TalkingHead, face: Portrait, sound: Speech, variants: Sequence[Variant], output: Path,
    progress: Progress | None, cancel: Callable[[], bool] | None,
) -> list[_Made]:  # fmt: skip
    """Plan and render every variant; variants that differ in trims alone share one sample."""
    sampled: dict[str, Take] = {}
    made = []
    _warm_up(head, face, sound, output)
    for number, variant in enumerate(variants):
        if cancel is not None and cancel():
            raise Cancelled("The comparison was stopped.")
        title = f"{variant.name} ({number + 1} of {len(variants)})"
        report = None if progress is None else _titled(progress, title)
        part = json.dumps(variant.settings.sampling_part(), sort_keys=True)
        if part in sampled:
            take = sampled[part].trimmed(variant.settings)
        else:
            take = sampled[part] = head.plan(face, sound, variant.settings, progress=report, cancel=cancel)
        folder = output / "variants"
        take.save(folder / f"{variant.key}.npz")
        clear = None
        if variant.settings.alpha:
            # The grid is an mp4, and measures look at a video of three channels: both take the person's own background.
            path = folder / f"{variant.key}.webm"
            clear = head.render(face, take, sound, path, progress=report, cancel=cancel).output
            take = replace(take, settings=replace(take.settings, alpha=False))
        result = head.render(face, take, sound, folder / f"{variant.key}.mp4", progress=report, cancel=cancel)
        made.append(_Made(variant, take, result, whole_video(result.output), clear))
    return made


def _warm_up(head: TalkingHead, face: Portrait, sound: Speech, output: Path) -> None:
    """Half a second thrown away, so that the first variant does not pay for what all share."""
    quick = Settings(steps=1, size=256)
    part = sound.trim(0, min(0.5, sound.seconds))
    path = output / "variants" / ".warm-up.mp4"
    head.render(face, head.plan(face, part, quick), part, path)
    path.unlink(missing_ok=True)


def _titled(progress: Progress, title: str) -> Progress:
    return lambda stage, done, total: progress(f"{title}: {stage}", done, total)


def _measure(
    made: Sequence[_Made], aligned: Mapping[str, Aligned], sound: Speech, face: Portrait, source: str,
    notes: list[str], progress: Progress | None, cancel: Callable[[], bool] | None,
) -> tuple[list[Row], dict[str, Signals], list[str]]:  # fmt: skip
    rows: list[Row] = []
    signals: dict[str, Signals] = {}
    for one in made:
        if cancel is not None and cancel():
            raise Cancelled("The comparison was stopped.")
        row, signals[one.variant.name] = variant_row(one.variant, one.take, sound, one.result, face, source)
        rows.append(row)
        if progress is not None:
            progress("measures", len(rows), len(made) + len(aligned))
    for name, video in aligned.items():
        row, moved, fault = column_row(name, video, sound, face, source)
        rows.append(row)
        if moved is not None:
            signals[name] = moved
        if fault:
            notes.append(fault)
        if progress is not None:
            progress("measures", len(rows), len(made) + len(aligned))
    if aligned and source == "motion":
        notes.append("Other systems are measured in their pixels, ours on their motion: compare with care.")
    return rows, signals, list(signals)


def _cells(made: Sequence[_Made], aligned: Mapping[str, Aligned]) -> list[Cell]:
    """Grid places: variants as their settings say, a long single row folded; other systems in columns of their own."""
    rows = max(one.variant.row for one in made) + 1
    total = len(made) + len(aligned)
    if rows == 1 and total > 5:
        across = -(-total // -(-total // 5))
        names = [(one.variant.name, one.video) for one in made] + list(aligned.items())
        return [Cell(name, video, i // across, i % across) for i, (name, video) in enumerate(names)]
    right = max(one.variant.column for one in made) + 1
    cells = [Cell(one.variant.name, one.video, one.variant.row, one.variant.column) for one in made]
    # A video of another system has none of the settings that run down the rows: it stands beside the first one.
    return [*cells, *(Cell(name, video, 0, right + i) for i, (name, video) in enumerate(aligned.items()))]


def _figures(
    output: Path, request: Request, cells: Sequence[Cell], names: Sequence[str], signals: Mapping[str, Signals],
    moments: Sequence[Moment], sound: Speech, picture: tuple[int, int],
) -> dict[str, Path]:  # fmt: skip
    width = width_of(request.width)
    strip = strip_figure([c.name for c in cells], [c.video for c in cells], moments, sound, width, picture)
    files = dict(zip(("strip_png", "strip_pdf"), write_strip(output / "strip", strip)))
    ordered = len(request.vary) == 1 and not request.columns and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and name != "seed"
        for name, values in request.vary.items() for value in values
    )  # fmt: skip
    overlay = overlay_figure(names, list(signals.values()), sound, width, ordered)
    return files | dict(zip(("overlay_png", "overlay_pdf"), write_overlay(output / "trajectories", overlay)))


def _trajectories(output: Path, made: Sequence[_Made], sound: Speech, notes: list[str]) -> dict[str, Path]:
    from moda.preview.trajectories import MAX_TAKES, write_html

    shown = made[:MAX_TAKES]
    if len(made) > MAX_TAKES:
        notes.append(f"Trajectory figures show the first {MAX_TAKES} of {len(made)} variants.")
    motions, names = [one.take.motion for one in shown], [one.variant.name for one in shown]
    return {"trajectories": write_html(output / "trajectories.html", motions, sound, names, "Compared trajectories")}


def _picture(made: Sequence[_Made]) -> tuple[int, int]:
    from moda.media.footage import probe

    sizes = [probe(one.result.output).size for one in made]
    return max(sizes, key=lambda size: size[0] * size[1])


def _caption(head: TalkingHead, sound: Speech, request: Request) -> str:
    """What all variants share, in a line."""
    parts = [sound.name or "speech", f"{head.model.name if head.model else 'no model'} + {head.renderer.name}"]
    default = Settings()
    for name in CONTROLS:
        value = getattr(request.base, name)
        if name not in request.vary and (name in ("seed", "steps") or value != getattr(default, name)):
            parts.append(label(name, value) if show(value) != "" else name)
    return ", ".join(parts)


def _variant_facts(one: _Made, output: Path) -> dict[str, Any]:
    return {
        "name": one.variant.name,
        "changed": dict(one.variant.changed),
        "settings": one.variant.settings.as_dict(),
        "motion_sha256": array_digest(one.take.motion.array),
        "take": f"variants/{one.variant.key}.npz",
        "video": one.result.output.relative_to(output).as_posix(),
        **({} if one.transparent is None else {"transparent": one.transparent.relative_to(output).as_posix()}),
        "seconds": {stage: round(seconds, 4) for stage, seconds in one.result.timings.items()},
    }


class _Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def done(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def repeat(
    head: TalkingHead, manifest: Path, output: Path, *, progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Comparison:  # fmt: skip
    """Make a comparison again from its manifest; the notes say whether every motion is the same to the bit."""
    facts, request = read_manifest(manifest)
    inputs = facts["inputs"]
    portrait, speech = (manifest.parent / inputs[name]["file"] for name in ("portrait", "speech"))
    made = compare(head, portrait, speech, request, output, progress=progress, cancel=cancel)
    before = {v["name"]: v["motion_sha256"] for v in facts["variants"]}
    other = [v["name"] for v in made.manifest["variants"] if before.get(v["name"]) != v["motion_sha256"]]
    note = "Every motion equals the first run's to the bit."
    if other:
        why = "the model is another one" if made.manifest["model"] != facts["model"] else "machine or software differ"
        note = f"{len(other)} of {len(before)} motions differ from the first run's; {why}."
    return replace(made, notes=(*made.notes, note))
