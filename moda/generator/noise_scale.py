"""How lively a sample is, part by part."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from moda.errors import BadSetting


@dataclass(frozen=True)
class NoiseScale:
    """How large the starting noise is in each part of the motion, 0 to 3; 1 is what the flow was trained from.

    A flow that starts nearer to the middle ends at the likelier motion, as a lower temperature does; one that starts
    farther out ends at a livelier one. Lips should be likely; brows and head, which a sound leaves open and a small
    network learns too flat, lively.
    """

    lips: float = 1.0
    brows: float = 1.0
    head: float = 1.0

    def __post_init__(self) -> None:
        if not all(0.0 <= value <= 3.0 for value in astuple(self)):
            raise BadSetting(f"The noise of lips, brows and head must be scaled by 0 to 3 each, not by {self}.")
