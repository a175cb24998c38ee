"""A clip by the published model: speech followed by silence, and lips set off against how they rest in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting, BadSpeech
from moda.generator.flow import StepCallback
from moda.generator.lips import REST_FROM_END, modulate_lips
from moda.generator.network import MoDA
from moda.generator.sampler import Features, PosePull, SamplingOptions, sample_clip

LIPS = ("reference", "causal", "off")


class Stretch:
    """Frames start..stop of other features, as features of their own; nothing is worked out before it is read."""

    def __init__(self, features: Features, start: int, stop: int) -> None:
        self.features, self.start, self.stop = features, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, frames: slice) -> Tensor | np.ndarray:
        start, stop, _ = frames.indices(len(self))
        return self.features[self.start + start : self.start + stop]


def sample_published(
    model: MoDA,
    features: Features,
    silence: int,
    emotion: Tensor | np.ndarray,
    identity: Tensor | np.ndarray,
    first_motion: Tensor | np.ndarray,
    options: SamplingOptions | None = None,
    seeds: Sequence[int] = (0,),
    lips: str = "reference",
    pose_pull: PosePull | None = None,
    callback: StepCallback | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tensor:
    """As `sample_clip`, for features whose last `silence` frames are silence; (takes, T - silence, 70).

    lips `reference`: everything is sampled in one go, the row 37 frames before the end is rest, the exaggeration
    depends on the whole clip (published). `causal`: the silence is sampled by itself first, then the speech without
    it; no frame depends on later ones beyond its segment. `off`: the speech alone.
    """
    if lips not in LIPS:
        raise BadSetting(f"lips must be one of {', '.join(LIPS)}, not {lips!r}.")
    frames = len(features) - silence
    if frames < 1:
        raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
    if lips != "off" and silence < REST_FROM_END:
        raise BadSetting(f"The lip step needs at least {REST_FROM_END} frames of silence behind the speech.")

    track = torch.as_tensor(emotion)

    def clip(start: int, stop: int, report: StepCallback | None, pull: PosePull | None) -> Tensor:
        """Frames start..stop; emotion track and pose prior are held beyond the speech."""
        index = torch.arange(start, stop).clamp_max(frames - 1)
        part = track[index] if track.dim() == 2 else track
        if pull is not None:
            pull = replace(pull, trajectory=torch.as_tensor(pull.trajectory)[index])
        stretch = Stretch(features, start, stop)
        return sample_clip(model, stretch, part, identity, first_motion, options, seeds, pull, report, cancelled)

    if lips == "reference":
        out = clip(0, len(features), callback, pose_pull)
        return modulate_lips(out, out[:, -REST_FROM_END])[:, :frames]
    # A speech shorter than a segment runs on into the silence rather than being sampled as a short one.
    segment = (options or SamplingOptions()).segment
    speech = clip(0, max(frames, min(segment, len(features))), callback, pose_pull)[:, :frames]
    if lips == "off":
        return speech
    rest = clip(frames, len(features), None, None)
    return modulate_lips(speech, rest[:, -REST_FROM_END], causal=True)
