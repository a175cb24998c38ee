"""Step 2 at work: emotion, takes, preview, trims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from moda.errors import BadSetting, Cancelled, UserError
from moda.motion.takes import Take
from moda.settings import Settings
from moda.studio import controls, words
from moda.studio.engine import Engine
from moda.studio.events import HEAVY, LIGHT, STOPPED, guarded, reporter, visitor_of, working
from moda.studio.make_tab import EMPTY_MOTION, EMPTY_VIDEO, FROM_FILE, TRIMS, MakeTab
from moda.studio.sessions import Session

RANDOM_SEED = "() => Math.floor(Math.random() * 2147483647)"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def cleared(tab: MakeTab) -> dict[Any, Any]:
    """What steps 2 and 3 show before there is a motion: a new portrait or speech makes the old one meaningless."""
    hidden = gr.update(visible=False, value=None)
    return {
        tab.motion_say: words.empty(EMPTY_MOTION),
        tab.figures: gr.update(visible=False, value=""),
        tab.choose: gr.update(visible=False, choices=[], value=None),
        tab.overlay: gr.update(visible=False, value=False),
        tab.plot: hidden,
        tab.trims: gr.update(visible=False),
        tab.clip_row: gr.update(visible=False),
        **dict.fromkeys(tab.clips, hidden),
        tab.video: hidden,
        tab.video_say: words.empty(EMPTY_VIDEO),
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
        tab.plot: gr.update(value=figure(motions, session.speech, names, 700), visible=True),
        tab.figures: gr.update(value=words.take_figures(take, report, summary(report)), visible=True),
        tab.trims: gr.update(visible=True),
        tab.choose: gr.update(
            choices=[(f"Take {k + 1} · seed {one.settings.seed}", k) for k, one in enumerate(session.takes)],
            value=session.chosen, visible=several,
        ),
        tab.overlay: gr.update(visible=several),
    }  # fmt: skip


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


def connect(tab: MakeTab, engine: Engine) -> None:
    """Events of step 2."""
    _small(tab)
    plan = _plan(tab, engine)
    clips = _clips(tab, engine)
    after = plan.success(clips["run"], None, clips["outputs"], **clips["how"])
    _stop(tab, engine, [plan, after])
    _retouch(tab, engine, clips)


def _small(tab: MakeTab) -> None:
    emotion, strength = tab.settings["emotion"], tab.settings["emotion_strength"]

    def understand(text: str) -> Any:
        from moda.conditions.emotion import explain, is_timed
        from moda.conditions.emotion import understand as read

        if not text or not text.strip():
            return gr.update(value="", visible=False)
        try:
            if is_timed(text):
                return gr.update(value=words.stretches(explain(text)), visible=True)
            return gr.update(value=words.mixture(read(text)), visible=True)
        except UserError as fault:
            return gr.update(value=words.error(str(fault)), visible=True)

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
        with working(engine, request, "plan") as job:
            engine.plan(session, settings, int(takes), model, reporter(progress, "steps"), job.cancelled)
            shown = previewed(tab, engine, session, overlay)
        return {**cleared(tab), **shown, tab.motion_say: ""}

    inputs = [tab.consent, tab.takes, tab.model, tab.pose_file, tab.overlay, *page_settings(tab)]
    return tab.plan.click(
        preview_motion, inputs, outputs, show_progress_on=[tab.motion_say], trigger_mode="once", **PRIVATE, **HEAVY
    )


def _clips(tab: MakeTab, engine: Engine) -> dict[str, Any]:
    outputs: list[Any] = [tab.clip_row, *tab.clips, tab.motion_say, *saves(tab)[1:]]

    def clips(request: gr.Request) -> Iterator[Any]:
        """The chosen take's clip first, then the others', then the files to download."""
        session = engine.visitors.session(visitor_of(request))
        if session.take is None:
            yield {tab.motion_say: gr.skip()}
            return
        try:
            files = engine.write_files(session)
            yield dict(zip(saves(tab)[1:], (gr.update(value=str(p), interactive=True) for p in files.values())))
            if session.portrait is None or session.speech is None:
                return
            takes: list[Take] = list(session.takes)
            order = sorted(range(len(takes)), key=lambda k: k != session.chosen)
            with working(engine, request, "clip") as job:
                for k in order:
                    path = engine.quick_clip(session, takes[k], cancel=job.cancelled)
                    label = f"Quick clip · take {k + 1}" if len(takes) > 1 else "Quick clip"
                    yield {
                        tab.clip_row: gr.update(visible=True),
                        tab.clips[k]: gr.update(value=str(path), label=label, visible=True),
                    }
        except Cancelled:
            yield {tab.motion_say: gr.skip()}
        except UserError as fault:
            yield {tab.motion_say: words.error(str(fault))}

    how: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": [tab.clips[0]], **PRIVATE, **HEAVY}
    return {"run": clips, "outputs": outputs, "how": how}


def _stop(tab: MakeTab, engine: Engine, events: list[Any]) -> None:
    def stop(request: gr.Request) -> str:
        engine.visitors.stop(visitor_of(request))
        return words.note(STOPPED)

    tab.stop_plan.click(stop, None, [tab.motion_say], cancels=events, queue=False, show_progress="hidden", **PRIVATE)


def _retouch(tab: MakeTab, engine: Engine, clips: dict[str, Any]) -> None:
    """Trims, the choice of the take and the overlay: drawn anew at once, the clip shortly after."""
    outputs: list[Any] = [tab.plot, tab.figures, tab.trims, tab.choose, tab.overlay, tab.motion_say]

    @guarded(tab.motion_say)
    def retouch(overlay: bool, chosen: int | None, request: gr.Request, *values: Any) -> Any:
        visitor = visitor_of(request)
        session = engine.visitors.session(visitor)
        if session.take is None:
            return {tab.motion_say: gr.skip()}
        engine.visitors.stop(visitor, "clip")
        if chosen is not None and 0 <= int(chosen) < len(session.takes):
            session.chosen = int(chosen)
        engine.trim(session, controls.read(trims, values))
        shown = previewed(tab, engine, session, overlay)
        shown[tab.choose] = gr.skip()
        return {**shown, tab.motion_say: ""}

    @guarded(tab.motion_say)
    def files(request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        written = engine.write_files(session) if session.take is not None else {}
        return {button: gr.update(value=str(path)) for button, path in zip(saves(tab)[1:], written.values())}

    trims = list(TRIMS)
    inputs = [tab.overlay, tab.choose, *(tab.settings[name] for name in trims)]
    quick: dict[str, Any] = {
        "trigger_mode": "always_last", "show_progress": "hidden", "concurrency_id": "trims", "concurrency_limit": 2,
        **PRIVATE,
    }  # fmt: skip
    changed = gr.on([tab.settings[name].input for name in trims], retouch, inputs, outputs, **quick)
    changed.success(clips["run"], None, clips["outputs"], trigger_mode="always_last", **clips["how"])
    chose = tab.choose.input(retouch, inputs, outputs, **quick)
    chose.success(files, None, [*saves(tab)[1:], tab.motion_say], show_progress="hidden", **PRIVATE, **LIGHT)
    tab.overlay.input(retouch, inputs, outputs, **quick)
