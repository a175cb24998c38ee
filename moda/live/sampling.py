"""Motion in short pieces: each is sampled behind the frames that were shown before it.

The network sees the last `KNOWN` frames, the new ones, and `DRAFT` frames more. Every frame keeps the noise that was
first drawn for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from moda.generator.anchor import Pull
from moda.generator.guidance import GuidedVelocity, encode_branches
from moda.generator.network import MoDA
from moda.generator.noise import NoiseByFrame
from moda.generator.sampler import SamplingOptions

KNOWN = 32
"""Frames in front of a piece that the network sees."""
DRAFT = 2
"""Frames behind a piece that are sampled with it and thrown away: what comes next shapes the lips."""
LOOSE = 1000
"""Overlap given to `Pull.of`: past expression is hardly held, since each frame keeps its noise and comes out nearly the
same again, while held frames drag their errors along. Head pose is held wholly."""
SETTLE = 1
"""Frames over which a new piece is led on from the last known frame."""


@dataclass
class Stream:
    """What one session's next piece is sampled from; all of the last `KNOWN` frames, and no more, is kept.

    speech (k, FEATURES), noise (k, 70), motion (k, 70) normalised, of the frames known; before (70,): the frame in
    front of them; emotion (9,) and identity (63,).
    """

    identity: Tensor
    emotion: Tensor
    before: Tensor
    options: SamplingOptions
    seed: int
    speech: Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    noise: Tensor = field(default_factory=lambda: torch.zeros(0, 70))
    motion: Tensor = field(default_factory=lambda: torch.zeros(0, 70))

    def __post_init__(self) -> None:
        self.drawing = NoiseByFrame(self.seed, 70, 1, shared=False, scale=self.options.noise)

    def extend(self, features: Tensor) -> None:
        """Take in the features (n, FEATURES) of the next frames, and draw their noise."""
        self.speech = features if not len(self.speech) else torch.cat([self.speech, features])
        self.noise = torch.cat([self.noise, self.drawing.draw(len(features))[0]])

    def shown(self, motion: Tensor) -> None:
        """Remember the motion (n, 70) of these frames, and forget what is older than `KNOWN` frames."""
        self.motion = torch.cat([self.motion, motion])
        gone = len(self.motion) - KNOWN
        if gone > 0:
            self.before = self.motion[gone - 1]
            self.speech, self.noise, self.motion = self.speech[gone:], self.noise[gone:], self.motion[gone:]

    @property
    def key(self) -> tuple[object, ...]:
        """Streams with equal keys can be sampled in one batch."""
        options = self.options
        return len(self.motion), len(self.speech), options.steps, options.solver, options.warp, options.guidance


@torch.inference_mode()
def sample_pieces(model: MoDA, streams: Sequence[Stream]) -> list[Tensor]:
    """The motion (n, 70) of the frames behind those known of each stream, drafts included; streams of one `key`, in one
    batch."""
    first = streams[0]
    known, device, dtype = len(first.motion), model.device, model.dtype

    def batch(values: list[Tensor]) -> Tensor:
        return torch.stack(values).to(device)

    speech, emotion, identity = (
        batch([getattr(stream, name) for stream in streams]).to(dtype) for name in ("speech", "emotion", "identity")
    )
    guidance = first.options.guidance
    branches = encode_branches(model, guidance, speech, emotion, identity)
    velocity = GuidedVelocity(model, guidance, branches, batch([stream.before for stream in streams]))
    x, shown = batch([stream.noise for stream in streams]), batch([stream.motion for stream in streams])
    pull = Pull.of(x, shown, LOOSE, None, range(x.shape[1]))
    out = first.options.solve(velocity if pull is None else pull.around(velocity), x).float()
    if known:
        after = torch.arange(1, out.shape[1] - known + 1, device=out.device) / (SETTLE + 1)
        out[:, known:] += (1 - after).clamp_min(0)[:, None] * (shown[:, -1:] - out[:, known - 1 : known])
    return list(out[:, known:].cpu())
