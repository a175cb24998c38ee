"""Many sessions, one model: whatever pieces wait are sampled together, by one worker thread.

Nobody waits for the slowest: a piece is taken up as soon as the worker is free, with all others that wait by then and
fit into one batch.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from torch import Tensor

from moda.errors import Busy
from moda.live.sampling import Stream, sample_pieces
from moda.models.threads import cpu_threads

if TYPE_CHECKING:
    from moda.models.motion_model import MotionModel

LARGEST_BATCH = 8
PIECES = ((1, 3), (4, 4), (8, 6), (12, 8))
"""Sessions at most, frames of a piece: where many share the model, pieces are longer and wait longer."""
CROWDED = 10
"""Frames of a piece beyond that."""


class Scheduler:
    """Call it with a stream from any number of threads; stops with `close`."""

    def __init__(self, model: MotionModel) -> None:
        self.model = model
        self.waiting: deque[tuple[Stream, Future[Tensor]]] = deque()
        self.changed = threading.Condition()
        self.closed = False
        self.worker = threading.Thread(target=self._work, name="live", daemon=True)
        self.worker.start()

    def __call__(self, stream: Stream) -> Tensor:
        """The next piece of a stream, as `sample_pieces`; returns when it is there."""
        asked: Future[Tensor] = Future()
        with self.changed:
            if self.closed:
                raise Busy("The live service has stopped; start again.")
            self.waiting.append((stream, asked))
            self.changed.notify()
        return asked.result()

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.worker.join()

    def _next(self) -> list[tuple[Stream, Future[Tensor]]]:
        """The piece that waits longest, and others like it; empty when all is over."""
        with self.changed:
            self.changed.wait_for(lambda: bool(self.waiting) or self.closed)
            if not self.waiting:
                return []
            key = self.waiting[0][0].key
            batch = [entry for entry in self.waiting if entry[0].key == key][:LARGEST_BATCH]
            taken = {id(entry[1]) for entry in batch}
            self.waiting = deque(entry for entry in self.waiting if id(entry[1]) not in taken)
            return batch

    def _work(self) -> None:
        while batch := self._next():
            try:
                with cpu_threads(self.model.threads):
                    pieces = sample_pieces(self.model.network, [stream for stream, _ in batch])
            except Exception as fault:  # belongs to those who asked, not to the worker
                for _, asked in batch:
                    asked.set_exception(fault)
                continue
            for (_, asked), piece in zip(batch, pieces):
                asked.set_result(piece)


def piece_for(sessions: int) -> int:
    """Frames of a piece where so many sessions share the model."""
    return next((frames for most, frames in PIECES if sessions <= most), CROWDED)
