"""Classifier-free guidance with one scale per modality, in one batched network call per evaluation.

With everything given that has a scale above 0, the network predicts v. For each modality whose scale g is neither
0 nor 1 one more branch leaves that modality out as well, and the result is

    v + sum over those modalities of (g - 1) (v - v without it)

so scale 0 ignores a modality (only its learned null is ever used), 1 is plain conditional sampling and costs no
branch, and more exaggerates what the modality alone contributes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from moda.errors import BadSetting
from moda.generator.flow import NETWORK_TIME
from moda.generator.network import Conditions, MoDA

MODALITIES = ("speech", "emotion", "identity")
MAX_SCALE = 10.0


@dataclass(frozen=True)
class Guidance:
    """Scales per modality, or the published joint guidance where `joint` is given.

    `refresh`: what guidance adds is computed at every so many-th evaluation and kept in between, where it changes
    little; 2 makes all three scales cost 2.5 times as much as none instead of 4 times. `first`: the evaluation that it
    begins with; those before it, at the noisy end of the path, go without (Kynkaanniemi et al., arXiv 2404.07724).
    `joint`: v0 + joint (v1 - v0), v0 without speech and emotion together, as the published sampler; the three
    scales must then be 1.
    """

    speech: float = 1.0
    emotion: float = 1.0
    identity: float = 1.0
    refresh: int = 2
    first: int = 0
    joint: float | None = None

    def __post_init__(self) -> None:
        for name in MODALITIES:
            check_scale(f"{name} guidance", getattr(self, name))
        if self.refresh < 1:
            raise BadSetting(f"Guidance must be refreshed every 1 or more evaluations, not {self.refresh}.")
        if self.first < 0:
            raise BadSetting(f"Guidance must begin with evaluation 0 or a later one, not {self.first}.")
        if self.joint is not None:
            check_scale("joint guidance", self.joint)
            if any(getattr(self, name) != 1.0 for name in MODALITIES):
                raise BadSetting("Use either the joint guidance of the reference or scales per modality, not both.")

    @property
    def dropped(self) -> tuple[tuple[frozenset[str], float], ...]:
        """The branches beside the full one: which modalities each leaves out, and its scale."""
        if self.joint is not None:
            return ((frozenset(("speech", "emotion")), self.joint),) if self.joint > 1 else ()
        scales = {name: getattr(self, name) for name in MODALITIES}
        return tuple((frozenset((name,)), scale) for name, scale in scales.items() if scale not in (0.0, 1.0))

    @property
    def branches(self) -> int:
        """Network rows per take of an evaluation that computes what guidance adds."""
        return 1 + len(self.dropped)

    def rows(self, evaluations: int) -> int:
        """Network rows per take of so many evaluations."""
        return evaluations + len(self.dropped) * len(range(self.first, evaluations, self.refresh))


def check_scale(title: str, value: float) -> None:
    """Raise BadSetting unless 0 <= value <= MAX_SCALE."""
    if not math.isfinite(value) or not 0.0 <= value <= MAX_SCALE:
        raise BadSetting(f"The {title} must be from 0 to {MAX_SCALE:g}, not {value}.")


def encode_branches(model: MoDA, guidance: Guidance, speech: Tensor, emotion: Tensor, identity: Tensor) -> Conditions:
    """The conditions of every branch, the full one first; rows of a branch stay together.

    speech (n, L, *speech_shape), emotion (n, 9) or (n, L, 9), identity (n, 63), on the network's device and dtype.
    Raises BadSetting where identity is to be guided and the model has no null identity.
    """
    if guidance.identity != 1.0 and model.null_identity is None:
        raise BadSetting(
            "This model was not trained without identity, so identity guidance has no effect to scale; set it to 1."
        )
    count, length = speech.shape[:2]
    ignored = {name for name in MODALITIES if getattr(guidance, name) == 0.0}
    none = torch.zeros_like(emotion)
    none[..., model.config.emotions - 1] = 1.0
    tokens: dict[bool, Tensor] = {}  # the projection of speech, the costly one, once each with and without

    def branch(without: frozenset[str]) -> Conditions:
        absent = ignored | without
        mute = "speech" in absent
        if mute not in tokens:
            null = model.encode_null_speech(length).expand(count, -1, -1) if mute else None
            tokens[mute] = model.encode_speech(speech) if null is None else null
        nobody = torch.ones(count, dtype=torch.bool, device=speech.device) if "identity" in absent else None
        return model.encode_conditions(tokens[mute], none if "emotion" in absent else emotion, identity, nobody)

    return Conditions.stack([branch(frozenset()), *(branch(without) for without, _ in guidance.dropped)])


class GuidedVelocity:
    """The velocity that a solver asks for along one path, guided; what guidance adds is kept between refreshes."""

    def __init__(self, model: MoDA, guidance: Guidance, branches: Conditions, previous: Tensor) -> None:
        """`branches`: see `encode_branches`; `previous` (n, 70): the frames before the segment of n takes."""
        self.model, self.refresh, self.first, self.previous = model, guidance.refresh, guidance.first, previous
        self.scales = [scale for _, scale in guidance.dropped]
        self.branches, self.full = branches, branches.first(len(previous))
        self.evaluations = 0
        self.delta: Tensor | None = None

    def __call__(self, x: Tensor, s: float) -> Tensor:
        """x (n, L, 70) at path position s -> (n, L, 70)."""
        since = self.evaluations - self.first
        self.evaluations += 1
        if not self.scales or since < 0:
            return self.predict(x, s, self.full)[0]
        if self.delta is None or since % self.refresh == 0:
            full, *others = self.predict(x, s, self.branches)
            self.delta = torch.zeros_like(full)
            for scale, other in zip(self.scales, others):
                self.delta = self.delta + (scale - 1.0) * (full - other)
        else:
            full = self.predict(x, s, self.full)[0]
        return full + self.delta

    def predict(self, x: Tensor, s: float, rows: Conditions) -> tuple[Tensor, ...]:
        """The network's velocities (n, L, 70), one for each branch in `rows`."""
        count = len(rows.streams[0]) // len(x)
        motion = torch.cat([self.previous[:, None].expand_as(x), x], dim=-1).to(self.model.dtype)
        time = torch.full((count * len(x),), NETWORK_TIME * s, device=x.device, dtype=torch.float32)
        return self.model.velocity(motion.repeat(count, 1, 1), time, rows).to(x.dtype).chunk(count)
