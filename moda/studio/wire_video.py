"""Step 3 at work: render, stop, and restore what was saved."""

from __future__ import annotations

from typing import Any

import gradio as gr

from moda.errors import BadSetting
from moda.motion.takes import Take
from moda.pipeline import RenderResult
from moda.settings import Settings
from moda.studio import messages
from moda.studio.events import HEAVY, LIGHT, STOPPED, Reporter, guarded, visitor_of, working
from moda.studio.make_tab import MakeTab
from moda.studio.saved import read_settings_or_take
from moda.studio.service import Engine
from moda.studio.wire_motion import PRIVATE, Follow, awaited, cleared, page_settings, previewed, read_settings, saves


def connect(tab: MakeTab, engine: Engine, follow: Follow) -> None:
    """Events of step 3. follow: what makes files and clips of a restored take."""
    _render(tab, engine)
    _restore(tab, engine, follow)


def _render(tab: MakeTab, engine: Engine) -> None:
    outputs: list[Any] = [tab.video, tab.video_say, tab.video_empty, *saves(tab)]

    @guarded(tab.video_say)
    def render_video(
        consent: bool,
        renderer: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
        *values: Any,
    ) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if not consent:
            raise BadSetting("Please tick the consent line in step 1 first.")
        engine.ready(session)
        take = engine.chosen(session)
        page = dict(zip(tab.settings, values))
        page["pose_prior"] = take.settings.pose_prior  # the take's sampling stands, whatever the page shows now
        settings = read_settings(tab, tuple(page.values()), session, None)
        with working(engine, request, "render") as job:
            result = engine.render(session, settings, renderer, Reporter(progress), job.cancelled)
        files = engine.write_files(session)
        return {
            **rendered(tab, result),
            **{b: gr.update(value=str(p), interactive=True) for b, p in zip(saves(tab)[1:], files.values())},
        }

    inputs = [tab.consent, tab.renderer, *page_settings(tab)]
    rendering = tab.render.click(
        render_video, inputs, outputs, show_progress_on=[tab.video_say], trigger_mode="once", **PRIVATE, **HEAVY
    )

    def stop(request: gr.Request) -> str:
        engine.visitors.stop(visitor_of(request))
        return messages.note(STOPPED)

    tab.stop_render.click(
        stop, None, [tab.video_say], cancels=[rendering], queue=False, show_progress="hidden", **PRIVATE
    )


def rendered(tab: MakeTab, result: RenderResult) -> dict[Any, Any]:
    """What the page shows of a finished video."""
    return {
        tab.video: gr.update(value=str(result.output), visible=True),
        tab.video_say: messages.render_figures(result),
        tab.video_empty: gr.update(visible=False),
        tab.save_video: gr.update(value=str(result.output), interactive=True),
    }


def controls_of(tab: MakeTab, settings: Settings) -> dict[Any, Any]:
    """The controls of the page set to these settings."""
    return {component: getattr(settings, name) for name, component in tab.settings.items()}


def _restore(tab: MakeTab, engine: Engine, follow: Follow) -> None:
    outputs: list[Any] = [*page_settings(tab), *cleared(tab), tab.restore_say]

    @guarded(tab.restore_say)
    def restore(path: str | None, request: gr.Request) -> Any:
        session = engine.visitors.session(visitor_of(request))
        if path is None:
            return {tab.restore_say: ""}
        settings, take = read_settings_or_take(path)
        if take is None:
            return {**controls_of(tab, settings), tab.restore_say: messages.good("The settings are restored.")}
        engine.restore_take(session, take)
        missing = [
            f"Add the {what} it was made for."
            for what, have in (("portrait", session.portrait), ("speech", session.speech))
            if have is None
        ]
        return {
            **controls_of(tab, settings),
            **cleared(tab),
            **previewed(tab, engine, session, False),
            **({} if missing else awaited(tab, session)),
            tab.motion_say: "",
            tab.restore_say: messages.good(_restored(take), missing),
        }

    restored = tab.restore.upload(
        restore, [tab.restore], outputs, show_progress_on=[tab.restore_say], **PRIVATE, **LIGHT
    )
    follow(restored)


def _restored(take: Take) -> str:
    return f"The take is restored: {take.motion.seconds:.1f} s, seed {take.settings.seed}, made by {take.model}."
