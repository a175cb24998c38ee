"""Speech features of moda-lite: levelled log-mel spectra around each video frame.

Everything is causal but for a short, fixed look-ahead: cutting the end of a clip leaves the features of the
frames before it as they were. Level and timbre are evened out by running estimates (a peak follower for the level,
a slow mean per channel for the colour of voice and microphone) that start from the average of speech.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE = 16000
HOP = 160
"""10 ms: four columns per video frame."""
WINDOW = 400
FFT = 512
MELS = 48
LOW, HIGH = 80.0, 7600.0
EXTRAS = 2
"""Level (how loud against the running peak) and voicing (how periodic)."""
CHANNELS = MELS + EXTRAS
COLUMNS_PER_FRAME = 4
BEFORE, AFTER = 6, 14
"""Columns before and after the frame's start: -60 ms to +140 ms, because the mouth leads the sound."""
CONTEXT = BEFORE + AFTER
FEATURES = CONTEXT * CHANNELS
"""Width of one frame's features."""

_FLOOR = 1e-10
_RELEASE = 8.0  # seconds in which the level follower forgets
_COLOUR = 6.0  # seconds of the running mean spectrum
_START_LEVEL = np.log(10 ** (-38 / 10))
_PRIOR_SECONDS = 1.5  # weight of the average speech spectrum at the start


def mel_points(count: int = MELS, warp: float = 1.0) -> npt.NDArray[np.float64]:
    """count + 2 mel-spaced edges in Hz; warp > 1 moves them up, as if the speaker's throat were shorter."""
    mel = np.linspace(_to_mel(LOW), _to_mel(HIGH), count + 2)
    hertz = 700.0 * (10 ** (mel / 2595.0) - 1)
    # Above 6 kHz the warp bends back, so that the band keeps its upper end.
    knee = 6000.0 / max(warp, 1.0)
    top = hertz[-1]
    upper = warp * knee + (hertz - knee) * (top - warp * knee) / (top - knee)
    return np.where(hertz < knee, hertz * warp, upper)


def _to_mel(hertz: float) -> float:
    return 2595.0 * float(np.log10(1 + hertz / 700.0))


@lru_cache(maxsize=64)
def filterbank(warp: float = 1.0) -> FloatArray:
    """(FFT/2+1, MELS) triangles of equal area."""
    edges = mel_points(MELS, warp)
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(rising, falling))
    return (bank / np.maximum(bank.sum(0), 1e-3)).astype(np.float32)


def _speech_colour() -> FloatArray:
    """Mean of log-mel minus log-level of speech: falls about 9 dB an octave above 500 Hz."""
    centres = mel_points()[1:-1]
    decibel = -6.0 - 9.0 * np.log2(np.maximum(centres, 500.0) / 500.0)
    return (decibel * np.log(10) / 10).astype(np.float32)


def columns(waveform: npt.ArrayLike, count: int, warp: float = 1.0) -> FloatArray:
    """Waveform (N,) 16 kHz -> (count, CHANNELS) evened-out log-mel columns, one every 10 ms, column k centred
    at k * 10 ms. What lies outside the waveform counts as silence."""
    signal = np.asarray(waveform, dtype=np.float32).reshape(-1)
    need = (count - 1) * HOP + FFT
    padded = np.zeros(FFT // 2 + max(need, len(signal)), dtype=np.float32)
    padded[FFT // 2 : FFT // 2 + len(signal)] = signal
    return Leveller()(*_spectra(padded, count, filterbank(warp)))


def _spectra(
    padded: FloatArray, count: int, bank: FloatArray, chunk: int = 1024
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log level (count,), log-mel (count, MELS) and voicing (count,) 0..1, in pieces so that an hour of speech fits."""
    window = np.zeros(FFT, dtype=np.float32)
    edge = (FFT - WINDOW) // 2
    window[edge : edge + WINDOW] = np.hanning(WINDOW)
    lags = slice(40, 230)  # 70 to 400 Hz
    shape = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * FFT)) ** 2)[lags]
    views = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][:count]
    level, mel = np.empty(count, dtype=np.float32), np.empty((count, MELS), dtype=np.float32)
    voicing = np.empty(count, dtype=np.float32)
    for start in range(0, count, chunk):
        here = slice(start, start + chunk)
        spectrum = np.abs(np.fft.rfft(views[here] * window, 2 * FFT).astype(np.complex64)) ** 2
        power = spectrum[:, ::2]
        level[here] = np.log(power[:, 4:240].sum(1) / FFT + _FLOOR)  # 125 Hz to 7.5 kHz
        mel[here] = np.log(power @ bank / FFT + _FLOOR)
        # Telephone band: voicing of a voice through any microphone.
        spectrum[:, : 2 * 6] = 0
        spectrum[:, 2 * 100 :] = 0
        echo = np.fft.irfft(spectrum.astype(np.complex64))
        best = (echo[:, lags] / np.maximum(shape / shape.max(), 0.2)).max(1)
        voicing[here] = np.clip(best / (echo[:, 0] + 1e-6) * 0.5, 0, 1)
    return level, mel, voicing


class Leveller:
    """Evens out loudness and colour by what was heard so far: a peak follower of the level, and the mean spectrum of
    what was loud. Feed it column by column or all at once, the result is the same."""

    def __init__(self) -> None:
        self.peak = float(_START_LEVEL)
        self.colour = _speech_colour()
        self.seconds = _PRIOR_SECONDS

    def __call__(self, level: FloatArray, mel: FloatArray, voicing: FloatArray) -> FloatArray:
        """Log level (n,), log-mel (n, MELS) and voicing (n,) of the next columns -> (n, CHANNELS)."""
        peak, colour = self.follow(level, mel)
        even = (mel - peak[:, None] - colour) / 3.0
        loud = (level - peak) / 3.0
        return np.column_stack([np.clip(even, -3.0, 3.0), np.clip(loud, -3.5, 1.0), voicing]).astype(np.float32)

    def follow(self, level: FloatArray, mel: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The level follower (n,) and the mean spectrum (n, MELS) at each of the next columns."""
        count, step = len(level), HOP / SAMPLE_RATE
        decay = step / _RELEASE
        peaks = np.empty(count, dtype=np.float32)
        colours = np.empty_like(mel)
        for i in range(count):
            above = float(level[i]) - self.peak
            self.peak += 0.12 * above if above > 0 else max(above, -8.0) * decay * 0.25
            peaks[i] = self.peak
            if above > -4.5:
                share = step / self.seconds
                self.colour = self.colour + share * (mel[i] - self.peak - self.colour)
                self.seconds = min(self.seconds + step, _COLOUR)
            colours[i] = self.colour
        return peaks, colours


class StreamedColumns:
    """`columns` of a waveform that comes in pieces: (n, CHANNELS) of those that are complete by now, the same numbers
    as of the whole to rounding. Keeps half a window of sound."""

    def __init__(self) -> None:
        self.leveller = Leveller()
        self.sound = np.zeros(FFT // 2, dtype=np.float32)  # from the first sample of the next column's window on

    def __call__(self, samples: npt.ArrayLike) -> FloatArray:
        """The columns that samples (n,) float complete."""
        self.sound = np.concatenate([self.sound, np.asarray(samples, dtype=np.float32).reshape(-1)])
        count = max(0, (len(self.sound) - FFT) // HOP + 1)
        if count == 0:
            return np.zeros((0, CHANNELS), dtype=np.float32)
        made = self.leveller(*_spectra(self.sound, count, filterbank()))
        self.sound = self.sound[count * HOP :]
        return made

    def forget(self) -> None:
        """Silence instead of the sound of which a column is not complete."""
        self.sound = np.zeros_like(self.sound)


def stack_columns(cols: npt.NDArray, frames: int, first: int = 0) -> npt.NDArray:
    """Columns (K, CHANNELS) -> (frames, FEATURES): frame i sees columns 4i - BEFORE .. 4i + AFTER.

    `first` is the index of column 0 of frame 0 in `cols`; missing columns repeat the nearest one."""
    places = first + COLUMNS_PER_FRAME * np.arange(frames)[:, None] + np.arange(-BEFORE, AFTER)[None]
    return cols[np.clip(places, 0, len(cols) - 1)].reshape(frames, FEATURES)


class LogMelFeatures:
    """Speech (N,) float 16 kHz in [-1, 1] as (frames, FEATURES) float32 at 25 fps for moda-lite, stacked when a slice
    is asked for: whole, they take five times the room of the columns.

    Frame i covers i/25 .. (i+1)/25 s and sees 60 ms before and 140 ms after its start; so cutting the waveform changes
    only frames within 160 ms of the cut. Silence is the floor value, not noise. ValueError for less than one frame.
    """

    def __init__(self, waveform: npt.ArrayLike, frames: int) -> None:
        if frames < 1:
            raise ValueError(f"frames must be at least 1, not {frames}")
        self.frames = frames
        self.columns = columns(waveform, COLUMNS_PER_FRAME * frames + AFTER)

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, frames: slice) -> FloatArray:
        """Features (n, FEATURES) of a stretch of frames."""
        start, stop, stride = frames.indices(self.frames)
        if stride != 1:
            raise IndexError("Speech features are read frame by frame, without a stride.")
        return stack_columns(self.columns, max(0, stop - start), COLUMNS_PER_FRAME * start).astype(np.float32)


def log_mel_features(waveform: npt.ArrayLike, frames: int) -> FloatArray:
    """All of `LogMelFeatures` at once, (frames, FEATURES)."""
    return LogMelFeatures(waveform, frames)[:]
