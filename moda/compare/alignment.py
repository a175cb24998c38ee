"""Another system's video laid beside ours: where in it our speech starts, heard in its sound."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.errors import BadVideo
from moda.media.audio import RATE, Speech, load_speech
from moda.media.footage import probe, read_frames

Picture = npt.NDArray[np.uint8]
#: Correlations from which two sounds are the same recording; other speech reached 0.24 (wave) and 0.72 (loudness).
SAME_WAVE = 0.30
SAME_LEVEL = 0.75
HOP = RATE // 100
MIN_OVERLAP = 0.6
GROUND = 236  # grey level where a video has no picture


@dataclass(frozen=True)
class Aligned:
    """A video and the time in it (seconds, may be negative) at which our speech starts; note: what was not sure."""

    path: Path
    offset: float
    seconds: float
    note: str = ""


def align_video(path: Path, speech: Speech) -> Aligned:
    """Finds `speech` in the sound of a video. Raises BadVideo where the video says something else."""
    about = probe(path)
    if not about.audio:
        return Aligned(path, 0.0, about.seconds, "has no sound; laid beside ours from its first frame.")
    sound = load_speech(path, allow_silence=True)
    if sound.peak < 1e-3:
        return Aligned(path, 0.0, about.seconds, "is silent; laid beside ours from its first frame.")
    wave, height = offset_of(speech.waveform, sound.waveform)
    if height >= SAME_WAVE:
        return Aligned(path, wave / RATE, about.seconds)
    # Re-recorded or processed sound keeps its loudness contour, not its samples.
    level, likeness = offset_of(_contour(speech.waveform), _contour(sound.waveform), 0.8)
    if likeness >= SAME_LEVEL:
        return Aligned(path, level * HOP / RATE, about.seconds, "was aligned by loudness, to about 20 ms.")
    raise BadVideo(
        f"The sound of {path.name!r} is not the speech that is compared: give a video made from the same speech."
    )


def offset_of(wanted: npt.ArrayLike, heard: npt.ArrayLike, least: float = MIN_OVERLAP) -> tuple[int, float]:
    """(samples into `heard` at which `wanted` starts, normalised correlation there, -1 to 1).

    The normalisation is by the energy of the parts that overlap, so that a long video with a little of the speech in
    it is found too; overlaps of less than the share `least` of the shorter one are not trusted.
    """
    from scipy.signal import fftconvolve

    a, b = np.asarray(wanted, np.float64), np.asarray(heard, np.float64)
    product = fftconvolve(b, a[::-1])
    shifts = np.arange(len(product)) - (len(a) - 1)  # a[0] lies on b[shift]
    energy_a = np.concatenate([[0.0], np.cumsum(a**2)])
    energy_b = np.concatenate([[0.0], np.cumsum(b**2)])
    first, last = np.maximum(shifts, 0), np.minimum(shifts + len(a), len(b))
    shared = energy_b[last] - energy_b[first]
    own = energy_a[last - shifts] - energy_a[first - shifts]
    trusted = (last - first >= least * min(len(a), len(b))) & (own > 0.1 * energy_a[-1])
    likeness = np.where(trusted, product / np.sqrt(np.maximum(shared * own, 1e-12)), -1.0)
    # Among shifts of equal likeness the one with more of the speech in it.
    best = int(np.argmax(likeness * np.sqrt(np.maximum(own, 0) / max(energy_a[-1], 1e-12))))
    return int(shifts[best]), float(likeness[best])


def _contour(waveform: npt.ArrayLike) -> npt.NDArray[np.float64]:
    wave = np.asarray(waveform, np.float64)
    blocks = wave[: len(wave) // HOP * HOP].reshape(-1, HOP)
    level = np.log10((blocks**2).mean(1) + 1e-6)
    return level - level.mean()


def frames_at(aligned: Aligned, size: tuple[int, int], fps: float, frames: int) -> Iterator[Picture]:
    """`frames` pictures (H, W, 3) of a video from our speech's start on, fitted into (width, height).

    Grey where the video has no picture.
    """
    blank: Picture = np.full((size[1], size[0], 3), GROUND, np.uint8)
    late = round(-aligned.offset * fps) if aligned.offset < 0 else 0
    start = max(0.0, aligned.offset)
    pictures: Iterator[Picture] = iter(())
    if start < aligned.seconds:
        length = (frames - late) / fps + 0.1
        width, height = fitted(probe(aligned.path).size, size)
        pictures = read_frames(aligned.path, fps, (width, height), start=start, seconds=length)
    padded = itertools.chain(itertools.repeat(blank, late), pictures, itertools.repeat(blank))
    for picture in itertools.islice(padded, frames):
        yield letterbox(picture, size)


def fitted(given: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of the same shape inside `room`."""
    ratio = min(room[0] / given[0], room[1] / given[1])
    return max(1, min(room[0], round(given[0] * ratio))), max(1, min(room[1], round(given[1] * ratio)))


def letterbox(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture in the middle of a grey one of (width, height)."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    whole: Picture = np.full((size[1], size[0], 3), GROUND, np.uint8)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    whole[top : top + height, left : left + width] = picture
    return whole


def whole_video(path: str | os.PathLike[str]) -> Aligned:
    """One of our own videos: it starts with the speech."""
    return Aligned(Path(path), 0.0, probe(path).seconds)
