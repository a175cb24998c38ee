"""What a face does besides speaking: blinks, gaze, brows, nods and the head's own motion.

The figures are those of real talkers (see the model card): blinks in bursts, some of them partial, lids that stay a
little low afterwards; head motion whose power falls as frequency^-2.4, a third less in pauses, with quick nods; brows
that rise where a phrase opens, on its last stressed syllable and on some others; a mood that comes and goes in smile
and cheeks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from moda.corpus.synthetic.articulation import Articulation
from moda.corpus.synthetic.styles import Colour, Habits
from moda.motion.actions import ACTIONS, INDEX
from moda.motion.space import DIM, FPS, MEAN, NECK, PITCH, ROLL, SCALE, TRANSLATION, YAW, normalise

FloatArray = npt.NDArray[np.float32]

HEAD_STD = (2.5, 3.7, 2.4)
"""Typical standard deviation of pitch, yaw, roll in degrees while speaking."""


def power_noise(frames: int, slope: float, low: float, high: float, rng: np.random.Generator) -> FloatArray:
    """(frames,) noise of unit variance whose power falls as frequency^-slope between low and high Hz."""
    count = max(frames, 64) + int(FPS / low)
    frequency = np.fft.rfftfreq(count, 1 / FPS)
    shape = np.maximum(frequency, low) ** (-slope / 2)
    shape[frequency < low / 4] = 0
    shape *= 1 / np.sqrt(1 + (frequency / high) ** 8)
    spectrum = shape * (rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency)))
    wave = np.fft.irfft(spectrum, count)
    wave /= np.sqrt((shape**2).sum()) * np.sqrt(2) * 2 / count / np.sqrt(2)
    start = int(rng.integers(0, count - frames + 1))
    return wave[start : start + frames].astype(np.float32)


def head_motion(
    heard: Articulation, tint: Colour, person: Habits, rest: npt.ArrayLike, rng: np.random.Generator
) -> FloatArray:
    """(T, 7) scale, translation, pitch, yaw, roll around the portrait's own pose `rest` (7,)."""
    frames = len(heard.speaking)
    rest = np.asarray(rest, dtype=np.float64)
    # Motion slows down in pauses: time of the noise runs slower there.
    clock = np.cumsum(0.62 + 0.38 * heard.speaking) * tint.pace
    length = int(clock[-1]) + 3
    amount = person.motion * tint.motion * float(np.exp(rng.normal(0, 0.25)))
    angles = np.empty((frames, 3))
    for axis, std in enumerate(HEAD_STD):
        noise = power_noise(length, 2.4, 0.16, 4.0, rng)
        angles[:, axis] = std * amount * np.interp(clock, np.arange(length), noise)
    for beat, opens, _ in _syllables(heard):
        if rng.random() < (0.75 if opens else 0.36):
            depth = rng.uniform(0.8, 3.2) * amount * heard.stress[beat]
            angles[:, 0] += depth * _bump(frames, beat + 1, rng.uniform(1.9, 3.6))
    drift = _settle(frames, rng)
    angles[:, 0] += tint.pitch * drift
    angles[:, 2] += tint.roll * drift
    # Start at the portrait's own pose and leave it smoothly.
    leave = 1 - np.exp(-np.arange(frames) / (0.5 * FPS))
    angles -= angles[0] * (1 - leave)[:, None]
    angles = 16 * np.tanh(angles / 16)
    pose = np.empty((frames, 7))
    pose[:, 0] = rest[0] * (1 + 0.010 * amount * leave * power_noise(frames, 2.8, 0.16, 1.5, rng))
    pose[:, 4:7] = rest[4:7] + angles
    pitch, yaw, roll = np.radians(pose[:, 4:7]).T
    at_rest = np.radians(rest[4:7])
    pose[:, 1] = rest[1] + NECK[0] * (np.sin(yaw) - np.sin(at_rest[1])) + NECK[1] * (np.sin(roll) - np.sin(at_rest[2]))
    pose[:, 2] = rest[2] + NECK[2] * (np.sin(pitch) - np.sin(at_rest[0]))
    pose[:, 3] = 0
    return pose.astype(np.float32)


def _settle(frames: int, rng: np.random.Generator) -> FloatArray:
    """The attitude of an emotion comes on within about a second and wavers."""
    on = 1 - np.exp(-np.arange(frames) / (FPS * rng.uniform(0.3, 0.8)))
    return (on * (1 + 0.15 * power_noise(frames, 2.5, 0.2, 1.0, rng))).astype(np.float32)


def _bump(frames: int, centre: float, width: float) -> npt.NDArray:
    return np.exp(-0.5 * ((np.arange(frames) - centre) / width) ** 2)


def _syllables(heard: Articulation) -> list[tuple[int, bool, bool]]:
    """Frames at which stress peaks, whether that syllable opens a phrase (the first one after a pause) and whether it
    closes one (the last one before a pause: there the accent of a phrase usually lies)."""
    stress = heard.stress
    inner = (stress[1:-1] > 0.5) & (stress[1:-1] >= stress[:-2]) & (stress[1:-1] > stress[2:])
    beats = [int(i) + 1 for i in np.flatnonzero(inner)]
    paused = [bool((heard.speaking[a:b] < 0.5).any()) for a, b in zip([0, *beats], [*beats, len(stress)])]
    return list(zip(beats, paused, paused[1:]))


_BLINK = np.array([0.05, 0.55, 1.0, 0.80, 0.45, 0.22, 0.14, 0.10, 0.06, 0.03])
"""One blink at 25 fps: shut within two frames, open again within four, lids low for a while."""


def blinks(speaking: FloatArray, rate: float, rng: np.random.Generator) -> FloatArray:
    """(T,) lid closure 0..1; `rate` a minute, irregular, twice as likely in a pause, a third of them partial."""
    frames = len(speaking)
    closure = np.zeros(frames + 20)
    hazard = rate / 60 / FPS * (1.0 + 0.9 * (1 - speaking))
    last = -rng.integers(0, 40)
    for frame in range(frames):
        burst = 2.0 if 8 <= frame - last < 22 else 0.85
        if frame - last > 9 and rng.random() < hazard[frame] * burst:
            depth = 1.0 if rng.random() < 0.72 else rng.uniform(0.55, 0.85)
            stretch = rng.uniform(0.85, 1.45)
            offset = rng.uniform(0, 1)
            steps = np.arange(int(10 * stretch) + 1)
            shape = np.interp((steps + offset) / stretch, np.arange(10), _BLINK, right=0.0)
            if depth == 1.0:
                shape[int(np.argmax(shape))] = 1.0
            here = closure[frame : frame + len(shape)]
            np.maximum(here, depth * shape[: len(here)], out=here)
            last = frame
    return closure[:frames].astype(np.float32)


def gaze(frames: int, yaw: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(T, 2) gaze x (+ image right), y (+ up): fixations with small jumps; the eyes hold against head turns."""
    place = np.zeros((frames, 2))
    frame, now = 0, np.zeros(2)
    while frame < frames:
        hold = int(rng.exponential(1.6 * FPS)) + 6
        place[frame : frame + hold] = now
        frame += hold
        now = rng.normal(0, (0.10, 0.06)) if rng.random() < 0.6 else np.zeros(2)
    smooth = np.copy(place)
    smooth[1:] = 0.5 * place[1:] + 0.5 * place[:-1]
    # +yaw turns the face to image left; eyes that keep looking at you move to image right.
    smooth[:, 0] += np.clip(0.02 * (yaw - yaw.mean()), -0.25, 0.25)
    return smooth.astype(np.float32)


def brows(heard: Articulation, amount: float, rng: np.random.Generator) -> FloatArray:
    """(T,) brow raise: rises where a phrase opens and closes, on some other stressed syllables, and slow wandering,
    more up than down: lowered brows would look cross."""
    frames = len(heard.stress)
    curve = 0.22 * power_noise(frames, 2.0, 0.2, 2.0, rng)
    curve = np.where(curve < 0, 0.35 * curve, curve)
    for beat, opens, closes in _syllables(heard):
        if rng.random() < (0.85 if opens else 0.65 if closes else 0.12):
            depth = rng.uniform(0.8, 1.5) if opens or closes else rng.uniform(0.35, 1.3)
            curve = curve + depth * _bump(frames, beat + 1, rng.uniform(4.0, 8.0))
    return (amount * curve).astype(np.float32)


def perform(
    heard: Articulation, tint: Colour, person: Habits, rest: npt.ArrayLike, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The whole face: (T, A) action values and (T, 7) pose, of a person who feels and says this.

    `heard.actions` are articulated with clarity 1; clarity of feeling and person is applied here."""
    frames = len(heard.speaking)
    values = np.zeros((frames, len(ACTIONS)), dtype=np.float32)
    speech = {name: heard.actions[:, i] for i, name in enumerate(heard.names)}
    clarity = tint.clarity * person.clarity
    pose = head_motion(heard, tint, person, rest, rng)
    # The feeling is there from the start; it breathes slowly. Its lips give way to what is said.
    breathe = (1 + 0.10 * power_noise(frames, 2.2, 0.2, 1.0, rng))[:, None]
    values += tint.offsets * breathe
    press = speech["lips_press"]
    held = 1 - np.clip(press / 0.8, 0, 1)
    for name in ("jaw_open", "upper_lip_raise", "lower_lip_depress", "stretch"):
        values[:, INDEX[name]] *= held
    # A smile is narrower while the lips round.
    values[:, INDEX["smile"]] *= 1 - 0.45 * np.clip(speech["pucker"], 0, 1)
    values[:, INDEX["smile"]] += person.smile
    values[:, INDEX["lips_press"]] *= 1 - np.clip(heard.speaking, 0, 1)
    for name, curve in speech.items():
        values[:, INDEX[name]] += curve if name == "lips_press" else clarity * curve
    # Brows that are up already rise less.
    room = 1 - 0.5 * min(1.0, float(tint.offsets[INDEX["brow_raise"]]))
    values[:, INDEX["brow_raise"]] += brows(heard, room * tint.brows * person.brows, rng)
    mood = power_noise(frames, 2.2, 0.1, 1.0, rng)
    values[:, INDEX["smile"]] += 0.11 * mood * held
    values[:, INDEX["cheek_raise"]] += 0.24 * mood
    shut = blinks(heard.speaking, person.blinks * tint.blinks, rng)
    for side in ("blink_left", "blink_right"):
        lid = values[:, INDEX[side]]
        values[:, INDEX[side]] = lid * (1 - shut) + shut * (1.0 + 0.03 * rng.standard_normal())
    values[:, [INDEX["gaze_x"], INDEX["gaze_y"]]] += gaze(frames, pose[:, 5], rng)
    return values, pose


def random_rest(rng: np.random.Generator) -> FloatArray:
    """A portrait's own pose (7,): scale, translation, pitch, yaw, roll."""
    rest = np.zeros(7, dtype=np.float32)
    rest[0] = MEAN[SCALE] * np.exp(0.05 * rng.standard_normal())
    rest[1:3] = rng.normal((0.0, 0.04), (0.03, 0.05))
    if rng.random() < 0.3:
        rest[0], rest[1:3] = MEAN[SCALE], 0.0
    rest[4:7] = rng.normal(0, (6.0, 9.0, 3.5))
    return rest


def assemble(values: FloatArray, pose: FloatArray) -> FloatArray:
    """Actions (T, A) and pose (T, 7) -> (T, 70) of the joint parameter space, around the average neutral."""
    from moda.motion.actions import write_actions

    motion = np.empty((len(values), DIM), dtype=np.float32)
    motion[:, :63] = write_actions(values)
    motion[:, SCALE] = pose[:, 0]
    motion[:, TRANSLATION] = pose[:, 1:4]
    motion[:, [PITCH, YAW, ROLL]] = pose[:, 4:7]
    return motion


def portrait_at_rest(rest: FloatArray) -> FloatArray:
    """A portrait's own pose (7,) -> its normalised frame (70,) with the relaxed face."""
    still = assemble(np.zeros((1, len(ACTIONS)), np.float32), rest[None])
    return normalise(still)[0].astype(np.float32)
