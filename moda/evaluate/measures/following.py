"""Any video's face followed into signals, and its sound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from moda.errors import BadSpeech, BadVideo
from moda.evaluate.measures.signals import Array, Signals, signals_of_track

MAX_SECONDS = 600.0


def follow(
    path: str | os.PathLike[str], fps: float, max_seconds: float = MAX_SECONDS
) -> tuple[Signals, Array, Array, float]:
    """Follow the face -> signals and straightened faces (T, 478, 3) at 25 fps, landmarks (T', 478, 3) px as coded,
    and the share of frames with a face."""
    from moda.media.footage import probe
    from moda.portrait.track import track_video

    track = track_video(Path(path), max_seconds, fps)
    if track.frames < 3:
        raise BadVideo("The video has fewer than three frames: there is no motion to measure.")
    signals, faces = signals_of_track(track)
    # Large frames are followed at a smaller size.
    landmarks = track.landmarks * np.float32(max(probe(path).size) / max(track.size))
    return signals, faces, landmarks, float(track.found.mean())


def sound_of(path: str | os.PathLike[str]) -> tuple[Array | None, list[str]]:
    """The sound of a video as a 16 kHz waveform, or None and a sentence saying why."""
    from moda.media.audio import load_speech

    try:
        return np.asarray(load_speech(path, allow_silence=True).waveform, np.float64), []
    except BadSpeech as error:
        return None, [f"Lip sync is not measured. {error}"]
