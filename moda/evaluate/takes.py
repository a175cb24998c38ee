"""Measures of a take: from its motion alone, without a pixel, quick enough to show beside every take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moda.evaluate.measures.movement import movement_measures, sync_note
from moda.evaluate.measures.signals import signals_of_motion
from moda.evaluate.measures.sync import Regressor
from moda.evaluate.report import Report


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
