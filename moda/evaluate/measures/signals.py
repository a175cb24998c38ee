"""What the measures are taken from: how a face moves, frame by frame, without its pixels.

The same `Signals` come from tracked landmarks of any video and from a take's motion, so that a number of a take
can be held against a number of a real person. Units: IOD, the distance between the eye centres; degrees; 25 fps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from moda.motion.actions import BROW_PER_RAISE, GAP_PER_JAW
from moda.motion.space import KEYPOINT_UNIT

if TYPE_CHECKING:
    from moda.motion.space import Motion
    from moda.portrait.track import Track

Array = npt.NDArray[np.float64]

RATE = 25.0
#: Height in IOD that one unit of brow_furrow gives the brow.
BROW_PER_FURROW = -0.018

#: Points that make a face this face: eye corners, nose, cheekbones, brow bone, temples; no lips, lids or jaw.
BONE = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 234, 454, 127, 356, 10, 109, 338, 54, 284, 21, 251)
#: Landmarks by region of the face; the spread of each region is the measure of expression diversity.
REGIONS: dict[str, tuple[int, ...]] = {
    "mouth": (61, 291, 0, 17, 37, 267, 84, 314, 13, 14, 78, 308, 82, 312, 87, 317, 40, 270, 91, 321),
    "cheeks": (205, 425, 50, 280, 187, 411, 129, 358),
    "eyes": (159, 145, 386, 374, 160, 144, 158, 153, 385, 380, 387, 373),
    "brows": (70, 63, 105, 66, 107, 300, 293, 334, 296, 336),
}


@dataclass(frozen=True)
class Signals:
    """How a face moves, at 25 frames a second. T frames; sides are the image's, left first.

    opening   (T,) inner-lip gap, IOD, pose removed; 0 closed, 0.30 a wide "ah".
    width     (T,) distance of the mouth corners, IOD.
    eyes      (T, 2) lid gap over eye width; about 0.3 open, `shut` when closed.
    brows     (T, 2) height of the brow over the eye corners, IOD.
    rotation  (T, 3) pitch, yaw, roll in degrees (+ looks down, + turns to image left, + leans clockwise).
    place     (T, 3) x and y of the head in IOD, and its size relative to the median.
    regions   (T, 4) distance of each of `REGIONS` from its own mean shape, IOD rms.
    lips      (T, 20, 2) the points of REGIONS["mouth"] in the head's frame, IOD, from their mean over the clip.
    shut      the value of `eyes` at which the lids touch, for this kind of measurement.
    """

    opening: Array
    width: Array
    eyes: Array
    brows: Array
    rotation: Array
    place: Array
    regions: Array
    lips: Array
    shut: float

    def __len__(self) -> int:
        return len(self.opening)

    @property
    def seconds(self) -> float:
        return len(self.opening) / RATE

    def part(self, start: int, stop: int) -> Signals:
        """Frames `start` to `stop` (exclusive)."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {k: v[start:stop] if isinstance(v, np.ndarray) else v for k, v in values.items()}
        return Signals(**cut)

    def save(self, path: Path, **more: Any) -> None:
        """Write to `path` (.npz), with more arrays beside."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)}, **more)

    @classmethod
    def load(cls, path: Path) -> Signals:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values: dict[str, Any] = {f.name: file[f.name] for f in fields(cls)}
        return cls(**{**values, "shut": float(values["shut"])})


def signals_of_track(track: Track) -> tuple[Signals, Array]:
    """A followed face -> its signals at 25 fps, and the straightened faces (T, 478, 3) in IOD they belong to."""
    from moda.motion.space import resample
    from moda.portrait.canonical import fit_pose, straighten

    faces = np.stack([straighten(points, fit_pose(points)) for points in track.landmarks])
    count = max(1, round(track.frames * RATE / track.fps))

    def at_rate(values: npt.ArrayLike) -> Array:
        array = np.asarray(values, np.float64)
        if abs(track.fps - RATE) < 1e-3:
            return array
        flat = resample(array.reshape(len(array), -1), track.fps, RATE, count).astype(np.float64)
        return flat.reshape(count, *array.shape[1:])

    faces_25 = at_rate(faces)
    regions = []
    for indices in REGIONS.values():
        moved = faces_25[:, indices] - faces_25[:, indices].mean(0)
        regions.append(np.sqrt((moved**2).sum(-1).mean(-1)))
    mouth = faces_25[:, REGIONS["mouth"], :2]
    signals = Signals(
        opening=at_rate(track.gap),
        width=at_rate(track.mouth_width),
        eyes=at_rate(track.eyes),
        brows=at_rate(track.brows),
        rotation=at_rate(track.pose),
        place=at_rate(np.column_stack([track.translation, track.scale])),
        regions=np.stack(regions, axis=1),
        lips=mouth - mouth.mean(0),
        shut=0.05,
    )
    return signals, faces_25


def signals_of_motion(motion: Motion) -> Signals:
    """Signals of a motion in the joint parameter space, read through its actions; no pixels, no tracker."""
    from moda.motion.actions import EYE_OPEN, EYE_PER_BLINK, INDEX, LIP_PER_JAW, eye_openness, lip_opening, read_actions

    motion = motion.resampled(RATE)
    actions = read_actions(motion.expression, motion.neutral)

    def of(name: str) -> Array:
        return actions[:, INDEX[name]].astype(np.float64)

    brow = BROW_PER_RAISE * of("brow_raise") + BROW_PER_FURROW * of("brow_furrow")
    opening = lip_opening(actions).astype(np.float64) / LIP_PER_JAW * GAP_PER_JAW
    width = 0.80 + 0.10 * of("smile") + 0.12 * of("stretch") - 0.16 * of("pucker")
    eyes = eye_openness(actions).astype(np.float64)
    size = motion.scale.astype(np.float64)
    typical = float(np.median(size))
    shift = motion.translation[:, :2].astype(np.float64) / (KEYPOINT_UNIT * max(typical, 1e-6))
    return Signals(
        opening=np.maximum(opening, 0.0),
        width=width,
        eyes=eyes,
        brows=np.stack([brow, brow], axis=1),
        rotation=motion.rotation.astype(np.float64),
        place=np.column_stack([shift, size / max(typical, 1e-6)]),
        regions=_regions(opening, width, eyes.mean(1), brow),
        lips=_lips(actions),
        shut=EYE_OPEN - EYE_PER_BLINK,
    )


@lru_cache(maxsize=1)
def _lip_fields() -> Array:
    """(A, 20, 2): where an action at value 1 moves the lips' points as the tracker sees it, IOD."""
    from moda.motion.actions import ACTIONS
    from moda.portrait.canonical import canonical_face
    from moda.renderer.mesh.analysis.deform import action_fields

    fields = action_fields(canonical_face().astype(np.float64))
    still = np.zeros((len(REGIONS["mouth"]), 2))
    return np.stack([fields[name][REGIONS["mouth"], :2] if name in fields else still for name in ACTIONS])


def _lips(actions: npt.NDArray) -> Array:
    fields = _lip_fields()
    moved = (actions.astype(np.float64) @ fields.reshape(len(fields), -1)).reshape(len(actions), *fields.shape[1:])
    return moved - moved.mean(0)


def _regions(opening: Array, width: Array, eyes: Array, brow: Array) -> Array:
    """(T, 4) spread of `REGIONS` that these movements bring about; weights fitted on followed real faces."""
    squares = [(values - values.mean()) ** 2 for values in (opening, width, eyes, brow)]
    mouth = 0.53 * squares[0] + 0.42 * squares[1]
    return np.sqrt(np.stack([mouth, 0.18 * squares[1], 0.16 * squares[2], 0.64 * squares[3]], axis=1))
