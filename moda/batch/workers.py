"""Who does the rows: this process, several processes, or (in `on_ray`) actors on a Ray cluster.

A crew has a fixed number of workers. Each is given one task at a time, so that work in flight is bounded; a worker
that dies is replaced, and its task comes back to be given again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from moda.batch.work import Outcome, Recipe, Task, Worker
from moda.errors import BadSetting, UserError

if TYPE_CHECKING:
    from moda.pipeline import TalkingHead

ATTEMPTS = 3
MAX_WORKERS = 64


class Crew(Protocol):
    """Workers by number, 0 to size - 1."""

    size: int

    def maker(self) -> dict[str, str]:
        """What makes the clips (see `Worker.maker`)."""
        ...

    def give(self, worker: int, task: Task) -> None:
        """Let an idle worker begin a task."""
        ...

    def wait(self) -> tuple[int, Outcome | None]:
        """The next worker that is done, with its outcome; None = it died and was replaced."""
        ...

    def close(self) -> None: ...


def carry_out(crew: Crew, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Outcomes of all tasks, in the order in which they are finished. A row that kills workers is given up."""
    waiting = deque(tasks)
    idle = list(range(crew.size))
    running: dict[int, Task] = {}
    deaths: dict[int, int] = {}
    while waiting or running:
        while idle and waiting:
            worker = idle.pop()
            running[worker] = task = waiting.popleft()
            crew.give(worker, task)
        worker, outcome = crew.wait()
        if worker not in running:
            continue  # it died while it had nothing to do, and has been replaced
        task = running.pop(worker)
        idle.append(worker)
        if outcome is not None:
            yield outcome
            continue
        number = task.job.number
        deaths[number] = deaths.get(number, 0) + 1
        if deaths[number] < ATTEMPTS:
            waiting.appendleft(task)
        else:
            error = f"The worker died {ATTEMPTS} times on this row (out of memory?): try it alone with generate."
            yield Outcome(number, task.job.shown, "failed", content=task.content, error=error)


class Alone:
    """A crew of one: this process."""

    size = 1

    def __init__(self, head: TalkingHead, folder: Path) -> None:
        self._worker, self._folder = Worker(head), folder
        self._task: Task | None = None

    def maker(self) -> dict[str, str]:
        return self._worker.maker()

    def give(self, worker: int, task: Task) -> None:
        self._task = task

    def wait(self) -> tuple[int, Outcome | None]:
        assert self._task is not None
        return 0, self._worker.do(self._task, self._folder)

    def close(self) -> None:
        pass


class Processes:
    """A crew of processes on this machine, each with its own warm model and its share of the cores or GPUs."""

    def __init__(self, recipe: Recipe, folder: Path, size: int) -> None:
        import multiprocessing

        if not 1 <= size <= MAX_WORKERS:
            raise BadSetting(f"The number of workers must be 1 to {MAX_WORKERS}, not {size}.")
        self.size = size
        self._folder = folder
        self._context = multiprocessing.get_context("spawn")
        self._recipes = shared_out(recipe, size)
        self._members: list[tuple[Any, Any]] = []
        try:
            self._members = [self._start(number) for number in range(size)]
            greetings = [self._greeting(number) for number in range(size)]
            self._maker = greetings[0]
        except BaseException:
            self.close()
            raise

    def _start(self, number: int) -> tuple[Any, Any]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._recipes[number], self._folder), daemon=True, name=f"batch-{number}"
        )
        process.start()
        theirs.close()
        return process, ours

    def _greeting(self, number: int) -> dict[str, str]:
        """The first word of a worker: what makes its clips, or why it cannot start."""
        try:
            kind, content = self._members[number][1].recv()
        except EOFError:
            raise BadSetting("A worker died while it was loading: use fewer workers, or look at its memory.") from None
        return understood(kind, content)

    def maker(self) -> dict[str, str]:
        return self._maker

    def give(self, worker: int, task: Task) -> None:
        with contextlib.suppress(OSError):  # it died while idle: `wait` finds out
            self._members[worker][1].send(task)

    def wait(self) -> tuple[int, Outcome | None]:
        from multiprocessing.connection import wait

        ready = wait([connection for _, connection in self._members])
        number = next(i for i, (_, connection) in enumerate(self._members) if connection is ready[0])
        try:
            return number, self._members[number][1].recv()[1]
        except (EOFError, OSError):
            self._members[number][0].join(5)
            self._members[number] = self._start(number)
            self._greeting(number)
            return number, None

    def close(self) -> None:
        for process, connection in self._members:
            connection.close()
            process.terminate()
        for process, _ in self._members:
            process.join(10)


def understood(kind: str, content: Any) -> dict[str, str]:
    """What makes a worker's clips, out of its greeting. Raises BadSetting where it says why it cannot start."""
    if kind == "fault":
        raise BadSetting(content)
    return dict(content)


def shared_out(recipe: Recipe, size: int) -> list[Recipe]:
    """A recipe for each worker: its share of the cores, and its GPU where there are several."""
    threads = max(1, (os.cpu_count() or 1) // size)
    if recipe.device == "cpu":
        return [replace(recipe, threads=threads)] * size
    import torch

    count = torch.cuda.device_count()
    if count == 0 or recipe.device not in ("auto", "cuda"):
        return [replace(recipe, threads=threads)] * size
    return [replace(recipe, device=f"cuda:{number % count}", threads=threads) for number in range(size)]


def _serve(connection: Any, recipe: Recipe, folder: Path) -> None:
    """A worker process: says hello, then answers every task with its outcome until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all of us; the parent decides
    try:
        worker = Worker(recipe.load())
    except UserError as fault:
        connection.send(("fault", str(fault)))
        return
    connection.send(("hello", worker.maker()))
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(("outcome", worker.do(task, folder)))
