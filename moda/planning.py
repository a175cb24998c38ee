"""From portrait and speech to a sampled motion: what each model is told, and how its answer is read.

The two models share the network class and the sampler; they differ in speech features and in where identity and
first frame come from. That difference lives here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from moda.conditions.hubert import SILENCE_FRAMES
from moda.errors import BadSetting
from moda.generator.noise_scale import NoiseScale
from moda.motion.actions import INDEX, NEUTRAL, change_actions
from moda.motion.space import POSE, Motion, denormalise, neutral_reference, normalise
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.generator.network import MoDA
    from moda.generator.sampler import SamplingOptions
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait

FloatArray = npt.NDArray[np.float32]
#: Inner-lip gap over eye distance that one unit of jaw_open makes.
GAP_PER_JAW = 0.30


@dataclass(frozen=True)
class Start:
    """What a generator is told about a portrait, and how its motion is placed on it.

    identity   (63,) condition; first (70,) normalised frame before the clip.
    reference  (70,) physical vector that shows the portrait as it is; neutral (63,) its relaxed expression.
    ratio      scale and translation of the generator are multiplied by it.
    """

    identity: FloatArray
    first: FloatArray
    reference: FloatArray
    neutral: FloatArray
    ratio: float = 1.0


class MotionModel(Protocol):
    """A named generator with its own way of hearing speech and reading a portrait."""

    name: str
    network: MoDA
    silence: int  # frames of silence that its features carry behind the speech
    noise: NoiseScale
    threads: int | None  # CPU threads that sampling uses; None leaves PyTorch's own choice

    def features(self, speech: Speech, preset: str) -> Any: ...

    def start(self, portrait: Portrait) -> Start: ...


class LiteModel:
    """moda-lite: log-mel features; identity and pose from the portrait's landmarks."""

    name = "moda-lite"
    silence = 0
    #: Held-out voices follow their phonemes better so (r .79 -> .89) than from full noise; brows and head vary as
    #: people's do (spread of the brows .005 -> .009 IOD, speed of nodding 3.8 -> 5.1 degrees a second).
    noise = NoiseScale(lips=0.3, brows=1.75, head=1.3)
    #: So small a network gains little from a second thread, and waits tenfold when another process has the core.
    threads: int | None = 1

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        from moda.generator.network import MoDA

        self.network = MoDA.from_pretrained(folder, device=device)

    def features(self, speech: Speech, preset: str) -> Any:
        from moda.conditions.speech import LogMelFeatures

        return LogMelFeatures(speech.waveform, speech.frames())

    def start(self, portrait: Portrait) -> Start:
        resting = neutral_reference(*portrait.pose)
        shown = resting.copy()
        opening = np.zeros((1, len(INDEX)), dtype=np.float32)
        opening[0, INDEX["jaw_open"]] = portrait.rest.get("gap", 0.0) / GAP_PER_JAW
        shown[:63] = change_actions(resting[None, :63], opening)[0]
        return Start(portrait.identity, normalise(resting), shown, NEUTRAL)


class BaseModel:
    """moda-base, the published checkpoint: HuBERT features; identity and first frame from LivePortrait's M."""

    name = "moda-base"
    silence = SILENCE_FRAMES
    noise = NoiseScale()
    threads: int | None = None

    def __init__(self, weights: Any, device: str = "cpu") -> None:
        self.network = weights.network
        self._hubert = weights.hubert
        self._extractor = weights.motion_extractor
        self.device = device

    def features(self, speech: Speech, preset: str) -> Any:
        from moda.conditions.hubert import published_features

        return published_features(self._hubert, speech.waveform, speech.frames(), preset)

    def start(self, portrait: Portrait) -> Start:
        from moda.renderer.liveportrait.drive import first_motion
        from moda.renderer.liveportrait.renderer import read_face

        source = read_face(self._extractor, portrait.crop.network_input())
        first = first_motion(source)
        opening = np.zeros((1, len(INDEX)), dtype=np.float32)
        opening[0, INDEX["jaw_open"]] = -portrait.rest.get("gap", 0.0) / GAP_PER_JAW
        neutral = change_actions(source.vector[None, :63], opening)[0]
        return Start(first.keypoints, first.vector, source.vector, neutral, first.ratio)


def sampling_options(settings: Settings, noise: NoiseScale) -> SamplingOptions:
    """The sampler's options that these settings mean; `noise` is what suits the model."""
    from moda.generator.guidance import Guidance
    from moda.generator.sampler import SamplingOptions

    if settings.preset == "reference":
        return SamplingOptions.reference(steps=max(settings.steps, 2))
    return SamplingOptions(
        steps=settings.steps,
        solver=settings.solver,
        schedule=settings.schedule,
        guidance=Guidance(
            speech=settings.speech_guidance,
            emotion=settings.emotion_guidance,
            identity=settings.identity_guidance,
        ),
        noise=noise,
    )


def emotion_weights(settings: Settings, frames: int, fps: float) -> tuple[FloatArray, tuple[str, ...]]:
    """The prompt as weights over the nine classes, (9,) or (T, 9), and what to tell the person about it.

    Strength k leads from no emotion (k = 0) over the prompt's mixture (k = 1) beyond it: (1 - k) none + k mixture.
    """
    from moda.conditions.emotion import CLASSES, emotion_track, explain, is_timed, understand

    nothing = np.eye(len(CLASSES), dtype=np.float32)[-1]
    if is_timed(settings.emotion):
        weights, notes = emotion_track(settings.emotion, frames, fps), explain(settings.emotion)
    else:
        meant = understand(settings.emotion)
        weights, notes = meant.mixture, ()
        if settings.emotion.strip():
            notes = (meant.hint or f"Emotion understood as {meant.label}.",)
    strength = np.float32(settings.emotion_strength)
    return (1 - strength) * nothing + strength * weights, notes


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """PyTorch's CPU threads limited for a while."""
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(min(count, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def sample(
    model: MotionModel,
    speech: Speech,
    start: Start,
    features: Any,
    settings: Settings,
    pose: FloatArray | None,
    step: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[Motion, tuple[str, ...]]:
    """One motion, and what to tell the person. pose (T, 7): head pose to lean on, offsets from the portrait's own."""
    from moda.generator.published import sample_published
    from moda.generator.sampler import PosePull, sample_clip

    if settings.identity_guidance != 1 and not model.network.config.has_null_identity:
        raise BadSetting(f"{model.name} was trained without a null identity: leave identity_guidance at 1.")
    emotion, notes = emotion_weights(settings, speech.frames(), 25.0)
    pull = None
    if pose is not None and settings.pose_strength > 0:
        target = np.tile(denormalise(start.first), (len(pose), 1))
        target[:, POSE] += pose
        pull = PosePull(normalise(target)[:, POSE], settings.pose_strength)
    given = (emotion, start.identity, start.first, sampling_options(settings, model.noise), [settings.seed])
    with _threads(model.threads):
        if model.silence:
            lips = "reference" if settings.preset == "reference" else "causal"
            sampled = sample_published(model.network, features, model.silence, *given, lips, pull, step, cancel)
        else:
            sampled = sample_clip(model.network, features, *given, pull, step, cancel)
    vectors = denormalise(np.asarray(sampled[0], dtype=np.float32))
    vectors[:, 63:67] *= np.float32(start.ratio)
    return Motion(vectors, 25.0, model.name, reference=start.reference, neutral=start.neutral), notes
