"""Trims: corrections of a sampled motion that need no sampling, so that a preview can follow a slider.

All of them are pure functions of (sampled motion, settings): the same take trimmed twice gives the same bytes.
`moda.stage`'s `trims.js` follows these formulas, so that the face changes while a slider moves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from moda.motion.actions import INDEX, change_actions, read_actions
from moda.motion.smoothing import gaussian
from moda.motion.space import POSE, SCALE, TRANSLATION, Motion
from moda.settings import Settings

FloatArray = npt.NDArray[np.float32]

TRIMS = ("expression", "head_motion", "blink", "gaze", "smoothing", "drift_guard")
"""Settings that are trims."""
EYES = ("blink_left", "blink_right", "squint", "gaze_x", "gaze_y")
"""Actions that the amount of expression leaves alone."""
_EYES = [INDEX[name] for name in EYES]
_LIDS = [INDEX["blink_left"], INDEX["blink_right"]]
_GAZE = [INDEX["gaze_x"], INDEX["gaze_y"]]
#: Widest change of head size (share) and of place (canonical units) that a drift guard of 0 would still allow.
SCALE_RANGE = 0.30
PLACE_RANGE = 0.30
#: A blink closes the lids beyond this and counts from where they pass the edge value.
BLINK_PEAK = 0.5
BLINK_EDGE = 0.12
#: Lids that rest more shut than this are taken to rest here: tired or squinting eyes do not blink all the time.
BLINK_REST = 0.4
#: Seconds in which lids close, stay shut and open.
BLINK_SECONDS = (0.08, 0.04, 0.14)
#: Where in a gap a new blink goes, by turns: off the middle, so that added blinks do not beat time.
BLINK_PLACES = (0.57, 0.42)


def trim(sampled: Motion, settings: Settings) -> Motion:
    """The motion that is previewed and rendered: `sampled` with all trims of `settings` applied."""
    array = sampled.array.copy()
    neutral = np.asarray(sampled.neutral)
    reference = np.asarray(sampled.reference)
    expression = array[:, :63]
    if settings.expression != 1:
        expression = _amount(expression, neutral, settings.expression)
    if settings.blink != 1:
        expression = _blink_rate(expression, neutral, settings.blink, sampled.fps)
    if settings.gaze != 1:
        values = read_actions(expression, neutral)
        changes = np.zeros_like(values)
        changes[:, _GAZE] = (settings.gaze - 1) * values[:, _GAZE]
        expression = change_actions(expression, changes)
    array[:, :63] = expression
    if settings.smoothing:
        array[:, POSE] = gaussian(array[:, POSE], settings.smoothing)
    if settings.head_motion != 1:
        array[:, POSE] = reference[POSE] + settings.head_motion * (array[:, POSE] - reference[POSE])
    if settings.drift_guard:
        array[:, POSE] = _guard(array[:, POSE], reference[POSE], settings.drift_guard)
    return sampled.with_array(array)


def size_variation(motion: Motion) -> float:
    """How much the head's size varies over the motion: (largest - smallest) / portrait's, 0.05 = 5 %."""
    scale = motion.scale
    return float((scale.max() - scale.min()) / abs(float(np.asarray(motion.reference)[SCALE])))


def find_blinks(closure: npt.ArrayLike) -> list[tuple[int, int]]:
    """(T,) lid closure, 1 closed -> [(first, last + 1)] frames of each blink, edges included."""
    lids = np.asarray(closure, dtype=np.float32)
    # Lids that rest half shut (tired, squinting) are no blink: count from the slow baseline upwards.
    base = np.minimum(np.median(lids), BLINK_REST) if len(lids) else 0.0
    found: list[tuple[int, int]] = []
    i = 0
    while i < len(lids):
        if lids[i] - base < BLINK_PEAK:
            i += 1
            continue
        first = i
        while first > 0 and lids[first - 1] - base > BLINK_EDGE and lids[first - 1] <= lids[first] + 0.05:
            first -= 1
        last = i
        while last < len(lids) and lids[last] - base > BLINK_EDGE:
            last += 1
        found.append((first, last))
        i = last + 1
    return found


def blink_shape(fps: float) -> FloatArray:
    """Lid closure of a natural blink: about 80 ms down, 40 ms shut, 140 ms up."""
    down, shut, up = (max(1, round(seconds * fps)) for seconds in BLINK_SECONDS)
    falling = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, down + 1) / (down + 1))
    rising = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, up + 1) / (up + 1))
    return np.concatenate([falling, np.ones(shut), rising]).astype(np.float32)


def _amount(expression: FloatArray, neutral: FloatArray, amount: float) -> FloatArray:
    """Scales the whole expression around neutral, but leaves lids and gaze: half a blink is no blink."""
    values = read_actions(expression, neutral)
    keep = np.zeros_like(values)
    keep[:, _EYES] = (1 - amount) * values[:, _EYES]
    return change_actions(neutral + amount * (expression - neutral), keep)


def _blink_rate(expression: FloatArray, neutral: FloatArray, rate: float, fps: float) -> FloatArray:
    """Takes out evenly chosen blinks for rate < 1, puts new ones into the longest gaps for rate > 1."""
    values = read_actions(expression, neutral)
    lids = values[:, _LIDS]
    blinks = find_blinks(lids.mean(axis=1))
    changes = np.zeros_like(values)
    wanted = round(len(blinks) * rate)
    if wanted < len(blinks):
        kept = {round((k + 0.5) * len(blinks) / wanted - 0.5) for k in range(wanted)} if wanted else set()
        for k, (first, last) in enumerate(blinks):
            if k not in kept:
                ends = lids[[max(first - 1, 0), min(last, len(lids) - 1)]].min(axis=0)
                changes[first:last, _LIDS] = np.minimum(ends - lids[first:last], 0)
    else:
        shape = blink_shape(fps)
        edges = [-len(shape), *(int(f) for f, _ in blinks), len(values) + len(shape)]
        for _ in range(wanted - len(blinks)):
            edges.sort()
            gap = int(np.argmax(np.diff(edges)))
            at = edges[gap] + round((edges[gap + 1] - edges[gap]) * BLINK_PLACES[gap % 2])
            edges.append(at)
            first, last = max(at, 0), min(at + len(shape), len(values))
            if last > first:
                target = np.maximum(lids[first:last], shape[first - at : last - at, None])
                changes[first:last, _LIDS] = np.maximum(changes[first:last, _LIDS], target - lids[first:last])
    return change_actions(expression, changes)


def _guard(pose: FloatArray, reference: FloatArray, strength: float) -> FloatArray:
    """Compresses head size and place softly into a range around the portrait's that shrinks with strength."""
    out = pose.copy()
    at_scale, at_place = SCALE - POSE.start, slice(TRANSLATION.start - POSE.start, TRANSLATION.stop - POSE.start)
    out[:, at_scale] = reference[at_scale] * (
        1 + _soft(pose[:, at_scale] / reference[at_scale] - 1, (1 - strength) * SCALE_RANGE)
    )
    out[:, at_place] = reference[at_place] + _soft(
        pose[:, at_place] - reference[at_place], (1 - strength) * PLACE_RANGE
    )
    return out


def _soft(values: FloatArray, limit: float) -> FloatArray:
    """Identity up to half the limit, then bends towards it; odd, monotone, continuous in value and slope."""
    if limit <= 0:
        return np.zeros_like(values)
    half = limit / 2
    size = np.abs(values)
    bent = half + half * np.tanh(np.maximum(size - half, 0) / half)
    return np.where(size <= half, values, np.sign(values) * bent).astype(np.float32)
