"""`moda evaluate videos A=DIR B=DIR --real DIR`: several systems' videos of the same clips, measured alike.

Clips are matched by file name without ending. Every video is followed at 25 fps by one tracker; a clip counts where all
systems and the real set have it with a face that can be followed, so that every mean is over the same clips. Written
into the output folder: clips.csv (every number of every clip), table.csv and table.tex (means with 95 % bootstrap
intervals over clips, the best bold, a dagger where it differs from the best by a paired permutation test at p < 0.05),
results.json (the same, and the card: what was measured how, with which versions).

Measures beside those of `measures`: AKD (mean distance of 468 landmarks, pixels of a 256 face cut), APD (mean absolute
difference of the head's angles, degrees), beat alignment (Li et al. 2021, eq. 8, head against sound, sigma 3 frames),
head diversity (standard deviation of the angles, degrees), Sync-C and Sync-D (SyncNet), CSIM (ArcFace against the real
clip's first frame), FID, LPIPS and FVD where their weights are, and our Frechet distance of motion.
"""

from __future__ import annotations

import json as jsonlib
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting, BadVideo, UserError
from moda.evaluate.measures.distances import frechet, reconstruction, windows
from moda.evaluate.measures.judges import Judges
from moda.evaluate.measures.perceptual import SIDE, Perceptual, face_cuts
from moda.evaluate.measures.signals import Array, Signals
from moda.evaluate.protocols.system_tables import (
    COLUMNS,
    FEWEST,
    ClipResult,
    SystemResult,
    clips_table,
    latex_table,
    over_common_clips,
    significance,
    summarise,
    summary_table,
)
from moda.media.audio import RATE as SAMPLES

SIGMA = 3.0
BEAT_SECONDS = 0.2
LENGTH_SECONDS = 0.1
"""By how much a video may be longer or shorter than the real one without a word."""


@dataclass(frozen=True)
class _Seen:
    """A followed video: signals at 25 fps, its file, its landmarks as coded, its sound, share of frames with a face."""

    path: Path
    fps: float
    signals: Signals
    landmarks: npt.NDArray
    waveform: Array | None
    found: float


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
    from moda.evaluate.protocols.datasets import find_clips

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

    A video that cannot be measured is named, and its clip left out for all. Raises BadSetting, BadVideo (no clip in
    common), OutputFailed.
    """
    from moda.media.output import check_folder, write_bytes

    clips, files, notes = match_clips(systems, real)
    check_folder(output)
    judges = Judges()
    pictures = {name: Perceptual() for name in systems} if pixels else {}
    results = {name: SystemResult(name, []) for name in ("", *systems)}
    for done, clip in enumerate(clips, 1):
        _measure_clip(clip, {name: found[clip] for name, found in files.items()}, results, judges, pictures, seconds)
        if progress is not None:
            progress("clips", done, len(clips))
    _sets(results, pictures, judges)
    facts = _facts(results, clips, notes, judges, pictures, seconds)
    even = over_common_clips(results)
    tables = {
        "clips.csv": clips_table(results), "table.csv": summary_table(even), "table.tex": latex_table(even),
        "results.json": jsonlib.dumps(facts, indent=1, ensure_ascii=False) + "\n",
    }  # fmt: skip
    for name, text in tables.items():
        write_bytes(output / name, text.encode())
    return facts


def _measure_clip(
    clip: str, paths: Mapping[str, Path], results: Mapping[str, SystemResult], judges: Judges,
    pictures: Mapping[str, Perceptual], seconds: float,
) -> None:  # fmt: skip
    """One clip of the real set ("") and of every system into `results`; of none where one cannot be followed."""
    followed: dict[str, _Seen] = {}
    faults: dict[str, str] = {}
    for name in results:
        try:
            followed[name] = _follow(paths[name], seconds)
        except UserError as fault:
            faults[name] = " ".join(str(fault).split())
    if faults:
        lacking = " and ".join(name or "the real set" for name in faults)
        for name, result in results.items():
            result.clips.append(ClipResult(clip, fault=faults.get(name, f"left out, as {lacking} cannot be measured")))
        return
    truth = followed[""]
    for name, seen in followed.items():
        values = _values(seen, truth, name, judges)
        if name in pictures:
            values |= _compared(pictures[name], truth, seen)
        results[name].clips.append(ClipResult(clip, values, motion=windows(seen.signals)))


def _follow(path: Path, seconds: float) -> _Seen:
    """Raises UserError for what is no talking video."""
    from moda.evaluate.measures.following import follow, sound_of
    from moda.media.footage import probe

    about = probe(path)
    signals, _, landmarks, found = follow(path, about.fps, seconds)
    return _Seen(path, about.fps, signals, landmarks, sound_of(path)[0] if about.audio else None, found)


def _values(seen: _Seen, truth: _Seen, name: str, judges: Judges) -> dict[str, float]:
    """Every measure of one video of the system `name`, "" for the real one, which is held against itself in none."""
    from moda.evaluate.measures.movement import movement_measures

    values = dict(movement_measures(seen.signals, seen.waveform))
    values |= {
        "face_found": seen.found,
        "seconds": len(seen.signals) / 25.0,
        "head_diversity": float(seen.signals.rotation.std(0).mean()),
    }
    if seen.waveform is not None:
        values["beat_alignment"] = beat_alignment(seen.signals, seen.waveform)
    if name:
        values |= against(seen, truth)
    real = truth.path if name else None
    return values | judges.measure(name, seen.path, seen.fps, seen.landmarks, seen.waveform, real)


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


def _remarks(results: Mapping[str, SystemResult]) -> list[str]:
    """Sentences about videos that were measured, but not as the rest: other lengths, no sound, a face now and then."""
    seconds = {clip.clip: clip.values.get("seconds", math.nan) for clip in results[""].clips}
    found = []
    for name, result in results.items():
        clips = [clip for clip in result.clips if not clip.fault]
        other = sum(abs(clip.values["seconds"] - seconds[clip.clip]) > LENGTH_SECONDS for clip in clips)
        mute = sum(not math.isfinite(clip.values["sync_correlation"]) for clip in clips)
        least = min((clip.values["face_found"] for clip in clips), default=1.0)
        who = name or "The real set"
        if other:
            found.append(f"{who}: {other} of {len(clips)} clips last longer or shorter; what both have is compared.")
        if mute:
            found.append(f"{who}: {mute} of {len(clips)} clips have no usable sound: left out of sync for all.")
        if least < 1:
            found.append(
                f"{who}: there are frames without a face (in the worst clip {1 - least:.0%}); they are bridged."
            )
    return found


def _facts(
    results: Mapping[str, SystemResult], clips: list[str], notes: tuple[str, ...], judges: Judges,
    pictures: Mapping[str, Perceptual], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """What results.json holds."""
    import torch

    from moda import __version__

    absent = [note for perceptual in list(pictures.values())[:1] for note in perceptual.notes]
    usable = sum(not clip.fault for clip in results[""].clips)
    few = [f"{usable} clips are too few for distances between sets: none is given."] if usable < FEWEST else []
    even = over_common_clips(results)
    table = {
        name or "real": {m: [_plain(v) for v in values] for m, values in summarise(result).items()}
        for name, result in even.items()
    }
    return {
        "kind": "moda-systems",
        "systems": [name for name in results if name],
        "clips": clips,
        "means": table,
        "p_against_best": {m: {n: _plain(p) for n, p in row.items()} for m, row in significance(even).items()},
        "left_out": {f"{n or 'real'}/{c.clip}": c.fault for n, r in results.items() for c in r.clips if c.fault},
        "notes": [*notes, *_remarks(results), *few, *absent, *judges.notes],
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
