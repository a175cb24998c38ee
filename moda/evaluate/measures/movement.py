"""All measures of a face's movement together, by name: lips, head, eyes, brows, variety."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moda.evaluate.measures.blinks import blink_measures
from moda.evaluate.measures.face import face_measures
from moda.evaluate.measures.head import head_measures
from moda.evaluate.measures.real_ranges import REAL_BY_FOOTAGE
from moda.evaluate.measures.signals import Signals
from moda.evaluate.measures.sync import Regressor, closures, score


def sync_note(regressor: Regressor | None) -> tuple[str, ...]:
    """What a reader must know where lip sync was not measured by the shipped regressor."""
    if regressor is None:
        return ()
    real = " / ".join(f"{value:.2f}" for value in REAL_BY_FOOTAGE["sync_correlation"])
    return (f"Lip sync by a regressor fitted on {regressor.source}; on footage, real speakers score {real}.",)


def movement_measures(
    signals: Signals,
    waveform: Any = None,
    phonemes: Sequence[tuple[str, float, float]] = (),
    regressor: Regressor | None = None,
    late_ms: float = 0.0,
) -> dict[str, float]:
    """All measures that need no pixels, by name. Lip sync is NaN without a waveform, or where it is silent."""
    nothing = float("nan")
    values = dict.fromkeys(("sync_correlation", "sync_best", "sync_lag_ms", "sync_confidence"), nothing)
    if waveform is not None and len(signals) >= 20 and float(np.abs(waveform).max(initial=0.0)) > 1e-3:
        sync = score(signals.opening, waveform, regressor, late_ms)
        values = dict(zip(values, (sync.correlation, sync.best, sync.lag_ms, sync.confidence)))
    if phonemes:
        values["closure"] = closures(signals.opening, phonemes)
    values |= face_measures(signals, waveform)
    values |= head_measures(signals.rotation, signals.place)
    values |= blink_measures(signals.eyes, signals.shut)
    order = ("opening", "closed", "quiet", "lip", "sync", "closure")
    lips = {k: v for k, v in values.items() if k.split("_")[0] in order}
    rest = {k: v for k, v in values.items() if k not in lips}
    head = {k: v for k, v in rest.items() if k.startswith(("pitch", "yaw", "roll", "head"))}
    eyes = {k: v for k, v in rest.items() if k.startswith("blink")}
    return {**lips, **head, **eyes, **{k: v for k, v in rest.items() if k not in head and k not in eyes}}
