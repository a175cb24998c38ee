"""Making every voice sound like many, anywhere: pitch and tempo, colour, rooms, noise, music, telephones.

All functions take and give (N,) float32 at 16 kHz, and keep the timing (but for `varispeed`, which returns how the
phones' times change). Formants are moved in the filterbank (`moda.conditions.speech.columns`, its `warp`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from moda.corpus.synthetic.voices import SAMPLE_RATE, Phone, Utterance, to_sample_rate

FloatArray = npt.NDArray[np.float32]
FRAME = SAMPLE_RATE // 25
"""Samples of a video frame."""
FADE = 5
"""Frames in which filmed lips leave rest and come back to it where clips are joined."""


def varispeed(utterance: Utterance, factor: float) -> Utterance:
    """Play `factor` times faster: pitch, formants and tempo rise together, phones and lips move along."""
    from moda.motion.space import FPS, resample

    up = 100
    down = round(up * factor)
    waveform = to_sample_rate(utterance.waveform, down, up)
    phones = tuple(replace(p, start=p.start * up / down, end=p.end * up / down) for p in utterance.phones)
    lips = utterance.lips
    if lips is not None:
        lips = resample(lips, FPS, FPS * down / up, max(1, int(len(lips) * up / down)))
    return replace(utterance, waveform=waveform, phones=phones, lips=lips)


def trim(utterance: Utterance, before: float = 0.16, after: float = 0.24) -> Utterance:
    """What is said, with so many seconds before and after it; whole video frames, lips and phones cut along."""
    said = [p for p in utterance.phones if p.symbol]
    if not said:
        return utterance
    total = len(utterance.waveform) // FRAME
    first = max(0, int((said[0].start - before) * SAMPLE_RATE) // FRAME)
    last = min(total, -(-int((said[-1].end + after) * SAMPLE_RATE) // FRAME))
    begin, end = first * FRAME / SAMPLE_RATE, last * FRAME / SAMPLE_RATE
    phones = tuple(
        replace(p, start=max(p.start, begin) - begin, end=min(p.end, end) - begin)
        for p in utterance.phones
        if p.end > begin and p.start < end
    )
    lips = None if utterance.lips is None else utterance.lips[first:last]
    return replace(utterance, waveform=utterance.waveform[first * FRAME : last * FRAME], phones=phones, lips=lips)


def splice(utterances: list[Utterance], rng: np.random.Generator) -> Utterance:
    """Utterances one after the other, with pauses before, between and after; each begins with a video frame."""
    waves: list[np.ndarray] = []
    phones: list[Phone] = []
    lips: list[np.ndarray] = []
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        count = FRAME * round(seconds * SAMPLE_RATE / FRAME)
        waves.append(np.zeros(count, np.float32))
        lips.append(np.zeros((count // FRAME, 1), np.float32))
        phones.append(Phone(now, now + count / SAMPLE_RATE, ""))
        now += count / SAMPLE_RATE

    pause(rng.uniform(0, 0.5) if rng.random() < 0.7 else rng.uniform(0.5, 1.5))
    for utterance in utterances:
        peak = float(np.abs(utterance.waveform).max()) + 1e-6
        frames = -(-len(utterance.waveform) // FRAME)
        wave = np.pad(utterance.waveform, (0, frames * FRAME - len(utterance.waveform)))
        waves.append((wave * (0.5 / peak * 10 ** (rng.uniform(-4, 2) / 20))).astype(np.float32))
        phones += [replace(p, start=p.start + now, end=p.end + now) for p in utterance.phones]
        if utterance.lips is not None:
            lips.append(_faded(utterance.lips, frames))
        now += frames * FRAME / SAMPLE_RATE
        pause(rng.uniform(0.05, 0.4) if rng.random() < 0.7 else rng.uniform(0.4, 1.4))
    first = utterances[0]
    shown = None
    if first.lips is not None:
        width = first.lips.shape[1]
        shown = np.concatenate([np.broadcast_to(part, (len(part), width)) for part in lips])
    return Utterance(np.concatenate(waves), tuple(phones), first.engine, first.language, first.voice, shown)


def _faded(lips: np.ndarray, frames: int) -> np.ndarray:
    """Lips over `frames` frames that leave rest and come back to it."""
    held = lips[np.clip(np.arange(frames), 0, len(lips) - 1)]
    edge = np.minimum(np.arange(1, frames + 1), np.arange(frames, 0, -1)) / FADE
    return held * np.clip(edge, 0, 1)[:, None]


def equalise(wave: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A random smooth colour of +-12 dB: tilt, bumps, sometimes a narrow band."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    octave = np.log2(np.maximum(frequency, 60) / 1000)
    knots = np.linspace(-4, 3, 9)
    gain = np.interp(octave, knots, np.cumsum(rng.normal(0, 2.2, 9)))
    gain += rng.uniform(-2.5, 2.5) * octave
    kind = rng.random()
    if kind < 0.12:  # telephone
        gain -= 18 * np.clip((300 - frequency) / 150, 0, 3) + 24 * np.clip((frequency - 3400) / 400, 0, 3)
    elif kind < 0.3:  # dull microphone
        gain -= 20 * np.clip((frequency - rng.uniform(3500, 7000)) / 1000, 0, 3)
    elif kind < 0.4:  # small loudspeaker
        gain -= 15 * np.clip((rng.uniform(200, 500) - frequency) / 150, 0, 3)
    shaped = np.fft.irfft(spectrum * 10 ** (np.clip(gain, -60, 20) / 20), len(wave))
    return shaped.astype(np.float32)


def room(wave: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Reverberation: direct sound, a few early echoes, an exponential tail."""
    from scipy.signal import fftconvolve

    seconds = rng.uniform(0.12, 0.55)
    count = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail *= 10 ** (rng.uniform(-26, -9) / 20) / np.sqrt((tail**2).sum())
    tail[: int(rng.uniform(0.002, 0.012) * SAMPLE_RATE)] = 0
    tail[0] = 1.0
    for _ in range(int(rng.integers(1, 5))):
        tail[int(rng.uniform(0.003, 0.04) * SAMPLE_RATE)] += rng.uniform(-0.35, 0.35)
    return fftconvolve(wave, tail)[: len(wave)].astype(np.float32)


def noise(count: int, rng: np.random.Generator) -> FloatArray:
    """Coloured noise with slow changes, or hum: unit power."""
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    shape = np.maximum(frequency, 50) ** (-rng.uniform(0, 1.6) / 2)
    wave = np.fft.irfft(shape * np.exp(2j * np.pi * rng.random(len(frequency))), count)
    if rng.random() < 0.4:
        steps = rng.normal(0, 0.6, max(2, count // SAMPLE_RATE + 2))
        wave *= np.exp(np.interp(np.arange(count), np.linspace(0, count, len(steps)), steps))
    if rng.random() < 0.15:
        hum = 50.0 if rng.random() < 0.5 else 60.0
        time = np.arange(count) / SAMPLE_RATE
        for k in range(1, 5):
            wave += wave.std() * rng.uniform(0, 1.5) * np.sin(2 * np.pi * hum * k * time)
    return (wave / (wave.std() + 1e-9)).astype(np.float32)


def music(count: int, rng: np.random.Generator) -> FloatArray:
    """Synthesised music: chords, a bass, a melody, drums; unit power."""
    time = np.arange(count) / SAMPLE_RATE
    beat = rng.uniform(0.3, 0.75)
    root = rng.uniform(90, 220)
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) if rng.random() < 0.5 else np.array([0, 2, 3, 5, 7, 8, 10])
    wave = np.zeros(count)

    def note(start: float, length: float, hertz: float, loud: float, soft: bool) -> None:
        first, last = int(start * SAMPLE_RATE), min(count, int((start + length) * SAMPLE_RATE))
        if last - first < 80:
            return
        t = time[: last - first]
        attack = rng.uniform(0.01, 0.12) if soft else 0.006
        envelope = np.minimum(t / attack, 1) * (
            np.minimum((t[-1] - t) / 0.05, 1) if soft else np.exp(-t / rng.uniform(0.12, 0.6))
        )
        wobble = rng.uniform(0, 0.006) * np.sin(2 * np.pi * rng.uniform(4, 7) * t) if soft else 0.0
        fall = rng.uniform(0.8, 2.2)
        for k in range(1, int(rng.integers(3, 9))):
            if hertz * k < 7500:
                tone = np.sin(2 * np.pi * hertz * k * (t + wobble / 6) + rng.uniform(0, 6))
                wave[first:last] += loud * k**-fall * envelope * tone

    at, parts = 0.0, rng.random(4) < (0.7, 0.6, 0.6, 0.6)
    if not parts.any():
        parts[0] = True
    degree = 0
    while at < count / SAMPLE_RATE:
        if rng.random() < 0.3:
            degree = int(rng.integers(7))
        soft = rng.random() < 0.5
        if parts[0]:
            for step in (0, 2, 4):
                octave, place = divmod(degree + step, 7)
                note(at, beat * rng.uniform(0.9, 2.2), root * 2 ** (octave + scale[place] / 12 + 1), 0.5, soft)
        if parts[1]:
            note(at, beat * 0.9, root * 2 ** (scale[degree] / 12), 0.9, False)
        if parts[2]:
            for half in range(2):
                pick = int(rng.integers(7))
                note(at + half * beat / 2, beat * 0.6, root * 2 ** (scale[pick] / 12 + 2), 0.6, soft)
        if parts[3]:
            for half in range(2):
                first = int((at + half * beat / 2) * SAMPLE_RATE)
                length = min(int(rng.uniform(0.03, 0.15) * SAMPLE_RATE), count - first)
                if length > 10:
                    hit = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 4))
                    if half == 0:
                        sweep = 60 + 80 * np.exp(-time[:length] * 30)
                        hit = (
                            2.5
                            * np.sin(2 * np.pi * np.cumsum(sweep) / SAMPLE_RATE)
                            * np.exp(-np.arange(length) / (length / 3))
                        )
                    wave[first : first + length] += hit
        at += beat
    return (wave / (wave.std() + 1e-9)).astype(np.float32)


def power(wave: FloatArray) -> float:
    """Mean square of the loud parts."""
    square = wave[: len(wave) // 400 * 400].reshape(-1, 400) ** 2
    levels = square.mean(1)
    return float(levels[levels >= np.median(levels)].mean() + 1e-12) if len(levels) else 1e-12


def conditions(wave: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One random recording condition, from studio to street."""
    if rng.random() < 0.7:
        wave = equalise(wave, rng)
    if rng.random() < 0.4:
        wave = room(wave, rng)
    base = power(wave)
    if rng.random() < 0.6:
        wave = wave + noise(len(wave), rng) * np.sqrt(base) * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.15:
        wave = wave + music(len(wave), rng) * np.sqrt(base) * 10 ** (-rng.uniform(4, 22) / 20)
    wave = wave / (np.abs(wave).max() + 1e-6)
    if rng.random() < 0.1:  # overdriven
        wave = np.tanh(wave * rng.uniform(1.5, 5))
    wave = wave * 10 ** (rng.uniform(-32, 0) / 20)
    if rng.random() < 0.12:  # few bits
        levels = 2.0 ** rng.integers(7, 11)
        wave = np.round(wave * levels) / levels
    return wave.astype(np.float32)
