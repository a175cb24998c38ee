"""Many sessions, one model: whatever pieces wait are sampled together, by one worker thread.

Nobody waits for the slowest: a piece is taken up as soon as the worker is free, with all others that wait by then and
fit into one batch.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from torch import Tensor

from moda.errors import Busy
from moda.live.sampling import Stream, sample_pieces
from moda.live.session import ALONE, Cut
from moda.models.threads import cpu_threads
from moda.motion.space import FPS

if TYPE_CHECKING:
    from moda.models.motion_model import MotionModel

LARGEST_BATCH = 8
"""A piece of 24 frames costs 22 ms alone, 13 among four and 12 among eight; who is in a batch waits for all of it."""
CUTS = (ALONE, Cut(4, 2), Cut(6, 2), Cut(8, 2), Cut(10, 2))
"""From little delay to little work."""
BUSY = 0.8
"""Share of its time that the worker may be busy by the cut's reckoning. Longer pieces wait longer for their sound than
shorter ones do in the queue; who is late all the same gets longer ones, see `Scheduler.cut`."""
COST = 4e-4
"""Seconds that a frame which the network sees costs, before anything was measured."""
MEMORY = 0.03
"""Weight of the latest batch in the measured cost."""


class Scheduler:
    """Call it with a stream from any number of threads; stops with `close`."""

    def __init__(self, model: MotionModel) -> None:
        self.model = model
        self.waiting: deque[tuple[Stream, Future[Tensor]]] = deque()
        self.changed = threading.Condition()
        self.closed = False
        self.cost = COST
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

    def cut(self, sessions: int, late: float = 0.0) -> Cut:
        """How motion is cut where so many sessions share the model, by what the machine has shown it can do, for one
        that is so many seconds late: it gets what is due in one piece."""
        able = (cut for cut in CUTS if self.share(sessions, cut) <= BUSY and cut.piece >= late * FPS)
        return next(able, CUTS[-1])

    def share(self, sessions: int, cut: Cut = CUTS[-1]) -> float:
        """Share of its time that the worker is busy with so many sessions, as far as was measured."""
        return sessions * FPS / cut.piece * cut.frames * self.cost

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
            began, seen = time.perf_counter(), sum(stream.frames for stream, _ in batch)
            try:
                with cpu_threads(self.model.threads):
                    pieces = sample_pieces(self.model.network, [stream for stream, _ in batch])
            except Exception as fault:  # belongs to those who asked, not to the worker
                for _, asked in batch:
                    asked.set_exception(fault)
                continue
            self.cost += MEMORY * ((time.perf_counter() - began) / seen - self.cost)
            for (_, asked), piece in zip(batch, pieces):
                asked.set_result(piece)
