"""A clip by the published model: speech followed by silence, and lips set off against how they rest in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting, BadSpeech
from moda.generator.lips import REST_FROM_END, modulate_lips
from moda.generator.network import MoDA
from moda.generator.sampler import ClipRequest, Features, SamplingOptions, Watch, sample_clip

LIPS = ("reference", "causal", "off")


class Stretch:
    """Frames start..stop of other features, as features of their own; nothing is computed before it is read."""

    def __init__(self, features: Features, start: int, stop: int) -> None:
        self.features, self.start, self.stop = features, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, frames: slice) -> Tensor | np.ndarray:
        start, stop, _ = frames.indices(len(self))
        return self.features[self.start + start : self.start + stop]


def stretch(request: ClipRequest, start: int, stop: int, frames: int) -> ClipRequest:
    """Frames start..stop of a request whose emotion track and pose prior end with frame `frames` and are held there."""
    index = torch.arange(start, stop).clamp_max(frames - 1)
    emotion, pose = torch.as_tensor(request.emotion), request.pose
    if pose is not None:
        pose = replace(pose, trajectory=torch.as_tensor(pose.trajectory)[index])
    if emotion.dim() == 2:
        emotion = emotion[index]
    return replace(request, features=Stretch(request.features, start, stop), emotion=emotion, pose=pose)


def sample_published(
    model: MoDA,
    request: ClipRequest,
    silence: int,
    options: SamplingOptions | None = None,
    lips: str = "reference",
    watch: Watch | None = None,
) -> Tensor:
    """As `sample_clip`, for features whose last `silence` frames are silence; (T - silence, 70).

    lips `reference`: everything is sampled in one go, the row 37 frames before the end is rest, the exaggeration
    depends on the whole clip (published). `causal`: the silence is sampled by itself first, then the speech without
    it; no frame depends on later ones beyond its segment. `off`: the speech alone.
    """
    if lips not in LIPS:
        raise BadSetting(f"lips must be one of {', '.join(LIPS)}, not {lips!r}.")
    options = options or SamplingOptions()
    total = len(request.features)
    frames = total - silence
    if frames < 1:
        raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
    if lips != "off" and silence < REST_FROM_END:
        raise BadSetting(f"The lip step needs at least {REST_FROM_END} frames of silence behind the speech.")
    if lips == "reference":
        out = sample_clip(model, stretch(request, 0, total, frames), options, watch)
        return modulate_lips(out, out[-REST_FROM_END])[:frames]
    # A speech shorter than a segment runs on into the silence rather than being sampled as a short one.
    whole = max(frames, min(options.segment, total))
    speech = sample_clip(model, stretch(request, 0, whole, frames), options, watch)[:frames]
    if lips == "off":
        return speech
    rest = sample_clip(model, replace(stretch(request, frames, total, frames), pose=None), options)
    return modulate_lips(speech, rest[-REST_FROM_END], causal=True)
