"""A followed face as motion: landmarks fitted to our actions, gaze and lids from the eyes, pose from the whole head.

What a fit needs of the landmarks is linear in them, so a person's build is a constant that `Rest` takes off later, when
all clips of a speaker are known; the fit itself keeps every action within what a face can do. Opening of lips and lids
is not left to it, nor is the height of the brows: those actions give exactly what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from moda.motion import statistics as st
from moda.motion.actions import ACTIONS, BROW_PER_RAISE, EYE_PER_BLINK, INDEX, write_actions, write_matrix
from moda.motion.space import DIM, EXPRESSION, KEYPOINT_UNIT, ROTATION, SCALE, TRANSLATION, FloatArray, rotation_matrix

Array = npt.NDArray[np.float64]

SIZES = {"jaw_open": 0.5, "lips_press": 0.3, "pucker": 0.5, "stretch": 0.4, "upper_lip_raise": 0.18,
         "lower_lip_depress": 0.24, "smile": 0.5, "frown": 0.4, "mouth_left": 0.25}  # fmt: skip
"""How much each fitted action usually moves. The others stay at rest or have measures of their own: of brow_furrow and
cheek_raise the tracker sees less than a tenth (they were rendered and followed), and lids that squint already count as
closing."""
FITTED = tuple(SIZES)
SLIPS = (0.02, 0.02, 0.02)
"""What the rigid fit usually misses: IOD of place, radians of turn, share of size. Fitted along and thrown away."""
DEPTH = 0.3
"""Weight of depth against width and height: MediaPipe guesses it."""
MOVES = 0.02
"""IOD; landmarks that no action moves so far say nothing about any."""
NOISE = 0.015
"""IOD; error of a landmark, larger than it trembles because neighbours err together. With it the fit keeps 83 % of the
variance of the outlines of a GRID speaker's lips (91 % with what `SLIPS` takes), 1.96 of their 2.15 dimensions and all
of the opening's power above 5 Hz; a stronger prior (0.045, smoothed by a frame) kept 78 %, 1.7 and a third."""
GAZE = (0.16, 0.10)
"""How far the iris goes, in eye widths, for gaze_x = 1 and gaze_y = 1 (as the tracker sees it)."""
SHUT = 0.05
"""Height over width of a closed eye, as the tracker sees it."""
SHUT_HALF = 0.5
"""Closure from which the iris is hidden."""
PIVOT = np.array([0.0, 0.35, 0.10])
"""The point the head turns about, in IOD below and behind the eyes, as in the mesh renderer."""
LIMITS = {"jaw_open": (-0.05, 1.4), "lips_press": (0.0, 1.0), "pucker": (-0.7, 1.2), "stretch": (-0.7, 1.2),
          "upper_lip_raise": (-0.4, 1.1), "lower_lip_depress": (-0.3, 1.1), "smile": (-0.6, 1.1), "frown": (-0.4, 1.2),
          "mouth_left": (-1.1, 1.1), "blink_left": (-0.3, 1.05), "blink_right": (-0.3, 1.05), "gaze_x": (-1.0, 1.0),
          "gaze_y": (-1.0, 1.0), "brow_raise": (-1.0, 1.4)}  # fmt: skip
"""Values that a face takes and the mesh draws."""
PARTED = 0.10
"""IOD of lip gap from which lips cannot be pressed."""
SWEEPS = 40
"""Rounds of coordinate descent; the last changes no value by more than 0.002."""
BROW_SMOOTH, GAZE_SMOOTH, TURN_SMOOTH, PLACE_SMOOTH, SCALE_SMOOTH = 0.7, 1.5, 1.2, 2.5, 8.0
"""Standard deviations in frames of 40 ms, to suppress tracker jitter. Lips and blinks are left as they are: the tracker
smooths them itself, and more of it takes their closures."""
CLOSED = 0.06
"""IOD of lip gap under which the mouth counts as closed for a person's resting shape."""


@lru_cache(maxsize=1)
def fit_basis() -> tuple[Array, Array]:
    """What landmarks are fitted by, weighted: basis (K, 468 * 3) of `FITTED` at value 1 and then seven slips, and its
    normal matrix (K, K), the prior included."""
    from moda.portrait.canonical import canonical_face
    from moda.renderer.mesh.analysis.deform import action_fields

    face = canonical_face().astype(np.float64)
    fields = action_fields(face)
    stack = np.stack([fields[name] for name in FITTED])  # (A, 468, 3)
    weight = np.tile([1.0, 1.0, DEPTH**2], (468, 1))
    weight[np.linalg.norm(stack, axis=2).max(0) < MOVES] = 0.0
    axes = np.eye(3)
    slips = [SLIPS[0] * np.tile(axis, (468, 1)) for axis in axes]
    slips += [SLIPS[1] * np.cross(axis, face) for axis in axes]
    slips += [SLIPS[2] * face]
    flat, weights = np.concatenate([stack, slips]).reshape(len(FITTED) + len(slips), -1), weight.reshape(-1)
    usual = np.array([*SIZES.values(), *np.ones(len(slips))])
    return flat * weights, (flat * weights) @ flat.T + NOISE**2 * np.diag(usual**-2.0)


@lru_cache(maxsize=1)
def gap_row() -> Array:
    """(len(FITTED),) inner-lip opening in IOD that each fitted action makes, as the tracker sees it."""
    from moda.portrait.canonical import canonical_face
    from moda.renderer.mesh.analysis.deform import action_fields

    fields = action_fields(canonical_face().astype(np.float64))
    middle = ((82, 87, 0.25), (13, 14, 0.5), (312, 317, 0.25))
    return np.array([sum(w * (fields[n][b, 1] - fields[n][a, 1]) for a, b, w in middle) for n in FITTED])


def solve_actions(pulls: Array, gap: Array) -> Array:
    """Values (T, len(FITTED)) within `LIMITS` that fit `pulls` (T, K), which count from a face at rest, best, and then
    the jaw that gives the opening `gap` (T,) exactly."""
    _, normal = fit_basis()
    count, span = len(FITTED), normal.diagonal()
    low = np.array([LIMITS[name][0] for name in FITTED] + [-np.inf] * (len(span) - count))
    high = np.tile([LIMITS[name][1] for name in FITTED] + [np.inf] * (len(span) - count), (len(pulls), 1))
    high[:, FITTED.index("lips_press")] = np.clip(1 - gap / PARTED, 0, 1)
    values = np.clip(np.linalg.solve(normal, pulls.T).T, low, high)
    for _ in range(SWEEPS):
        for k in range(len(span)):
            rest = pulls[:, k] - values @ normal[:, k] + values[:, k] * span[k]
            values[:, k] = np.clip(rest / span[k], low[k], high[:, k])
    fitted = values[:, :count]
    jaw, row = FITTED.index("jaw_open"), gap_row()
    fitted[:, jaw] = np.clip(fitted[:, jaw] + (gap - fitted @ row) / row[jaw], *LIMITS["jaw_open"])
    return fitted


@dataclass(frozen=True)
class Reading:
    """What was read off a face over T frames at 25 fps; nothing is relative to the person yet.

    pulls     (T, K) landmarks less the mean face, projected on `fit_basis`.
    gap       (T,) inner-lip opening, IOD.     eyes (T, 2) lid opening over width, image-left first.
    brow      (T,) height of the brows over the eyes, IOD.
    gaze      (T, 2) place of the irises between the corners, eye widths, right and up.
    rotation  (T, 3) pitch, yaw, roll, degrees.    place (T, 3) x, y of the eyes, IOD, and size (px per IOD).
    """

    pulls: Array
    gap: Array
    brow: Array
    eyes: Array
    gaze: Array
    rotation: Array
    place: Array

    def __len__(self) -> int:
        return len(self.gap)

    def part(self, start: int, stop: int) -> Reading:
        """Frames `start` to `stop` (exclusive)."""
        return Reading(**{name: value[start:stop] for name, value in vars(self).items()})

    def resampled(self, fps: float, to: float, count: int) -> Reading:
        """The same at another rate, `count` frames."""
        from moda.motion.space import resample

        if abs(fps - to) < 1e-3 and count == len(self):
            return self

        def at(values: Array) -> Array:
            flat = resample(values.reshape(len(values), -1), fps, to, count).astype(np.float64)
            return flat.reshape(count, *values.shape[1:])

        return Reading(**{name: at(value) for name, value in vars(self).items()})


def read_face(landmarks: npt.NDArray) -> Reading:
    """Read landmarks (T, 478, 3) px of one face."""
    from moda.portrait.canonical import canonical_face, fit_pose, straighten
    from moda.portrait.measures import brow_height, eye_openness, lip_gap

    poses = [fit_pose(points) for points in landmarks]
    faces = np.stack([straighten(points, pose) for points, pose in zip(landmarks, poses)]).astype(np.float64)
    away = (faces[:, :468] - canonical_face()).reshape(len(faces), -1)
    iod = float(np.median([pose.scale for pose in poses]))
    place = np.array([[*pose.translation[:2] / iod, pose.scale] for pose in poses], np.float64)
    return Reading(
        pulls=away @ fit_basis()[0].T,
        gap=lip_gap(landmarks).astype(np.float64),
        brow=brow_height(landmarks).mean(1).astype(np.float64),
        eyes=eye_openness(landmarks).astype(np.float64),
        gaze=_iris_place(faces),
        rotation=np.stack([pose.angles for pose in poses]).astype(np.float64),
        place=place,
    )


def _iris_place(faces: Array) -> Array:
    from moda.renderer.mesh.analysis.topology import EYES

    found = []
    for eye in EYES:
        left, right = faces[:, eye.upper[0], :2], faces[:, eye.upper[-1], :2]
        across = right - left
        width = np.linalg.norm(across, axis=1, keepdims=True)
        across = across / np.maximum(width, 1e-6)
        up = np.stack([across[:, 1], -across[:, 0]], axis=1)
        iris = faces[:, eye.iris, :2] - (left + right) / 2
        found.append(np.stack([(iris * across).sum(1), (iris * up).sum(1)], axis=1) / np.maximum(width, 1e-6))
    return np.mean(found, axis=0)


@dataclass(frozen=True)
class Rest:
    """A person at rest, from readings of all that is known of them.

    pulls (K,) and gap with closed lips; brow; eyes (2,) as open as usual; gaze (2,) straight ahead.
    """

    pulls: Array
    gap: float
    brow: float
    eyes: Array
    gaze: Array

    @classmethod
    def of(cls, readings: list[Reading]) -> Rest:
        """Medians; of the shape over frames with closed lips, or over the most closed fifth where there are few."""
        gap = np.concatenate([r.gap for r in readings])
        closed = gap <= max(CLOSED, float(np.quantile(gap, 0.2)))
        pulls = np.concatenate([r.pulls for r in readings])
        eyes = np.concatenate([r.eyes for r in readings])
        gaze = np.concatenate([r.gaze for r in readings])
        brow = float(np.quantile(np.concatenate([r.brow for r in readings]), 0.4))  # raised more often than lowered
        return cls(
            pulls=np.median(pulls[closed], axis=0),
            gap=min(float(np.median(gap[closed])), CLOSED),
            brow=brow,
            eyes=np.quantile(eyes, 0.7, axis=0),
            gaze=np.median(gaze, axis=0),
        )


def action_values(reading: Reading, rest: Rest) -> FloatArray:
    """Values (T, A) of all actions, from the person's rest: lips as they fit best and open as far as was measured, lids
    as they were measured."""
    values = np.zeros((len(reading), len(ACTIONS)))
    # What the tracker sees between lips that touch is no opening.
    gap = np.maximum(reading.gap - rest.gap, 0.0)
    values[:, [INDEX[name] for name in FITTED]] = solve_actions(reading.pulls - rest.pulls, gap)
    closure = (rest.eyes - reading.eyes) / np.maximum(rest.eyes - SHUT, 0.05)
    gaze = (reading.gaze - rest.gaze) / np.array(GAZE)
    gaze = _without(gaze, closure.mean(1) > SHUT_HALF)
    values[:, [INDEX["gaze_x"], INDEX["gaze_y"]]] = _smooth(gaze, GAZE_SMOOTH)
    values[:, INDEX["brow_raise"]] = _smooth(reading.brow - rest.brow, BROW_SMOOTH) / BROW_PER_RAISE
    for name in ("gaze_x", "gaze_y", "brow_raise"):
        values[:, INDEX[name]] = np.clip(values[:, INDEX[name]], *LIMITS[name])
    write = write_matrix()
    for side, (name, row) in enumerate((("blink_left", st.EYE_LEFT_ROW), ("blink_right", st.EYE_RIGHT_ROW))):
        share, k = row @ write, INDEX[name]
        wanted = -EYE_PER_BLINK * closure[:, side]
        values[:, k] = np.clip((wanted - values @ share) / share[k], *LIMITS[name])
    return values.astype(np.float32)


def _without(values: Array, hidden: npt.NDArray[np.bool_]) -> Array:
    """Values (T, D) with hidden frames (and one to either side) bridged in a straight line."""
    wide = hidden.copy()
    wide[1:] |= hidden[:-1]
    wide[:-1] |= hidden[1:]
    seen = np.flatnonzero(~wide)
    if len(seen) == 0:
        return np.zeros_like(values)
    at = np.arange(len(values))
    return np.stack([np.interp(at, seen, column[seen]) for column in values.T], axis=1)


def pose_values(reading: Reading) -> FloatArray:
    """Pose (T, 7): scale, translation and angles as a generator is told them: the first frame in the middle of the
    picture and of average size, its angles as they are.

    What the eyes move beyond a turn about `PIVOT` is translation.
    """
    angles = _smooth(np.unwrap(reading.rotation, period=360.0, axis=0), TURN_SMOOTH)
    size = _smooth(np.log(reading.place[:, 2]), SCALE_SMOOTH)
    zoom = np.exp(size - size[0])
    turned = np.stack([PIVOT - PIVOT @ rotation_matrix(*a) for a in angles])[:, :2] * zoom[:, None]
    # Places are in median IOD; the first frame's size is what counts as average.
    unit = np.exp(np.median(np.log(reading.place[:, 2])) - size[0])
    moved = _smooth(reading.place[:, :2] * unit - turned, PLACE_SMOOTH)
    pose = np.zeros((len(reading), 7))
    pose[:, 0] = st.MEAN[SCALE] * zoom
    pose[:, 1:3] = (moved - moved[0]) * KEYPOINT_UNIT * st.MEAN[SCALE]
    pose[:, 4:7] = angles
    return pose.astype(np.float32)


def motion_of(reading: Reading, rest: Rest) -> FloatArray:
    """(T, 70) physical motion in the joint parameter space, around the average neutral expression."""
    motion = np.zeros((len(reading), DIM), np.float32)
    pose = pose_values(reading)
    motion[:, EXPRESSION] = write_actions(action_values(reading, rest))
    motion[:, SCALE], motion[:, TRANSLATION], motion[:, ROTATION] = pose[:, 0], pose[:, 1:4], pose[:, 4:7]
    return motion


def _smooth(values: Array, sigma: float) -> Array:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="nearest"))
