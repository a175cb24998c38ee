"""The Live tab: the portrait of the Make tab talks now, with the visitor's voice, a typed text's or an assistant's.

What is said and what moves goes over the WebSocket /live (`moda.live.server`), beside the page and without Gradio; the
face is drawn by the visitor's own browser (live.js).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import numpy.typing as npt

from moda.errors import BadSetting
from moda.live.wire import SAMPLE_RATE
from moda.studio import messages, placeholders
from moda.studio.events import LIGHT, PRIVATE, Cleared, guarded, requires_consent, session_of, working
from moda.studio.make import Make
from moda.studio.service import Engine, address_of
from moda.studio.sessions import Session
from moda.studio.steps.speech import voices
from moda.studio.steps.video import controls_of

if TYPE_CHECKING:
    from moda.motion.takes import Take
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait

INTRO = "Talk, and the portrait of the Make tab talks with you; or type what it should say. Your browser draws it."
FACE = (
    '<moda-stage plain hidden role="group" aria-label="The portrait, live"></moda-stage>'
    f'<div class="vacant">{placeholders.waiting_face()}</div>'
    '<p id="live-status" class="quiet" role="status"></p>'
)
ASSISTANT = (
    '<p class="quiet">A program of yours can lend its voice to this face: it gets what you say, and the face speaks '
    "what it sends. <code>assistant.py</code>, forty lines, is in docs/live.md; it needs this address and this key, "
    "which is good for this session alone:</p>"
    '<code id="live-key">Press Start: the command stands here while a session runs.</code>'
)
ON_START = """watch('value', () => window.modaStudioLive.start(props.value));
document.addEventListener('live-recorded', (event) => trigger('submit', event.detail));
document.addEventListener('live-portrait', () => trigger('click'));"""
ON_SAY = "watch('value', () => window.modaStudioLive.say(props.value));"
CHANGING = ("emotion", "emotion_strength", "expression", "head_motion")
"""Settings of the Make tab that act while the face talks."""
LIVE_SETTINGS = (*CHANGING, "seed")
NO_PORTRAIT = "Add a portrait on the Make tab first: a picture with one face in it."
IDLE_SECONDS = 12.0
LIVE_MODEL = "moda-lite"
AUDIBLE, OPENING = 0.02, 0.04
"""Share of a voice's peak that is heard; seconds in front of it in which lips open already."""
MICROPHONE = [("Open", "open"), ("Hold to talk", "push"), ("Off", "off")]
VOICE = [("Moves the lips", "lips"), ("Is listened to", "listen")]
RECORDED = "Recorded live. Trim it, edit it and render it like any take."


class LiveHost:
    """What live sessions borrow from the studio: its models, the portraits that pages have opened, and a place for
    what they record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def head(self, model: str | None) -> TalkingHead:
        return self._engine.live_heads.get(model or LIVE_MODEL, "mesh")

    def portrait(self, name: str) -> Portrait | None:
        found = self._engine.visitors.live_session(name)
        return None if found is None else found.portrait

    def recorded(self, name: str, take: Take, sound: Any) -> bool:
        found = self._engine.visitors.live_session(name)
        if found is None or found.portrait is None:
            return False
        self._engine.keep_recording(found, take, sound)
        return True


@dataclass(frozen=True)
class Live:
    """The components of the tab by name."""

    start: gr.Button
    stop: gr.Button
    interrupt: gr.Button
    record: gr.Button
    microphone: gr.Radio
    mine: gr.Radio
    echo: gr.Checkbox
    text: gr.Textbox
    voice: gr.Dropdown
    speak: gr.Button
    say: gr.HTML
    session: gr.HTML
    """The session to be started, or the face to be shown before, as data for live.js."""
    spoken: gr.HTML
    """A sentence to be said, as data for live.js."""

    @classmethod
    def build(cls, most: int) -> Live:
        """Lays the tab out. most: characters of a text."""
        with gr.Column(elem_classes="sheet", elem_id="live"), gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=280, elem_classes="controls"):
                gr.HTML(f'<div class="tab-head"><h2>Live</h2><p>{INTRO}</p></div>')
                with gr.Row(elem_classes="go"):
                    start = gr.Button("Start", variant="primary", elem_id="live-start", scale=3)
                    stop = gr.Button("End", elem_id="live-stop", scale=1, min_width=80)
                microphone = gr.Radio(
                    MICROPHONE, value="open", label="Microphone", elem_id="live-microphone", elem_classes="segments"
                )
                gr.Button("Hold and talk", elem_id="live-hold")
                mine = gr.Radio(
                    VOICE, value="lips", label="My voice", elem_id="live-mine", elem_classes="segments",
                    info="Listened to, the face looks at you, nods, and falls silent when you speak.",
                )  # fmt: skip
                echo = gr.Checkbox(
                    False, label="Hear my voice when the lips are there", elem_id="live-echo", container=False,
                    info="With headphones: it comes as late as the face.",
                )  # fmt: skip
                text = gr.Textbox(
                    label="Text", lines=2, max_length=most, elem_id="live-text", placeholder="Nice to meet you!"
                )
                voice = gr.Dropdown(voices(), value="auto", label="Voice", elem_id="live-voice")
                with gr.Row(elem_classes="go"):
                    speak = gr.Button("Say it", elem_id="live-speak", scale=3)
                    interrupt = gr.Button("Interrupt", elem_id="live-interrupt", scale=1, min_width=110)
                with gr.Accordion("Connect an assistant", open=False, elem_id="live-assistant"):
                    gr.HTML(ASSISTANT)
                say = gr.HTML("", elem_id="live-say")
            with gr.Column(scale=9, min_width=300, elem_classes="results"):
                gr.HTML(FACE, elem_id="live-box")
                record = gr.Button("Record", size="sm", elem_id="live-record")
                session = gr.HTML({}, html_template="", js_on_load=ON_START, elem_id="live-session")
                spoken = gr.HTML({}, html_template="", js_on_load=ON_SAY, elem_id="live-spoken")
        return cls(
            start, stop, interrupt, record, microphone, mine, echo, text, voice, speak, say, session, spoken
        )  # fmt: skip

    def connect(self, engine: Engine, make: Make, tab: gr.Tab, cleared: Cleared) -> None:
        """make: whose portrait and settings go live, and where recordings go; tab: this one; cleared: what the page
        shows where there is no result."""

        def face_of(session: Session) -> dict[str, Any]:
            return {"rig": address_of(engine.rig(session)), "idle": idle_of(engine, session), "turn": session.made}

        @guarded(self.say)
        def open_tab(request: gr.Request) -> Any:
            session = session_of(engine, request)
            face = (
                {"turn": time.time_ns()} if session.portrait is None else face_of(session)
            )  # never the same: it is told anew
            return {self.session: face, self.say: ""}

        @guarded(self.say)
        def go_live(consent: bool, request: gr.Request, **values: Any) -> Any:
            session = session_of(engine, request)
            requires_consent(consent)
            if session.portrait is None:
                raise BadSetting(NO_PORTRAIT)
            settings = {name: value for name, value in values.items() if value is not None}
            token = engine.visitors.live_token(session)
            wanted = {**face_of(session), "token": token, "consent": True, "settings": settings}
            session.made += 1  # pressed again with nothing changed, it starts again
            return {self.session: {**wanted, "turn": session.made}, self.say: ""}

        @guarded(self.say)
        def take_recording(request: gr.Request) -> Any:
            session = session_of(engine, request)
            if session.take is None:
                return {self.say: gr.skip()}
            controls = controls_of(make.settings, session.take.settings)
            shown = make.motion.shown(engine, session)
            seconds = session.take.motion.seconds
            return {
                **cleared(), **controls, **shown, make.speech.speech: str(engine.heard(session)),
                make.motion.say: messages.note(RECORDED),
                self.say: messages.good(f"Recorded {seconds:.1f} s: the take is on the Make tab now."),
            }  # fmt: skip

        inputs = {"consent": make.consent, **{name: make.settings[name] for name in LIVE_SETTINGS}}
        shown: dict[str, Any] = {"show_progress": "hidden", **PRIVATE, **LIGHT}
        tab.select(open_tab, None, [self.session, self.say], **shown)
        self.session.click(open_tab, None, [self.session, self.say], **shown)
        # What is said about the portrait changes when it was read, which may be after this tab was opened.
        make.portrait.say.change(None, None, None, js="() => window.modaStudioLive.portrait()", **PRIVATE)
        self.start.click(go_live, None, [self.session, self.say], inputs_kwargs=inputs, **shown)
        outputs = [self.say, make.speech.speech, *make.settings.values(), *cleared()]
        make.follow(engine, self.session.submit(take_recording, None, outputs, **shown))
        gr.on(
            [self.speak.click, self.text.submit], self._speaker(engine), [self.text, self.voice],
            [self.spoken, self.say], **shown,
        )  # fmt: skip
        for component, call in (
            (self.stop, "stop()"), (self.interrupt, "interrupt()"), (self.record, "toggle()"),
        ):  # fmt: skip
            component.click(None, None, None, js=f"() => window.modaStudioLive.{call}", **PRIVATE)
        for choice, name in ((self.microphone, "microphone"), (self.mine, "voice"), (self.echo, "echo")):
            chosen = f"(chosen) => window.modaStudioLive.choose({{{name}: chosen}})"
            choice.change(None, [choice], None, js=chosen, **PRIVATE)
        for name in CHANGING:
            control = make.settings[name]
            changed = f"(value) => window.modaStudioLive.set({{{name}: value}})"
            control.change(None, [control], None, js=changed, **PRIVATE)

    def _speaker(self, engine: Engine) -> Any:
        """Sentence after sentence: the face begins with the first while the others are made."""

        def say_live(text: str, voice: str, request: gr.Request) -> Iterator[Any]:
            from moda.media.audio import Speech
            from moda.media.output import write_wav
            from moda.script import parse_script, speak_script_sentences

            session, notices = session_of(engine, request), ""
            with working(engine, request, "read") as job:
                longest = engine.limits.max_text
                script = parse_script(text or "", longest)
                spoken = speak_script_sentences(script, voice or "auto", max_text=longest)
                turn = f"{session.made}"
                for number, (sentence, direction) in enumerate(spoken):
                    if job.cancelled():
                        return
                    quiet = silence_before(sentence.waveform) if number == 0 else 0
                    path = write_wav(Speech.of(sentence.waveform[quiet:]), session.path("live.wav"))
                    notices = notices or sentence.notice
                    nods = [edit.start - quiet / SAMPLE_RATE for edit in direction.edits if edit.kind == "nod"]
                    said = {"sound": address_of(path), "text": turn, "first": number == 0, "nods": nods}
                    yield {self.spoken: said, self.say: messages.note(notices) if notices else ""}

        return guarded(self.say)(say_live)


def idle_of(engine: Engine, session: Session) -> str:
    """Listening of the session's portrait, a loop, as base64 for the stage."""
    from moda.settings import Settings
    from moda.stage.chunks import motion_bytes

    assert session.portrait is not None
    take = engine.live_heads.get(LIVE_MODEL, "mesh").idle(session.portrait, Settings(), IDLE_SECONDS)
    return base64.b64encode(motion_bytes(take.motion)).decode("ascii")


def silence_before(voice: npt.NDArray[np.float32]) -> int:
    """Samples of silence that a voice (n,) begins with, less what lips need to open: nobody need wait for them."""
    loud = np.flatnonzero(np.abs(voice) > AUDIBLE * np.abs(voice).max(initial=0.0))
    return max(0, int(loud[0]) - round(OPENING * SAMPLE_RATE)) if len(loud) else 0
