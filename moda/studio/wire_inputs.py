"""Step 1 at work: portrait, choice of the face, speech from a file, the microphone or a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from moda.errors import UserError
from moda.studio import examples, messages, picker
from moda.studio.events import LIGHT, READING, guarded, visitor_of, working
from moda.studio.make_tab import MakeTab
from moda.studio.service import Engine
from moda.studio.sessions import Session
from moda.studio.wire_motion import cleared


def connect(tab: MakeTab, engine: Engine) -> None:
    """Events of step 1."""
    _portrait(tab, engine)
    _speech(tab, engine)


def _portrait(tab: MakeTab, engine: Engine) -> None:
    shown = [tab.crop, tab.face_empty, tab.portrait_say, tab.faces, tab.face, *cleared(tab)]

    @guarded(tab.portrait_say)
    def open_picture(picture: str | None, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        empty = {
            tab.crop: gr.update(visible=False, value=None),
            tab.face_empty: gr.update(visible=True),
            tab.faces: gr.update(visible=False, value=None),
            tab.face: gr.update(visible=False),
            **cleared(tab),
        }
        if picture is None:
            engine.forget_portrait(session)
            return {**empty, tab.portrait_say: ""}
        try:
            with working(engine, request, "read"):
                engine.open_portrait(session, picture)
        except UserError as fault:  # what was made of the picture before does not belong to this one
            return {**empty, tab.portrait_say: messages.error(str(fault))}
        return seen(tab, engine, session, choosing=False)

    @guarded(tab.portrait_say)
    def click_face(event: gr.SelectData, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if session.portrait is None:
            return {tab.portrait_say: messages.error("Add a portrait first: a picture with one face in it.")}
        scale = min(1.0, picker.WIDEST / session.portrait.size[0])
        x, y = event.index
        engine.pick_face(session, (float(x) / scale, float(y) / scale))
        return seen(tab, engine, session, choosing=True)

    @guarded(tab.portrait_say)
    def choose_face(number: int | None, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if session.portrait is None or number is None:
            return {tab.portrait_say: gr.skip()}
        _, faces = engine.faces(session)
        x0, y0, x1, y1 = faces[min(int(number), len(faces) - 1)].box
        engine.pick_face(session, ((x0 + x1) / 2, (y0 + y1) / 2))
        return seen(tab, engine, session, choosing=True)

    common: dict[str, Any] = {"show_progress_on": [tab.portrait_say], "api_visibility": "private", **READING}
    tab.picture.change(open_picture, [tab.picture], shown, trigger_mode="always_last", **common)
    for who, button in tab.examples.items():
        button.click(_example(engine, who), None, [tab.picture], show_progress="hidden", api_visibility="private")
    tab.faces.select(click_face, None, shown, **common)
    tab.face.input(choose_face, [tab.face], shown, **common)


def seen(tab: MakeTab, engine: Engine, session: Session, choosing: bool) -> dict[Any, Any]:
    """What the page shows of the session's portrait; `choosing`: the faces on show stay as they are."""
    portrait = session.portrait
    assert portrait is not None
    pitch, yaw, _ = portrait.pose
    looks = "Looks straight ahead" if max(abs(pitch), abs(yaw)) < 8 else f"Turned {abs(yaw):.0f}°"
    wide = portrait.face.box[2] - portrait.face.box[0]
    say = messages.good(f"{looks}, face {wide:.0f} pixels wide.", portrait.hints)
    changes = {
        tab.crop: gr.update(value=portrait.crop.image, visible=True),
        tab.face_empty: gr.update(visible=False),
        tab.portrait_say: say,
        **({} if session.takes else cleared(tab)),
    }
    several = choosing or portrait.face_count > 1
    if not several:
        return {**changes, tab.faces: gr.update(visible=False, value=None), tab.face: gr.update(visible=False)}
    image, faces = engine.faces(session)
    chosen = picker.which(portrait.face.box, faces)
    drawn, _ = picker.boxed(image, faces, chosen)
    return {
        **changes,
        tab.faces: gr.update(value=drawn, visible=True),
        tab.face: gr.update(choices=[(f"Face {k + 1}", k) for k in range(len(faces))], value=chosen, visible=True),
    }


def heard(tab: MakeTab, session: Session) -> dict[Any, Any]:
    """What the page shows of the session's speech."""
    speech = session.speech
    assert speech is not None
    quiet = ["The speech is very quiet; a louder recording moves the lips better."] if speech.level < -45 else []
    kept = {} if session.takes else cleared(tab)
    return {tab.speech_say: messages.good(f"{speech.seconds:.1f} s of speech.", quiet), **kept}


def _example(engine: Engine, who: str) -> Callable[[gr.Request], str]:
    """Puts an example portrait onto the page, as a file of the visitor's own."""

    def example(request: gr.Request) -> str:
        source = examples.portrait_files()[who]
        return str(engine.visitors.session(visitor_of(request)).keep(str(source), f"example{source.suffix}"))

    return example


def _speech(tab: MakeTab, engine: Engine) -> None:
    @guarded(tab.speech_say)
    def open_speech(path: str | None, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if path is None:
            engine.forget_speech(session)
            return {tab.speech_say: "", **cleared(tab)}
        try:
            with working(engine, request, "read"):
                engine.open_speech(session, path)
        except UserError as fault:
            return {**cleared(tab), tab.speech_say: messages.error(str(fault))}
        return heard(tab, session)

    @guarded(tab.speech_say)
    def say_text(text: str, voice: str, rate: float, pitch: float, request: gr.Request) -> Any:
        from moda.media.output import write_wav
        from moda.media.speak import speak

        session = engine.visitors.session(visitor_of(request))
        with working(engine, request, "read"):
            spoken = speak(text or "", voice or "auto", rate, pitch, max_text=engine.limits.max_text)
            path = session.path("spoken.wav")
            write_wav(spoken, path)
        note = messages.note(spoken.notice) if spoken.notice else ""
        return {tab.speech: str(path), tab.speech_say: note}

    reading: dict[str, Any] = {"api_visibility": "private", **READING}
    tab.speech.change(
        open_speech, [tab.speech], [tab.speech_say, *cleared(tab)], show_progress_on=[tab.speech_say],
        trigger_mode="always_last", **reading,
    )  # fmt: skip
    tab.speak.click(
        say_text, [tab.text, tab.voice, tab.rate, tab.pitch], [tab.speech, tab.speech_say],
        show_progress_on=[tab.speech_say], api_visibility="private", **LIGHT,
    )  # fmt: skip
