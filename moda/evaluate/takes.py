"""Measures of a take: from its motion alone, without a pixel, quick enough to show beside every take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moda.evaluate.blinks import blink_measures
from moda.evaluate.face import face_measures
from moda.evaluate.head import head_measures
from moda.evaluate.real_ranges import REAL_BY_FOOTAGE
from moda.evaluate.report import Report
from moda.evaluate.signals import Signals, signals_of_motion
from moda.evaluate.sync import Regressor, closures, score


def evaluate_take(
    take: Any,
    speech: Any = None,
    *,
    phonemes: Sequence[tuple[str, float, float]] = (),
    regressor: Regressor | None = None,
) -> Report:
    """Report on a take (anything with `.motion`) or a `Motion`, and the speech it was planned for.

    speech: a Speech, a waveform (N,) at 16 kHz, or None: then nothing is said about lip sync.
    phonemes: (name, start, end) in seconds where they are known, for the closure of p, b and m.
    """
    motion = getattr(take, "motion", take)
    waveform = getattr(speech, "waveform", speech)
    values = movement_measures(signals_of_motion(motion), waveform, phonemes, regressor)
    subject = str(getattr(motion, "origin", "") or "take")
    return Report(subject, "take", {**values, "seconds": motion.seconds}, sync_note(regressor))


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
