"""Classifier-free guidance with one scale per modality, in one batched network call per step.

With everything given that has a scale above 0, the network predicts v. For each modality whose scale g is neither
0 nor 1 one more branch leaves that modality out as well, and the result is

    v + sum over those modalities of (g - 1) (v - v without it)

so scale 0 ignores a modality (only its learned null is ever used), 1 is plain conditional sampling and costs no
branch, and more exaggerates what the modality alone contributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from moda.errors import BadSetting
from moda.generator.flow import NETWORK_TIME, clean_estimate
from moda.generator.network import Conditions, MoDA

MODALITIES = ("speech", "emotion", "identity")
MAX_SCALE = 10.0


@dataclass(frozen=True)
class Guidance:
    """Scales per modality, or the published joint guidance where `joint` is given.

    `interval` (low, high): scales other than 0 and 1 act only where low <= s <= high; outside it one branch does
    (Kynkäänniemi et al. 2024).
    `refresh`: what guidance adds is worked out at every so many-th evaluation and kept in between, where it changes
    little; 2 makes all three scales cost 2.5 times as much as none instead of 4 times.
    `rescale` in [0, 1] pulls the spread of the guided clean estimate back to that of the plain one (Lin et al.
    2024, section 3.4), against over-saturated motion.
    `joint`: v0 + joint (v1 - v0), v0 without speech and emotion together, as the published sampler; the three
    scales must then be 1.
    """

    speech: float = 1.0
    emotion: float = 1.0
    identity: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    refresh: int = 2
    rescale: float = 0.0
    joint: float | None = None

    def __post_init__(self) -> None:
        for name in MODALITIES:
            check_scale(f"{name} guidance", getattr(self, name))
        low, high = self.interval
        if not 0.0 <= low <= high <= 1.0:
            raise BadSetting(f"The guidance interval must lie in 0..1 with low <= high, not {self.interval}.")
        if self.refresh < 1:
            raise BadSetting(f"Guidance must be refreshed every 1 or more evaluations, not {self.refresh}.")
        if not 0.0 <= self.rescale <= 1.0:
            raise BadSetting(f"Guidance rescale must be from 0 to 1, not {self.rescale}.")
        if self.joint is not None:
            object.__setattr__(self, "refresh", 1)  # the published sampler works everything out at every step
            check_scale("joint guidance", self.joint)
            if any(getattr(self, name) != 1.0 for name in MODALITIES):
                raise BadSetting("Use either the joint guidance of the reference or scales per modality, not both.")

    def over(self, path: Sequence[float]) -> Guidance:
        """The same guidance, acting everywhere if none of the path's steps lies in its interval (very few steps)."""
        low, high = self.interval
        return self if any(low <= s <= high for s in path[:-1]) else replace(self, interval=(0.0, 1.0))

    @property
    def branches(self) -> int:
        """Network rows per take and step, inside the interval."""
        if self.joint is not None:
            return 2 if self.joint > 1 else 1
        return 1 + sum(getattr(self, name) not in (0.0, 1.0) for name in MODALITIES)


def check_scale(title: str, value: float) -> None:
    """Raise BadSetting unless 0 <= value <= MAX_SCALE."""
    if not math.isfinite(value) or not 0.0 <= value <= MAX_SCALE:
        raise BadSetting(f"The {title} must be from 0 to {MAX_SCALE:g}, not {value}.")


@dataclass(frozen=True)
class GuidedModel:
    """A network and the conditions of one segment, ready to be asked for guided velocities."""

    model: MoDA
    guidance: Guidance
    base: Conditions  # one row: everything with a scale above 0
    branches: Conditions  # that row first, then one row per further branch
    scales: tuple[float, ...]  # of the further branches

    @staticmethod
    def prepare(model: MoDA, guidance: Guidance, speech: Tensor, emotion: Tensor, identity: Tensor) -> GuidedModel:
        """speech (L, *speech_shape), emotion (9,) or (L, 9), identity (63,), on the network's device and dtype."""
        if guidance.identity != 1.0 and model.null_identity is None:
            raise BadSetting(
                "This model was not trained without identity, so identity guidance has no effect to scale; set it to 1."
            )
        wanted = {name: getattr(guidance, name) > 0.0 for name in MODALITIES}
        extra: list[tuple[dict[str, bool], float]] = []
        if guidance.joint is None:
            for name in MODALITIES:
                scale = getattr(guidance, name)
                if scale not in (0.0, 1.0):
                    extra.append(({**wanted, name: False}, scale))
        elif guidance.joint > 1:
            extra.append(({**wanted, "speech": False, "emotion": False}, guidance.joint))

        tokens: dict[bool, Tensor] = {}  # the costly projection of speech, once per segment

        def row(present: dict[str, bool]) -> Conditions:
            given = present["speech"]
            if given not in tokens:
                tokens[given] = model.encode_speech(speech[None]) if given else model.encode_null_speech(len(speech))
            return model.encode_conditions(
                tokens[given],
                (emotion if present["emotion"] else null_emotion(model, emotion))[None],
                identity[None],
                None if present["identity"] else torch.ones(1, dtype=torch.bool, device=speech.device),
            )

        base = row(wanted)
        rows = [base, *[row(present) for present, _ in extra]]
        return GuidedModel(model, guidance, base, Conditions.stack(rows), tuple(scale for _, scale in extra))

    def plain(self, x: Tensor, s: float, previous: Tensor) -> Tensor:
        """x (n, L, 70) of n takes at path position s, previous (n, 70) -> velocity (n, L, 70), not guided."""
        return self._ask(x, s, previous, self.base, 1)[0]

    def plain_and_push(self, x: Tensor, s: float, previous: Tensor) -> tuple[Tensor, Tensor]:
        """The plain velocity and what guidance adds to it, from one network call over all branches."""
        plain, *others = self._ask(x, s, previous, self.branches, 1 + len(self.scales))
        push = torch.zeros_like(plain)
        for scale, other in zip(self.scales, others):
            push = push + (scale - 1.0) * (plain - other)
        return plain, push

    def velocity(self, x: Tensor, s: float, previous: Tensor) -> Tensor:
        """Guided velocity, every branch asked: `plain_and_push` summed, within the interval."""
        return GuidedVelocity(self, previous)(x, s)

    def _ask(self, x: Tensor, s: float, previous: Tensor, rows: Conditions, count: int) -> tuple[Tensor, ...]:
        motion = torch.cat([previous[:, None].expand_as(x), x], dim=-1).to(self.model.dtype)
        time = torch.full((count * len(x),), NETWORK_TIME * s, device=x.device, dtype=torch.float32)
        out = self.model.velocity(motion.repeat(count, 1, 1), time, rows.repeat(len(x)))
        return out.to(x.dtype).chunk(count)


class GuidedVelocity:
    """The velocity that a solver asks for along one path: guided, with what guidance adds kept between steps."""

    def __init__(self, guided: GuidedModel, previous: Tensor) -> None:
        """`previous` (n, 70): the frames before the segment of n takes."""
        self.guided, self.previous = guided, previous
        self.asked = 0
        self.push: Tensor | None = None

    def __call__(self, x: Tensor, s: float) -> Tensor:
        """x (n, L, 70) at path position s -> (n, L, 70)."""
        guidance = self.guided.guidance
        low, high = guidance.interval
        if not self.guided.scales or not low <= s <= high:
            return self.guided.plain(x, s, self.previous)
        if self.push is None or self.asked % guidance.refresh == 0:
            plain, self.push = self.guided.plain_and_push(x, s, self.previous)
        else:
            plain = self.guided.plain(x, s, self.previous)
        self.asked += 1
        v = plain + self.push
        return rescale_velocity(x, v, plain, s, guidance.rescale) if guidance.rescale else v


def rescale_velocity(x: Tensor, guided: Tensor, plain: Tensor, s: float, amount: float) -> Tensor:
    """Bring the spread over time of the guided clean estimate back to that of the plain one, by `amount`."""
    if s <= 0.0:
        return guided
    clean, reference = clean_estimate(x, guided, s), clean_estimate(x, plain, s)
    centre = clean.mean(dim=1, keepdim=True)
    spread = (clean - centre).square().mean(dim=(1, 2), keepdim=True).sqrt()
    wanted = (reference - reference.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2), keepdim=True).sqrt()
    factor = 1.0 + amount * (wanted / spread.clamp_min(1e-6) - 1.0)
    return (x - (centre + (clean - centre) * factor)) / s


def null_emotion(model: MoDA, emotion: Tensor) -> Tensor:
    """The class `none` in the shape of `emotion`."""
    none = torch.zeros_like(emotion)
    none[..., model.config.emotions - 1] = 1.0
    return none
