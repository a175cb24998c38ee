"""The Live tab: the portrait of the Make tab talks now, with the microphone's voice or a typed text's.

What is said and what moves goes over the WebSocket /live (`moda.live.server`), beside the page and without Gradio; the
face is drawn by the visitor's own browser (live.js).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from moda.errors import BadSetting
from moda.studio import messages
from moda.studio.events import LIGHT, PRIVATE, guarded, requires_consent, session_of, working
from moda.studio.make import Make
from moda.studio.service import Engine, address_of
from moda.studio.steps.speech import voices

if TYPE_CHECKING:
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait

INTRO = "Talk, and the portrait of the Make tab talks with you; or type what it should say. Your browser draws it."
FACE = (
    '<moda-stage plain hidden aria-label="The portrait, live"></moda-stage>'
    '<p id="live-status" class="quiet" role="status">Press Start.</p>'
)
ON_START = "watch('value', () => window.modaStudioLive.start(props.value));"
ON_SAY = "watch('value', () => window.modaStudioLive.say(props.value));"
LIVE_SETTINGS = ("emotion", "emotion_strength", "expression", "head_motion", "seed")


class LiveHost:
    """What live sessions borrow from the studio: its models, and the portraits that pages have opened."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self, model: str | None) -> TalkingHead:
        return self._engine.live_heads.get(model, "mesh")

    def portrait(self, name: str) -> Portrait | None:
        return self._engine.visitors.portrait_of(name)


@dataclass(frozen=True)
class Live:
    """The components of the tab by name."""

    start: gr.Button
    stop: gr.Button
    interrupt: gr.Button
    microphone: gr.Checkbox
    text: gr.Textbox
    voice: gr.Dropdown
    speak: gr.Button
    say: gr.HTML
    session: gr.HTML
    """The session to be started, as data for live.js."""
    spoken: gr.HTML
    """A sound to be said, as data for live.js."""

    @classmethod
    def build(cls, most: int) -> Live:
        """Lays the tab out. most: characters of a text."""
        with gr.Column(elem_classes="sheet", elem_id="live"), gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=280, elem_classes="controls"):
                gr.HTML(f'<div class="tab-head"><h2>Live</h2><p>{INTRO}</p></div>')
                microphone = gr.Checkbox(True, label="Microphone", elem_id="live-microphone")
                with gr.Row(elem_classes="go"):
                    start = gr.Button("Start", variant="primary", elem_id="live-start", scale=3)
                    stop = gr.Button("End", elem_id="live-stop", scale=1, min_width=80)
                text = gr.Textbox(
                    label="Text", lines=2, max_length=most, elem_id="live-text", placeholder="Nice to meet you!"
                )
                voice = gr.Dropdown(voices(), value="auto", label="Voice", elem_id="live-voice")
                with gr.Row(elem_classes="go"):
                    speak = gr.Button("Say it", elem_id="live-speak", scale=3)
                    interrupt = gr.Button("Interrupt", elem_id="live-interrupt", scale=1, min_width=110)
                say = gr.HTML("", elem_id="live-say")
            with gr.Column(scale=9, min_width=300, elem_classes="results"):
                gr.HTML(FACE, elem_id="live-box")
                session = gr.HTML({}, html_template="", js_on_load=ON_START, elem_id="live-session")
                spoken = gr.HTML({}, html_template="", js_on_load=ON_SAY, elem_id="live-spoken")
        return cls(start, stop, interrupt, microphone, text, voice, speak, say, session, spoken)

    def connect(self, engine: Engine, make: Make) -> None:
        """make: whose portrait and settings go live."""

        @guarded(self.say)
        def go_live(consent: bool, microphone: bool, request: gr.Request, **values: Any) -> Any:
            session = session_of(engine, request)
            requires_consent(consent)
            if session.portrait is None:
                raise BadSetting("Add a portrait on the Make tab first: a picture with one face in it.")
            settings = {name: value for name, value in values.items() if value is not None}
            return {
                self.session: {
                    "rig": address_of(engine.rig(session)), "token": engine.visitors.live_token(session),
                    "microphone": microphone, "consent": True, "settings": settings,
                    "turn": session.made,
                },
                self.say: "",
            }  # fmt: skip

        @guarded(self.say)
        def say_live(text: str, voice: str, request: gr.Request) -> Any:
            from moda.media.output import write_wav
            from moda.media.speak import speak

            session = session_of(engine, request)
            with working(engine, request, "read"):
                spoken = speak(text or "", voice or "auto", max_text=engine.limits.max_text)
                path = write_wav(spoken, session.path("live.wav"))
            notice = messages.note(spoken.notice) if spoken.notice else ""
            return {self.spoken: {"sound": address_of(path)}, self.say: notice}

        values = {name: make.settings[name] for name in LIVE_SETTINGS}
        inputs = {"consent": make.consent, "microphone": self.microphone, **values}
        shown: dict[str, Any] = {"show_progress": "hidden", **PRIVATE, **LIGHT}
        self.start.click(go_live, None, [self.session, self.say], inputs_kwargs=inputs, **shown)
        spoken = [self.spoken, self.say]
        gr.on([self.speak.click, self.text.submit], say_live, [self.text, self.voice], spoken, **shown)
        self.stop.click(None, None, None, js="() => window.modaStudioLive.stop()", **PRIVATE)
        self.interrupt.click(None, None, None, js="() => window.modaStudioLive.interrupt()", **PRIVATE)
        muted = "(on) => { window.modaStudioLive.mute(!on); }"
        self.microphone.change(None, [self.microphone], None, js=muted, **PRIVATE)
