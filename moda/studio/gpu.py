"""ZeroGPU: on a Hugging Face Space the marked calls borrow a GPU; everywhere else they are plain calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

Call = TypeVar("Call", bound=Callable[..., Any])
LONGEST = 300


def on_zero_gpu() -> bool:
    """Whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")


def borrowing(duration: Callable[..., int], call: Call) -> Call:
    """`call` with a GPU for `duration(same arguments)` seconds on ZeroGPU; `call` itself elsewhere."""
    if not on_zero_gpu():
        return call
    import spaces

    marked: Call = spaces.GPU(duration=duration)(call)
    return marked


def planning_seconds(head: Any, portrait: Any, speech: Any, settings: Any, count: int, *rest: Any) -> int:
    """How long planning may hold the GPU: by length of speech, solver steps and number of takes."""
    return min(LONGEST, 20 + round(speech.seconds * settings.steps * count / 100))


def rendering_seconds(head: Any, portrait: Any, take: Any, speech: Any, output: Any, *rest: Any) -> int:
    """How long rendering may hold the GPU: by frames."""
    return min(LONGEST, 30 + round(len(take.motion) / 12))
