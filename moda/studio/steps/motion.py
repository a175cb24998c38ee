"""Step 2: emotion, guidance, pose and sampling; then takes to look at, to trim and to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.errors import BadSetting, Cancelled, UserError
from moda.motion.trims import TRIMS
from moda.settings import POSE_PRIORS, Limits, Settings
from moda.studio import events, messages, placeholders
from moda.studio.components import control, model_choice, settings_of
from moda.studio.events import HEAVY, LIGHT, PRIVATE, Cleared, Reporter, guarded, session_of
from moda.studio.gpu import Watch
from moda.studio.service import Engine, Superseded, trims_of
from moda.studio.sessions import Session
from moda.studio.strengths import ends, resample, strengths_of

GUIDANCE = ("speech_guidance", "emotion_guidance", "identity_guidance")
SAMPLING = ("steps", "solver", "schedule", "preset")
FROM_FILE = "from a file"
MOST_TAKES = 4
PLOT_HEIGHT = 700
STAGE = '<moda-stage hidden aria-label="The portrait, moving"></moda-stage>'
LANES = "<moda-lanes hidden></moda-lanes>"
ON_STAGE = """watch('value', () => window.modaStudioStage(props.value));
document.addEventListener('edits-change', (event) => trigger('submit', event.detail));
document.addEventListener('strength-touched', (event) => trigger('focus', event.detail));
document.addEventListener('strength-set', (event) => trigger('release', event.detail));
document.addEventListener('stage-unavailable', () => trigger('clear'));"""
RANDOM_SEED = "() => Math.floor(Math.random() * 2147483647)"
Follow = Callable[[Any], Any]


@dataclass(frozen=True)
class MotionStep:
    """The components of the step by name."""

    settings: dict[str, Any]
    """Controls of what is sampled and of the trims, by name."""
    understood: gr.HTML
    dice: gr.Button
    takes: gr.Radio
    pose_file: gr.File
    model: gr.Dropdown
    film: gr.Video
    lips: gr.Checkbox
    perform: gr.Button
    plan: gr.Button
    stop: gr.Button
    say: gr.HTML
    empty: gr.HTML
    figures: gr.HTML
    choose: gr.Radio
    overlay: gr.Checkbox
    stage: gr.HTML
    """What the stage shows, as data; see stage.js."""
    clip: gr.Video
    """The chosen take where a browser cannot show the stage."""
    trims: gr.Column
    more: gr.Accordion
    """Every trajectory as a figure, for whoever wants numbers; the lanes are for shaping."""
    plot: gr.Plot

    @classmethod
    def build(cls, limits: Limits) -> MotionStep:
        """Controls on the left, takes on the right."""
        settings: dict[str, Any] = {}
        with gr.Column(scale=4, min_width=280, elem_classes="controls"):
            settings["emotion"] = control("emotion", placeholder="quietly amused, a bit nervous", lines=1)
            understood = gr.HTML("", elem_id="understood", visible=False)
            settings["emotion_strength"] = control("emotion_strength")
            with gr.Row(elem_classes="seed-row"):
                settings["seed"] = control("seed", scale=3, min_width=110, info=None)
                dice = gr.Button("New seed", size="sm", scale=1, min_width=100, elem_id="dice")
            takes = gr.Radio(
                list(range(1, min(MOST_TAKES, limits.max_takes) + 1)), value=1, label="Takes", elem_id="takes",
                elem_classes="segments", info="The same words with other head motion and blinks, to choose from.",
            )  # fmt: skip
            with gr.Accordion("Guidance", open=False, elem_id="guidance"):
                settings |= {name: control(name) for name in GUIDANCE}
            with gr.Accordion("Head pose to lean on", open=False, elem_id="pose"):
                settings["pose_prior"] = gr.Dropdown(
                    [*POSE_PRIORS, FROM_FILE], value="none", label="Pose prior", elem_id="control-pose_prior",
                    info="Ready-made head motion, or the head of any talking video or take.",
                )  # fmt: skip
                pose_file = gr.File(
                    label="Video or take for the pose", file_types=["video", ".npz", ".pkl"], height=110,
                    visible=False, elem_id="pose-file",
                )  # fmt: skip
                settings["pose_strength"] = control("pose_strength")
            with gr.Accordion("Perform it yourself", open=False, elem_id="performance"):
                film = gr.Video(
                    label="A film of somebody talking", sources=["upload", "webcam"], include_audio=True, height=180,
                    webcam_options=gr.WebcamOptions(mirror=False), elem_id="film-of-face", buttons=[],
                )  # fmt: skip
                lips = gr.Checkbox(
                    False, label="Lips from the speech", elem_id="lips",
                    info="Off: all of the film, with its sound. On: its head, eyes and brows; the lips say the speech.",
                )  # fmt: skip
                perform = gr.Button("Take the motion of this film", size="sm", elem_id="perform")
            with gr.Accordion("Model and sampling", open=False, elem_id="sampling"):
                model = model_choice(
                    elem_id="model", info="auto takes the best that is on this machine; see the Models tab."
                )
                settings |= {name: control(name) for name in SAMPLING}
            with gr.Row(elem_classes="go"):
                plan = gr.Button("Preview motion", variant="primary", elem_id="plan", scale=3)
                stop = events.stop_button("stop-plan")
        with gr.Column(scale=9, min_width=300, elem_classes="results"):
            say = gr.HTML("", elem_id="motion-say")
            empty = gr.HTML(placeholders.lanes(), elem_id="motion-empty", elem_classes="vacant")
            figures = gr.HTML("", elem_id="figures", visible=False)
            choose = gr.Radio([], label="Take to render", visible=False, elem_id="choose", elem_classes="segments")
            with gr.Row(equal_height=False, elem_id="judge"):
                gr.HTML(STAGE, elem_id="stage-box")
                clip = gr.Video(
                    label="Quick clip", interactive=False, visible=False, elem_id="quick-clip", min_width=150,
                    autoplay=False, buttons=[],
                )  # fmt: skip
                with gr.Column(visible=False, elem_id="trims", min_width=280) as trims:
                    gr.HTML(
                        '<h3 class="small-head">Trims '
                        "<span>correct this take at once, nothing is sampled again</span></h3>"
                    )
                    settings |= {name: control(name, info=None) for name in TRIMS}
                gr.HTML(LANES, elem_id="lanes-box")
            stage = gr.HTML({}, html_template="", js_on_load=ON_STAGE, elem_id="stage-data")
            with gr.Accordion(
                "All trajectories as a figure", open=False, visible=False, elem_id="all-trajectories"
            ) as more:
                overlay = gr.Checkbox(False, label="Overlay all takes", visible=False, elem_id="overlay")
                plot = gr.Plot(label="Trajectories", visible=False, elem_id="plot", show_label=False)
        return cls(
            settings=settings, understood=understood, dice=dice, takes=takes, pose_file=pose_file, model=model,
            film=film, lips=lips, perform=perform,
            plan=plan, stop=stop, say=say, empty=empty, figures=figures, choose=choose, overlay=overlay,
            stage=stage, clip=clip, trims=trims, more=more, plot=plot,
        )  # fmt: skip

    def cleared(self) -> dict[Any, Any]:
        """What the step shows before there is a motion."""
        return {
            self.say: "",
            self.empty: gr.update(visible=True),
            self.figures: gr.update(visible=False, value=""),
            self.choose: gr.update(visible=False, choices=[], value=None),
            self.overlay: gr.update(visible=False, value=False),
            self.plot: gr.update(visible=False, value=None),
            self.more: gr.update(visible=False),
            self.trims: gr.update(visible=False),
            self.stage: {},
            self.clip: gr.update(visible=False, value=None),
        }

    def shown(self, engine: Engine, session: Session, play: bool = False) -> dict[Any, Any]:
        """Everything about the session's takes; play: the face moves and speaks."""
        takes, chosen = session.takes, session.chosen
        if not takes:  # their speech was taken away since they were planned
            raise Superseded
        several = len(takes) > 1
        return {
            self.empty: gr.update(visible=False),
            **self.moving(engine, session, play),
            **self.drawn(session),
            self.trims: gr.update(visible=True),
            self.more: gr.update(visible=True, open=session.figure),
            self.choose: gr.update(
                choices=[(f"Take {k + 1} · seed {one.settings.seed}", k) for k, one in enumerate(takes)],
                value=chosen, visible=several,
            ),
            self.overlay: gr.update(visible=several, value=session.overlay),
        }  # fmt: skip

    def moving(self, engine: Engine, session: Session, play: bool = False) -> dict[Any, Any]:
        """The takes on the stage; where there is none, the place of the chosen one's clip, and the clip if it is made.

        The place is there at once, so that nothing jumps when the clip comes.
        """
        session.shown["takes"] = session.sampled
        if session.webgl:
            return {self.stage: {**engine.stage(session), "strengths": strengths_of(session), "play": play}}
        made = session.clips.get(session.chosen)
        able = session.portrait is not None and session.speech is not None
        return {self.clip: gr.update(value=None if made is None else str(made), visible=able)}

    def drawn(self, session: Session) -> dict[Any, Any]:
        """What is to be said of the chosen take, and the trajectories of the takes, for who looks at them."""
        from moda.evaluate.report import summary
        from moda.evaluate.takes import evaluate_take

        takes, chosen = session.takes, session.chosen
        if not takes:
            raise Superseded
        session.shown["takes"] = session.sampled
        report = evaluate_take(takes[chosen], session.speech)
        said = messages.take_figures(takes[chosen], report, summary(report))
        return {self.figures: gr.update(value=said, visible=True), **self.plotted(session)}

    def plotted(self, session: Session) -> dict[Any, Any]:
        """The trajectories as a figure while somebody looks at it: drawing it holds a browser up for half a second,
        just when the face is to move."""
        from moda.preview.trajectories import figure

        takes, chosen = session.takes, session.chosen
        if not takes or not session.figure:
            return {self.plot: gr.update(visible=False, value=None)}
        numbers = [chosen]
        if session.overlay:
            numbers += [k for k in range(len(takes)) if k != chosen]
        motions, names = [takes[k].motion for k in numbers], [f"take {k + 1}" for k in numbers]
        return {self.plot: gr.update(value=figure(motions, session.speech, names, PLOT_HEIGHT), visible=True)}

    def settings_from(self, values: dict[str, Any], session: Session, pose_file: str | None) -> Settings:
        """Settings as the page shows them; a pose from a file is the session's own copy. Raises BadSetting."""
        given = dict(values)
        if given["pose_prior"] == FROM_FILE:
            if not pose_file:
                raise BadSetting(
                    "Add the video or take that the head pose should come from, or choose another pose prior."
                )
            suffix = "." + pose_file.rpartition(".")[2].lower()[:6]
            try:
                given["pose_prior"] = str(session.keep(pose_file, f"pose{suffix}"))
            except OSError:
                raise BadSetting(
                    "The file for the head pose is not on the server any more; please add it again."
                ) from None
        return settings_of(given)

    def connect(
        self,
        engine: Engine,
        consent: gr.Checkbox,
        page: dict[str, Any],
        cleared: Cleared,
        follow: Follow,
        speech: gr.Audio,
        outdated: Cleared,
    ) -> None:
        """page: every control of the Make tab; cleared: what all results show when there is a new motion; follow: adds
        to an event that brings a take what makes its files and clip; speech: where the sound of a film goes; outdated:
        what the files of a take show when it is changed."""
        self._connect_controls()
        planning = self._connect_plan(engine, consent, page, cleared)
        performing = self._connect_perform(engine, consent, page, cleared, speech)
        resampling = self._connect_strengths(engine, cleared)
        begun = [planning, performing, resampling]
        events.stops(self.stop, engine, self.say, [*begun, *map(follow, begun)])
        self._connect_trims(engine, follow, outdated)

    def _connect_controls(self) -> None:
        def understand(text: str) -> Any:
            from moda.conditions.emotion import explain, is_timed
            from moda.conditions.emotion import understand as read

            if not text or not text.strip():
                return gr.update(value="", visible=False)
            try:
                if is_timed(text):
                    return gr.update(value=messages.stretches(explain(text)), visible=True)
                return gr.update(value=messages.mixture(read(text)), visible=True)
            except UserError as fault:
                return gr.update(value=messages.error(str(fault)), visible=True)

        emotion, prior = self.settings["emotion"], self.settings["pose_prior"]
        quiet: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", **PRIVATE, **LIGHT}
        emotion.change(understand, [emotion], [self.understood], **quiet)
        self.dice.click(None, None, [self.settings["seed"]], js=RANDOM_SEED, **PRIVATE)
        visible = f"(v) => ({{__type__: 'update', visible: v === '{FROM_FILE}'}})"
        prior.change(None, [prior], [self.pose_file], js=visible, **PRIVATE)

    def _connect_plan(self, engine: Engine, consent: gr.Checkbox, page: dict[str, Any], cleared: Cleared) -> Any:
        @guarded(self.say)
        def preview_motion(
            consent: bool,
            takes: float,
            model: str,
            pose_file: str | None,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
            **values: Any,
        ) -> Any:
            report = Reporter(progress, "steps")
            engine.visitors.stop(events.visitor_of(request), "ends")
            with events.making(engine, request, "plan", consent, report, "takes") as (session, job):
                settings = self.settings_from(values, session, pose_file)
                engine.plan(session, settings, int(takes), model, Watch(report, job.cancelled))
                shown = self.shown(engine, session, play=True)
            return {**cleared(), **shown, self.say: ""}

        return events.starts(
            self.plan, preview_motion, list(cleared()), self.say, consent=consent, takes=self.takes, model=self.model,
            pose_file=self.pose_file, **page,
        )  # fmt: skip

    def _connect_perform(
        self, engine: Engine, consent: gr.Checkbox, page: dict[str, Any], cleared: Cleared, speech: gr.Audio
    ) -> Any:
        @guarded(self.say)
        def perform_film(
            consent: bool,
            film: str | None,
            lips: bool,
            model: str,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
            **values: Any,
        ) -> Any:
            report = Reporter(progress)
            with events.making(engine, request, "plan", consent, report, "takes") as (session, job):
                settings = self.settings_from({**values, "pose_prior": "none"}, session, None)
                engine.perform(session, film or "", settings, lips, model, Watch(report, job.cancelled))
                shown = self.shown(engine, session, play=True)
            sound = {} if lips else {speech: str(engine.heard(session))}
            return {**cleared(), **shown, **sound, self.say: ""}

        return events.starts(
            self.perform, perform_film, [speech, *cleared()], self.say, consent=consent, film=self.film,
            lips=self.lips, model=self.model, **page,
        )  # fmt: skip

    def _connect_strengths(self, engine: Engine, cleared: Cleared) -> Any:
        """What the stage asks for when a strength's slider is touched, and the takes of where it was let go."""

        @guarded(self.say)
        def touched(event: gr.EventData, request: gr.Request) -> Any:
            session, given = session_of(engine, request), event._data or {}
            try:
                with events.working(engine, request, "ends") as job:
                    found = ends(engine, session, str(given["name"]), job.cancelled)
            except UserError:  # the face then follows when the slider is let go
                return {self.say: gr.skip()}
            return {self.stage: {"ends": {**given, "at": found}}}

        @guarded(self.say)
        def let_go(event: gr.EventData, request: gr.Request) -> Any:
            session, given = session_of(engine, request), event._data or {}
            try:
                with events.making(engine, request, "plan", True, replaces="takes") as (session, job):
                    told = resample(engine, session, str(given["name"]), given["value"], job.cancelled)
            except UserError as fault:  # the face goes back to the take that is there
                return {**self.moving(engine, session), self.say: events.in_words(fault)}
            shown = self.shown(engine, session)
            shown[self.stage] |= told
            return {**cleared(), **shown, self.say: ""}

        last: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", **PRIVATE}
        ahead: dict[str, Any] = {"concurrency_id": "ends", "concurrency_limit": 1, **last}
        self.stage.focus(touched, None, [self.stage, self.say], **ahead)
        return self.stage.release(let_go, None, list(cleared()), **last, **HEAVY)

    def connect_ahead(self, engine: Engine, event: Any) -> None:
        """After an event that brings portrait or speech: rig and sound go to the page, so that a preview finds them."""

        @guarded(self.say)
        def warm(request: gr.Request) -> Any:
            session = session_of(engine, request)
            if not session.webgl:
                return {self.say: gr.skip()}
            try:
                return {self.stage: engine.ahead(session)}
            except Superseded:  # by what is got ready in its turn
                return {self.say: gr.skip()}

        event.success(
            warm, None, [self.stage, self.say], show_progress="hidden", trigger_mode="always_last", **PRIVATE, **LIGHT
        )

    def connect_clip(self, engine: Engine, event: Any) -> Any:
        """After an event that brings or changes takes: the clip of the chosen one, where there is no stage."""

        @guarded(self.say)
        def clip(request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008 - Gradio's way
            session = session_of(engine, request)
            number = session.chosen
            if session.webgl or session.take is None or session.portrait is None or session.speech is None:
                return {self.say: gr.skip()}
            report = Reporter(progress)
            try:
                if number not in session.clips:
                    with events.working(engine, request, "clip", report) as job:
                        engine.quick_clip(session, number, Watch(report, job.cancelled))
            except Cancelled:  # by Stop, which says so itself, or because a newer clip is on its way
                return {self.say: gr.skip()}
            return self.moving(engine, session)

        return event.success(
            clip, None, [self.clip, self.stage, self.say], show_progress_on=[self.clip],
            trigger_mode="multiple", **PRIVATE, **HEAVY,
        )  # fmt: skip

    def _connect_trims(self, engine: Engine, follow: Follow, outdated: Cleared) -> None:
        """Trims, the choice of the take and the overlay: the face follows at once, the drawing shortly after."""

        @guarded(self.say)
        def retouch(request: gr.Request, **values: Any) -> Any:
            session = session_of(engine, request)
            if session.take is None:
                return {self.say: gr.skip()}
            wanted = settings_of(values)
            take = engine.trim(session, session.take.settings.changed(**{k: getattr(wanted, k) for k in TRIMS}))
            engine.visitors.stop(events.visitor_of(request), "clip")
            session.clips.clear()
            # The stage has followed the slider already; this is for what changes one without anybody's hand on it.
            shown = {self.stage: {"trims": trims_of(take)}} if session.webgl else self.moving(engine, session)
            return {**shown, **outdated()}

        @guarded(self.say)
        def choose(chosen: int | None, request: gr.Request) -> Any:
            session = session_of(engine, request)
            if session.take is None:
                return {self.say: gr.skip()}
            if chosen is not None and 0 <= int(chosen) < len(session.takes):
                session.chosen = int(chosen)
            return {**self.moving(engine, session), **outdated()}

        @guarded(self.say)
        def edit(event: gr.EventData, request: gr.Request) -> Any:
            session = session_of(engine, request)
            given = event._data or {}
            engine.visitors.stop(events.visitor_of(request), "clip")
            engine.edit(session, int(given["take"]), given["edits"], given["rules"], int(given["turn"]))
            return outdated()

        @guarded(self.say)
        def no_stage(request: gr.Request) -> Any:
            session = session_of(engine, request)
            session.webgl = False
            return self.moving(engine, session) if session.takes else {self.say: gr.skip()}

        @guarded(self.say)
        def redraw(request: gr.Request) -> Any:
            session = session_of(engine, request)
            if session.take is None:
                return {self.say: gr.skip()}
            return {**self.drawn(session), self.say: ""}

        last: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", **PRIVATE}
        quick: dict[str, Any] = {"concurrency_id": "trims", "concurrency_limit": 2, **last}
        drawing: dict[str, Any] = {"concurrency_id": "drawing", "concurrency_limit": 2, **last}
        moving: list[Any] = [self.stage, self.clip, self.say]
        values = {name: self.settings[name] for name in TRIMS}
        changed = [*moving, *outdated()]
        # The button beside a slider that sets it back releases it, but is no input.
        moved = [event for component in values.values() for event in (component.input, component.release)]
        for event in (
            gr.on(moved, retouch, None, changed, inputs_kwargs=values, **quick),
            self.choose.input(choose, [self.choose], changed, **quick),
            self.stage.submit(edit, None, [self.say, *outdated()], **quick),
        ):
            follow(event.success(redraw, None, [self.plot, self.figures, self.say], **drawing))
        self.connect_clip(engine, self.stage.clear(no_stage, None, moving, **quick))
        self._connect_figure(engine, {**last, "concurrency_id": "figure", "concurrency_limit": 1})

    def _connect_figure(self, engine: Engine, one_by_one: dict[str, Any]) -> None:
        """The figure of all trajectories is there for as long as its part of the page is unfolded."""

        @guarded(self.say)
        def unfold(request: gr.Request) -> Any:
            session = session_of(engine, request)
            session.figure = True
            return self.plotted(session)

        @guarded(self.say)
        def lay_over(overlay: bool, request: gr.Request) -> Any:
            session = session_of(engine, request)
            session.figure, session.overlay = True, bool(overlay)
            return self.plotted(session)

        def fold(request: gr.Request) -> None:
            session_of(engine, request).figure = False

        self.more.expand(unfold, None, [self.plot, self.say], **one_by_one)
        self.overlay.input(lay_over, [self.overlay], [self.plot, self.say], **one_by_one)
        self.more.collapse(fold, None, None, queue=False, **PRIVATE)
