"""The numbers of a comparison: our takes from their motion or their pixels, other systems from their pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from moda.compare.alignment import Aligned
from moda.compare.tables import Row
from moda.compare.variants import Variant
from moda.errors import UserError
from moda.evaluate.measures.signals import RATE, Signals, signals_of_motion
from moda.media.audio import RATE as SAMPLES
from moda.media.audio import Speech

if TYPE_CHECKING:
    from moda.motion.takes import Take
    from moda.pipeline import RenderResult
    from moda.portrait.portrait import Portrait

#: Where numbers come from: `motion` costs nothing, `video` looks at every frame, `auto` is `video` where other
#: systems' videos are compared, so that all are measured alike.
SOURCES = ("auto", "motion", "video")
PLANNING = ("speech", "conditions", "motion")


def variant_row(
    variant: Variant, take: Take, speech: Speech, result: RenderResult, portrait: Portrait, source: str
) -> tuple[Row, Signals]:
    """Numbers and signals of one of our own variants."""
    from moda.evaluate import evaluate_take, evaluate_video

    if source == "video":
        values = dict(evaluate_video(result.output, portrait).values)
    else:
        values = dict(evaluate_take(take, speech).values)
    values["plan_seconds"] = sum(take.timings.get(stage, 0.0) for stage in PLANNING)
    values["render_seconds"] = result.timings.get("video", 0.0)
    values["real_time_factor"] = result.real_time_factor
    return Row(variant.name, values, variant.changed, source), signals_of_motion(take.motion)


def column_row(
    name: str, video: Aligned, speech: Speech, portrait: Portrait, source: str
) -> tuple[Row, Signals | None, str]:
    """Numbers and signals of another system's video, over the part in which our speech plays; and what went wrong."""
    from moda.evaluate import evaluate_video
    from moda.evaluate.measures.following import follow, sound_of
    from moda.evaluate.measures.movement import movement_measures
    from moda.media.footage import probe

    try:
        signals = follow(video.path, probe(video.path).fps)[0]
        first = max(0, round(video.offset * RATE))
        part = signals.part(first, min(len(signals), first + speech.frames(RATE)))
        if source == "video":
            values = dict(evaluate_video(video.path, portrait).values)
        else:
            waveform = sound_of(video.path)[0]
            heard = None if waveform is None else waveform[round(first / RATE * SAMPLES) :]
            values = movement_measures(part, None if heard is None else heard[: round(len(part) / RATE * SAMPLES)])
    except UserError as fault:
        return Row(name, {"seconds": video.seconds}, how="not measured"), None, f"{name} could not be measured: {fault}"
    return Row(name, values, how="video" if source == "video" else "followed"), part, ""


def jsonable(values: Any) -> dict[str, float | None]:
    """Numbers for JSON: NaN becomes None."""
    return {name: (round(float(v), 6) if math.isfinite(v) else None) for name, v in values.items()}
