"""The speech embedder learns to hear lips before the generator is trained.

A linear head on the embedder's tokens is fitted to the lip actions of the corpus: a small speech-to-motion alignment
network. The generator then starts with an embedder that already tells the sounds apart, and needs a fraction of
the steps; the head is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from moda.conditions.speech import FEATURES
from moda.corpus.dataset import Corpus, disturb
from moda.corpus.one_cycle import OneCycle
from moda.corpus.synthetic.articulation import OUTPUT
from moda.generator.embedders import SpeechEmbedder
from moda.generator.network import MoDA
from moda.motion.actions import INDEX, read_matrix
from moda.motion.space import denormalise

SCALE = (0.15, 0.30, 0.18, 0.20, 0.20, 0.18)
"""Errors of OUTPUT are measured in these units: fine for jaw and closure, coarser for what feelings move too."""


class Listener(nn.Module):
    """SpeechEmbedder and a linear head; a mixture shifts the result."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.embedder = SpeechEmbedder(FEATURES, width)
        self.head = nn.Linear(width, len(OUTPUT))
        self.feeling = nn.Linear(9, len(OUTPUT), bias=False)
        with torch.no_grad():
            for layer in (self.embedder.first, self.embedder.second, self.embedder.third, self.head):
                layer.weight.normal_(0, layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()
            self.feeling.weight.zero_()

    def forward(self, speech: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
        """(N, FEATURES), (N, 9) -> (N, len(OUTPUT)) lip actions over SCALE."""
        return self.head(self.embedder(speech)) + self.feeling(mixture)


def lip_actions(motion: np.ndarray) -> np.ndarray:
    """Normalised motion (N, 70) -> lip actions (N, len(OUTPUT)) over SCALE, around the average neutral."""
    from moda.motion.actions import NEUTRAL

    rows = read_matrix()[[INDEX[name] for name in OUTPUT]]
    values = (denormalise(motion)[:, :63] - NEUTRAL) @ rows.T
    return (values / np.array(SCALE)).astype(np.float32)


def learn_to_listen(
    corpus: Corpus,
    width: int,
    steps: int,
    seed: int,
    say: Callable[[str], None] = print,
    segments: int = 20,
    length: int = 80,
    rate: float = 2e-3,
) -> Listener:
    """Fit a Listener of `width` in `steps` steps of segments x length / 2 frames."""
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng([seed, 7])
    listener = Listener(width, generator)
    began = time.perf_counter()

    def loss_of() -> torch.Tensor:
        speech, target, feeling = _frames(corpus, segments, length, rng)
        return (listener(speech, feeling) - target).square().mean()

    def tell(step: int, loss: float) -> None:
        if step % 200 == 0 or step == steps:
            say(f"listening {step}/{steps} loss {loss:.3f} {time.perf_counter() - began:.0f} s")

    OneCycle(steps, rate, rising=0.08, decay=0.02, fused=True).fit(listener, loss_of, tell)
    return listener


def _frames(
    corpus: Corpus, segments: int, length: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every second frame of random segments."""
    items = rng.choice(len(corpus.index), segments, p=corpus.chances(length))
    speech, target, feeling = [], [], []
    for item in items:
        start = int(rng.integers(0, int(corpus.lengths[item]) - length + 1))
        one, two, _ = corpus.segment(int(item), start, length)
        one, two = one[::2], two[::2]
        speech.append(disturb(one, rng) if rng.random() < 0.6 else one)
        target.append(lip_actions(two))
        feeling.append(np.repeat(corpus.mixture[item][None], len(one), 0))
    return tuple(torch.from_numpy(np.concatenate(part)) for part in (speech, target, feeling))  # type: ignore[return-value]


def start_from(model: MoDA, listener: Listener) -> None:
    """Give the generator the listener's embedder."""
    model.speech_embedder.load_state_dict(listener.embedder.state_dict())
