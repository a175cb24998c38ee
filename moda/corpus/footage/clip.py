"""One video: its shots followed, the good stretches read, and all of it kept in one file of the work folder.

The file is a .npz without pickle: `rows`, a JSON list of what was found (good or not), and of every good stretch k the
arrays `columns-k`, `identity-k` and either `motion-k` or `points-k`, the landmarks of every frame of the video as they
were followed, so that they can be fitted anew without the video.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.corpus.footage.limits import Limits, face_width, judge, stretches
from moda.errors import BadSpeech, BadVideo, UserError
from moda.performance.fitting import Reading, read_face
from moda.performance.shots import Shots

if TYPE_CHECKING:
    from moda.renderer.liveportrait.motion_extractor import MotionExtractor

VERSION = 2
"""Of what is read off a video: another number makes old work files useless."""
SAMPLES = 16_000
BEYOND = 0.25
"""Seconds of sound after a stretch that its last frames still hear."""
IDENTITY_EVERY = 10
POINT = 32.0
"""Landmarks are kept as whole numbers of this part of a pixel."""
NO_FACE = "no face is in sight for half of the shot"


@dataclass(frozen=True)
class Recipe:
    """How videos are read. tracker: "liveportrait" or "landmarks"; device: for the former."""

    limits: Limits
    tracker: str = "landmarks"
    device: str = "cpu"

    def extractor(self) -> MotionExtractor | None:
        """LivePortrait's M where this recipe uses it. Raises WeightsMissing or BadWeights."""
        if self.tracker != "liveportrait":
            return None
        from moda.models.registry import MOTION_EXTRACTOR
        from moda.models.weights import fetch
        from moda.renderer.liveportrait.convert import load_motion_extractor_file

        return load_motion_extractor_file(fetch(MOTION_EXTRACTOR)).to(self.device).eval()

    def key(self, video: Path, name: str) -> str:
        """What a work file of this video is called: another file, name or recipe gives another key."""
        stamp = video.stat()
        facts = [VERSION, name, stamp.st_size, stamp.st_mtime_ns, self.tracker, self.limits.as_dict()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def work_on(video: Path, name: str, recipe: Recipe, folder: Path, extractor: MotionExtractor | None = None) -> Path:
    """Read a video unless that is done already; returns its work file. What is wrong with it is kept as its row."""
    from moda.media.output import write_bytes

    path = folder / f"{recipe.key(video, name)}.npz"
    if path.is_file():
        return path
    arrays: dict[str, np.ndarray] = {}
    try:
        rows = list(read_video(video, recipe.limits, arrays, extractor))
        if all(row["fault"] == NO_FACE for row in rows):
            rows = [_fault("no face is in sight")]
    except UserError as fault:
        rows = [_fault(" ".join(str(fault).split()))]
    content = io.BytesIO()
    np.savez(content, rows=np.array(json.dumps(rows)), **arrays)
    return write_bytes(path, content.getvalue())


def _fault(reason: str) -> dict[str, Any]:
    return {"start": 0.0, "seconds": 0.0, "fault": reason, "whole": True}


def read_video(
    video: Path, limits: Limits, arrays: dict[str, np.ndarray], extractor: MotionExtractor | None = None
) -> Iterator[dict[str, Any]]:
    """A row for every stretch: start, seconds, fps, measures, fault ("" = good); arrays of the good ones.

    Raises BadVideo or BadSpeech for what makes the whole video useless.
    """
    from moda.media.audio import load_speech
    from moda.media.footage import probe, read_frames
    from moda.portrait.track import WORK_SIDE, track_frames

    about = probe(video)
    if not about.audio:
        raise BadSpeech("the video has no sound")
    if about.fps < limits.min_fps:
        slow = f"{about.fps:.1f} frames a second, under {limits.min_fps:g}"
        yield {"start": 0.0, "seconds": about.seconds, "fps": about.fps, "fault": slow}
        return
    wave = load_speech(video).waveform
    shots = Shots(read_frames(video, about.fps, WORK_SIDE), about.fps)
    good = 0
    for first, frames in shots:
        try:
            track = track_frames(frames, about.fps)
        except BadVideo:
            yield {"start": first / about.fps, "seconds": (shots.frames - first) / about.fps, "fps": about.fps,
                   "fault": NO_FACE}  # fmt: skip
            continue
        ratio = max(about.size) / max(track.size)
        for start, stop in stretches(track.landmarks, track.found, limits, about.fps):
            count = int((stop - start) / about.fps * 25.0)
            begin = (first + start) / about.fps
            row: dict[str, Any] = {"start": begin, "seconds": count / 25.0, "fps": about.fps}
            if count < limits.min_seconds * 25.0:
                yield {**row, "fault": f"shorter than {limits.min_seconds:g} s"}
                continue
            landmarks = track.landmarks[start:stop]
            reading = read_face(landmarks).resampled(about.fps, 25.0, count)
            sound = wave[round(begin * SAMPLES) : round((begin + count / 25.0) * SAMPLES)]
            measures, fault = judge(reading, face_width(landmarks) * ratio, sound, limits)
            if not fault:
                heard = wave[round(begin * SAMPLES) : round((begin + count / 25.0 + BEYOND) * SAMPLES)]
                arrays |= {f"{key}-{good}": value for key, value in _inputs(heard, landmarks, count).items()}
                if extractor is None:
                    arrays[f"points-{good}"] = np.round(landmarks * POINT).astype(np.int16)
                else:
                    seconds = (stop - start) / about.fps
                    pictures = read_frames(video, about.fps, start=begin, seconds=seconds)
                    taken = islice(pictures, stop - start)
                    arrays[f"motion-{good}"] = _extracted(extractor, taken, landmarks * ratio, about.fps, count)
                good += 1
            yield {**row, **measures, "fault": fault}


def _inputs(heard: np.ndarray, landmarks: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """What a generator is told: speech columns and identity."""
    from moda.conditions.speech import AFTER, COLUMNS_PER_FRAME, columns
    from moda.portrait.identity import identity_descriptor

    build = np.mean([identity_descriptor(points) for points in landmarks[::IDENTITY_EVERY]], axis=0)
    return {
        "columns": columns(heard, COLUMNS_PER_FRAME * count + AFTER).astype(np.float16),
        "identity": build.astype(np.float32),
    }


def _extracted(
    network: MotionExtractor, frames: Iterator[np.ndarray], landmarks: np.ndarray, fps: float, count: int
) -> np.ndarray:
    from moda.corpus.footage.extract import extract_motion
    from moda.motion.space import resample

    motion = extract_motion(network, frames, np.median(landmarks, axis=0).astype(np.float32))
    if len(motion) == 0:
        raise BadVideo("the video cannot be read a second time")
    return resample(motion, fps, 25.0, count)


@dataclass(frozen=True)
class Stretch:
    """A good stretch as it was kept: its row, and its arrays by name."""

    row: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @cached_property
    def reading(self) -> Reading:
        """What is read off the face, at 25 fps; only where M was not used."""
        count = round(self.row["seconds"] * 25.0)
        return read_face(self.arrays["points"].astype(np.float32) / POINT).resampled(self.row["fps"], 25.0, count)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a work file."""
    with np.load(path, allow_pickle=False) as file:
        rows: list[dict[str, Any]] = json.loads(str(file["rows"]))
    return rows


def stretches_of(path: Path) -> list[Stretch]:
    """The good stretches of a work file."""
    with np.load(path, allow_pickle=False) as file:
        good = [row for row in json.loads(str(file["rows"])) if not row["fault"]]
        parts: list[dict[str, np.ndarray]] = [{} for _ in good]
        for key in file.files:
            name, _, number = key.rpartition("-")
            if name:
                parts[int(number)][name] = file[key]
    return [Stretch(row, arrays) for row, arrays in zip(good, parts)]
