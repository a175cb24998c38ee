"""The corpus in a GPU's memory: batches are gathered and disturbed there, so that no step waits for the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moda.conditions.speech import AFTER, BEFORE, CHANNELS, COLUMNS_PER_FRAME, CONTEXT, FEATURES, MELS
from moda.corpus.dataset import Corpus, MotionBatch

KNOTS = 7
FROM_THE_START = 0.12
"""Chance of a segment that begins with its item."""


class ResidentCorpus(Corpus):
    """A `Corpus` whose batches are made on `device`: the same kinds of segments, drawn by other random numbers. About
    40 MB an hour of performances."""

    def __init__(self, folder: Path, device: torch.device | str) -> None:
        super().__init__(folder)
        self.device = torch.device(device)
        columns_at = np.cumsum([0, *(len(c) for c in self.columns)])
        frames_at = np.cumsum([0, *(len(m) for m in self.motion)])
        index = np.array(self.index, np.int64)
        self._first_column = index[:, 1] + columns_at[index[:, 0]]
        self._first_frame = index[:, 2] + frames_at[index[:, 0]]

        def whole(parts: list[np.ndarray]) -> Tensor:
            return torch.cat([torch.from_numpy(np.array(part)) for part in parts]).to(self.device)

        self._columns, self._motion = whole(self.columns), whole(self.motion)
        given = (torch.from_numpy(table).to(self.device) for table in (self.mixture, self.identity, self.rest))
        self._mixture, self._identity, self._rest = given
        place = np.linspace(0, KNOTS - 1, MELS)
        weights = np.maximum(0, 1 - np.abs(place[None] - np.arange(KNOTS)[:, None]))
        self._colours = torch.tensor(weights, dtype=torch.float32, device=self.device)

    def batch(
        self, size: int, length: int, rng: np.random.Generator, mask: float = 0.5, rows: slice | None = None
    ) -> MotionBatch:
        """As `Corpus.batch`, on the device; `rows` must be None or all."""
        assert rows is None or rows == slice(0, size)
        items = rng.choice(len(self.index), size, p=self.chances(length))
        starts = (rng.random(size) * (self.lengths[items] - length + 1)).astype(np.int64)
        starts[rng.random(size) < FROM_THE_START] = 0
        generator = torch.Generator(self.device).manual_seed(int(rng.integers(1 << 62)))

        def put(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values).to(self.device, non_blocking=True)

        which, at = put(items), put(starts)
        frames = torch.arange(length, device=self.device)
        first = put(self._first_frame[items]) + at
        motion = self._motion[first[:, None] + frames].float()
        previous = torch.where(
            at[:, None] == 0, self._rest[which].float(), self._motion[(first - 1).clamp(min=0)].float()
        )
        near = torch.arange(-BEFORE, AFTER, device=self.device)
        columns = COLUMNS_PER_FRAME * (at[:, None, None] + frames[None, :, None]) + near
        last = put(COLUMNS_PER_FRAME * self.lengths[items] + AFTER - 1)
        columns = columns.clamp(min=0).minimum(last[:, None, None]) + put(self._first_column[items])[:, None, None]
        speech = self._disturbed(self._columns[columns].float(), mask, generator)
        return MotionBatch(motion, previous, speech.reshape(size, length, FEATURES), self._mixture[which],
                           self._identity[which])  # fmt: skip

    def _disturbed(self, speech: Tensor, mask: float, generator: torch.Generator) -> Tensor:
        """Speech (B, L, CONTEXT, CHANNELS): some segments with another colour, level, a hidden band and noise."""
        size = len(speech)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=self.device)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=self.device)

        chosen = (uniform(size, 1) < mask).float()
        change = torch.zeros(size, CHANNELS, device=self.device)
        change[:, :MELS] = 0.18 * normal(size, KNOTS) @ self._colours
        change[:, : MELS + 1] += 0.12 * normal(size, 1)
        speech = speech + (chosen * change)[:, None, None]
        width = 2 + (8 * uniform(size, 1)).floor()
        low = (uniform(size, 1) * (MELS - width)).floor()
        channel = torch.arange(CHANNELS, device=self.device)
        band = ((channel >= low) & (channel < low + width)).float() * chosen * (uniform(size, 1) < 0.5)
        mean = (speech * band[:, None, None]).sum((1, 2, 3)) / (band.sum(1).clamp(min=1) * speech.shape[1] * CONTEXT)
        speech = torch.where(band[:, None, None] > 0, mean[:, None, None, None], speech)
        return speech + normal(*speech.shape) * (0.2 * uniform(size, 1) * chosen)[:, None, None]
