"""What every writer of frames is: opened, given frames, closed; left by an exception it leaves nothing behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np

Self = TypeVar("Self", bound="FrameWriter")


class FrameWriter(ABC):
    """path: what is written. frames: how many have been so far."""

    path: Path
    frames: int

    @abstractmethod
    def write(self, frame: np.ndarray) -> None:
        """Add one frame, uint8 of the size given; it is copied, so the caller may reuse the array."""

    @abstractmethod
    def close(self) -> Path:
        """Finish what was written, give it its final name, and return that. Raises OutputFailed and removes it."""

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written. Safe to call at any time."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
