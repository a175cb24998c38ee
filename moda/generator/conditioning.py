"""What a segment is sampled under, encoded: the tokens of every condition, and how the tokens of all streams lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from moda.generator.attention import repeat_bias


@dataclass(frozen=True)
class Layout:
    """How the tokens of a segment lie: what depends on its length and on the kind of its conditions alone."""

    frames: int
    spread: tuple[int, ...]  # tokens of speech, emotion and identity from the two-stream blocks on
    bias: Tensor | None  # of the keys in the four-stream blocks: see `attend`
    four: tuple[Tensor | None, ...]  # rotary tables of motion, speech, emotion, identity
    two: tuple[Tensor, Tensor]  # of motion and context
    one: Tensor  # of the whole sequence

    @classmethod
    def of(cls, table: Tensor, single: bool, tokens: int) -> Layout:
        """For segments with this rotary table of their frames, (2, L, d / 2), whose emotion and identity come as
        `tokens` tokens each, 1 or L; `single`: as one token each they go on into the context."""
        frames = table.shape[1]
        # Without rotary positions equal tokens stay equal through the four-stream blocks, so one stands for them all.
        stands_for = (1, 1, *(2 * (1 if single else frames // tokens,)))
        tail = unrotated(table, 2) if single else torch.cat([table, table], dim=1)
        context = torch.cat([table, tail], dim=1)
        return cls(
            frames,
            (frames, 1, 1) if single else (frames, frames, frames),
            repeat_bias((frames, frames, tokens, tokens), stands_for, table.device),
            (table, table, None, None),
            (table, context),
            torch.cat([table, context], dim=1),
        )

    def join(self, streams: Sequence[Tensor]) -> Tensor:
        """Speech, emotion and identity (B, 1 or n, D) each as one context, (B, sum of `spread`, D)."""
        return torch.cat([x.expand(-1, n, -1) for x, n in zip(streams, self.spread)], dim=1)


@dataclass(frozen=True)
class Conditions:
    """Everything of a segment that no sampling step changes: computed once, used by every step. Rows are apart."""

    streams: tuple[Tensor, Tensor, Tensor]  # tokens of speech (B, L, D), of emotion and of identity (B, 1 or L, D)
    frame_emotion: Tensor  # (B, 1 or L, D): added to the time embedding of motion and speech
    token_emotion: Tensor  # (B, 1 or L, D): of emotion and identity
    layout: Layout  # of all rows

    @property
    def timed(self) -> bool:
        """Whether the emotion changes from frame to frame."""
        return self.frame_emotion.shape[1] > 1

    @staticmethod
    def stack(rows: Sequence[Conditions]) -> Conditions:
        """Several as one batch, in order; they must be of one layout."""
        speech, emotion, identity = (torch.cat(parts) for parts in zip(*(row.streams for row in rows)))
        return Conditions(
            (speech, emotion, identity),
            torch.cat([row.frame_emotion for row in rows]),
            torch.cat([row.token_emotion for row in rows]),
            rows[0].layout,
        )

    def first(self, rows: int) -> Conditions:
        """Only the first so many rows."""
        speech, emotion, identity = (x[:rows] for x in self.streams)
        return replace(
            self,
            streams=(speech, emotion, identity),
            frame_emotion=self.frame_emotion[:rows],
            token_emotion=self.token_emotion[:rows],
        )


def unrotated(table: Tensor, count: int) -> Tensor:
    """Rotary entries of `count` tokens without a position, (2, count, d / 2)."""
    ones = torch.ones_like(table[:1, :1]).expand(1, count, -1)
    return torch.cat([ones, torch.zeros_like(ones)])
