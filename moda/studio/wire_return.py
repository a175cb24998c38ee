"""A page that comes back finds what it had made: after a broken connection, Gradio loads the page anew.

The page keeps a secret ticket in the tab's own storage, which outlives a reload and nothing else.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from moda.studio import messages
from moda.studio.events import visitor_of
from moda.studio.make_tab import MakeTab
from moda.studio.service import Engine
from moda.studio.wire_inputs import heard, seen
from moda.studio.wire_motion import PRIVATE, Follow, awaited, cleared, page_settings, previewed
from moda.studio.wire_video import controls_of, rendered

BACK = "The connection was lost or the page was loaded anew. Everything made before is here again."
TICKET = """() => {
    const name = "moda-studio-ticket", opened = performance.getEntriesByType("navigation")[0];
    try {
        let ticket = sessionStorage.getItem(name);
        const back = Boolean(ticket) && opened !== undefined && opened.type === "reload";
        if (!back) {
            const secret = crypto.getRandomValues(new Uint8Array(24));
            ticket = Array.from(secret, n => n.toString(16).padStart(2, "0")).join("");
            sessionStorage.setItem(name, ticket);
        }
        return [ticket, back];
    } catch {
        return ["", false];  // a browser that keeps nothing
    }
}"""
"""A tab that was duplicated has the ticket too, but was not reloaded: it gets one of its own."""


def connect(page: gr.Blocks, tab: MakeTab, engine: Engine, follow: Follow) -> None:
    """The event of a page that opens. follow: what makes the files and the missing clips of its takes."""
    ticket, back = gr.Textbox(visible=False), gr.Checkbox(visible=False)
    outputs: list[Any] = [
        tab.picture, tab.crop, tab.face_empty, tab.portrait_say, tab.faces, tab.face, tab.speech, tab.speech_say,
        *page_settings(tab), *cleared(tab), tab.takes,
    ]  # fmt: skip

    def come_back(ticket: str, back: bool, request: gr.Request) -> Any:
        session = engine.visitors.arrive(visitor_of(request), ticket or "", back)
        if session is None:
            return {tab.motion_say: gr.skip()}
        found: dict[Any, Any] = {tab.motion_say: gr.skip()}
        if session.picture is not None and session.portrait is not None:
            found |= {tab.picture: session.picture.path, **seen(tab, engine, session, choosing=False)}
        if session.sound is not None and session.speech is not None:
            found |= {tab.speech: session.sound.path, **heard(tab, session)}
        if session.take is not None:
            found |= {**controls_of(tab, session.takes[0].settings), **previewed(tab, engine, session, False)}
            found[tab.takes] = len(session.takes)
            if session.portrait is not None and session.speech is not None:
                found |= awaited(tab, session)
            found[tab.motion_say] = messages.note(BACK)
        if session.video is not None:
            found |= rendered(tab, session.video)
        return found

    follow(page.load(come_back, [ticket, back], outputs, js=TICKET, queue=False, show_progress="hidden", **PRIVATE))
