"""The quick clip: a small video of a take that is there in a moment, to judge lips and head before rendering."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.media.video import VideoWriter

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.motion.space import Motion
    from moda.renderer.base import Renderer

SIZE = 256


def quick_clip(
    renderer: Renderer,
    prepared: Any,
    motion: Motion,
    speech: Speech | None,
    path: str | os.PathLike[str],
    size: int = SIZE,
    *,
    metadata: dict[str, Any] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Path:
    """Render `motion` at `size` pixels with the fastest encoding, whole or not at all; returns the path.

    prepared: what `renderer.prepare(portrait)` gave. on_frame: called with (frames done, frames in all).
    Raises OutputFailed, Cancelled.
    """
    with VideoWriter(
        path, motion.fps, (size, size), speech, {"preview": True, **(metadata or {})},
        frames=len(motion), crf=21, preset="ultrafast",
    ) as video:  # fmt: skip
        for index, frame in enumerate(renderer.frames(prepared, motion, size=size, cancel=cancel)):
            video.write(frame)
            if on_frame is not None:
                on_frame(index + 1, len(motion))
    return Path(path)
