"""Step 1, right: speech from a file, the microphone or a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.errors import UserError
from moda.settings import Limits
from moda.studio import examples, messages
from moda.studio.events import LIGHT, PRIVATE, READING, Cleared, guarded, reading, session_of, working
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Session

QUIET = -45
"""Level in dB full scale below which a speech gets a hint."""


@dataclass(frozen=True)
class SpeechStep:
    """The components of the step by name."""

    speech: gr.Audio
    say: gr.HTML
    text: gr.Textbox
    voice: gr.Dropdown
    rate: gr.Slider
    pitch: gr.Slider
    speak: gr.Button

    @classmethod
    def build(cls, limits: Limits) -> SpeechStep:
        """A column of the row."""
        with gr.Column(scale=6, min_width=280):
            speech = gr.Audio(
                label="Speech", sources=["upload", "microphone"], type="filepath", elem_id="speech", buttons=[],
                waveform_options=gr.WaveformOptions(waveform_color="#7d8590", waveform_progress_color="#0d9488"),
            )  # fmt: skip
            say = gr.HTML("", elem_id="speech-say")
            with gr.Accordion("Or type what should be said", open=False, elem_id="typed"):
                text = gr.Textbox(
                    label="Text", lines=3, max_length=limits.max_text, elem_id="speech-text",
                    placeholder="Hello! This is my first talking portrait.",
                )  # fmt: skip
                voice = gr.Dropdown(
                    voices(), value="auto", label="Voice", elem_id="voice",
                    info="Online voices sound better and send the text to Microsoft; offline voices always work.",
                )  # fmt: skip
                with gr.Row():
                    rate = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Tempo", min_width=120)
                    pitch = gr.Slider(-12, 12, 0, step=1, label="Pitch", min_width=120)
                speak = gr.Button("Speak this text", size="sm", elem_id="speak")
            examples.speeches(speech)
        return cls(speech, say, text, voice, rate, pitch, speak)

    def shown(self, session: Session) -> dict[Any, Any]:
        """What the page shows of the session's speech."""
        speech = session.speech
        if speech is None:
            raise Superseded
        quiet = speech.level < QUIET
        hints = ["The speech is very quiet; a louder recording moves the lips better."] if quiet else []
        return {self.say: messages.good(f"{speech.seconds:.1f} s of speech.", hints)}

    def connect(self, engine: Engine, cleared: Cleared, results: Callable[[Session], dict[Any, Any]]) -> None:
        """cleared: what the results show when the speech is another; results: and what where there is a take."""

        @guarded(self.say)
        def open_speech(path: str | None, request: gr.Request) -> Any:
            session = session_of(engine, request)
            try:
                with reading(engine, request):
                    if path is None:
                        engine.forget_speech(session)
                        return {**cleared(), self.say: ""}
                    engine.open_speech(session, path)
            except UserError as fault:
                return {**results(session), self.say: messages.error(str(fault))}
            own = str(engine.played_speech(session))
            foreign = session.heard is not None and own == str(session.heard) != path
            return {**results(session), **self.shown(session), **({self.speech: own} if foreign else {})}

        @guarded(self.say)
        def say_text(text: str, voice: str, rate: float, pitch: float, request: gr.Request) -> Any:
            from moda.media.output import write_wav
            from moda.media.speak import speak

            with working(engine, request, "read"):
                spoken = speak(text or "", voice or "auto", rate, pitch, max_text=engine.limits.max_text)
                path = write_wav(spoken, session_of(engine, request).path("spoken.wav"))
            return {self.speech: str(path), self.say: messages.note(spoken.notice) if spoken.notice else ""}

        shown: dict[str, Any] = {"show_progress_on": [self.say], **PRIVATE}
        self.speech.change(
            open_speech,
            [self.speech],
            [self.speech, self.say, *cleared()],
            trigger_mode="always_last",
            **shown,
            **READING,
        )
        self.speak.click(
            say_text, [self.text, self.voice, self.rate, self.pitch], [self.speech, self.say], **shown, **LIGHT
        )


def voices() -> list[tuple[str, str]]:
    """(label, value) of the voice menu: by language of the text first, then every voice by name."""
    from moda.media.speak import voices as known

    first = [("The language of the text", "auto"), ("… a woman", "female"), ("… a man", "male")]
    named = []
    for voice in known():
        who = "woman" if voice.gender == "female" else "man"
        if voice.online:
            name = voice.name.rpartition("-")[2].removesuffix("Neural")
            named.append((f"{voice.language} · {name} ({who}, online)", voice.name))
        else:
            named.append((f"{voice.language} · offline ({who})", voice.name))
    return first + sorted(named)
