"""Step 2 at work: emotion, takes, preview, trims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from moda.errors import BadSetting, Cancelled, UserError
from moda.settings import Settings
from moda.studio import controls, messages
from moda.studio.events import HEAVY, LIGHT, STOPPED, Reporter, guarded, visitor_of, working
from moda.studio.make_tab import FROM_FILE, TRIMS, MakeTab
from moda.studio.service import Engine
from moda.studio.sessions import Session

Follow = Callable[[Any], Any]
RANDOM_SEED = "() => Math.floor(Math.random() * 2147483647)"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
PLOT_HEIGHT = 700


def cleared(tab: MakeTab) -> dict[Any, Any]:
    """What steps 2 and 3 show before there is a motion: a new portrait or speech makes the old one meaningless."""
    from plotly.graph_objects import Figure

    hidden = gr.update(visible=False, value=None)
    return {
        tab.motion_say: "",
        tab.motion_empty: gr.update(visible=True),
        tab.figures: gr.update(visible=False, value=""),
        tab.choose: gr.update(visible=False, choices=[], value=None),
        tab.overlay: gr.update(visible=False, value=False),
        # Empty, but there: the browser then has Plotly, which takes it seconds to load, before it is wanted.
        tab.plot: gr.update(visible="hidden", value=Figure(layout={"template": None})),
        tab.trims: gr.update(visible=False),
        tab.clip_row: gr.update(visible=False),
        **dict.fromkeys(tab.clips, hidden),
        tab.video: hidden,
        tab.video_say: "",
        tab.video_empty: gr.update(visible=True),
        **{button: gr.update(interactive=False, value=None) for button in saves(tab)},
    }


def saves(tab: MakeTab) -> list[gr.DownloadButton]:
    """The download buttons: video, take, trajectories, settings."""
    return [tab.save_video, tab.save_take, tab.save_table, tab.save_settings]


def previewed(tab: MakeTab, engine: Engine, session: Session, overlay: bool) -> dict[Any, Any]:
    """Everything about the session's takes but the clips."""
    from moda.evaluate.report import summary
    from moda.evaluate.takes import evaluate_take
    from moda.preview.trajectories import figure

    take = engine.chosen(session)
    several = len(session.takes) > 1
    shown = [session.chosen]
    if overlay and several:
        shown += [k for k in range(len(session.takes)) if k != session.chosen]
    motions = [session.takes[k].motion for k in shown]
    names = [f"take {k + 1}" for k in shown]
    report = evaluate_take(take, session.speech)
    return {
        tab.motion_empty: gr.update(visible=False),
        tab.plot: gr.update(value=figure(motions, session.speech, names, PLOT_HEIGHT), visible=True),
        tab.figures: gr.update(value=messages.take_figures(take, report, summary(report)), visible=True),
        tab.trims: gr.update(visible=True),
        tab.choose: gr.update(
            choices=[(f"Take {k + 1} · seed {one.settings.seed}", k) for k, one in enumerate(session.takes)],
            value=session.chosen, visible=several,
        ),
        tab.overlay: gr.update(visible=several),
    }  # fmt: skip


def awaited(tab: MakeTab, session: Session) -> dict[Any, Any]:
    """Places for the clips of the session's takes: they are there at once, so that nothing jumps when a clip comes."""
    count = len(session.takes)
    session.clips_due = [k for k in range(count) if k not in session.clips]
    shown = {k: None if k in session.clips_due else str(session.clips[k]) for k in range(count)}
    return {
        tab.clip_row: gr.update(visible=True),
        **{tab.clips[k]: gr.update(value=v, label=_clip_label(k, count), visible=True) for k, v in shown.items()},
    }


def _clip_label(k: int, count: int) -> str:
    return f"Quick clip · take {k + 1}" if count > 1 else "Quick clip"


def page_settings(tab: MakeTab) -> list[Any]:
    """The components that hold Settings, in a fixed order."""
    return list(tab.settings.values())


def read_settings(tab: MakeTab, values: tuple[Any, ...], session: Session, pose_file: str | None) -> Settings:
    """Settings as the page shows them; a pose from a file is the session's own copy. Raises BadSetting."""
    names = list(tab.settings)
    given = list(values)
    at = names.index("pose_prior")
    if given[at] == FROM_FILE:
        if not pose_file:
            raise BadSetting("Add the video or take that the head pose should come from, or choose another pose prior.")
        suffix = "." + pose_file.rpartition(".")[2].lower()[:6]
        try:
            given[at] = str(session.keep(pose_file, f"pose{suffix}"))
        except OSError:
            raise BadSetting("The file for the head pose is not on the server any more; please add it again.") from None
    return controls.read(names, tuple(given))


def connect(tab: MakeTab, engine: Engine) -> Follow:
    """Events of step 2. Returns what makes files and clips after an event, for whatever else brings a take."""
    _small(tab)
    plan = _plan(tab, engine)
    follow, makers = _clips(tab, engine)
    _stop(tab, engine, [plan, follow(plan), *makers])
    _retouch(tab, engine, follow)
    return follow


def _small(tab: MakeTab) -> None:
    emotion, strength = tab.settings["emotion"], tab.settings["emotion_strength"]

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

    emotion.change(
        understand, [emotion], [tab.understood], trigger_mode="always_last", show_progress="hidden", **PRIVATE, **LIGHT
    )
    del strength
    tab.dice.click(None, None, [tab.settings["seed"]], js=RANDOM_SEED, **PRIVATE)
    prior = tab.settings["pose_prior"]
    prior.change(
        None, [prior], [tab.pose_file], js=f"(v) => ({{__type__: 'update', visible: v === '{FROM_FILE}'}})", **PRIVATE
    )


def _plan(tab: MakeTab, engine: Engine) -> Any:
    outputs = list(cleared(tab))

    @guarded(tab.motion_say)
    def preview_motion(
        consent: bool,
        takes: float,
        model: str,
        pose_file: str | None,
        overlay: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
        *values: Any,
    ) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if not consent:
            raise BadSetting("Please tick the consent line in step 1 first.")
        settings = read_settings(tab, values, session, pose_file)
        session.clips_due.clear()
        with working(engine, request, "plan") as job:
            engine.plan(session, settings, int(takes), model, Reporter(progress, "steps"), job.cancelled)
            shown = previewed(tab, engine, session, overlay)
        return {**cleared(tab), **shown, **awaited(tab, session), tab.motion_say: ""}

    inputs = [tab.consent, tab.takes, tab.model, tab.pose_file, tab.overlay, *page_settings(tab)]
    return tab.plan.click(
        preview_motion, inputs, outputs, show_progress_on=[tab.motion_say], trigger_mode="once", **PRIVATE, **HEAVY
    )


def _clips(tab: MakeTab, engine: Engine) -> tuple[Follow, list[Any]]:
    """What follows when takes are new or trimmed: their files, then their clips, each in an event of its own.

    One event that yields clip after clip would be shorter, but a page that is busy drawing loses some of its updates.
    Every clip that is due sets off the next one. Also returns the events that Stop must end.
    """
    due = [gr.State(0) for _ in tab.clips]

    def set_off(session: Session) -> dict[Any, Any]:
        """`made` only grows, so the state changes and its event runs."""
        return {due[session.clips_due[0]]: session.made} if session.clips_due else {}

    @guarded(tab.motion_say)
    def files(request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if session.take is None:
            return {tab.motion_say: gr.skip()}
        written = engine.write_files(session)
        saved = {b: gr.update(value=str(p), interactive=True) for b, p in zip(saves(tab)[1:], written.values())}
        return {**saved, **set_off(session)}

    def maker(k: int) -> Callable[..., Any]:
        @guarded(tab.motion_say)
        def clip(request: gr.Request, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008 - Gradio's way
            session = engine.visitors.session(visitor_of(request))
            count = len(session.takes)
            if k not in session.clips_due or k >= count:
                return {tab.motion_say: gr.skip()}
            with working(engine, request, "clip") as job:
                try:
                    path = engine.quick_clip(session, k, Reporter(progress), job.cancelled)
                except Cancelled:  # by Stop, which says so itself, or because a newer clip is on its way
                    if job.expired:
                        raise
                    return {tab.motion_say: gr.skip()}
            made = {tab.clips[k]: gr.update(value=str(path), label=_clip_label(k, count), visible=True)}
            return {tab.clip_row: gr.update(visible=True), **made, **set_off(session)}

        return clip

    makers = [
        due[k].change(
            maker(k), None, [tab.clip_row, place, tab.motion_say, *due], show_progress_on=[place], **PRIVATE, **HEAVY
        )
        for k, place in enumerate(tab.clips)
    ]

    def follow(event: Any) -> Any:
        outputs = [tab.motion_say, *saves(tab)[1:], *due]
        return event.success(files, None, outputs, show_progress="hidden", **PRIVATE, **LIGHT)

    return follow, makers


def _stop(tab: MakeTab, engine: Engine, events: list[Any]) -> None:
    def stop(request: gr.Request) -> str:
        engine.visitors.session(visitor_of(request)).clips_due.clear()
        engine.visitors.stop(visitor_of(request))
        return messages.note(STOPPED)

    tab.stop_plan.click(stop, None, [tab.motion_say], cancels=events, queue=False, show_progress="hidden", **PRIVATE)


def _retouch(tab: MakeTab, engine: Engine, follow: Follow) -> None:
    """Trims, the choice of the take and the overlay: drawn anew at once, the clip shortly after."""
    outputs: list[Any] = [
        tab.plot, tab.figures, tab.trims, tab.choose, tab.overlay, tab.motion_say, tab.motion_empty,
    ]  # fmt: skip

    def redrawn(session: Session, overlay: bool) -> dict[Any, Any]:
        return {**previewed(tab, engine, session, overlay), tab.choose: gr.skip(), tab.motion_say: ""}

    @guarded(tab.motion_say)
    def retouch(overlay: bool, request: gr.Request, *values: Any) -> Any:
        visitor = visitor_of(request)
        session = engine.visitors.session(visitor)
        if session.take is None:
            return {tab.motion_say: gr.skip()}
        wanted = controls.read(trims, values)
        engine.trim(session, session.take.settings.changed(**{name: getattr(wanted, name) for name in trims}))
        engine.visitors.stop(visitor, "clip")
        session.clips.clear()
        session.clips_due = sorted(range(len(session.takes)), key=lambda k: k != session.chosen)
        return redrawn(session, overlay)

    @guarded(tab.motion_say)
    def choose(overlay: bool, chosen: int | None, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if session.take is None:
            return {tab.motion_say: gr.skip()}
        if chosen is not None and 0 <= int(chosen) < len(session.takes):
            session.chosen = int(chosen)
        return redrawn(session, overlay)

    trims = list(TRIMS)
    quick: dict[str, Any] = {
        "trigger_mode": "always_last", "show_progress": "hidden", "concurrency_id": "trims", "concurrency_limit": 2,
        **PRIVATE,
    }  # fmt: skip
    moved = [tab.settings[name].input for name in trims]
    follow(gr.on(moved, retouch, [tab.overlay, *(tab.settings[name] for name in trims)], outputs, **quick))
    follow(tab.choose.input(choose, [tab.overlay, tab.choose], outputs, **quick))
    tab.overlay.input(choose, [tab.overlay, tab.choose], outputs, **quick)
