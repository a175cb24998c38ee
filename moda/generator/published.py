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

    def clip(part: Features, track: Tensor, pull: PosePull | None, report: StepCallback | None) -> Tensor:
        return sample_clip(model, part, track, identity, first_motion, options, seeds, pull, report, cancelled)

    track = torch.as_tensor(emotion)
    if lips == "reference":
        if track.dim() == 2:
            track = torch.cat([track, track[-1:].expand(silence, -1)])
        if pose_pull is not None:
            held = torch.as_tensor(pose_pull.trajectory)[:frames]
            pose_pull = replace(pose_pull, trajectory=torch.cat([held, held[-1:].expand(silence, -1)]))
        out = clip(features, track, pose_pull, callback)
        return modulate_lips(out, out[:, -REST_FROM_END])[:, :frames]
    speech = clip(Stretch(features, 0, frames), track, pose_pull, callback)
    if lips == "off":
        return speech
    still = track[-1] if track.dim() == 2 else track
    rest = clip(Stretch(features, frames, len(features)), still, None, None)
    return modulate_lips(speech, rest[:, -REST_FROM_END], causal=True)
