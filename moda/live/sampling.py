"""Motion in short pieces: each is sampled behind the frames that were shown before it.

The network sees the last frames (`KNOWN` and more), the new ones, and some frames more whose sound is there (the draft:
what comes next shapes the lips). Every frame keeps the noise that was first drawn for it. What is known holds the less
the nearer it is to the piece (`Pull.of`), so that errors are not dragged along; head pose is held wholly.
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

KNOWN = 16
"""Frames in front of a piece that the network sees at least."""


@dataclass
class Stream:
    """What one session's next piece is sampled from; all of the last frames known, and no more, is kept.

    speech (k + n, FEATURES) of the frames known and of n that follow; noise (k + n, 70); motion (k, 70) normalised, of
    the frames known; before (70,): the frame in front of them; emotion (9,) and identity (63,).
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
        lacking = len(self.speech) - len(self.noise)
        if lacking > 0:
            self.noise = torch.cat([self.noise, self.drawing.draw(lacking)[0]])

    def forget(self) -> None:
        """Forget the sound of all frames that were not shown."""
        self.speech = self.speech[: len(self.motion)]

    def shown(self, motion: Tensor, known: int = KNOWN) -> None:
        """Remember the motion (n, 70) of these frames, and forget what is older than so many frames."""
        self.motion = torch.cat([self.motion, motion])
        gone = len(self.motion) - known
        if gone > 0:
            self.before = self.motion[gone - 1]
            self.speech, self.noise, self.motion = self.speech[gone:], self.noise[gone:], self.motion[gone:]

    @property
    def frames(self) -> int:
        """Frames that the network sees for the next piece."""
        return len(self.speech)

    @property
    def key(self) -> tuple[object, ...]:
        """Streams with equal keys can be sampled in one batch."""
        options = self.options
        return len(self.motion), self.frames, options.steps, options.solver, options.warp, options.guidance


@torch.inference_mode()
def sample_pieces(model: MoDA, streams: Sequence[Stream]) -> list[Tensor]:
    """The motion (n, 70) of the frames behind those known of each stream, drafts included; streams of one `key`, in one
    batch."""
    first = streams[0]
    known, device, dtype = len(first.motion), model.device, model.dtype

    def batch(values: list[Tensor]) -> Tensor:
        return torch.stack(values).to(device)

    speech = batch([stream.speech for stream in streams]).to(dtype)
    emotion, identity = (batch([getattr(s, name) for s in streams]).to(dtype) for name in ("emotion", "identity"))
    guidance = first.options.guidance
    branches = encode_branches(model, guidance, speech, emotion, identity)
    velocity = GuidedVelocity(model, guidance, branches, batch([stream.before for stream in streams]))
    x = batch([stream.noise[: speech.shape[1]] for stream in streams])
    shown = batch([stream.motion for stream in streams])
    pull = Pull.of(x, shown, known, None, range(x.shape[1]))
    out = first.options.solve(velocity if pull is None else pull.around(velocity), x).float()
    return list(out[:, known:].cpu())
