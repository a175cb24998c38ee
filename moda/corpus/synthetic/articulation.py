"""Co-articulation: phones with times -> smooth speech actions (Cohen and Massaro's dominance functions).

Every sound pulls each action towards its target with a dominance that rises before the sound and falls after it;
an action is the dominance-weighted mean of the targets. Sounds that insist (closures) win over their neighbours,
the others bend towards them. Closures are then made exact: at p, b, m the lips meet and press.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from moda.corpus.synthetic.phonemes import CHANNELS, is_vowel, visemes
from moda.corpus.synthetic.voices import Phone

FloatArray = npt.NDArray[np.float32]

OUTPUT = ("jaw_open", "lips_press", "pucker", "stretch", "upper_lip_raise", "lower_lip_depress")
"""Actions that `articulate` gives."""

INNER_RATE = 100.0
"""Articulation is worked out at 100 Hz and then sampled at the frame rate."""
LEAD = 0.0
"""Seconds by which everything comes early, on top of the dominance's own rise (fitted on GRID talkers: with it the
measured lip opening follows the computed jaw within a frame)."""
CLOSURE_LEAD = 0.030
"""Talkers' lips are together 30 ms before the aligned start of a stop, and part at its burst."""
RISE, FALL = 0.070, 0.045
"""Time constants of dominance before and after a sound, seconds (jaw; the lips anticipate longer)."""
LIP_RISE, LIP_FALL = 0.100, 0.060
JAW_GAIN = 1.55
"""Restores what overlapping dominances average away: talkers' inner-lip gap reaches 0.15 to 0.29 IOD (95th percentile);
while speaking the jaw's median is 0.31 and its 90th percentile 0.72."""
SETTLE = 0.22
"""Seconds of pause after which the mouth is at rest."""


class Articulation(NamedTuple):
    """actions (T, len(names)); stress (T,) 0..1 syllable beats; speaking (T,) 0..1; names of the actions."""

    actions: FloatArray
    stress: FloatArray
    speaking: FloatArray
    names: tuple[str, ...] = OUTPUT


def _stations(phones: Sequence[Phone]) -> tuple[list[tuple], list[tuple[float, float, float]]]:
    """Each viseme on the way: (start, end, targets, jaw dominance, lip dominance); and closures (start, end, kind)."""
    stations, closures = [], []
    for _i, phone in enumerate(phones):
        shapes = visemes(phone.symbol)
        vowels = any(s.vowel for s in shapes)
        edges = np.linspace(phone.start, phone.end, len(shapes) + 1)
        length = phone.end - phone.start
        for shape, start, end in zip(shapes, edges, edges[1:]):
            targets = np.array(shape.targets)
            if shape.vowel:
                # Stress opens the jaw and rounds more; short vowels undershoot.
                emphasis = (0.86, 0.95, 1.14)[phone.stress] * (0.72 + 0.28 * min(1.0, length / 0.11))
                targets = targets * np.array([emphasis, min(1.0, 0.5 + 0.5 * emphasis), emphasis, 1, 1])
            elif not phone.symbol:
                # A short gap inside a sentence does not shut the mouth, a real pause does.
                if length < 0.06:
                    continue
                share = float(np.clip((length - 0.06) / SETTLE, 0.1, 1.0))
                stations.append((start, end, targets, shape.jaw_dominance * share, shape.lip_dominance * share))
                continue
            stations.append((start, end, targets, shape.jaw_dominance, shape.lip_dominance))
        if shapes[0].closure and not vowels:
            # A stop's closure ends at its burst: of a phone that includes the release, the first 70 %.
            share = 1.0 if phone.symbol[0] in "mɱfv" else 0.75
            closures.append((phone.start, phone.start + share * length, shapes[0].closure))
    return stations, closures


def _pull(times: npt.NDArray, starts, ends, rise: float, fall: float) -> npt.NDArray:  # type: ignore[no-untyped-def]
    """Dominance over time (N, T): 1 inside the middle of a sound, exponential outside."""
    length = ends - starts
    inset = np.minimum(0.25 * length, 0.03)[:, None]
    before = (starts[:, None] + inset) - times[None]
    after = times[None] - (ends[:, None] - inset)
    return np.exp(-np.maximum(before, 0) / rise) * np.exp(-np.maximum(after, 0) / fall)


def _smooth(values: npt.NDArray, seconds: float) -> npt.NDArray:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(values, seconds * INNER_RATE, axis=0, mode="nearest")


def articulate(phones: Sequence[Phone], frames: int, fps: float = 25.0, clarity: float = 1.0) -> Articulation:
    """Speech actions of `frames` video frames; frame i shows time (i + 0.5) / fps.

    clarity scales opening, rounding and spreading (not the closures): 0.7 mumbles, 1.3 over-articulates."""
    count = int(np.ceil((frames / fps + 0.6) * INNER_RATE))
    times = np.arange(count) / INNER_RATE
    stations, closures = _stations(phones)
    curves = np.zeros((count, len(CHANNELS)))
    if stations:
        starts = np.array([s[0] for s in stations])
        ends = np.array([s[1] for s in stations])
        targets = np.stack([s[2] for s in stations])
        jaw_weight = np.array([s[3] for s in stations])[:, None]
        lip_weight = np.array([s[4] for s in stations])[:, None]
        jaw = jaw_weight * _pull(times + LEAD, starts, ends, RISE, FALL)
        lips = lip_weight * _pull(times + LEAD, starts, ends, LIP_RISE, LIP_FALL)
        rest = 0.01
        curves[:, 0] = JAW_GAIN * (targets[:, 0] @ jaw) / (jaw.sum(0) + rest)
        curves[:, 1:] = (lips.T @ targets[:, 1:]) / (lips.sum(0)[:, None] + rest)
    curves = _smooth(curves * clarity, 0.022)
    press, bite = _gates(times, closures)
    curves[:, 0] *= (1 - press) * (1 - 0.75 * bite)
    curves[:, 2] *= 1 - 0.6 * press
    curves[:, 3] = curves[:, 3] * (1 - press) + 0.12 * bite
    curves[:, 4] = curves[:, 4] * (1 - press) * (1 - bite) - 0.06 * press - 0.28 * bite
    everything = np.column_stack([curves[:, 0], 0.85 * press, curves[:, 1:]])
    at = np.clip(np.round((np.arange(frames) + 0.5) / fps * INNER_RATE).astype(int), 0, count - 1)
    stress, speaking = _beats(phones, times)
    return Articulation(*(a[at].astype(np.float32) for a in (everything, stress, speaking)))


def closure_gates(phones: Sequence[Phone], frames: int, fps: float = 25.0) -> tuple[FloatArray, FloatArray]:
    """(T,) 0..1 each: how far the lips are together (p, b, m), and the lower one at the teeth (f, v): wholly for
    the middle half of the sound, and for one frame at least."""
    press, bite = _gates((np.arange(frames) + 0.5) / fps, _stations(phones)[1], 0.5, 0.5 / fps)
    return press.astype(np.float32), bite.astype(np.float32)


def _gates(
    times: npt.NDArray, closures: list[tuple[float, float, float]], share: float = 1.0, least: float = 0.042
) -> tuple[npt.NDArray, npt.NDArray]:
    press, bite = np.zeros(len(times)), np.zeros(len(times))
    for start, end, kind in closures:
        closed = press if kind == 1.0 else bite
        np.maximum(closed, _gate(times, start - CLOSURE_LEAD, end, share, least), out=closed)
    return press, bite


def _gate(times: npt.NDArray, start: float, end: float, share: float, least: float, ramp: float = 0.050) -> npt.NDArray:
    """0..1: full over `share` of start..end, and over `least` seconds to either side of its middle; cosine flanks."""
    middle, half = (start + end) / 2, max(share * (end - start) / 2, least)
    distance = np.clip((np.abs(times - middle) - half) / ramp, 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * distance)


def _beats(phones: Sequence[Phone], times: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
    stress, speaking = np.zeros(len(times)), np.zeros(len(times))
    for phone in phones:
        inside = (times >= phone.start) & (times < phone.end)
        if phone.symbol:
            speaking[inside] = 1.0
        if is_vowel(phone.symbol):
            beat = (0.35, 0.6, 1.0)[phone.stress] * min(1.0, (phone.end - phone.start) / 0.12)
            stress = np.maximum(stress, beat * np.exp(-0.5 * ((times - (phone.start + phone.end) / 2) / 0.09) ** 2))
    return stress, _smooth(speaking, 0.12)
