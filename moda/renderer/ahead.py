"""Work done one piece ahead of whoever uses it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TypeVar

T = TypeVar("T")
P = TypeVar("P")


def one_ahead(work: Callable[[P], T], pieces: Iterable[P]) -> Iterator[T]:
    """``work`` of every piece, in order; while one result is used, the next is made in a thread of its own.

    The next piece is only asked of ``pieces`` when the one before is done, so that it may depend on it. What
    ``work`` raises is raised where its result would have come. At most two results exist at a time.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="one-ahead") as thread:
        remaining = iter(pieces)
        begun: Future[T] | None = None
        for piece in remaining:
            begun = thread.submit(work, piece)
            break
        while begun is not None:
            result, begun = begun.result(), None
            for piece in remaining:
                begun = thread.submit(work, piece)
                break
            yield result


def in_turns(works: Sequence[Callable[[P], T]], pieces: Iterable[P]) -> Generator[T, None, None]:
    """Every piece worked on, in order: the n-th by the n-th of ``works`` and so on round, each in a thread of its own,
    one piece at a time, so that each may have buffers that it reuses. A single one works where it is asked.

    What a work raises is raised where its result would have come. At most one result more than there are works exists
    at a time.
    """
    if len(works) == 1:
        yield from map(works[0], pieces)
        return
    with ExitStack() as stack:
        threads = [stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="in-turns")) for _ in works]
        begun: deque[Future[T]] = deque()
        stack.callback(lambda: [future.cancel() for future in begun])  # left early: what waits is not begun
        for number, piece in enumerate(pieces):
            if len(begun) > len(works):
                yield begun.popleft().result()
            turn = number % len(works)
            begun.append(threads[turn].submit(works[turn], piece))
        while begun:
            yield begun.popleft().result()


def cores() -> int:
    """How many cores this process may keep busy: those it is allowed, or fewer if OMP_NUM_THREADS says so, by which
    workers share a machine."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(ValueError):
        allowed = min(allowed, int(os.environ.get("OMP_NUM_THREADS", "")))
    return max(1, allowed)
