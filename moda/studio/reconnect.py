"""A page that comes back finds what it had made: after a reload, the back button or a broken connection.

The page keeps a secret ticket in the tab's own storage, which outlives a reload and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.studio import messages
from moda.studio.compare import Compare
from moda.studio.events import PRIVATE, STOPPED, guarded, session_of, visitor_of
from moda.studio.make import Make
from moda.studio.service import Engine
from moda.studio.sessions import Session
from moda.studio.steps.video import controls_of

BACK = "The page was loaded anew. Everything made before is here again."
GOES_ON = "The page was loaded anew. Everything made before is here again, and {} still being worked on."
POLL_SECONDS = 0.2
TICKET = """async () => {
    const name = "moda-studio-ticket", opened = performance.getEntriesByType("navigation")[0];
    const mine = (ticket) => !navigator.locks || new Promise((answer) => navigator.locks.request(
        name + ticket, {ifAvailable: true}, (lock) => { answer(Boolean(lock)); return lock && new Promise(() => {}); }
    ));
    const webgl = Boolean(document.createElement("canvas").getContext("webgl2"));
    try {
        let ticket = sessionStorage.getItem(name);
        const again = opened !== undefined && ["reload", "back_forward"].includes(opened.type);
        const back = Boolean(ticket) && again && await mine(ticket);
        if (!back) {
            const secret = crypto.getRandomValues(new Uint8Array(24));
            ticket = Array.from(secret, n => n.toString(16).padStart(2, "0")).join("");
            sessionStorage.setItem(name, ticket);
            await mine(ticket);
        }
        return [ticket, back, webgl];
    } catch {
        return ["", false, webgl];  // a browser that keeps nothing
    }
}"""
"""A tab that was duplicated has the ticket too, but the first tab holds its lock: it gets one of its own."""


@dataclass(frozen=True)
class Awaited:
    """A kind of work that goes on while a page is loaded anew, and where its result is shown."""

    kind: str
    """Of the job, see `Visitors.begin`."""
    name: str
    say: gr.HTML
    outputs: list[Any]
    shown: Callable[[Session], dict[Any, Any]]
    """What the page shows of the finished work."""
    after: Callable[[Engine, Any], Any]
    """What follows an event that shows it."""


def connect(page: gr.Blocks, make: Make, compare: Compare, engine: Engine) -> None:
    """The event of a page that opens, and what follows when something of it is still being worked on."""
    ticket, back, webgl = gr.Textbox(visible=False), gr.Checkbox(visible=False), gr.Checkbox(visible=False)
    motion, video = make.motion, make.video

    def moving(session: Session) -> dict[Any, Any]:
        return {**make.cleared(), **motion.shown(engine, session), motion.say: ""}

    def filmed(session: Session) -> dict[Any, Any]:
        return {**video.shown(session), **video.saved(engine, session)}

    awaited = (
        Awaited("plan", "the motion", motion.say, list(make.cleared()), moving, make.follow),
        Awaited("render", "the video", video.say, list(make.video.cleared()), filmed, make.settle),
        Awaited("compare", "the comparison", compare.say, list(compare.cleared()), compare.shown, compare.settle),
    )
    outputs: list[Any] = [
        make.portrait.picture, *make.portrait.outputs(), make.speech.speech, make.speech.say, make.speech.words,
        *make.settings.values(), *make.cleared(), *compare.cleared(), motion.takes,
    ]  # fmt: skip

    def come_back(ticket: str, back: bool, webgl: bool, request: gr.Request) -> Any:
        session = engine.visitors.arrive(visitor_of(request), ticket or "", back)
        session_of(engine, request).webgl = bool(webgl)
        found: dict[Any, Any] = {motion.say: gr.skip()}
        if session is None:
            return found
        session.awaited = engine.visitors.running(visitor_of(request))
        if session.picture is not None and session.portrait is not None:
            found |= {make.portrait.picture: str(engine.shown_picture(session)), **make.portrait.shown(engine, session)}
        if session.sound is not None and session.speech is not None:
            found |= {make.speech.speech: str(engine.played_speech(session)), **make.speech.shown(session)}
        if session.take is not None:
            found |= {**controls_of(make.settings, session.takes[0].settings), **motion.shown(engine, session)}
            found[motion.takes] = len(session.takes)
        if session.video is not None:
            found |= video.shown(session)
        if session.comparison is not None:
            found |= compare.shown(session)
        if len(found) > 1:
            working = [one.name for one in awaited if any(job.kind == one.kind for job in session.awaited)]
            goes_on = GOES_ON.format(" and ".join(working) + (" is" if len(working) == 1 else " are"))
            found[motion.say] = messages.note(goes_on if working else BACK)
        return found

    arrived = page.load(
        come_back, [ticket, back, webgl], outputs, js=TICKET, queue=False, show_progress="hidden", **PRIVATE
    )
    make.follow(engine, arrived)
    for one in awaited:
        waited = arrived.success(
            _wait_for(one, engine), None, one.outputs, show_progress_on=[one.say], concurrency_id="waiting",
            concurrency_limit=32, **PRIVATE,
        )  # fmt: skip
        one.after(engine, waited)


def _wait_for(one: Awaited, engine: Engine) -> Callable[..., Any]:
    """An event that waits for the work that was going on when the page was loaded anew, and shows what came of it."""

    @guarded(one.say)
    def wait(request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008 - Gradio's way
        session = session_of(engine, request)
        jobs = [job for job in session.awaited if job.kind == one.kind]
        if not jobs:
            return {one.say: gr.skip()}
        while not jobs[0].done.wait(POLL_SECONDS):
            share, words = jobs[0].progress
            progress(share, desc=words)
        if jobs[0].superseded:
            return {one.say: gr.skip()}
        if jobs[0].fault:
            return {one.say: messages.error(jobs[0].fault)}
        return {one.say: messages.note(STOPPED)} if jobs[0].stopped else one.shown(session)

    return wait
