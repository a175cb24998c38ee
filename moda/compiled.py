"""Machine code for the loops over pixels: compiled once, kept beside the modules, begun before it is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

Jitted = Callable[..., Any]

PLANNED: list[tuple[Any, Any]] = []
"""Every compiled function with the signature that frames call it by."""


def jit(signature: Any = None) -> Callable[[Jitted], Jitted]:
    """Compile on first call, or ahead for ``signature`` (numba's), and keep the machine code beside the module;
    without a writable place, only compile. Without a signature: a part of other compiled functions of the same file
    (numba compiles those anew when their own file has changed, and only then)."""

    def decorate(function: Jitted) -> Jitted:
        if signature is None:
            return njit(inline="always")(function)
        try:
            compiled = njit(cache=True, fastmath=False, nogil=True)(function)
        except RuntimeError:  # no writable cache folder
            compiled = njit(fastmath=False, nogil=True)(function)
        PLANNED.append((compiled, signature))
        return compiled

    return decorate


@cache
def compile_ahead() -> None:
    """Begin compiling, once, in a thread of its own: on a machine that has not rendered before it takes seconds, which
    pass while portrait, model and speech are read. A frame that is wanted earlier waits for it."""
    threading.Thread(target=_compile, name="compile mesh renderer").start()


def _compile() -> None:
    for function, signature in PLANNED:
        function.compile(signature)
