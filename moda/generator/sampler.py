"""From speech features to a clip of motion: overlapping segments, any length, memory that does not grow.

Each segment is sampled by flow matching with the frame before it as condition. Two ways of joining:

`reference`: the published one. Segments start every 64 frames, features are padded with zeros at the end, the
overlap is cross-faded after the fact, pose is smoothed per segment and again over the clip.

`anchored` (ours): no padding, the last segment is moved back so that it ends with the speech. Overlapping frames
keep the noise they had, and their clean estimate is pulled to what was sampled before, fading out over the overlap,
so that a segment grows out of the one before instead of being blended into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from moda.errors import BadSetting, BadSpeech, Cancelled
from moda.generator.flow import StepCallback, Velocity, clean_estimate, schedule, solver
from moda.generator.guidance import Guidance, GuidedModel, GuidedVelocity
from moda.generator.network import MoDA
from moda.generator.noise import NoiseByFrame
from moda.generator.noise_scale import NoiseScale
from moda.motion.space import POSE

LEAD = 40  # frames over which a segment's head pose is led on from the one before


class Features(Protocol):
    """Speech features by frame: a tensor, an array, or something that works them out when asked for a slice."""

    def __len__(self) -> int: ...

    def __getitem__(self, frames: slice) -> Tensor | np.ndarray: ...


@dataclass(frozen=True)
class SamplingOptions:
    """How a clip is sampled; the defaults are ours, `SamplingOptions.reference()` is the published sampler."""

    steps: int = 6
    solver: str = "ab2"
    schedule: str = "full"
    guidance: Guidance = field(default_factory=Guidance)
    joining: str = "anchored"
    segment: int = 80
    overlap: int = 16
    smooth_pose: bool = True
    noise: NoiseScale = field(default_factory=NoiseScale)
    batch_takes: bool = False  # True: all takes in one network call; their last bits then depend on how many

    def __post_init__(self) -> None:
        schedule(self.schedule, self.steps)
        solver(self.solver)
        if self.joining not in ("anchored", "reference"):
            raise BadSetting(f"joining must be 'anchored' or 'reference', not {self.joining!r}.")
        if not 0 < self.overlap < self.segment:
            raise BadSetting(f"The overlap of segments must be from 1 to {self.segment - 1}, not {self.overlap}.")

    @staticmethod
    def reference(steps: int = 10, joint: float = 1.2) -> SamplingOptions:
        """The published sampler: Euler on its own schedule, joint guidance, segments of 80 overlapping by 16."""
        return SamplingOptions(
            steps=steps,
            solver="euler",
            schedule="reference",
            guidance=Guidance(joint=joint),
            joining="reference",
        )


@dataclass(frozen=True)
class PosePull:
    """A head-pose trajectory that sampling is drawn to.

    trajectory (T, 7) normalised: scale, translation xyz, pitch, yaw, roll (dimensions 63..69); strength in [0, 1];
    mask (7,) in [0, 1]: which of the seven are pulled. At every step the pose of the clean estimate becomes
    (1 - strength) estimate + strength trajectory, so that expression is sampled to fit it.
    """

    trajectory: Tensor | np.ndarray
    strength: float
    mask: Sequence[float] = (1.0,) * 7

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength) or not 0.0 <= self.strength <= 1.0:
            raise BadSetting(f"The pose strength must be from 0 to 1, not {self.strength}.")
        if self.trajectory.ndim != 2 or self.trajectory.shape[1] != 7:
            raise BadSetting(f"A pose prior must have shape (frames, 7), not {tuple(self.trajectory.shape)}.")


@dataclass(frozen=True)
class Pull:
    """What the clean estimate of a segment is drawn to.

    weight in [0, 1] and target, both (n, L, 70). Head pose is decided at the noisiest steps, where little is seen of
    the `known` frames in front; so the pose error at their end is carried on into the frames after them, fading
    out by `lead` (L, 7), and the head goes on from where it was.
    """

    weight: Tensor
    target: Tensor
    known: int
    lead: Tensor

    def around(self, velocity: Velocity) -> Velocity:
        """The velocity that leads to the drawn clean estimate, where `velocity` leads to the free one."""

        def pulled(x: Tensor, s: float) -> Tensor:
            clean = clean_estimate(x, velocity(x, s), s)
            if self.known:
                end = slice(max(self.known - 4, 0), self.known)
                error = (self.target - clean)[:, end, POSE].mean(dim=1, keepdim=True)
                clean = torch.cat([clean[..., : POSE.start], clean[..., POSE] + self.lead * error], dim=-1)
            return (x - torch.lerp(clean, self.target, self.weight)) / s

        return pulled


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


def segment_starts(frames: int, options: SamplingOptions) -> list[int]:
    """First frame of every segment of a clip."""
    if frames <= options.segment:
        return [0]
    stride = options.segment - options.overlap
    starts = [stride * i for i in range(math.ceil((frames - options.segment) / stride) + 1)]
    if options.joining == "anchored":
        starts[-1] = frames - options.segment
    return starts


def sample_clip(
    model: MoDA,
    speech_features: Features,
    emotion: Tensor | np.ndarray,
    identity: Tensor | np.ndarray,
    first_motion: Tensor | np.ndarray,
    options: SamplingOptions | None = None,
    seeds: Sequence[int] = (0,),
    pose_pull: PosePull | None = None,
    callback: StepCallback | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tensor:
    """Sample one take per seed; (takes, T, 70) float32 on the CPU, in normalised motion space.

    speech_features (T, *speech_shape) at 25 frames a second, or anything that gives such slices; emotion (9,) or
    (T, 9) weights; identity (63,); first_motion (70,) normalised, the frame before the clip. A take depends on its
    own seed alone (noise from one CPU generator per take). `callback(done, total)` counts solver steps;
    `cancelled()` is asked at each and ends the work with Cancelled.
    """
    options = options or SamplingOptions()
    frames = len(speech_features)
    if frames < 1:
        raise BadSpeech("The speech is too short: it does not fill one video frame (0.04 s).")
    device, dtype = model.device, model.dtype
    emotion, identity, first_motion = (
        torch.as_tensor(v).to(device, torch.float32) for v in (emotion, identity, first_motion)
    )
    if emotion.dim() == 2 and len(emotion) != frames:
        raise BadSetting(f"The emotion track has {len(emotion)} frames, the speech {frames}; make them equal.")
    if pose_pull is not None and pose_pull.strength == 0.0:
        pose_pull = None
    if pose_pull is not None and len(pose_pull.trajectory) < frames:
        raise BadSetting(f"The pose prior has {len(pose_pull.trajectory)} frames, the speech {frames}.")

    noise = [
        NoiseByFrame(seed, model.config.motion_dim, options.segment, options.joining == "anchored", options.noise)
        for seed in seeds
    ]
    groups = [list(range(len(seeds)))] if options.batch_takes else [[k] for k in range(len(seeds))]
    starts = segment_starts(frames, options)
    total = options.steps * len(starts) * len(groups)
    done = 0

    def step(*_: int) -> None:
        nonlocal done
        done += 1
        if cancelled and cancelled():
            raise Cancelled("Sampling was stopped.")
        if callback:
            callback(done, total)

    clips: list[Tensor] = [torch.empty(len(group), 0, model.config.motion_dim) for group in groups]
    previous = [first_motion.expand(len(group), -1) for group in groups]
    path, solve = schedule(options.schedule, options.steps), solver(options.solver)
    guidance = options.guidance.over(path)
    with torch.inference_mode():
        for index, start in enumerate(starts):
            stop = min(start + options.segment, frames)
            padded = options.segment if options.joining == "reference" else stop - start
            guided = GuidedModel.prepare(
                model,
                guidance,
                features_of(speech_features, start, stop, padded).to(device, dtype),
                track_of(emotion, start, stop, padded).to(dtype),
                identity.to(dtype),
            )
            for g, group in enumerate(groups):
                x = torch.cat([noise[k].segment(start, padded) for k in group]).to(device)
                pull = make_pull(clips[g], start, stop, x, options, pose_pull)
                velocity = GuidedVelocity(guided, previous[g])
                x = solve(pull.around(velocity) if pull else velocity, x, path, step)
                if options.joining == "reference":
                    x = smooth_pose(x)
                piece = x[:, : stop - start].float().cpu()
                known = clips[g].shape[1] - start if index else 0
                clips[g] = join(clips[g], piece, known, options) if index else piece
                if index + 1 < len(starts):
                    before = starts[index + 1] - 1
                    last = piece[:, before - start] if options.joining == "reference" else clips[g][:, before]
                    previous[g] = last.to(device)
    out = torch.cat(clips)
    return smooth_pose(out) if options.joining == "reference" or options.smooth_pose else out


def features_of(features: Features, start: int, stop: int, padded: int) -> Tensor:
    """Frames start..stop, followed by zeros up to `padded` frames."""
    part = torch.as_tensor(features[start:stop])
    if padded == len(part):
        return part
    return torch.cat([part, part.new_zeros(padded - len(part), *part.shape[1:])])


def track_of(emotion: Tensor, start: int, stop: int, padded: int) -> Tensor:
    """An emotion track cut to a segment, its last frame held up to `padded`; a constant mixture stays as it is."""
    if emotion.dim() == 1:
        return emotion
    index = torch.arange(start, start + padded, device=emotion.device).clamp_max(stop - 1)
    return emotion[index]


def make_pull(
    clip: Tensor, start: int, stop: int, x: Tensor, options: SamplingOptions, pose: PosePull | None
) -> Pull | None:
    """What the clean estimate of a segment is drawn to: frames sampled before, and the pose prior."""
    known = clip.shape[1] - start if options.joining == "anchored" else 0
    if known <= 0 and pose is None:
        return None
    known = max(known, 0)
    weight, target = torch.zeros_like(x), torch.zeros_like(x)
    if pose is not None:
        mask = torch.as_tensor(pose.mask, dtype=x.dtype, device=x.device)
        weight[:, : stop - start, POSE] = pose.strength * mask
        target[:, : stop - start, POSE] = torch.as_tensor(pose.trajectory[start:stop]).to(x)
    free = 1 - weight[0, :, POSE]
    if known > 0:
        keep = fade(known, options.overlap).to(x).repeat(1, x.shape[-1])
        keep[:, POSE] = 1.0
        old = clip[:, start:].to(x)
        w, t = weight[:, :known].clone(), target[:, :known].clone()
        both = keep + (1 - keep) * w
        weight[:, :known] = both
        target[:, :known] = (keep * old + (1 - keep) * w * t) / both.clamp_min(1e-6)
    after = (torch.arange(x.shape[1], device=x.device, dtype=x.dtype) - known).clamp(0, LEAD) / LEAD
    return Pull(weight, target, known, (0.5 + 0.5 * torch.cos(torch.pi * after))[:, None] * free)


def fade(known: int, overlap: int) -> Tensor:
    """(known, 1): 1 for frames to be kept as they are, falling to 0 over the last `overlap` frames."""
    after = torch.arange(known, 0, -1, dtype=torch.float32)[:, None]
    return (after / (overlap + 1)).clamp_max(1.0)


def join(clip: Tensor, piece: Tensor, known: int, options: SamplingOptions) -> Tensor:
    """Append a segment whose first `known` frames lie over the end of the clip so far."""
    if options.joining == "reference":
        return cross_fade(clip, piece, options.overlap)
    keep = fade(known, options.overlap)
    mixed = keep * clip[:, -known:] + (1 - keep) * piece[:, :known]
    return torch.cat([clip[:, :-known], mixed, piece[:, known:]], dim=1)
