"""How every event of the page runs: errors become sentences in place, work can be stopped, progress is shown."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from moda.errors import Busy, Cancelled, UserError
from moda.studio import messages
from moda.studio.service import Engine
from moda.studio.sessions import Job

log = logging.getLogger(__name__)
HEAVY: dict[str, Any] = {"concurrency_id": "heavy", "concurrency_limit": 1}
"""Planning, clips, videos and comparisons: one at a time, in order, for all visitors together."""
LIGHT: dict[str, Any] = {"concurrency_id": "light", "concurrency_limit": 4}
READING: dict[str, Any] = {"concurrency_id": "reading", "concurrency_limit": 1}
"""Faces and sound are read one at a time, but never behind somebody's long video."""
OOPS = "Something went wrong on our side; nothing you made is lost. Please try again."
STOPPED = "Stopped. Nothing is lost; change what you like and start again."


def visitor_of(request: gr.Request) -> str:
    return str(request.session_hash or "nobody")


def guarded(say: gr.HTML) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Errors of an event become a sentence in `say`; everything else on the page stays as it was."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except Cancelled:
                return {say: messages.note(STOPPED)}
            except UserError as fault:
                return {say: messages.error(str(fault))}
            except gr.Error:  # Gradio's own and ZeroGPU's, for example that a quota is used up
                raise
            except Exception:
                log.exception("An event of the page failed")
                return {say: messages.error(OOPS)}

        return run

    return decorate


@contextmanager
def working(engine: Engine, request: gr.Request, kind: str) -> Iterator[Job]:
    """Registers the work for as long as it runs; work that took too long says so."""
    visitor = visitor_of(request)
    job = engine.visitors.begin(visitor, kind)
    try:
        yield job
    except Cancelled:
        if job.expired:
            raise Busy("This took longer than one request may; please use shorter speech.") from None
        raise
    finally:
        engine.visitors.end(visitor, job)


class Reporter:
    """A progress callback of the pipeline that draws Gradio's bar: stage, how far, time left."""

    def __init__(self, progress: gr.Progress, unit: str = "frames") -> None:
        self._progress = progress
        self._unit = f" {unit}" if unit else ""
        self._shown, self._started = 0.0, time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._started = now
        if done < total and now - self._shown < 0.15:
            return
        self._shown = now
        left = (now - self._started) / done * (total - done) if done else 0.0
        tail = f", about {left:.0f} s left" if left >= 1 else ""
        self._progress(done / max(total, 1), desc=f"{stage.capitalize()}: {done} of {total}{self._unit}{tail}")
