"""Work done one piece ahead of whoever uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
