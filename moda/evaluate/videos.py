"""Measures of any talking video, ours or another system's: two passes over its frames, bounded memory."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np

from moda.errors import BadVideo, NoFaceFound
from moda.evaluate.measures.following import MAX_SECONDS, follow, sound_of
from moda.evaluate.measures.movement import movement_measures, sync_note
from moda.evaluate.measures.pictures import Watch, eye_distance, shape_measures
from moda.evaluate.measures.sync import Regressor
from moda.evaluate.report import Report


def evaluate_video(
    path: str | os.PathLike[str],
    portrait: Any = None,
    *,
    regressor: Regressor | None = None,
    late_ms: float = 0.0,
    max_seconds: float = MAX_SECONDS,
) -> Report:
    """Report on a video; with the portrait it was made from, also on sharpness and identity.

    portrait: a Portrait, a path, or a picture. late_ms: by how much the video's lips are known to be late.
    Raises BadVideo, BadPicture or NoFaceFound.
    """
    from scipy.ndimage import gaussian_filter1d

    from moda.media.footage import probe, read_frames

    about = probe(path)
    source = None if portrait is None else portrait_face(portrait)
    signals, faces, landmarks, found = follow(path, about.fps, max_seconds)
    watch = Watch(scale=None if source is None else eye_distance(source[1]))
    # Masks that tremble with the tracker would be measured as flicker.
    landmarks = gaussian_filter1d(landmarks, 2.0, axis=0, mode="nearest")
    for frame, points in zip(itertools.islice(read_frames(path), len(landmarks)), landmarks):
        watch.see(frame, points)
    waveform, notes = sound_of(path) if about.audio else (None, ["The video has no sound: lip sync is not measured."])
    values = movement_measures(signals, waveform, (), regressor, late_ms)
    values |= {**shape_measures(faces), **watch.measures()}
    if source is not None:
        from moda.portrait.identity import identity_drift

        values["sharpness"] = watch.sharpness(*source)
        values["identity_drift"] = identity_drift(np.median(faces, axis=0).astype(np.float32), followed_still(*source))
    values["face_found"] = found
    excess = 1000 * (about.audio_seconds - about.seconds) if about.audio else float("nan")
    values |= {"sound_excess_ms": excess, "seconds": about.seconds, "fps": about.fps}
    return Report(Path(path).name, "video", values, (*notes, *sync_note(regressor)))


def followed_still(image: Any, landmarks: Any) -> Any:
    """Landmarks (478, 3) px of a portrait as the video tracker sees it: only faces shall differ, not tools."""
    from moda.portrait.track import track_frames

    try:
        return np.median(track_frames([image] * 4).landmarks[1:], axis=0)
    except BadVideo:
        return landmarks


def portrait_face(portrait: Any) -> tuple[Any, Any]:
    """A portrait, path or picture -> its pixels (H, W, 3) and the landmarks (478, 3) px of its largest face."""
    face = getattr(portrait, "face", None)
    if face is not None:
        return portrait.image, face.landmarks
    from moda.portrait.faces import find_all
    from moda.portrait.pictures import load_picture

    image = load_picture(portrait)
    faces = find_all(image)
    if not faces:
        raise NoFaceFound("The portrait shows no face: choose the picture the video was made from.")
    return image, max(faces, key=lambda f: (f.box[2] - f.box[0]) * (f.box[3] - f.box[1])).landmarks
