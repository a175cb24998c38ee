"""From speech features to a clip of motion: overlapping segments, any length, memory that does not grow.

Each segment is sampled by flow matching with the frame before it as condition. Two samplers:

`sample_reference`: the published one. Segments start every 64 frames, features are padded with zeros at the end, the
overlap is cross-faded after the fact, pose is smoothed per segment and again over the clip.

`sample_anchored` (ours): no padding, the last segment is moved back so that it ends with the speech. Overlapping frames
keep the noise they had, and their clean estimate is pulled to what was sampled before, fading out over the overlap,
so that a segment grows out of the one before instead of being blended into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting, BadSpeech
from moda.generator.anchor import PoseGuidance, Pull, fade, towards_pose
from moda.generator.flow import Step, Velocity, schedule, solver
from moda.generator.guidance import Guidance, GuidedVelocity, encode_branches
from moda.generator.network import MoDA
from moda.generator.noise import NoiseByFrame
from moda.generator.noise_scale import NoiseScale
from moda.motion.space import POSE


class Features(Protocol):
    """Speech features by frame: a tensor, an array, or something that computes them when asked for a slice."""

    def __len__(self) -> int: ...

    def __getitem__(self, frames: slice) -> Tensor | np.ndarray: ...


@dataclass(frozen=True)
class SamplingOptions:
    """How a clip is sampled; the defaults are ours, `SamplingOptions.reference()` is the published sampler."""

    steps: int = 6
    solver: str = "ab2"
    schedule: str = "full"
    warp: float = 1.0
    guidance: Guidance = field(default_factory=Guidance)
    joining: str = "anchored"
    segment: int = 80
    overlap: int = 16
    smooth_pose: bool = True
    noise: NoiseScale = field(default_factory=NoiseScale)

    def __post_init__(self) -> None:
        schedule(self.schedule, self.steps, self.warp)
        solver(self.solver)
        if self.joining not in ("anchored", "reference"):
            raise BadSetting(f"joining must be 'anchored' or 'reference', not {self.joining!r}.")
        if not 0 < self.overlap < self.segment:
            raise BadSetting(f"The overlap of segments must be from 1 to {self.segment - 1}, not {self.overlap}.")

    @staticmethod
    def reference(steps: int = 10, joint: float = 1.2) -> SamplingOptions:
        """The published sampler: Euler on its own schedule, joint guidance computed at every step, segments of 80
        overlapping by 16."""
        return SamplingOptions(
            steps=steps,
            solver="euler",
            schedule="reference",
            guidance=Guidance(joint=joint, refresh=1),
            joining="reference",
        )

    def starts(self, frames: int) -> list[int]:
        """First frame of every segment of a clip."""
        if frames <= self.segment:
            return [0]
        stride = self.segment - self.overlap
        starts = [stride * i for i in range(math.ceil((frames - self.segment) / stride) + 1)]
        if self.joining == "anchored":
            starts[-1] = frames - self.segment
        return starts

    def solve(self, velocity: Velocity, noise: Tensor, watch: Callable[[Step], None] | None = None) -> Tensor:
        """The motion at the end of the path that starts at `noise`."""
        return solver(self.solver)(velocity, noise, schedule(self.schedule, self.steps, self.warp), watch)


@dataclass(frozen=True)
class ClipRequest:
    """What one take of a clip is sampled from.

    features (T, *speech_shape) at 25 frames a second, or anything that gives such slices; emotion (9,) or (T, 9)
    weights; identity (63,); first (70,) normalised, the frame before the clip; seed of all its noise.
    """

    features: Features
    emotion: Tensor | np.ndarray
    identity: Tensor | np.ndarray
    first: Tensor | np.ndarray
    seed: int = 0
    pose: PoseGuidance | None = None

    def checked(self) -> ClipRequest:
        """The same with tensors in float32. Raises BadSpeech, or BadSetting for parts of unequal length."""
        frames = len(self.features)
        if frames < 1:
            raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
        emotion = torch.as_tensor(self.emotion, dtype=torch.float32)
        if emotion.dim() == 2 and len(emotion) != frames:
            raise BadSetting(f"The emotion track has {len(emotion)} frames, the speech {frames}; make them equal.")
        pose = self.pose if self.pose is not None and self.pose.strength > 0 else None
        if pose is not None and len(pose.trajectory) < frames:
            raise BadSetting(f"The pose prior has {len(pose.trajectory)} frames, the speech {frames}.")
        identity, first = (torch.as_tensor(v, dtype=torch.float32) for v in (self.identity, self.first))
        return replace(self, emotion=emotion, identity=identity, first=first, pose=pose)


@dataclass(frozen=True)
class ClipStep:
    """What a sampler's callback sees: `done` of `total` solver steps, and the latest one's state, whose x and clean
    are (1, L, 70) from frame `start` of the clip on."""

    done: int
    total: int
    start: int
    step: Step


Watch = Callable[[ClipStep], None]  # raise from it to stop


def sample_clip(
    model: MoDA, request: ClipRequest, options: SamplingOptions | None = None, watch: Watch | None = None
) -> Tensor:
    """One take, (T, 70) float32 on the CPU in normalised motion space, by the sampler that `options.joining` names.

    Raises BadSpeech for no frame at all, BadSetting for conditions that do not fit.
    """
    options = options or SamplingOptions()
    sampler = sample_reference if options.joining == "reference" else sample_anchored
    return sampler(model, request.checked(), options, watch)


@torch.inference_mode()
def sample_reference(model: MoDA, request: ClipRequest, options: SamplingOptions, watch: Watch | None = None) -> Tensor:
    """The published sampler (see `sample_clip`)."""
    frames, length, starts = len(request.features), options.segment, options.starts(len(request.features))
    noise = NoiseByFrame(request.seed, model.config.motion_dim, length, shared=False, scale=options.noise)
    clip, previous = None, torch.as_tensor(request.first)[None]
    for index, start in enumerate(starts):
        stop = min(start + length, frames)
        velocity: Velocity = segment_velocity(model, request, options.guidance, range(start, stop), length, previous)
        x = noise.segment(start, length).to(model.device)
        if request.pose is not None:
            velocity = towards_pose(request.pose, range(start, stop), x).around(velocity)
        x = smooth_pose(options.solve(velocity, x, reporter(watch, options, index, starts)))
        piece = x[:, : stop - start].float().cpu()
        clip = piece if clip is None else cross_fade(clip, piece, options.overlap)
        previous = piece[:, min(length - options.overlap, stop - start) - 1]
    assert clip is not None
    return smooth_pose(clip)[0]


@torch.inference_mode()
def sample_anchored(model: MoDA, request: ClipRequest, options: SamplingOptions, watch: Watch | None = None) -> Tensor:
    """Our sampler (see `sample_clip`)."""
    frames, starts = len(request.features), options.starts(len(request.features))
    noise = NoiseByFrame(request.seed, model.config.motion_dim, options.segment, shared=True, scale=options.noise)
    clip, previous = torch.empty(1, 0, model.config.motion_dim), torch.as_tensor(request.first)[None]
    for index, start in enumerate(starts):
        stop = min(start + options.segment, frames)
        velocity: Velocity = segment_velocity(
            model, request, options.guidance, range(start, stop), stop - start, previous
        )
        x = noise.segment(start, stop - start).to(model.device)
        known = clip[:, start:]
        pull = Pull.of(x, known, options.overlap, request.pose, range(start, stop))
        if pull is not None:
            velocity = pull.around(velocity)
        piece = options.solve(velocity, x, reporter(watch, options, index, starts)).float().cpu()
        clip = join(clip, piece, known.shape[1], options.overlap)
        previous = clip[:, starts[index + 1] - 1] if index + 1 < len(starts) else previous
    return (smooth_pose(clip) if options.smooth_pose else clip)[0]


def segment_velocity(
    model: MoDA, request: ClipRequest, guidance: Guidance, frames: range, length: int, previous: Tensor
) -> GuidedVelocity:
    """The guided velocity of some frames of a clip: features padded with zeros and an emotion track held up to
    `length` frames; previous (1, 70)."""
    speech, emotion = torch.as_tensor(request.features[frames.start : frames.stop]), torch.as_tensor(request.emotion)
    padding = length - len(speech)
    if padding:
        speech = torch.cat([speech, speech.new_zeros(padding, *speech.shape[1:])])
    if emotion.dim() == 2:
        emotion = emotion[torch.arange(frames.start, frames.start + length).clamp_max(frames.stop - 1)]
    given = (v[None].to(model.device, model.dtype) for v in (speech, emotion, torch.as_tensor(request.identity)))
    return GuidedVelocity(model, guidance, encode_branches(model, guidance, *given), previous.to(model.device))


def reporter(
    watch: Watch | None, options: SamplingOptions, index: int, starts: list[int]
) -> Callable[[Step], None] | None:
    """The solver's callback that reports to the clip's: segment `index` of those that begin at `starts`."""
    if watch is None:
        return None
    total = options.steps * len(starts)
    return lambda step: watch(ClipStep(options.steps * index + step.index + 1, total, starts[index], step))


def smooth_pose(motion: Tensor) -> Tensor:
    """Scale, translation and rotation (..., T, 63:70) replaced by the mean over the frames i-1, i, i+1 that exist."""
    pose = motion[..., POSE]
    total, count = pose.clone(), torch.ones(pose.shape[-2], 1, device=pose.device, dtype=pose.dtype)
    total[..., 1:, :] += pose[..., :-1, :]
    total[..., :-1, :] += pose[..., 1:, :]
    count[1:] += 1
    count[:-1] += 1
    out = motion.clone()
    out[..., POSE] = total / count
    return out


def cross_fade(before: Tensor, after: Tensor, overlap: int) -> Tensor:
    """Last `overlap` frames of `before` (..., T, 70) fade into the first of `after`; the rest is appended."""
    ramp = (torch.arange(overlap, device=before.device, dtype=before.dtype) / overlap)[:, None]
    mixed = before[..., -overlap:, :] * (1 - ramp) + after[..., :overlap, :] * ramp
    return torch.cat([before[..., :-overlap, :], mixed, after[..., overlap:, :]], dim=-2)


def join(clip: Tensor, piece: Tensor, known: int, overlap: int) -> Tensor:
    """Append a segment (1, L, 70) whose first `known` frames lie over the end of the clip so far (1, T, 70)."""
    if not known:
        return torch.cat([clip, piece], dim=1)
    keep = fade(known, overlap)
    mixed = keep * clip[:, -known:] + (1 - keep) * piece[:, :known]
    return torch.cat([clip[:, :-known], mixed, piece[:, known:]], dim=1)
