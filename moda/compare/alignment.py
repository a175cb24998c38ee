"""Another system's video laid beside ours: where in it our speech starts, and which part of it shows the face alike."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.errors import BadVideo, UserError
from moda.media.audio import RATE, Speech, load_speech
from moda.media.footage import probe, read_frames

Picture = npt.NDArray[np.uint8]
#: Correlations from which two sounds are the same recording; other speech reached 0.24 (wave) and 0.72 (loudness).
SAME_WAVE = 0.30
SAME_LEVEL = 0.75
HOP = RATE // 100
MIN_OVERLAP = 0.6
PLACE_SECONDS = 2.0
GROUND = 236  # grey level where a video has no picture


@dataclass(frozen=True)
class Aligned:
    """A video and the time in it (seconds, may be negative) at which our speech starts; note: what was not sure.

    window: (left, top, width, height) in its pixels of what is shown, which may reach beyond it; None = all of it.
    """

    path: Path
    offset: float
    seconds: float
    note: str = ""
    window: tuple[float, float, float, float] | None = None


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


def framed(theirs: Aligned, ours: Aligned) -> Aligned:
    """Another system's video with the window that shows its face where ours is, and as large.

    Unchanged where it already lies so, within 5 % of the eye distance and size, or where a face is not found in both.
    """
    wanted, found = _face_place(ours.path), _face_place(theirs.path)
    if wanted is None or found is None:
        return replace(theirs, note=f"{theirs.note} No face to lay it by: it is shown whole.".strip())
    width, height = probe(ours.path).size
    scale = found[2] / wanted[2]
    window = (found[0] - wanted[0] * scale, found[1] - wanted[1] * scale, width * scale, height * scale)
    own = probe(theirs.path).size
    if np.abs(np.array(window) - (0, 0, *own)).max() < 0.05 * found[2]:
        return theirs
    left, top, wide, high = (round(value) for value in window)
    said = (
        f"was cut to {wide} x {high} pixels at {left}, {top}, where its face is as large and in the same place as ours."
    )
    return replace(theirs, note=f"{theirs.note} It {said}" if theirs.note else said, window=window)


def _face_place(path: Path) -> tuple[float, float, float] | None:
    """Middle between the eyes and their distance in pixels of a video, over its first seconds; None without a face."""
    from moda.portrait.track import track_video

    about = probe(path)
    try:
        track = track_video(path, PLACE_SECONDS, about.fps)
    except UserError:
        return None
    points = np.median(track.landmarks[:, :, :2].astype(np.float64), axis=0) * max(about.size) / max(track.size)
    left, right = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
    middle = (left + right) / 2
    return float(middle[0]), float(middle[1]), float(np.linalg.norm(right - left))


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
        given = probe(aligned.path).size
        window = aligned.window or (0.0, 0.0, *given)
        room = fitted((window[2], window[3]), size)
        ratio = room[0] / window[2]
        scaled = room if aligned.window is None else (max(2, round(given[0] * ratio)), max(2, round(given[1] * ratio)))
        pictures = read_frames(aligned.path, fps, scaled, start=start, seconds=length)
        if aligned.window is not None:
            left, top = round(window[0] * ratio), round(window[1] * ratio)
            pictures = (_cut(picture, left, top, room) for picture in pictures)
    padded = itertools.chain(itertools.repeat(blank, late), pictures, itertools.repeat(blank))
    for picture in itertools.islice(padded, frames):
        yield letterbox(picture, size)


def fitted(given: tuple[float, float], room: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of the same shape inside `room`."""
    ratio = min(room[0] / given[0], room[1] / given[1])
    return max(1, min(room[0], round(given[0] * ratio))), max(1, min(room[1], round(given[1] * ratio)))


def _cut(picture: Picture, left: int, top: int, size: tuple[int, int]) -> Picture:
    """A window (width, height) of a picture; grey where it reaches beyond it."""
    whole: Picture = np.full((size[1], size[0], 3), GROUND, np.uint8)
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size[0], width), min(top + size[1], height)
    if x1 > x0 and y1 > y0:
        whole[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return whole


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
