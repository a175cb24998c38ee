"""What every renderer is: a portrait is prepared once, motion becomes frames lazily.

A renderer and a motion generator meet only in the joint parameter space (:mod:`moda.motion.space`), so any
model can drive any renderer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from moda.errors import Cancelled

if TYPE_CHECKING:
    from moda.motion.space import Motion
    from moda.portrait.portrait import Portrait

Cancel = Callable[[], bool]
"""Asked between frames; returning True makes :meth:`Renderer.frames` raise :class:`moda.errors.Cancelled`."""


@dataclass(frozen=True)
class View:
    """What a frame shows. size: side of the square crop in pixels; whole: the whole picture instead, in its own size;
    alpha: the person alone, transparent around."""

    size: int = 512
    whole: bool = False
    alpha: bool = False


class Renderer(ABC):
    """Motion and a portrait in, frames out."""

    name: ClassVar[str]
    """``mesh`` or ``liveportrait``; recorded in the video's metadata."""

    @abstractmethod
    def prepare(self, portrait: Portrait, *, background_still: bool = True) -> Any:
        """Do the work that depends on the portrait alone; the result is only ever passed back to ``frames``.

        ``background_still``: what is not the person stays as it is. A renderer may have more options of its own.
        """

    def frames(
        self,
        prepared: Any,
        motion: Motion,
        *,
        size: int = 512,
        whole: bool = False,
        start: int = 0,
        stop: int | None = None,
        cancel: Cancel | None = None,
        alpha: bool = False,
    ) -> Iterator[np.ndarray]:
        """Yield frames ``start`` to ``stop`` (exclusive) of ``motion``, uint8 (H, W, 3) RGB, at ``motion.fps``.

        With ``alpha`` they are (H, W, 4): the person alone, straight RGBA, without what is behind.

        ``size`` is the side of the square crop in pixels; with ``whole`` the face is put back into the whole
        picture instead and frames have the picture's size. Memory does not grow with the number of frames.

        Raises what :meth:`draw` raises, and Cancelled when ``cancel()`` returned True.
        """
        wanted = range(max(start, 0), len(motion) if stop is None else min(stop, len(motion)))

        def watch() -> None:
            if cancel is not None and cancel():
                raise Cancelled("The rendering was stopped.")

        return self.draw(prepared, motion, wanted, View(size, whole, alpha), watch)

    @abstractmethod
    def draw(
        self, prepared: Any, motion: Motion, wanted: range, view: View, watch: Callable[[], None]
    ) -> Iterator[np.ndarray]:
        """The frames of :meth:`frames`; ``watch`` is called before each and raises where work shall end."""
