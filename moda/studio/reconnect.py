"""A page that comes back finds what it had made: after a reload, the back button or a broken connection.

The page keeps a secret ticket in the tab's own storage, which outlives a reload and nothing else.
"""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from moda.studio import messages
from moda.studio.events import PRIVATE, guarded, session_of, visitor_of
from moda.studio.make import Make
from moda.studio.service import Engine
from moda.studio.steps.video import controls_of

BACK = "The page was loaded anew. Everything made before is here again."
GOES_ON = "The page was loaded anew. Everything made before is here again, and your video is still being rendered."
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


def connect(page: gr.Blocks, make: Make, engine: Engine) -> None:
    """The event of a page that opens, and what follows when something of it is still being worked on."""
    ticket, back, webgl = gr.Textbox(visible=False), gr.Checkbox(visible=False), gr.Checkbox(visible=False)
    again = gr.State("")
    motion, video = make.motion, make.video
    outputs: list[Any] = [
        make.portrait.picture, *make.portrait.outputs(), make.speech.speech, make.speech.say,
        *make.settings.values(), *make.cleared(), motion.takes, again,
    ]  # fmt: skip

    def come_back(ticket: str, back: bool, webgl: bool, request: gr.Request) -> Any:
        session = engine.visitors.arrive(visitor_of(request), ticket or "", back)
        session_of(engine, request).webgl = bool(webgl)
        found: dict[Any, Any] = {motion.say: gr.skip()}
        if session is None:
            return found
        found[again] = visitor_of(request)
        if session.picture is not None and session.portrait is not None:
            found |= {make.portrait.picture: str(engine.shown_picture(session)), **make.portrait.shown(engine, session)}
        if session.sound is not None and session.speech is not None:
            found |= {make.speech.speech: str(engine.played_speech(session)), **make.speech.shown(session)}
        if session.take is not None:
            found |= {**controls_of(make.settings, session.takes[0].settings), **motion.shown(engine, session)}
            found[motion.takes] = len(session.takes)
            rendering = any(job.kind == "render" for job in engine.visitors.running(visitor_of(request)))
            found[motion.say] = messages.note(GOES_ON if rendering else BACK)
        if session.video is not None:
            found |= video.shown(session)
        return found

    @guarded(video.say)
    def wait_for_video(request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008 - Gradio's way
        """The video that was being rendered when the page was loaded anew."""
        session = session_of(engine, request)
        jobs = [job for job in engine.visitors.running(visitor_of(request)) if job.kind == "render"]
        if not jobs:
            return {video.say: gr.skip()}
        while not jobs[0].done.wait(POLL_SECONDS):
            share, words = jobs[0].progress
            progress(share, desc=words)
        time.sleep(POLL_SECONDS)
        if session.video is None:
            return {video.say: messages.note("The rendering was stopped; press Render video to start it again.")}
        return {**video.shown(session), **video.saved(engine, session)}

    arrived = page.load(
        come_back, [ticket, back, webgl], outputs, js=TICKET, queue=False, show_progress="hidden", **PRIVATE
    )
    make.follow(engine, arrived)
    waited = arrived.success(
        wait_for_video, None, [video.video, video.say, video.empty, video.save_video, *video.saves.values()],
        show_progress_on=[video.say], concurrency_id="waiting", concurrency_limit=32, **PRIVATE,
    )  # fmt: skip
    make.settle(engine, waited)
