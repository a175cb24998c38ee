"""How many CPU threads a piece of work uses.

PyTorch keeps the number for each thread that calls it; a thread that has none yet takes the one set last anywhere in
the process. So nobody may rely on what it finds: heavy work states its own number where it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def usual_threads() -> int:
    """The number that PyTorch uses unless told otherwise; asked once, where a model is loaded."""
    import torch

    return torch.get_num_threads()


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """PyTorch computes with at most `count` threads in this thread; others running at the time keep theirs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
