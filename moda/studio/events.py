"""How every event of the page runs: errors become sentences in place, work can be stopped, progress is shown."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from moda.errors import NO_ROOM, BadSetting, Busy, Cancelled, UserError
from moda.studio import messages
from moda.studio.security import FULL
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Job, Session

log = logging.getLogger(__name__)
HEAVY: dict[str, Any] = {"concurrency_id": "heavy", "concurrency_limit": 1}
"""Planning, clips, videos and comparisons: one at a time, in order, for all visitors together."""
LIGHT: dict[str, Any] = {"concurrency_id": "light", "concurrency_limit": 4}
READING: dict[str, Any] = {"concurrency_id": "reading", "concurrency_limit": 1}
"""Faces and sound are read one at a time, but never behind somebody's long video."""
Cleared = Callable[[], dict[Any, Any]]
"""What a part of the page shows where there is no result."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
OOPS = "Something went wrong on our side; nothing you made is lost. Please try again."
STOPPED = "Stopped. Nothing is lost; change what you like and start again."
TICK = "Please tick the consent line in step 1 of the Make tab first."


def visitor_of(request: gr.Request) -> str:
    return str(request.session_hash or "nobody")


def session_of(engine: Engine, request: gr.Request) -> Session:
    """What the visitor of this request has made so far."""
    return engine.visitors.session(visitor_of(request))


def requires_consent(given: bool, sentence: str = TICK) -> None:
    """Raises BadSetting with the sentence unless the consent line is ticked (it always is where nobody is asked)."""
    if not given:
        raise BadSetting(sentence)


def guarded(say: gr.HTML) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Errors of an event become a sentence in `say`; everything else on the page stays as it was."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except gr.Error:  # Gradio's own and ZeroGPU's, for example that a quota is used up
                raise
            except Exception as fault:
                return {say: in_words(fault)}

        @functools.wraps(function)
        def run_on(*arguments: Any, **named: Any) -> Iterator[Any]:
            try:
                yield from function(*arguments, **named)
            except gr.Error:
                raise
            except Exception as fault:
                yield {say: in_words(fault)}

        return run_on if inspect.isgeneratorfunction(function) else run

    return decorate


def in_words(fault: Exception) -> str:
    """A fault as the sentence that the page shows; what nobody can mend is logged."""
    if isinstance(fault, Superseded):
        return messages.note(str(fault))
    if isinstance(fault, Cancelled):
        return messages.note(STOPPED)
    if isinstance(fault, UserError):
        return messages.error(str(fault))
    if isinstance(fault, OSError) and fault.errno in NO_ROOM:
        log.warning("The disk is full: %s", fault)
        return messages.error(FULL)
    log.error("An event of the page failed", exc_info=fault)
    return messages.error(OOPS)


@contextmanager
def working(engine: Engine, request: gr.Request, kind: str, reporter: Reporter | None = None) -> Iterator[Job]:
    """Registers the work for as long as it runs; work that took too long says so."""
    job = engine.visitors.begin(visitor_of(request), kind)
    if reporter is not None:
        reporter.job = job
    try:
        yield job
    except Cancelled:
        if job.superseded:
            raise Superseded from None
        if job.expired:
            job.fault = "This took longer than one request may; please use shorter speech."
            raise Busy(job.fault) from None
        raise
    except UserError as fault:
        job.fault = str(fault)
        raise
    finally:
        engine.visitors.end(job)


@contextmanager
def making(
    engine: Engine, request: gr.Request, kind: str, consent: bool, reporter: Reporter | None = None, replaces: str = ""
) -> Iterator[tuple[Session, Job]]:
    """A visitor asks for a result: what the page shows as `replaces` counts no longer, and the work is registered.

    Raises BadSetting without consent.
    """
    session = session_of(engine, request)
    session.shown.pop(replaces, None)
    requires_consent(consent)
    with working(engine, request, kind, reporter) as job:
        yield session, job


def starts(button: gr.Button, function: Callable[..., Any], outputs: list[Any], say: gr.HTML, /, **inputs: Any) -> Any:
    """Lets the button start long work, once at a time, its progress drawn over `say`.

    inputs: the component of every parameter of the function, by name.
    """
    return button.click(
        function, None, outputs, inputs_kwargs=inputs, show_progress_on=[say], trigger_mode="once", **PRIVATE, **HEAVY
    )


@contextmanager
def reading(engine: Engine, request: gr.Request) -> Iterator[Session]:
    """A portrait or a speech is read, or taken away: work on what was there before is stopped."""
    session = session_of(engine, request)
    before = session.inputs
    try:
        with working(engine, request, "read"):
            yield session
    finally:
        if session.inputs != before:
            for kind in ("plan", "ends", "clip", "render", "compare"):
                engine.visitors.stop(visitor_of(request), kind, superseded=True)


def stop_button(elem_id: str) -> gr.Button:
    """Shown by style.css while there is something to stop."""
    return gr.Button("Stop", elem_id=elem_id, scale=1, min_width=80)


def stops(button: gr.Button, engine: Engine, say: gr.HTML, events: list[Any]) -> None:
    """Lets the button end the visitor's work and these events, and say so."""

    def stop(request: gr.Request) -> str:
        engine.visitors.stop(visitor_of(request))
        return messages.note(STOPPED)

    button.click(stop, None, [say], cancels=events, queue=False, show_progress="hidden", **PRIVATE)


class Reporter:
    """A progress callback of the pipeline that draws Gradio's bar: stage, how far, time left."""

    def __init__(self, progress: gr.Progress, unit: str = "frames") -> None:
        self._progress = progress
        self._unit = f" {unit}" if unit else ""
        self._shown, self._started = 0.0, time.monotonic()
        self.job: Job | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the job: a borrowed GPU is in another process."""
        return {**self.__dict__, "job": None}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._started = now
        if done < total and now - self._shown < 0.15:
            return
        self._shown = now
        left = (now - self._started) / done * (total - done) if done else 0.0
        tail = f", about {left:.0f} s left" if left >= 1 else ""
        told = (done / max(total, 1), f"{stage.capitalize()}: {done} of {total}{self._unit}{tail}")
        if self.job is not None:
            self.job.progress = told
        self._progress(told[0], desc=told[1])
