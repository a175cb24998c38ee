"""Lip sync: how well a mouth's opening follows the sound.

A small ridge regressor predicts the opening of the lips from the sound; the score is Pearson's correlation between
that and the opening that is seen. It hears 26 log-mel bands at 7 instants from 120 ms before to 120 ms after the middle
of each frame, and knows nothing of the speaker: bands are centred and scaled over the clip. It is weight-free in the
sense that matters here: 183 numbers, fitted by one linear solve.

* correlation: r at the timing the video has, -1 to 1, higher is better. Real people: 0.3 to 0.65.
* best: the largest r for any shift within +-400 ms, and lag: that shift in ms, + means that the lips are late.
* confidence: best minus the median of r over shifts within +-600 ms (0 = the sound says nothing about these lips).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moda.evaluate.measures.signals import RATE, Array

SAMPLES = 16_000
BANDS = 26
OFFSETS = tuple(range(-6, 7, 2))  # in hops of 20 ms
FEATURES = BANDS * len(OFFSETS)
FLOOR = 9.0  # nats under the loudest twentieth that still count as sound: 39 dB
REACH = 15  # frames of the lag curve to either side: 600 ms
NEAR = 10  # frames within which the best lag is looked for: 400 ms
REMEDY = "fit one with `python -m tools.fit_regressor`."
SHIPPED = Path(__file__).with_name("lips_from_sound.npz")


@dataclass(frozen=True)
class Sync:
    """Lip sync of one clip; see the module's text for the meaning of each number."""

    correlation: float
    best: float
    lag_ms: float
    confidence: float
    curve: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Regressor:
    """Opening of the lips from sound: (features - centre) @ weights. `source` says what it was fitted on."""

    centre: Array
    weights: Array
    source: str = ""

    def __call__(self, features: Array) -> Array:
        """Features (T, 182) -> expected opening (T,), in standard deviations of the clip's opening."""
        return (features - self.centre) @ self.weights

    def save(self, path: Path) -> None:
        """Write as .npz without pickle."""
        path.parent.mkdir(parents=True, exist_ok=True)
        centre, weights = self.centre.astype(np.float32), self.weights.astype(np.float32)
        np.savez_compressed(path, centre=centre, weights=weights, source=np.array(self.source))

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Regressor:
        """Read a regressor; without a path the shipped one, which was fitted on openly licensed speech alone."""
        from moda.errors import BadSetting

        try:
            with np.load(path, allow_pickle=False) as file:
                found = cls(file["centre"].astype(np.float64), file["weights"].astype(np.float64), str(file["source"]))
        except (OSError, ValueError, KeyError):
            raise BadSetting(f"The regressor {path.name} cannot be read: {REMEDY}") from None
        if found.weights.shape != (FEATURES,) or found.centre.shape != (FEATURES,):
            raise BadSetting(f"The regressor {path.name} has another size: {REMEDY}")
        return found


@lru_cache(maxsize=1)
def _filters() -> Array:
    """(257, 26) triangular mel filters between 80 and 7600 Hz."""
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (80.0, 7600.0))
    edge = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    hertz = np.arange(257) * SAMPLES / 512
    rise = (hertz[:, None] - edge[None, :-2]) / np.diff(edge)[:-1]
    fall = (edge[None, 2:] - hertz[:, None]) / np.diff(edge)[1:]
    return np.clip(np.minimum(rise, fall), 0, None)


def sound_features(waveform: npt.ArrayLike, frames: int, late_ms: float = 0.0) -> Array:
    """Waveform (N,) 16 kHz -> (frames, 182): log-mel bands around the middle of each 25 fps frame.

    late_ms: how much the picture is known to be late; the sound is then taken that much earlier.
    """
    sound = np.asarray(waveform, np.float64).reshape(-1)
    edge = -OFFSETS[0]
    centres = (np.arange(2 * frames + 2 * edge) - edge) / 50.0 - late_ms / 1000.0
    first = np.round(centres * SAMPLES).astype(int) - 200
    left = max(0, -int(first[0]))
    right = max(0, int(first[-1]) + 400 - len(sound))
    padded = np.concatenate([np.zeros(left), sound, np.zeros(right)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[first + left]
    bands = np.log((np.abs(np.fft.rfft(windows * np.hanning(400), 512)) ** 2) @ _filters() + 1e-7)
    inside = bands[edge : edge + 2 * frames]
    floor = np.percentile(inside, 95) - FLOOR
    bands, inside = np.maximum(bands, floor), np.maximum(inside, floor)
    bands = (bands - inside.mean(0)) / (inside.std(0) + 0.3)
    at = 2 * np.arange(frames) + 1 + edge
    return np.concatenate([bands[np.minimum(at + o, len(bands) - 1)] for o in OFFSETS], axis=1)


def fit(pairs: Sequence[tuple[Array, Array]], ridge: float = 1000.0, source: str = "") -> Regressor:
    """Ridge regression over clips of (features (T, 182), opening (T,)).

    Openings are standardised within each clip; clips longer than 6 s weigh as 6 s, so that no speaker dominates.
    """
    x = np.concatenate([features for features, _ in pairs])
    y = np.concatenate([_standard(opening) for _, opening in pairs])
    weight = np.concatenate([np.full(len(o), min(1.0, 150 / len(o))) for _, o in pairs])[:, None]
    centre = x.mean(0)
    moved = x - centre
    gram = moved.T @ (moved * weight) + ridge * np.eye(x.shape[1])
    return Regressor(centre, np.linalg.solve(gram, moved.T @ (y[:, None] * weight))[:, 0], source)


def lag_curve(seen: Array, expected: Array, reach: int = REACH) -> Array:
    """(2*reach+1,) correlation of seen (t + lag) with expected (t), lag in frames from -reach; + = seen is late."""
    count = min(len(seen), len(expected))
    curve = np.full(2 * reach + 1, np.nan)
    for i, lag in enumerate(range(-reach, reach + 1)):
        a = seen[max(0, lag) : count + min(0, lag)]
        b = expected[max(0, -lag) : count - max(0, lag)]
        if len(a) >= 10:
            curve[i] = correlation(a, b)
    return curve


def score(opening: Array, waveform: npt.ArrayLike, regressor: Regressor | None = None, late_ms: float = 0.0) -> Sync:
    """Lip sync of an opening (T,) at 25 fps with the waveform (N,) at 16 kHz that plays with it."""
    model = regressor or shipped()
    expected = model(sound_features(waveform, len(opening), late_ms))
    return score_against(opening, expected)


def score_against(opening: Array, expected: Array) -> Sync:
    """Lip sync of an opening (T,) with the expected opening (T,) or any other reference, e.g. the real speaker's."""
    curve = lag_curve(np.asarray(opening, np.float64), np.asarray(expected, np.float64))
    here = float(curve[REACH])
    near = curve[REACH - NEAR : REACH + NEAR + 1]
    if not np.isfinite(near).any():
        return Sync(float("nan"), float("nan"), float("nan"), float("nan"))
    top = int(np.nanargmax(near))
    shift = float(top - NEAR)
    if 0 < top < len(near) - 1 and np.isfinite(near[top - 1 : top + 2]).all():
        bend = near[top - 1] - 2 * near[top] + near[top + 1]
        shift += 0.0 if bend >= 0 else float(np.clip(0.5 * (near[top - 1] - near[top + 1]) / bend, -0.5, 0.5))
    best = float(near[top])
    return Sync(here, best, shift * 1000 / RATE, best - float(np.nanmedian(curve)), tuple(map(float, curve)))


def closures(opening: Array, phonemes: Sequence[tuple[str, float, float]]) -> float:
    """Share of p, b, m whose lips shut: the least opening from 60 ms before to the end is < 10 % of the clip's 95th
    percentile. phonemes: (name, start, end) in seconds, ARPAbet or IPA. NaN where there are none."""
    limit = 0.1 * float(np.percentile(opening, 95))
    shut = []
    for name, start, end in phonemes:
        if name.strip("ˈˌ:").lower().rstrip("ʲʰ") in ("p", "b", "m"):
            first = max(0, int(np.floor((start - 0.06) * RATE)))
            span = opening[first : int(np.ceil(end * RATE)) + 1]
            if len(span):
                shut.append(float(span.min()) < limit)
    return float(np.mean(shut)) if shut else float("nan")


def correlation(a: Array, b: Array) -> float:
    """Pearson's r; 0 where either does not move."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-12 else 0.0


@lru_cache(maxsize=1)
def shipped() -> Regressor:
    """The regressor that comes with the package."""
    return Regressor.load()


def _standard(values: Array) -> Array:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else values - values.mean()
