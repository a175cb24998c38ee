"""The studio for programs: /speak, /plan, /perform, /render, /compare and /export, each with real components behind it.

The components are hidden; Gradio checks with them that files are uploads of the caller and values are in range.
Every fault a caller can mend comes back as an error with one sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from moda.errors import BadSetting, UserError
from moda.motion.takes import Take
from moda.settings import CONTROLS, POSE_PRIORS, Settings
from moda.studio.compare import NOTHING, VARIED, packed, varied
from moda.studio.components import PictureFile, control, model_choice, renderer_choice, settings_of
from moda.studio.events import HEAVY, LIGHT, OOPS, Reporter, log, requires_consent, visitor_of, working
from moda.studio.gpu import Watch
from moda.studio.service import Engine
from moda.studio.sessions import Job, Session

PLANNED = [name for name in CONTROLS if CONTROLS[name].group != "video"]
CONSENT = "Set consent to true: you may use this picture and this voice."
DRAWN = [name for name in CONTROLS if CONTROLS[name].group == "video"]


def build(engine: Engine, public: bool) -> None:
    """Adds the endpoints to the page that is being built. public: `consent` must be true."""
    with gr.Column(visible=False):
        _speak(engine)
        _plan(engine, public)
        _perform(engine, public)
        _render(engine, public)
        _compare(engine, public)
        _export(engine, public)


def _said(function: Callable[..., Any]) -> Callable[..., Any]:
    """Errors as one sentence for the caller, never a traceback."""

    @functools.wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except UserError as fault:
            raise gr.Error(str(fault), print_exception=False) from None
        except gr.Error:
            raise
        except Exception:
            log.exception("An endpoint failed")
            raise gr.Error(OOPS, print_exception=False) from None

    return run


def _explained(names: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts what these settings do into a docstring, where it says {settings}: assistants read nothing else."""
    settings = " ".join(f"{name}: {CONTROLS[name].help.rstrip('.')}." for name in names)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__doc__ = (function.__doc__ or "").replace("{settings}", settings)
        return function

    return decorate


@contextmanager
def _call(
    engine: Engine, request: gr.Request, kind: str, portrait: str | None, speech: str | None
) -> Iterator[tuple[Session, Job]]:
    """A session of this one call, its work registered: calls share nothing, and their files go when the caller does."""
    with working(engine, request, kind) as job:
        session = Session(engine.visitors.root)
        if not portrait:
            raise BadSetting("Give a portrait: a picture with one face in it.")
        if not speech:
            raise BadSetting("Give speech: an audio or video file.")
        engine.open_portrait(session, portrait)
        engine.open_speech(session, speech)
        engine.visitors.adopt(visitor_of(request), session)
        yield session, job


def _take_of(path: str | None) -> Take:
    if not path:
        raise BadSetting("Give a take: /plan makes one.")
    return Take.load(path)


def _common(public: bool) -> tuple[Any, Any, Any]:
    portrait = PictureFile(label="portrait", type="filepath", image_mode=None)
    speech = gr.Audio(label="speech", type="filepath", sources=["upload"])
    return portrait, speech, gr.Checkbox(not public, label="consent")


def _speak(engine: Engine) -> None:
    text, voice = gr.Textbox(label="text", max_length=engine.limits.max_text), gr.Textbox("auto", label="voice")
    rate = gr.Slider(0.5, 2.0, 1.0, label="rate")
    pitch = gr.Slider(-12, 12, 0, label="pitch")
    sound, notice = gr.Audio(label="speech", interactive=False), gr.Textbox(label="notice")

    @_said
    def speak(text: str, voice: str, rate: float, pitch: float, request: gr.Request) -> tuple[str, str]:
        """Speak a text: online voices where they can be reached, neural and robot voices of this machine always.

        Args:
            text: what is said, with cues if wanted: Hello [smile] there. [pause 0.5] [look left for 1s] Over there.
                The wav file knows its words and cues: /plan makes them edits of the take.
            voice: auto, a language such as en or pt-BR, or a voice by name.
            rate: tempo, 0.5 to 2; 1 is normal.
            pitch: semitones, -12 to 12.

        Returns: a wav file, and sentences: where another voice had to speak, and what each cue was understood as.
        """
        from moda.script import direction_of

        session = Session(engine.visitors.root)
        engine.visitors.adopt(visitor_of(request), session)
        path = engine.speak(session, text, voice, rate, pitch)
        spoken = session.speech
        told = (spoken.notice, *direction_of(spoken).notes) if spoken else ()
        return str(path), "\n".join(filter(None, told))

    gr.Button(visible=False).click(speak, [text, voice, rate, pitch], [sound, notice], api_name="speak", **LIGHT)


def _plan(engine: Engine, public: bool) -> None:
    portrait, speech, consent = _common(public)
    values = {name: control(name, elem_id=None) for name in PLANNED if name != "pose_prior"}
    values["pose_prior"] = gr.Dropdown(list(POSE_PRIORS), value="none", label=CONTROLS["pose_prior"].label)
    model = model_choice(label="model")
    take, table, report = gr.File(label="take"), gr.File(label="trajectories"), gr.JSON(label="report")

    @_said
    @_explained(values)
    def plan(
        portrait: str,
        speech: str,
        model: str,
        consent: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
        **settings: Any,
    ) -> tuple[str, str, dict[str, Any]]:
        """Plan a take: portrait and speech to motion, before a single picture is rendered. {settings}

        Args:
            portrait: a picture with one face.
            speech: an audio or video file.
            model: auto, moda-lite or moda-base.
            consent: that you may use this picture and this voice (asked for on public servers).

        Returns: the take (.npz) for /render, its trajectories (.csv), and a report with the measures.
        """
        from moda.evaluate.report import summary
        from moda.evaluate.takes import evaluate_take

        requires_consent(consent or not public, CONSENT)
        wanted = settings_of(settings)
        with _call(engine, request, "plan", portrait, speech) as (session, job):
            engine.plan(session, wanted, 1, model, Watch(Reporter(progress, "steps"), job.cancelled))
            files = engine.write_files(session)
            found = engine.chosen(session)
            measured = evaluate_take(found, session.speech)
        facts = {
            "summary": summary(measured), "model": found.model, "frames": len(found.motion), "fps": found.motion.fps,
            "seed": found.settings.seed, "seconds": found.timings, "notes": list(found.notes),
            "hints": session.portrait.hints if session.portrait else [], **measured.as_dict(),
        }  # fmt: skip
        return str(files["take.npz"]), str(files["trajectories.csv"]), facts

    gr.Button(visible=False).click(
        plan,
        None,
        [take, table, report],
        inputs_kwargs={"portrait": portrait, "speech": speech, "model": model, "consent": consent, **values},
        api_name="plan",
        **HEAVY,
    )


def _perform(engine: Engine, public: bool) -> None:
    portrait, speech, consent = _common(public)
    video = gr.File(label="video", file_types=["video"])
    model = model_choice(label="model")
    take, table = gr.File(label="take"), gr.File(label="trajectories")

    @_said
    def perform(
        portrait: str,
        video: str,
        speech: str | None = None,
        model: str = "auto",
        consent: bool = False,
        request: gr.Request = None,  # type: ignore[assignment]  # Gradio gives it
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
    ) -> tuple[str, str]:
        """Perform: the motion of a filmed face becomes a take for the portrait, to be rendered like any other.

        Args:
            portrait: a picture with one face.
            video: a film of somebody talking, without cuts.
            speech: optional; lips then say it, and head, eyes and brows are the film's. Without it all is the film's.
            model: what moves the lips to the speech: auto, moda-lite or moda-base.
            consent: that you may use this picture and this voice (asked for on public servers).

        Returns: the take (.npz) for /render with this speech, or with the video as speech; its trajectories (.csv).
        """
        requires_consent(consent or not public, CONSENT)
        with _call(engine, request, "plan", portrait, speech or video) as (session, job):
            lips = bool(speech)
            engine.perform(session, video, Settings(), lips, model, Watch(Reporter(progress), job.cancelled))
            files = engine.write_files(session)
        return str(files["take.npz"]), str(files["trajectories.csv"])

    gr.Button(visible=False).click(
        perform, [portrait, video, speech, model, consent], [take, table], api_name="perform", **HEAVY
    )  # fmt: skip


def _render(engine: Engine, public: bool) -> None:
    portrait, speech, consent = _common(public)
    take = gr.File(label="take", file_types=[".npz", ".pkl"])
    renderer = renderer_choice(label="renderer")
    values = {name: control(name, elem_id=None) for name in DRAWN}
    video, facts = gr.Video(label="video", interactive=False), gr.JSON(label="facts")

    @_said
    @_explained(values)
    def render(
        portrait: str,
        speech: str,
        take: str,
        renderer: str,
        consent: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
        **drawn: Any,
    ) -> tuple[str, dict[str, Any]]:
        """Render a take as a video: exactly the planned motion, never sampled again. {settings}

        Args:
            portrait: the picture.
            speech: the speech that the take was planned for.
            take: a take (.npz) from /plan, or a LivePortrait template (.pkl).
            renderer: auto, mesh or liveportrait.
            consent: that you may use this picture and this voice (asked for on public servers).

        Returns: the video (.mp4), and frames, duration, seconds by stage and the real-time factor.
        """
        requires_consent(consent or not public, CONSENT)
        found = _take_of(take)
        with _call(engine, request, "render", portrait, speech) as (session, job):
            engine.restore_take(session, found)
            settings = found.settings.changed(**{k: v for k, v in drawn.items() if v is not None})
            result = engine.render(session, settings, renderer, Watch(Reporter(progress), job.cancelled))
        told = result.as_dict()
        del told["output"]
        return str(result.output), told

    gr.Button(visible=False).click(
        render,
        None,
        [video, facts],
        inputs_kwargs={
            "portrait": portrait, "speech": speech, "take": take, "renderer": renderer, "consent": consent, **values,
        },
        api_name="render",
        **HEAVY,
    )  # fmt: skip


def _compare(engine: Engine, public: bool) -> None:
    portrait, speech, consent = _common(public)
    first = gr.Dropdown(VARIED, value="seed", label="vary")
    values = gr.Textbox("1, 2", label="values")
    second = gr.Dropdown([NOTHING, *VARIED], value=NOTHING, label="vary_second")
    more = gr.Textbox("", label="values_second")
    model = model_choice(label="model")
    seed = control("seed", elem_id=None)
    size = gr.Slider(256, 512, 256, step=2, label="size")
    video, everything, facts = gr.Video(label="grid", interactive=False), gr.File(label="zip"), gr.JSON(label="facts")

    @_said
    def compare(
        portrait: str,
        speech: str,
        vary: str,
        values: str,
        vary_second: str,
        values_second: str,
        model: str,
        seed: int,
        size: int,
        consent: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
    ) -> tuple[str, str, dict[str, Any]]:
        """Compare values of one or two settings with the same portrait, speech and noise.

        Args:
            portrait: a picture with one face, in every variant.
            speech: what all variants say: an audio or video file.
            vary: the name of the setting that is varied.
            values: its values, with commas between.
            vary_second: another setting, or "nothing else".
            values_second: its values.
            model: auto, moda-lite or moda-base.
            seed: of the noise that all share.
            size: of each cell in pixels.
            consent: that you may use this picture and this voice (asked for on public servers).

        Returns: the labelled grid (.mp4), everything as a .zip, and the measures of every variant.
        """
        from moda.compare.manifest import Request

        requires_consent(consent or not public, CONSENT)
        chosen = varied(vary, values, vary_second, values_second)
        base = Settings(size=int(size)) if "seed" in chosen else Settings(seed=int(seed or 0), size=int(size))
        with _call(engine, request, "compare", portrait, speech) as (session, job):
            made = engine.compare(session, Request(chosen, base), model, Watch(Reporter(progress, ""), job.cancelled))
        told = made.as_dict()
        del told["output"], told["files"]
        return str(made.files["grid"]), str(packed(made.folder)), told

    gr.Button(visible=False).click(
        compare, [portrait, speech, first, values, second, more, model, seed, size, consent],
        [video, everything, facts], api_name="compare", **HEAVY,
    )  # fmt: skip


def _export(engine: Engine, public: bool) -> None:
    portrait, speech, consent = _common(public)
    take = gr.File(label="take", file_types=[".npz", ".pkl"])
    form = gr.Dropdown(["html", "glb", "csv"], value="html", label="form")
    made = gr.File(label="file")

    @_said
    def export(portrait: str, speech: str, take: str, form: str, consent: bool, request: gr.Request) -> str:
        """Export a take: a web page that plays by itself, a rigged 3D face, or ARKit-52 curves.

        Args:
            portrait: the picture.
            speech: the speech that the take was planned for.
            take: a take (.npz) from /plan, or a LivePortrait template (.pkl).
            form: html (a page that plays offline), glb (glTF 2.0 with morph targets) or csv (ARKit curves).
            consent: that you may use this picture and this voice (asked for on public servers).

        Returns: the file.
        """
        requires_consent(consent or not public, CONSENT)
        found = _take_of(take)
        with _call(engine, request, "render", portrait, speech) as (session, _):
            engine.restore_take(session, found)
            return str(engine.export(session, f".{form}"))

    gr.Button(visible=False).click(
        export, [portrait, speech, take, form, consent], [made], api_name="export", **HEAVY
    )  # fmt: skip
