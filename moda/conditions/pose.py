"""Pose prior: a head-pose trajectory that the sampler is drawn to.

Named ones are made here; others are the head motion of any talking video, or of a saved take. All come out as
offsets from the portrait's own pose at the frame rate of the motion, as long as the speech: longer sources are cut,
shorter ones go round without a jump.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from moda.errors import BadMotionFile, BadSetting
from moda.motion.space import FPS, NECK, POSE, ROTATION, SCALE, Motion, resample
from moda.motion.statistics import MEAN
from moda.settings import POSE_PRIORS

if TYPE_CHECKING:
    from moda.portrait.track import Track

FloatArray = npt.NDArray[np.float32]

NATURAL = (2.5, 3.7, 2.4)
"""Standard deviation of pitch, yaw, roll of real talkers, degrees."""
AMOUNT = {"still": 0.12, "gentle": 0.5, "nod": 0.35, "lively": 1.25}
"""How much of the natural motion each named prior makes."""
FREEST = (14.0, 20.0, 15.0)
"""Largest offset of pitch, yaw, roll from the portrait's own pose, degrees; approached softly."""
FARTHEST = (22.0, 32.0, 24.0)
"""Largest pitch, yaw, roll in all: beyond these no renderer shows the face well from one picture."""
SCALE_RANGE = 0.06
BLEND = 14
"""Frames over which the end of a source is blended into its beginning."""
SHORTEST_LOOP = 2 * BLEND + 12
TEMPLATES = (".npz", ".pkl", ".pickle")


def pose_prior(
    prior: str | Path | Motion,
    frames: int,
    fps: float = FPS,
    portrait_pose: npt.ArrayLike = (0.0, 0.0, 0.0),
    rng: np.random.Generator | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> FloatArray:
    """A head-pose trajectory (frames, 7): offsets of scale, translation x, y, z and pitch, yaw, roll (degrees).

    Args:
        prior: a name of `POSE_PRIORS`; the path of a video that shows a face, of a take (.npz) or a LivePortrait
            template (.pkl); or a Motion.
        frames, fps: length and rate that are wanted.
        portrait_pose: the portrait's own pitch, yaw, roll in degrees; the sum stays within `FARTHEST`.
        rng: decides the named priors; the same state gives the same trajectory, and a longer one begins like a
            shorter one. None = seed 0.
        on_frame: called while a video is followed, with the number of frames done (raise from it to cancel).

    "none" and "portrait" give zeros: the portrait's own pose, which "portrait" holds and "none" never applies.

    Raises:
        BadSetting: no such name and no such file. BadVideo, BadMotionFile: a file that cannot be used.
    """
    if frames < 1:
        raise BadSetting(f"A pose prior needs at least 1 frame, not {frames}.")
    rest = np.asarray(portrait_pose, dtype=np.float64)
    if isinstance(prior, str) and prior in POSE_PRIORS:
        if prior in ("none", "portrait"):
            return np.zeros((frames, 7), np.float32)
        angles = _named(prior, frames, fps, rng or np.random.default_rng(0))
        scale = np.zeros(frames)
        return _assembled(angles, scale, rest)
    motion = prior if isinstance(prior, Motion) else None
    if motion is None:
        path = _existing(prior)
        if path.suffix.lower() not in TEMPLATES:
            stamp = path.stat()
            video = _video_motion(_Video(str(path), (stamp.st_size, stamp.st_mtime_ns), on_frame))
            looped = loop(resample(video, FPS, fps, max(2, round(len(video) * fps / FPS))), frames)
            return _assembled(looped[:, 1:], looped[:, 0], rest)
        from moda.motion.files import load_motion

        motion = load_motion(path)
    if len(motion) < 2:
        raise BadMotionFile(f"The pose prior '{motion.origin[:60]}' has only one frame: use a longer take or a name.")
    assert motion.reference is not None
    offsets = motion.resampled(fps).array[:, POSE] - motion.reference[POSE]
    if len(offsets) < 2:
        offsets = np.repeat(offsets, 2, axis=0)
    looped = loop(offsets, frames)
    limited = _limited(looped[:, 4:7].astype(np.float64), rest)
    return np.concatenate([looped[:, :4], limited.astype(np.float32)], axis=1)


def _existing(prior: str | Path | object) -> Path:
    """The file that a prior names, or BadSetting that lists the names."""
    names = ", ".join(POSE_PRIORS)
    if not isinstance(prior, (str, Path)) or not str(prior).strip():
        raise BadSetting(f"The pose prior must be one of {names}, a video or a take.")
    path = Path(prior)
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        shown = path.name if len(path.name) <= 60 else path.name[:57] + "..."
        raise BadSetting(f"There is no pose prior or file '{shown}': use one of {names}, a video or a take.")
    return path


# ---- named priors ----


def _named(name: str, frames: int, fps: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(frames, 3) pitch, yaw, roll offsets in degrees. Every draw is made before or per event, never per frame, so
    that the length does not change what comes first."""
    time = np.arange(frames) / fps
    angles = np.stack([std * AMOUNT[name] * _sway(time, rng) for std in NATURAL], axis=1)
    if name in ("nod", "lively"):
        events = np.random.default_rng(rng.integers(2**63))
        depth, every = ((5.0, 8.0), (1.0, 2.4)) if name == "nod" else ((2.0, 5.0), (1.6, 4.5))
        angles[:, 0] += _nods(time, depth, every, events)
    leave = 1.0 - np.exp(-time / 0.5)  # begin at the portrait's own pose and leave it smoothly
    return angles * leave[:, None]


def _sway(time: npt.NDArray[np.float64], rng: np.random.Generator, parts: int = 40) -> npt.NDArray[np.float64]:
    """Noise of unit variance whose power falls as frequency^-2.8 above 0.16 Hz, as real head motion does."""
    octaves = np.log2(0.06) + (np.arange(parts) + rng.random(parts)) / parts * np.log2(3.0 / 0.06)
    frequency = np.exp2(octaves)
    # Parts are evenly spread in log frequency, so each stands for a band as wide as its frequency.
    power = frequency * np.maximum(frequency, 0.16) ** -2.8
    amplitude = np.sqrt(2 * power / power.sum())
    phase = rng.uniform(0, 2 * np.pi, parts)
    total = np.zeros(len(time))
    for a, f, p in zip(amplitude, frequency, phase):
        total += a * np.sin(2 * np.pi * f * time + p)
    return total


def _nods(
    time: npt.NDArray[np.float64],
    depth: tuple[float, float],
    every: tuple[float, float],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Nods down (+ pitch): quick down, slower and slightly overshooting up, sometimes twice."""
    pitch = np.zeros(len(time))
    at = rng.uniform(0.4, 1.0)
    while at < time[-1] + 1.0:
        for repeat in range(2 if rng.random() < 0.3 else 1):
            strength = rng.uniform(*depth) * (0.6 if repeat else 1.0)
            length = rng.uniform(0.65, 0.90)
            phase = np.clip((time - at) / length, 0.0, 1.0)
            bent = phase**0.85  # reaches the bottom early
            pitch += strength * np.sin(np.pi * bent) ** 2
            pitch -= 0.15 * strength * np.sin(np.pi * np.clip((time - at - 0.8 * length) / length, 0.0, 1.0)) ** 2
            at += length * 0.85
        at += rng.uniform(*every)
    return pitch


# ---- from a video ----


@dataclass(frozen=True)
class _Video:
    path: str
    stamp: tuple[int, int]
    on_frame: Callable[[int], None] | None = field(default=None, compare=False)


@lru_cache(maxsize=8)
def _video_motion(video: _Video) -> FloatArray:
    """(S, 4) scale, pitch, yaw, roll offsets at 25 fps around the video's own resting pose; followed once a file."""
    from moda.portrait.track import track_video

    return from_track(track_video(video.path, fps=FPS, on_frame=video.on_frame))


def from_track(track: Track) -> FloatArray:
    """(S, 4) offsets of scale and pitch, yaw, roll from the median of a tracked face, without the tracker's jitter.

    Frames before the first and after the last sight of the face are left out.
    """
    seen = np.flatnonzero(track.found)
    part = slice(int(seen[0]), int(seen[-1]) + 1)
    angles = np.asarray(track.pose[part], dtype=np.float64)
    offsets = (angles - np.median(angles[track.found[part]], axis=0) + 180.0) % 360.0 - 180.0
    size = np.asarray(track.scale[part], dtype=np.float64) - 1.0
    # The tracked size shrinks a little when the head turns; only slow changes are real.
    scale = MEAN[SCALE] * np.clip(_smooth(size[:, None], 8.0), -SCALE_RANGE, SCALE_RANGE)
    joined = np.concatenate([scale, _smooth(offsets, 1.2)], axis=1)
    if len(joined) < 2:
        joined = np.repeat(joined, 2, axis=0)
    return joined.astype(np.float32)


def _smooth(values: npt.NDArray[np.float64], sigma: float) -> npt.NDArray[np.float64]:
    """Gaussian of `sigma` frames along time, (T, D); the ends are mirrored about their values."""
    reach = min(math.ceil(3 * sigma), len(values) - 1)
    if reach < 1:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    # Odd reflection keeps the slope at the ends, where a plain mirror would flatten it.
    before = 2 * values[:1] - values[reach:0:-1]
    after = 2 * values[-1:] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(values.shape[1])], axis=1)


# ---- length ----


def loop(values: npt.ArrayLike, frames: int) -> FloatArray:
    """(S, D) made `frames` long: cut if longer, else repeated without a jump.

    The source goes round from a late frame b to an early frame a, chosen where value and speed agree best, and the
    `BLEND` frames after b are blended into those after a. A source that is too short for that goes back and forth.
    """
    source = np.asarray(values, dtype=np.float64)
    count = len(source)
    if count >= frames:
        return source[:frames].astype(np.float32)
    if count < SHORTEST_LOOP:
        there_and_back = np.concatenate([source, source[-2:0:-1]]) if count > 2 else np.concatenate([source, source])
        again = np.resize(np.arange(len(there_and_back)), frames)
        return _smooth(there_and_back[again], 1.5).astype(np.float32)
    first, last = _seam(source)
    rise = np.linspace(0.0, 1.0, BLEND + 2)[1:-1, None]
    share = rise * rise * (3 - 2 * rise)
    seam = (1 - share) * source[last : last + BLEND] + share * source[first : first + BLEND]
    around = np.concatenate([source[first + BLEND : last], seam])
    begin = np.concatenate([source[:last], seam])
    rest = frames - len(begin)
    if rest <= 0:
        return begin[:frames].astype(np.float32)
    again = np.resize(np.arange(len(around)), rest)
    return np.concatenate([begin, around[again]]).astype(np.float32)


def _seam(source: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Frames (a, b): going from b to a changes value and speed least; a in the first third, b in the last."""
    count = len(source)
    spread = source.std(axis=0) + 1e-9
    value = source / np.where(spread > 1e-6, spread, np.inf)
    speed = np.gradient(value, axis=0)
    early = np.arange(0, max(1, min(count // 3, count - 2 * BLEND - 10)))
    late = np.arange(max(2 * count // 3, int(early[-1]) + BLEND + 6), count - BLEND + 1)
    late = late[late > early[-1] + BLEND] if len(late) else np.array([count - BLEND])
    distance = ((value[early][:, None] - value[late][None]) ** 2).sum(-1)
    distance += 9.0 * ((speed[early][:, None] - speed[np.minimum(late, count - 1)][None]) ** 2).sum(-1)
    a, b = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return int(early[a]), int(late[b])


# ---- limits and the neck ----


def _limited(offsets: npt.NDArray[np.float64], rest: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Angles (T, 3) bent softly below `FREEST`, and so that portrait and offset together stay within `FARTHEST`."""
    freest, farthest = np.asarray(FREEST), np.asarray(FARTHEST)
    # A portrait that is itself beyond the limit may still turn towards the camera, and stay where it is.
    high = np.clip(farthest - rest, 0.0, freest)
    low = np.clip(farthest + rest, 0.0, freest)
    bound = np.where(offsets > 0, high, low)
    knee = 0.6 * bound
    over = np.maximum(np.abs(offsets) - knee, 0.0)
    room = np.maximum(bound - knee, 1e-9)
    bent = np.minimum(np.abs(offsets), knee) + room * np.tanh(over / room)
    return np.asarray(np.sign(offsets) * bent)


def _assembled(angles: npt.ArrayLike, scale: npt.ArrayLike, rest: npt.NDArray[np.float64]) -> FloatArray:
    """(T, 7) from angle offsets (T, 3) and scale offsets (T,): limits, and the translation of a turning neck."""
    offsets = _limited(np.asarray(angles, dtype=np.float64), rest)
    turned, still = np.sin(np.radians(rest + offsets)), np.sin(np.radians(rest))
    pitch, yaw, roll = (turned - still).T
    pose = np.zeros((len(offsets), 7))
    pose[:, SCALE - POSE.start] = scale
    pose[:, 1] = NECK[0] * yaw + NECK[1] * roll
    pose[:, 2] = NECK[2] * pitch
    pose[:, ROTATION.start - POSE.start :] = offsets
    return pose.astype(np.float32)
