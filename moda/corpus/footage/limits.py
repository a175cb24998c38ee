"""Which stretches of a video are good enough to learn from, and why the others are not."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting
from moda.evaluate.measures.signals import RATE
from moda.evaluate.measures.sync import REACH, score
from moda.motion.actions import GAP_PER_JAW
from moda.performance.fitting import Reading

FAR = 3
"""Frames by which the lips may be early or late: 120 ms."""


@dataclass(frozen=True)
class Limits:
    """What a stretch must have.

    min_seconds, max_seconds  length; longer stretches are parted evenly.
    min_fps      of the video.               min_face   width of the face in pixels of the video.
    max_yaw      degrees that the head may be turned away (95th percentile).
    min_motion   standard deviation of the lip opening, jaw_open = 1; below it nobody speaks.
    max_jump     largest step of the eyes between two frames, IOD; beyond it another face is followed.
    min_sync     correlation of the lips with the sound, at the best timing within 120 ms.
    min_level    loudness of the speech, dB relative to full scale.
    """

    min_seconds: float = 2.0
    max_seconds: float = 12.0
    min_fps: float = 20.0
    min_face: float = 64.0
    max_yaw: float = 55.0
    min_motion: float = 0.04
    max_jump: float = 0.6
    min_sync: float = 0.2
    min_level: float = -55.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(getattr(self, field.name)):
                raise BadSetting(f"{field.name.replace('_', '-')} must be a number.")
        if not 0.5 <= self.min_seconds <= self.max_seconds <= 60:
            raise BadSetting("Segments must last 0.5 to 60 s, and min-seconds must not exceed max-seconds.")
        if not 1 <= self.min_fps <= 25:
            raise BadSetting("min-fps must be 1 to 25, the rate of the motion.")

    def as_dict(self) -> dict[str, float]:
        """The same as a plain dictionary."""
        return asdict(self)


def stretches(
    landmarks: npt.NDArray, found: npt.NDArray[np.bool_], limits: Limits, fps: float
) -> list[tuple[int, int]]:
    """Runs of frames (first, one past the last) in which one face is in sight, parted to at most `max_seconds`.

    landmarks (T, 478, 3) px, found (T,). A face that jumps or changes its size at once is another face.
    """
    from moda.evaluate.measures.blinks import spans
    from moda.portrait.canonical import eye_centres
    from moda.portrait.measures import eye_distance

    if len(landmarks) == 0:
        return []
    middle, iod = eye_centres(landmarks).mean(1)[:, :2], eye_distance(landmarks)
    step = np.linalg.norm(np.diff(middle, axis=0), axis=1) / np.maximum(iod[1:], 1e-6)
    grown = np.abs(np.diff(np.log(np.maximum(iod, 1e-6))))
    # A step of one frame at 25 fps is half a step at 50.
    breaks = (step * fps / RATE > limits.max_jump) | (grown > math.log(1.3))
    runs = []
    for first, last in spans(found):
        edges = [first, *(np.flatnonzero(breaks[first : last - 1]) + first + 1).tolist(), last]
        for start, stop in itertools.pairwise(edges):
            parts = max(1, math.ceil((stop - start) / fps / limits.max_seconds))
            bounds = [start + (stop - start) * k // parts for k in range(parts + 1)]
            runs += list(itertools.pairwise(bounds))
    return runs


def face_width(landmarks: npt.NDArray) -> float:
    """Median width of the face, px, over landmarks (T, 478, 3)."""
    return float(np.median(np.ptp(landmarks[:, :468, 0], axis=1)))


def judge(reading: Reading, width: float, sound: npt.NDArray, limits: Limits) -> tuple[dict[str, float], str]:
    """Measures of a stretch at 25 fps, and why it cannot be used ("" = it can).

    width: of the face, px of the video. sound (N,): what is heard meanwhile, 16 kHz.
    """
    level = float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12)) if len(sound) else -120.0
    sync = score(reading.gap, sound)
    near = np.array(sync.curve)[REACH - FAR : REACH + FAR + 1] if sync.curve else np.array([math.nan])
    heard = np.isfinite(near).any()
    measures = {
        "face_px": width,
        "yaw_deg": float(np.percentile(np.abs(reading.rotation[:, 1]), 95)),
        "opening_std": float(reading.gap.std()) / GAP_PER_JAW,
        "level_db": level,
        "sync_r": float(np.nanmax(near)) if heard else math.nan,
        "lag_ms": float((int(np.nanargmax(near)) - FAR) * 1000 / RATE) if heard else math.nan,
    }
    return measures, fault_of(measures, limits)


def fault_of(measures: dict[str, float], limits: Limits) -> str:
    """The first limit that the measures fall short of, in words; "" for none."""
    if measures["face_px"] < limits.min_face:
        return f"the face is {measures['face_px']:.0f} pixels wide, under {limits.min_face:g}"
    if measures["yaw_deg"] > limits.max_yaw:
        return f"the head is turned {measures['yaw_deg']:.0f} degrees away, over {limits.max_yaw:g}"
    if measures["level_db"] < limits.min_level:
        return f"silence ({measures['level_db']:.0f} dB, under {limits.min_level:g})"
    if measures["opening_std"] < limits.min_motion:
        return f"the mouth hardly moves ({measures['opening_std']:.3f}, under {limits.min_motion:g})"
    if not measures["sync_r"] >= limits.min_sync:
        return f"the lips do not follow the sound (r {measures['sync_r']:.2f}, under {limits.min_sync:g})"
    return ""
