"""Edits applied to a motion: what each kind does to the trajectories, and people's limits on what is added.

`moda.stage`'s `edits.js` follows these formulas, so that the face changes while a stretch is dragged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting
from moda.motion.actions import ACTIONS, change_actions, read_actions
from moda.motion.edits import MAX_EDITS, Edit, EditRules
from moda.motion.lanes import ANGLES, COLUMN, MAIN, RANGES, TRAJECTORIES, lane_parts
from moda.motion.space import NECK, ROTATION, TRANSLATION, Motion

Array = npt.NDArray[np.float64]

RAMP = 0.25
"""Seconds in which a change comes and goes, at most; short stretches take a third of their length."""


def apply_edits(motion: Motion, edits: Sequence[Edit], rules: EditRules | None = None) -> Motion:
    """The motion with all edits applied in order; frames that none of them touches stay as they are, to the bit.

    Raises BadSetting when an edit reaches beyond the end of the motion (by more than half a second).
    """
    rules = rules or EditRules()
    if not edits:
        return motion
    if len(edits) > MAX_EDITS:
        raise BadSetting(f"A take can have {MAX_EDITS} edits, not {len(edits)}.")
    for edit in edits:
        if edit.start >= motion.seconds or edit.end > motion.seconds + 0.5:
            raise BadSetting(
                f"The {edit.kind} from {edit.start:g} to {edit.end:g} s is outside of the take, "
                f"which lasts {motion.seconds:.2f} s."
            )
    assert motion.reference is not None
    before = np.concatenate(
        [read_actions(motion.expression, motion.neutral), motion.array[:, ROTATION]], axis=1
    ).astype(np.float64)
    rest = np.zeros(len(TRAJECTORIES))
    rest[len(ACTIONS) :] = motion.reference[ROTATION]
    after = before.copy()
    for edit in edits:
        _apply(edit, after, rest, motion.fps, rules)
    change = after - before
    if rules.limits:
        change = _limited(before, change, rest, motion.fps)
    touched = np.flatnonzero((change != 0).any(axis=1))
    if len(touched) == 0:
        return motion
    array = motion.array.copy()
    moved = change[touched]
    array[touched, :63] = change_actions(array[touched, :63], moved[:, : len(ACTIONS)])
    angles = array[touched, ROTATION].astype(np.float64)
    turned = angles + moved[:, len(ACTIONS) :]
    array[touched, ROTATION] = turned
    array[touched, TRANSLATION] += _neck(turned) - _neck(angles)
    return motion.with_array(array)


# ---- what each kind does to the trajectories ----


def _apply(edit: Edit, values: Array, rest: Array, fps: float, rules: EditRules) -> None:
    """Change ``values`` (T, trajectories) in place within the edit's stretch."""
    first = math.ceil(edit.start * fps - 1e-6)
    last = min(len(values), math.floor(edit.end * fps + 1e-6) + 1)
    if last <= first:
        return
    name, _, part = edit.lane.partition(".")
    if rules.lock_lips and name == "mouth":
        return
    phase = np.clip((np.arange(first, last) / fps - edit.start) / edit.length, 0.0, 1.0)
    stretch = values[first:last]
    if edit.kind in _CURVES:
        parts = MAIN[name] if edit.kind == "shift" and not part else lane_parts(edit.lane)
        window = window_of(phase, edit.length)
        for column in (COLUMN[p] for p in parts):
            changed = _CURVES[edit.kind](values[:, column], first, last, edit, rest[column], fps)
            stretch[:, column] += window * (changed - stretch[:, column])
        return
    _GESTURE_SHAPES[edit.kind](stretch, phase, edit)


def window_of(phase: Array, length: float) -> Array:
    """0 at both ends of a stretch to 1 inside, with smooth ramps; phase 0..1 over ``length`` seconds."""
    ramp = min(RAMP / length, 1 / 3)
    t = np.clip(np.minimum(phase, 1 - phase) / ramp, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _shift(curve: Array, first: int, last: int, edit: Edit, rest: float, fps: float) -> Array:
    return curve[first:last] + edit.amount


def _scale(curve: Array, first: int, last: int, edit: Edit, rest: float, fps: float) -> Array:
    return rest + edit.amount * (curve[first:last] - rest)


def _hold(curve: Array, first: int, last: int, edit: Edit, rest: float, fps: float) -> Array:
    return curve[first:last] + edit.amount * (curve[first] - curve[first:last])


def _smooth(curve: Array, first: int, last: int, edit: Edit, rest: float, fps: float) -> Array:
    sigma = edit.amount * fps
    reach = math.ceil(3 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    around = np.clip(np.arange(first - reach, last + reach), 0, len(curve) - 1)
    return np.convolve(curve[around], kernel / kernel.sum(), "valid")


_CURVES: dict[str, Callable[[Array, int, int, Edit, float, float], Array]] = {
    "shift": _shift, "scale": _scale, "hold": _hold, "smooth": _smooth,
}  # fmt: skip


def _cycles(edit: Edit, every: float) -> int:
    return max(1, round(edit.length / every))


def _nod(stretch: Array, phase: Array, edit: Edit) -> None:
    count = _cycles(edit, 0.55)
    dip = np.sin(np.pi * (phase * count % 1.0) ** 0.85) ** 2  # reaches the bottom early
    fade = 1.0 if count == 1 else 1.0 - 0.35 * np.floor(phase * count).clip(0, count - 1) / (count - 1)
    stretch[:, COLUMN["pitch"]] += edit.amount * fade * dip


def _shake(stretch: Array, phase: Array, edit: Edit) -> None:
    count = _cycles(edit, 0.5)
    stretch[:, COLUMN["yaw"]] += edit.amount * np.sin(2 * np.pi * count * phase) * np.sin(np.pi * phase) ** 0.8


def _tilt(stretch: Array, phase: Array, edit: Edit) -> None:
    stretch[:, COLUMN["roll"]] += edit.amount * _rise(phase, 0.35)


def _rise(phase: Array, ramp: float) -> Array:
    t = np.clip(np.minimum(phase, 1 - phase) / ramp, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _lid(*names: str) -> Callable[[Array, Array, Edit], None]:
    def close(stretch: Array, phase: Array, edit: Edit) -> None:
        # Down in a third of the time, shut for a sixth, up in the rest.
        down, up = np.clip(phase / 0.32, 0, 1), np.clip((1 - phase) / 0.5, 0, 1)
        closure = edit.amount * np.minimum(down * down * (3 - 2 * down), up * up * (3 - 2 * up))
        part = edit.lane.partition(".")[2]
        for column in (COLUMN[p] for p in (lane_parts(edit.lane) if part else names)):
            now = stretch[:, column]
            stretch[:, column] = now + closure * np.maximum(1.0 - now, 0.0)

    return close


def _add(share: float = 0.3, **amounts: float) -> Callable[[Array, Array, Edit], None]:
    def add(stretch: Array, phase: Array, edit: Edit) -> None:
        for name, factor in amounts.items():
            stretch[:, COLUMN[name]] += factor * edit.amount * _rise(phase, share)

    return add


def _smile(stretch: Array, phase: Array, edit: Edit) -> None:
    rise = edit.amount * _rise(phase, 0.3)
    stretch[:, COLUMN["smile"]] += rise
    stretch[:, COLUMN["cheek_raise"]] += 0.5 * np.maximum(rise, 0.0)


def _look(stretch: Array, phase: Array, edit: Edit) -> None:
    (part,) = lane_parts(edit.lane)
    # Eyes jump: there and back within a tenth of the glance.
    stretch[:, COLUMN[part]] += edit.amount * _rise(phase, 0.12)


_GESTURE_SHAPES: dict[str, Callable[[Array, Array, Edit], None]] = {
    "nod": _nod, "shake": _shake, "tilt": _tilt, "blink": _lid("blink_left", "blink_right"), "wink": _lid("blink_left"),
    "squint": _add(squint=1.0), "smile": _smile, "frown": _add(frown=1.0), "brow_raise": _add(brow_raise=1.0),
    "brow_furrow": _add(brow_furrow=1.0), "look": _look,
}  # fmt: skip


# ---- people's limits ----


def _limited(before: Array, change: Array, rest: Array, fps: float) -> Array:
    """Changes (T, trajectories) kept where people move: the result stays within range (or where it already was beyond
    it), and what is added comes and goes no faster than people move."""
    kept = change.copy()
    for name, column in COLUMN.items():
        added = change[:, column]
        if not added.any():
            continue
        usual = RANGES[name]
        middle = rest[column] if name in ANGLES else 0.0
        low, high = (
            np.minimum(middle + usual.low, before[:, column]),
            np.maximum(middle + usual.high, before[:, column]),
        )
        added = np.clip(before[:, column] + added, low, high) - before[:, column]
        step = usual.speed / fps
        kept[:, column] = _slowed(np.maximum(added, 0.0), step) - _slowed(np.maximum(-added, 0.0), step)
    return kept


def _slowed(values: Array, step: float) -> Array:
    """The largest curve below ``values`` (T,) >= 0 that changes by at most ``step`` from frame to frame."""
    ramp = np.arange(len(values)) * step
    forward = np.minimum.accumulate(values - ramp) + ramp
    back = np.minimum.accumulate((values + ramp)[::-1])[::-1] - ramp
    # Sums that should cancel leave rounding; what was not changed must stay so to the bit.
    return np.where(values > 0, np.clip(np.minimum(forward, back), 0.0, values), 0.0)


def _neck(angles: Array) -> Array:
    """(T, 3) degrees -> (T, 3) translation of a head that turns about its neck."""
    pitch, yaw, roll = np.sin(np.radians(angles)).T
    zero = np.zeros_like(pitch)
    return np.stack([NECK[0] * yaw + NECK[1] * roll, NECK[2] * pitch, zero], axis=1)
