"""Step 1, right: speech from a file, the microphone or a text."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from moda.errors import BadText, UserError
from moda.media import transcript
from moda.settings import Limits
from moda.studio import examples, messages
from moda.studio.events import LIGHT, PRIVATE, READING, Cleared, guarded, reading, session_of
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Session

if TYPE_CHECKING:
    from moda.media.speak import Voice

QUIET = -45
"""Level in dB full scale below which a speech gets a hint."""

CUES = ("smile", "nod", "shake", "tilt left", "brow raise", "look left", "look up", "wink", "pause 0.5", "worried")
"""Cues that the page offers; every other one can be typed."""
PALETTE = '<div class="cues" role="toolbar" aria-label="Put a cue into the text">{}</div>'.format(
    "".join(f'<button type="button" data-cue="{cue}">{cue}</button>' for cue in CUES)
)
ON_PALETTE = """
element.addEventListener('click', (event) => {
  const cue = event.target.dataset.cue;
  const text = element.closest('.scripted').querySelector('textarea');
  if (!cue || !text) return;
  const before = text.value.slice(0, text.selectionStart), after = text.value.slice(text.selectionEnd);
  const put = (before && !/\\s$/.test(before) ? ' ' : '') + '[' + cue + ']' + (/^\\s/.test(after) ? '' : ' ');
  text.value = before + put + after;
  text.selectionStart = text.selectionEnd = before.length + put.length;
  text.focus();
  text.dispatchEvent(new Event('input', { bubbles: true }));
});
"""


@dataclass(frozen=True)
class SpeechStep:
    """The components of the step by name."""

    speech: gr.Audio
    say: gr.HTML
    text: gr.Textbox
    read: gr.HTML
    """What the cues of the text are understood as."""
    voice: gr.Dropdown
    cast: gr.HTML
    """Who will speak."""
    rate: gr.Slider
    pitch: gr.Slider
    speak: gr.Button
    words: gr.Textbox
    """What is said in the speech, with cues."""
    words_read: gr.HTML
    hear: gr.Button
    use: gr.Button

    @classmethod
    def build(cls, limits: Limits) -> SpeechStep:
        """A column of the row."""
        with gr.Column(scale=6, min_width=280):
            speech = gr.Audio(
                label="Speech", sources=["upload", "microphone"], type="filepath", elem_id="speech", buttons=[],
                waveform_options=gr.WaveformOptions(waveform_color="#7d8590", waveform_progress_color="#0d9488"),
            )  # fmt: skip
            say = gr.HTML("", elem_id="speech-say")
            with gr.Accordion("Or type what should be said", open=False, elem_id="typed", elem_classes="scripted"):
                example = "Hello [smile] and welcome! [pause 0.5] This is [nod] my first talking portrait."
                text, read = _script_box("Text", example, limits.max_text, "speech-text", "script-read")
                voice = gr.Dropdown(voices(), value="auto", label="Voice", elem_id="voice")
                cast = gr.HTML(cast_of("", "auto"), elem_id="cast")
                with gr.Row():
                    rate = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Tempo", min_width=120)
                    pitch = gr.Slider(-12, 12, 0, step=1, label="Pitch", min_width=120)
                speak = gr.Button("Speak this text", size="sm", elem_id="speak")
            with gr.Accordion("Words and cues of a recording", open=False, elem_id="recorded", elem_classes="scripted"):
                example = "The words as they are said, [smile] with cues between them."
                words, words_read = _script_box(
                    "What is said in it", example, limits.max_text, "speech-words", "words-read"
                )
                with gr.Row(elem_classes="go"):
                    hear = gr.Button(
                        "Listen for the words (English)", size="sm", elem_id="hear", visible=transcript.available()
                    )
                    use = gr.Button("Use these words", size="sm", elem_id="use-words")
            examples.speeches(speech)
        return cls(speech, say, text, read, voice, cast, rate, pitch, speak, words, words_read, hear, use)

    def shown(self, session: Session) -> dict[Any, Any]:
        """What the page shows of the session's speech."""
        from moda.media.speak import is_neural
        from moda.script import direction_of

        speech = session.speech
        if speech is None:
            raise Superseded
        hints = ["The speech is very quiet; a louder recording moves the lips better."] if speech.level < QUIET else []
        spoken = f", spoken by {speech.voice}" if speech.voice else ""
        spoken += ", a neural voice on this machine" if speech.voice and is_neural(speech.voice) else ""
        hints += [note for note in (speech.notice, *direction_of(speech).notes) if note]
        return {self.say: messages.good(f"{speech.seconds:.1f} s of speech{spoken}.", hints), self.words: speech.script}

    def connect(
        self,
        engine: Engine,
        cleared: Cleared,
        results: Callable[[Session], dict[Any, Any]],
        emotion: gr.Textbox,
    ) -> Any:
        """cleared: what the results show when the speech is another; results: and what where there is a take.
        emotion: where the feelings of a script go, to be moved by hand.

        Returns the event that brings a speech.
        """

        def felt(session: Session, prompt: str) -> dict[Any, Any]:
            """The emotion of the script, unless the visitor has written another."""
            from moda.script import direction_of

            wanted = "" if session.speech is None else direction_of(session.speech).emotion
            if (prompt or "").strip() not in ("", session.felt) or wanted == session.felt:
                return {}
            session.felt = wanted
            return {emotion: wanted}

        @guarded(self.say)
        def open_speech(path: str | None, prompt: str, request: gr.Request) -> Any:
            session = session_of(engine, request)
            try:
                with reading(engine, request):
                    if path is None:
                        engine.forget_speech(session)
                        return {**cleared(), **felt(session, prompt), self.say: "", self.words: ""}
                    engine.open_speech(session, path)
            except UserError as fault:
                return {**results(session), **felt(session, prompt), self.say: messages.error(str(fault))}
            own = str(engine.played_speech(session))
            foreign = session.heard is not None and own == str(session.heard) != path
            return {
                **results(session), **self.shown(session), **felt(session, prompt),
                **({self.speech: own} if foreign else {}),
            }  # fmt: skip

        @guarded(self.say)
        def say_text(text: str, voice: str, rate: float, pitch: float, request: gr.Request) -> Any:
            with reading(engine, request) as session:
                path = engine.speak(session, text, voice, rate, pitch)
            return {**self.shown(session), self.speech: str(path)}

        @guarded(self.say)
        def use_words(script: str, prompt: str, request: gr.Request) -> Any:
            if not (script or "").strip():
                raise BadText("Write what this recording says, or let whisper listen for it.")
            with reading(engine, request) as session:
                engine.words(session, script)
            return {**cleared(), **self.shown(session), **felt(session, prompt)}

        @guarded(self.say)
        def hear_words(request: gr.Request) -> Any:
            with reading(engine, request) as session:
                engine.words(session, "")
            return {**cleared(), **self.shown(session)}

        shown: dict[str, Any] = {"show_progress_on": [self.say], **PRIVATE}
        quiet: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", **PRIVATE, **LIGHT}
        everything = [self.speech, self.say, self.words, emotion, *cleared()]
        opened = self.speech.change(
            open_speech, [self.speech, emotion], everything, trigger_mode="always_last", **shown, **READING
        )
        self.speak.click(
            say_text, [self.text, self.voice, self.rate, self.pitch], [self.speech, self.say, self.words], **shown,
            **LIGHT,
        )  # fmt: skip
        self.use.click(use_words, [self.words, emotion], everything, **shown, **READING)
        self.hear.click(hear_words, None, everything, **shown, **READING)
        for box, read in ((self.text, self.read), (self.words, self.words_read)):
            box.change(understood, [box], [read], **quiet)
        gr.on([self.text.change, self.voice.change], cast_of, [self.text, self.voice], [self.cast], **quiet)
        return opened


def understood(text: str) -> str:
    """What the cues of a text are understood as, or what is wrong with them, as HTML."""
    from moda.script import parse_script

    try:
        script = parse_script(text or "")
    except UserError as fault:
        return messages.error(str(fault))
    return messages.cues([(cue.name, cue.understood) for cue in script.cues])


def cast_of(text: str, voice: str) -> str:
    """Who will speak a text, as HTML."""
    from moda.media.speak import casting
    from moda.script import spoken_part

    try:
        cast = casting(spoken_part(text or "Hello"), voice or "auto")
    except UserError as fault:
        return messages.error(str(fault))
    told = f"Spoken by {described(cast.first)}"
    if cast.first.online and cast.second:
        told += f"; without the internet by {described(cast.second)}"
    return f'<p class="quiet">{html.escape(told)}.</p>'


def described(voice: Voice) -> str:
    """A voice in a few words: name, language, kind, licence."""
    from moda.media.speak import language_name

    where = {
        "neural": "neural, on this machine", "robot": "robot, on this machine",
        "online": "online: the text goes to Microsoft",
    }[voice.kind]  # fmt: skip
    name = short_name(voice)
    return f"{name} ({language_name(voice.language)}; {where}; {voice.licence})"


def short_name(voice: Voice) -> str:
    """What people call a voice: Ava for en-US-AvaNeural."""
    return voice.name.rpartition("-")[2].removesuffix("Neural") if voice.online else voice.name


def voices() -> list[tuple[str, str]]:
    """(label, value) of the voice menu: by language of the text first, then every voice by name."""
    from moda.media.speak import language_name
    from moda.media.speak import voices as known

    first = [("The language of the text", "auto"), ("… a woman", "female"), ("… a man", "male")]
    named = []
    for order, voice in enumerate(known()):
        who = "woman" if voice.gender == "female" else "man"
        label = f"{language_name(voice.language)} · {short_name(voice)} · {who}, {voice.kind}, {voice.licence}"
        named.append((voice.kind != "neural", language_name(voice.language), order, label, voice.name))
    return first + [(label, name) for *_, label, name in sorted(named)]


def _script_box(label: str, example: str, longest: int, elem_id: str, read_id: str) -> tuple[gr.Textbox, gr.HTML]:
    """A text with its palette of cues, and where it is shown how the text was read."""
    text = gr.Textbox(label=label, lines=3, max_length=longest, elem_id=elem_id, placeholder=example)
    gr.HTML(PALETTE, js_on_load=ON_PALETTE)
    return text, gr.HTML("", elem_id=read_id, elem_classes="read")
