"""Step 3: the chosen take as a video, files to keep, and what was kept put back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.motion.takes import Take
from moda.settings import CONTROLS, Settings
from moda.studio import events, messages, placeholders
from moda.studio.components import control, renderer_choice
from moda.studio.events import LIGHT, PRIVATE, Cleared, Reporter, guarded, session_of
from moda.studio.gpu import Watch
from moda.studio.service import Engine, Superseded, read_settings_or_take
from moda.studio.sessions import Session
from moda.studio.steps.motion import Follow, MotionStep

SAVED = {
    "take.npz": ("save_take", "Take .npz"),
    "trajectories.csv": ("save_table", "Trajectories .csv"),
    "settings.json": ("save_settings", "Settings .json"),
}
"""The buttons of the files that a take has before it is rendered: id and label by name of the file."""


EXPORTS = {".html": "Web page .html", ".glb": "3D face .glb", ".csv": "ARKit curves .csv"}
VIDEO_CONTROLS = [name for name, about in CONTROLS.items() if about.group == "video" and name != "size"]


@dataclass(frozen=True)
class VideoStep:
    """The components of the step by name."""

    settings: dict[str, Any]
    """Controls of how the video looks, by name."""
    renderer: gr.Dropdown
    render: gr.Button
    stop: gr.Button
    video: gr.Video
    say: gr.HTML
    empty: gr.HTML
    save_video: gr.DownloadButton
    saves: dict[str, gr.DownloadButton]
    exports: dict[str, gr.Button]
    """What makes another form of the take, by ending."""
    exported: gr.DownloadButton
    export_say: gr.HTML
    restore: gr.File
    restore_say: gr.HTML

    @classmethod
    def build(cls) -> VideoStep:
        """Controls on the left, the video and its files on the right."""
        settings: dict[str, Any] = {}
        with gr.Column(scale=4, min_width=280, elem_classes="controls"):
            renderer = renderer_choice(
                elem_id="renderer", info="mesh needs no weights and no GPU; liveportrait is neural and needs both."
            )
            settings["size"] = gr.Dropdown(
                [256, 384, 512, 720, 1080], value=512, label="Size", elem_id="control-size",
                allow_custom_value=False, info="Height of the video in pixels.",
            )  # fmt: skip
            for name in VIDEO_CONTROLS:
                settings[name] = control(name)
            with gr.Row(elem_classes="go"):
                render = gr.Button("Render video", variant="primary", elem_id="render", scale=3)
                stop = events.stop_button("stop-render")
        with gr.Column(scale=9, min_width=300, elem_classes="results"), gr.Row(equal_height=False, elem_id="outcome"):
            video = gr.Video(
                label="Result", interactive=False, visible=False, elem_id="final-video", autoplay=True, buttons=[],
                min_width=260, scale=4,
            )  # fmt: skip
            with gr.Column(scale=5, min_width=280):
                say = gr.HTML("", elem_id="video-say")
                empty = gr.HTML(placeholders.stage(), elem_id="video-empty", elem_classes="vacant")
                with gr.Row(elem_id="downloads"):
                    save_video = _download("Video .mp4", "save_video")
                    saves = {name: _download(label, elem_id) for name, (elem_id, label) in SAVED.items()}
                with gr.Accordion("Export to the web, 3D and animation", open=False, elem_id="export-box"):
                    with gr.Row(elem_id="exports"):
                        exports = {
                            ending: gr.Button(label, size="sm", min_width=120, elem_id=f"export-{ending[1:]}")
                            for ending, label in EXPORTS.items()
                        }
                    exported = gr.DownloadButton("Download", visible=False, size="sm", elem_id="exported")
                    export_say = gr.HTML("", elem_id="export-say")
                with gr.Accordion("Restore a saved take or saved settings", open=False, elem_id="restore-box"):
                    restore = gr.File(
                        label="Drop a take (.npz) or settings (.json)", file_types=[".npz", ".json", ".pkl"],
                        height=110, elem_id="restore",
                    )  # fmt: skip
                    restore_say = gr.HTML("", elem_id="restore-say")
        return cls(
            settings=settings, renderer=renderer, render=render, stop=stop, video=video, say=say, empty=empty,
            save_video=save_video, saves=saves, exports=exports, exported=exported, export_say=export_say,
            restore=restore, restore_say=restore_say,
        )  # fmt: skip

    def cleared(self) -> dict[Any, Any]:
        """What the step shows before there is a motion."""
        unavailable = gr.update(interactive=False, value=None)
        return {
            self.video: gr.update(visible=False, value=None),
            self.say: "",
            self.empty: gr.update(visible=True),
            **dict.fromkeys([self.save_video, *self.saves.values()], unavailable),
            self.exported: gr.update(visible=False, value=None),
            self.export_say: "",
        }

    def outdated(self) -> dict[Any, Any]:
        """The files of a take that is not as it was: nobody is to save them until they are written anew."""
        return {
            **dict.fromkeys(self.saves.values(), gr.update(interactive=False)),
            self.exported: gr.update(visible=False, value=None),
        }

    def shown(self, session: Session) -> dict[Any, Any]:
        """What the page shows of the session's video."""
        result = session.video
        if result is None:  # its portrait, speech or take was replaced since
            raise Superseded
        session.shown["video"] = result
        return {
            self.video: gr.update(value=str(result.output), visible=True),
            self.say: messages.render_figures(result),
            self.empty: gr.update(visible=False),
            self.save_video: gr.update(
                value=str(result.output), interactive=True, label=f"Video {result.output.suffix}"
            ),
        }

    def saved(self, engine: Engine, session: Session) -> dict[Any, Any]:
        """The files of the session's chosen take, written and behind their buttons."""
        return {
            self.saves[name]: gr.update(value=str(path), interactive=True)
            for name, path in engine.write_files(session).items()
        }

    def connect(
        self,
        engine: Engine,
        consent: gr.Checkbox,
        page: dict[str, Any],
        motion: MotionStep,
        cleared: Cleared,
        follow: Follow,
        settle: Callable[[Any], Any],
    ) -> None:
        """page: every control of the Make tab. cleared, follow: as for `MotionStep.connect`; settle: see `make`."""
        outputs: list[Any] = [self.video, self.say, self.empty, self.save_video, *self.saves.values()]

        @guarded(self.say)
        def render_video(
            consent: bool,
            renderer: str,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio looks for it among the defaults
            **values: Any,
        ) -> Any:
            report = Reporter(progress)
            with events.making(engine, request, "render", consent, report, "video") as (session, job):
                engine.ready(session)
                # The take's sampling stands, whatever the page shows now.
                values["pose_prior"] = engine.chosen(session).settings.pose_prior
                settings = motion.settings_from(values, session, None)
                engine.render(session, settings, renderer, Watch(report, job.cancelled))
            return {**self.shown(session), **self.saved(engine, session)}

        rendering = events.starts(
            self.render, render_video, outputs, self.say, consent=consent, renderer=self.renderer, **page
        )
        settle(rendering)
        events.stops(self.stop, engine, self.say, [rendering])
        self._connect_exports(engine, consent)
        self._connect_restore(engine, page, motion, cleared, follow)

    def _connect_exports(self, engine: Engine, consent: gr.Checkbox) -> None:
        def exporter(ending: str) -> Callable[..., Any]:
            @guarded(self.export_say)
            def write_export(consent: bool, request: gr.Request) -> Any:
                with events.making(engine, request, "render", consent) as (session, _):
                    path = engine.export(session, ending)
                label = f"Download {path.name} ({path.stat().st_size / 1e6:.1f} MB)"
                return {
                    self.exported: gr.update(value=str(path), label=label, visible=True),
                    self.export_say: "",
                }

            return write_export

        for ending, button in self.exports.items():
            events.starts(button, exporter(ending), [self.exported, self.export_say], self.export_say, consent=consent)

    def _connect_restore(
        self, engine: Engine, page: dict[str, Any], motion: MotionStep, cleared: Cleared, follow: Follow
    ) -> None:
        @guarded(self.restore_say)
        def restore(path: str | None, request: gr.Request) -> Any:
            session = session_of(engine, request)
            if path is None:
                return {self.restore_say: ""}
            settings, take = read_settings_or_take(path)
            if take is None:
                shown = {}
                if session.takes:
                    engine.trim(session, settings)
                    shown = motion.shown(engine, session)
                told = messages.good("The settings are restored.")
                return {**controls_of(page, settings), **shown, self.restore_say: told}
            engine.restore_take(session, take)
            missing = [
                f"Add the {what} it was made for."
                for what, have in (("portrait", session.portrait), ("speech", session.speech))
                if have is None
            ]
            if session.portrait is not None:
                missing += take.notes_for(session.portrait.digest)
            return {
                **controls_of(page, settings),
                **cleared(),
                **motion.shown(engine, session),
                motion.say: "",
                self.restore_say: messages.good(_restored(take), missing),
            }

        outputs: list[Any] = [*page.values(), *cleared(), self.restore_say]
        follow(
            self.restore.upload(
                restore, [self.restore], outputs, show_progress_on=[self.restore_say], **PRIVATE, **LIGHT
            )
        )


def controls_of(page: dict[str, Any], settings: Settings) -> dict[Any, Any]:
    """The controls of the page set to these settings."""
    return {component: getattr(settings, name) for name, component in page.items()}


def _download(label: str, elem_id: str) -> gr.DownloadButton:
    return gr.DownloadButton(label, interactive=False, size="sm", min_width=120, elem_id=elem_id)


def _restored(take: Take) -> str:
    return f"The take is restored: {take.motion.seconds:.1f} s, seed {take.settings.seed}, made by {take.model}."
