"""From settings to the sampler, and from its numbers to a motion that fits the portrait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting, Cancelled
from moda.generator.noise_scale import NoiseScale
from moda.models.motion_model import MotionModel, Pace, Start
from moda.models.threads import cpu_threads
from moda.motion.closures import close_lips, is_bilabial
from moda.motion.emotions import CLASSES
from moda.motion.endings import with_open_eyes_at_last
from moda.motion.space import FPS, POSE, Motion, denormalise, normalise
from moda.settings import CONTROLS, Settings

if TYPE_CHECKING:
    from moda.generator.sampler import SamplingOptions
    from moda.media.audio import Speech

FloatArray = npt.NDArray[np.float32]


class Tuned(Protocol):
    """What a model brings for its sampling: its starting noise, joint guidance that stands in for untouched scales
    (None: the scales of the settings), and the pace that stands in for untouched steps, solver and schedule."""

    noise: NoiseScale
    joint_guidance: float | None
    pace: Pace


def sampling_options(settings: Settings, model: Tuned | type[Tuned]) -> SamplingOptions:
    """The sampler's options that these settings mean for a model.

    What is left at its defaults is the model's own: moda-base was published with a joint guidance of 1.2, and each
    model has the pace that measured best.
    """
    from moda.generator.guidance import Guidance
    from moda.generator.sampler import SamplingOptions

    if settings.preset == "reference":
        return SamplingOptions.reference(steps=max(settings.steps, 2))
    scales = {name: getattr(settings, f"{name}_guidance") for name in ("speech", "emotion", "identity")}
    untouched = all(scale == CONTROLS[f"{name}_guidance"].default for name, scale in scales.items())
    own = model.joint_guidance if untouched else None
    # The pace was measured at the model's own guidance; stronger guidance bends the path more.
    left = all(getattr(settings, name) == CONTROLS[name].default for name in ("steps", "solver", "schedule"))
    pace = model.pace if left and untouched else Pace(settings.steps)
    when = {"refresh": pace.refresh, "first": pace.first}
    guidance = Guidance(**scales, **when) if own is None else Guidance(joint=own, **when)
    return SamplingOptions(
        steps=pace.steps,
        solver=settings.solver,
        schedule=settings.schedule,
        warp=pace.warp,
        guidance=guidance,
        noise=model.noise,
    )


def emotion_weights(settings: Settings, frames: int, fps: float) -> tuple[FloatArray, tuple[str, ...]]:
    """The prompt as weights over the nine classes, (9,) or (T, 9), and what to tell the person about it.

    Strength k leads from no emotion (k = 0) over the prompt's mixture (k = 1) beyond it: (1 - k) none + k mixture.
    """
    from moda.conditions.emotion import check_times, emotion_track, explain, is_timed, understand

    nothing = np.eye(len(CLASSES), dtype=np.float32)[-1]
    if is_timed(settings.emotion):
        check_times(settings.emotion, frames / fps)
        weights, notes = emotion_track(settings.emotion, frames, fps), explain(settings.emotion)
    else:
        meant = understand(settings.emotion)
        weights, notes = meant.mixture, ()
        if settings.emotion.strip():
            notes = (meant.hint or f"Emotion understood as {meant.label}.",)
    strength = np.float32(settings.emotion_strength)
    return (1 - strength) * nothing + strength * weights, notes


def sample(
    model: MotionModel,
    speech: Speech,
    start: Start,
    features: Any,
    settings: Settings,
    pose: FloatArray | None,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[Motion, tuple[str, ...]]:
    """One motion, and what to tell the person. pose (T, 7): head pose to lean on, offsets from the portrait's own."""
    from moda.generator.anchor import PoseGuidance
    from moda.generator.published import sample_published
    from moda.generator.sampler import ClipRequest, ClipStep, sample_clip

    if settings.identity_guidance != 1 and not model.network.config.has_null_identity:
        raise BadSetting(f"{model.name} was trained without a null identity: leave identity_guidance at 1.")
    emotion, notes = emotion_weights(settings, speech.frames(), FPS)
    guide = None
    if pose is not None and settings.pose_strength > 0:
        target = np.tile(denormalise(start.first), (len(pose), 1))
        target[:, POSE] += pose
        guide = PoseGuidance(normalise(target)[:, POSE], settings.pose_strength)
    request = ClipRequest(features, emotion, start.identity, start.first, settings.seed, guide)
    options = sampling_options(settings, model)

    def watch(at: ClipStep) -> None:
        if cancel is not None and cancel():
            raise Cancelled("Sampling was stopped.")
        if progress is not None:
            progress(at.done, at.total)

    with cpu_threads(model.threads):
        if model.silence:
            lips = "reference" if settings.preset == "reference" else "causal"
            sampled = sample_published(model.network, request, model.silence, options, lips, watch)
        else:
            sampled = sample_clip(model.network, request, options, watch)
    vectors = denormalise(sampled.numpy(), start.ratio)
    motion = Motion(vectors, FPS, model.name, reference=start.reference, neutral=start.neutral)
    if settings.preset == "reference":
        return motion, notes
    if speech.phones:
        motion = close_lips(motion, [(p.start, p.end) for p in speech.phones if is_bilabial(p.symbol)])
    return with_open_eyes_at_last(motion), notes
