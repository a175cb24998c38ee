"""Random segments of the corpus as training batches, read through memory maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from moda.conditions.speech import AFTER, CHANNELS, COLUMNS_PER_FRAME, CONTEXT, MELS, stack_columns
from moda.errors import BadSetting
from moda.motion.emotions import CLASSES
from moda.motion.space import normalise

HELD_OUT = "held-out"
"""Folder, inside a corpus, of shards that are never trained on."""


@dataclass
class MotionBatch:
    """Training segments; all tensors on the network's device, motion in normalised space."""

    motion: Tensor  # (B, L, 70)
    previous: Tensor  # (B, 70): the frame before the segment
    speech: Tensor  # (B, L, *speech_shape)
    emotion: Tensor  # (B, 9) or (B, L, 9)
    identity: Tensor  # (B, 63)

    def window(self, frames: slice) -> MotionBatch:
        """The same segments, from `frames.start` to `frames.stop` alone."""
        first = frames.start or 0
        return MotionBatch(
            motion=self.motion[:, frames],
            previous=self.motion[:, first - 1] if first else self.previous,
            speech=self.speech[:, frames],
            emotion=self.emotion if self.emotion.dim() == 2 else self.emotion[:, frames],
            identity=self.identity,
        )


class Corpus:
    """All finished shards in a folder. Raises BadSetting where there is none."""

    def __init__(self, folder: Path) -> None:
        shards = sorted(path.parent for path in folder.glob("shard-*/done"))
        if not shards:
            raise BadSetting(
                f"There is no finished corpus shard in {folder}: make some with `moda train corpus`, or "
                "with `moda prepare` from videos."
            )
        self.columns = [np.load(s / "columns.npy", mmap_mode="r") for s in shards]
        self.motion = [np.load(s / "motion.npy", mmap_mode="r") for s in shards]
        self.index: list[tuple[int, int, int, int]] = []  # shard, first column, first frame, frames
        for k, shard in enumerate(shards):
            lengths = np.load(shard / "motion_lengths.npy")
            steps = np.load(shard / "columns_lengths.npy")
            frames_at = np.concatenate([[0], np.cumsum(lengths)])
            columns_at = np.concatenate([[0], np.cumsum(steps)])
            self.index += [(k, int(c), int(f), int(n)) for c, f, n in zip(columns_at, frames_at, lengths)]
        read = {n: np.concatenate([np.load(s / f"{n}.npy") for s in shards]) for n in ("mixture", "identity", "rest")}
        self.mixture, self.identity, self.rest = read["mixture"], read["identity"], read["rest"]
        self.lengths = np.array([entry[3] for entry in self.index])

    @property
    def frames(self) -> int:
        """Frames in all."""
        return int(self.lengths.sum())

    def segment(self, item: int, start: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """speech (L, FEATURES), motion (L, 70), the frame before (70,) of one item, float32."""
        shard, first_column, first_frame, frames = self.index[item]
        total = COLUMNS_PER_FRAME * frames + AFTER
        cols = self.columns[shard][first_column : first_column + total]
        speech = stack_columns(cols, length, COLUMNS_PER_FRAME * start)
        motion = self.motion[shard]
        at = first_frame + start
        before = self.rest[item] if start == 0 else motion[at - 1].astype(np.float32)
        return speech.astype(np.float32), motion[at : at + length].astype(np.float32), before

    def chances(self, length: int) -> np.ndarray:
        """(items,) chance of each for segments of `length` frames. Raises BadSetting where none is as long."""
        usable = np.where(self.lengths >= length, self.lengths, 0).astype(np.float64)
        if not usable.any():
            raise BadSetting(
                f"No item of the corpus has {length} frames (the longest has {self.lengths.max()}): train on "
                "shorter segments."
            )
        return usable / usable.sum()

    def batch(
        self, size: int, length: int, rng: np.random.Generator, mask: float = 0.5, rows: slice | None = None
    ) -> MotionBatch:
        """`size` random segments; longer items are drawn more often. With chance `mask` a segment's spectrogram
        is disturbed (a band or a moment hidden, channels shaken), so that no single cue is relied on.

        rows: make these alone; what they hold is the same as in the whole batch. Raises BadSetting where no item is
        as long as `length` frames.
        """
        items = rng.choice(len(self.index), size, p=self.chances(length))
        wanted = range(size)[rows] if rows is not None else range(size)
        speech, motion, before = [], [], []
        for row, item in enumerate(items):
            span = int(self.lengths[item]) - length
            start = 0 if rng.random() < 0.12 else int(rng.integers(0, span + 1))
            # Rows that are not wanted are drawn all the same: the random numbers of the others follow theirs.
            noise = Disturbance.draw(length, rng) if rng.random() < mask else None
            if row not in wanted:
                continue
            one, two, three = self.segment(int(item), start, length)
            speech.append(one if noise is None else noise.apply(one))
            motion.append(two)
            before.append(three)
        mine = items[wanted.start : wanted.stop]
        return MotionBatch(
            motion=torch.from_numpy(np.stack(motion)),
            previous=torch.from_numpy(np.stack(before)),
            speech=torch.from_numpy(np.stack(speech)),
            emotion=torch.from_numpy(self.mixture[mine]),
            identity=torch.from_numpy(self.identity[mine]),
        )


@dataclass(frozen=True)
class Disturbance:
    """How a spectrogram is disturbed: a shifted colour, a hidden band, a little noise."""

    knots: np.ndarray  # (7,) of the colour
    level: float
    band: slice | None
    noise: np.ndarray  # (L, CONTEXT, CHANNELS) float32
    amount: float

    @classmethod
    def draw(cls, length: int, rng: np.random.Generator) -> Disturbance:
        """For stacked columns of `length` frames."""
        knots, level, band = rng.normal(0, 0.18, 7), float(rng.normal(0, 0.12)), None
        if rng.random() < 0.5:
            width = int(rng.integers(2, 10))
            low = int(rng.integers(0, MELS - width))
            band = slice(low, low + width)
        noise = rng.standard_normal((length, CONTEXT, CHANNELS), dtype=np.float32)
        return cls(knots, level, band, noise, float(rng.uniform(0, 0.2)))

    def apply(self, speech: np.ndarray) -> np.ndarray:
        """Stacked columns (L, FEATURES), disturbed."""
        cols = speech.reshape(len(speech), CONTEXT, CHANNELS).copy()
        cols[..., :MELS] += np.interp(np.arange(MELS), np.linspace(0, MELS - 1, 7), self.knots).astype(np.float32)
        cols[..., : MELS + 1] += np.float32(self.level)
        if self.band is not None:
            cols[..., self.band] = cols[..., self.band].mean()
        cols += self.noise * np.float32(self.amount)
        return cols.reshape(speech.shape)


def disturb(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Stacked columns (L, FEATURES) with a shifted colour, a hidden band and a little noise."""
    return Disturbance.draw(len(speech), rng).apply(speech)


def plain_mixture(name: str) -> np.ndarray:
    """(9,) all weight on one class."""
    mixture = np.zeros(len(CLASSES), dtype=np.float32)
    mixture[CLASSES.index(name)] = 1.0
    return mixture


def resting_frame(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """The normalised (70,) frame before a clip: the relaxed face in this pose."""
    from moda.motion.space import neutral_reference

    return normalise(neutral_reference(pitch, yaw, roll))
