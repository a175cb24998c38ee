"""The Make tab: three numbered steps, inputs on the left, what came of them on the right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from moda.settings import Limits
from moda.studio import messages
from moda.studio.events import LIGHT, PRIVATE, Cleared, guarded, session_of
from moda.studio.service import Engine
from moda.studio.sessions import Session
from moda.studio.steps.motion import MotionStep
from moda.studio.steps.portrait import PortraitStep
from moda.studio.steps.speech import SpeechStep
from moda.studio.steps.video import VideoStep

CONSENT = (
    "I may use this picture and this voice: the people shown and heard have agreed, or they are mine, "
    "and I will not pass the video off as real."
)


@dataclass(frozen=True)
class Make:
    """The steps of the tab, and the consent line."""

    portrait: PortraitStep
    speech: SpeechStep
    consent: gr.Checkbox
    motion: MotionStep
    video: VideoStep

    @classmethod
    def build(cls, limits: Limits, public: bool) -> Make:
        """Lays the tab out; nothing is connected yet. public: the consent line must be ticked."""
        with gr.Column(elem_classes="sheet"):
            gr.HTML(messages.step(1, "Portrait and speech", "one picture, and what it should say"))
            with gr.Row(equal_height=False):
                portrait = PortraitStep.build()
                speech = SpeechStep.build(limits)
            consent = gr.Checkbox(not public, label=CONSENT, visible=public, elem_id="consent", container=False)
        with gr.Column(elem_classes="sheet", elem_id="motion"):
            gr.HTML(messages.step(2, "Motion", "see how it moves before a single picture is rendered"))
            with gr.Row(equal_height=False):
                motion = MotionStep.build(limits)
        with gr.Column(elem_classes="sheet", elem_id="film"):
            gr.HTML(messages.step(3, "Video", "render the take you like"))
            with gr.Row(equal_height=False):
                video = VideoStep.build()
        return cls(portrait, speech, consent, motion, video)

    @property
    def settings(self) -> dict[str, Any]:
        """Every control of the tab by name."""
        return {**self.motion.settings, **self.video.settings}

    def cleared(self) -> dict[Any, Any]:
        """What steps 2 and 3 show before there is a motion: a new portrait or speech makes the old one meaningless."""
        return {**self.motion.cleared(), **self.video.cleared()}

    def connect(self, engine: Engine, cleared: Cleared) -> None:
        """cleared: what everything on the page that was made of portrait and speech shows when they are others."""

        def results(session: Session) -> dict[Any, Any]:
            return self.motion.moving(engine, session) if session.takes else cleared()

        self.motion.connect_ahead(engine, self.portrait.connect(engine, cleared, results))
        self.motion.connect_ahead(
            engine, self.speech.connect(engine, cleared, results, self.motion.settings["emotion"])
        )
        page = self.settings
        self.motion.connect(
            engine, self.consent, page, self.cleared, lambda event: self.follow(engine, event), self.speech.speech,
            self.video.outdated,
        )  # fmt: skip
        self.video.connect(
            engine, self.consent, page, self.motion, self.cleared,
            lambda event: self.follow(engine, event), lambda event: self.settle(engine, event),
        )  # fmt: skip

    def follow(self, engine: Engine, event: Any) -> Any:
        """After an event that brings or changes takes: the files to download, then the clip where there is no stage.

        Returns the event that Stop must end.
        """

        @guarded(self.motion.say)
        def files(request: gr.Request) -> Any:
            session = session_of(engine, request)
            if session.take is None:
                return {self.motion.say: gr.skip()}
            taken, chosen = list(session.takes), session.chosen
            written = self.video.saved(engine, session)
            # Where the take was changed meanwhile, its files are on their way.
            still = chosen == session.chosen and list(map(id, taken)) == list(map(id, session.takes))
            return written if still else {self.motion.say: gr.skip()}

        outputs = [self.motion.say, *self.video.saves.values()]
        settled = self.settle(engine, event)
        written = settled.success(
            files, None, outputs, show_progress="hidden", trigger_mode="multiple", **PRIVATE, **LIGHT
        )
        clip = self.motion.connect_clip(engine, written)
        self.settle(engine, clip)
        return clip

    def settle(self, engine: Engine, event: Any) -> Any:
        """After an event that shows a result: takes it back where its portrait or speech was replaced meanwhile.

        The answers of events that run at once reach the page in any order; this one is asked for when the other has
        arrived.
        """

        @guarded(self.motion.say)
        def still_true(request: gr.Request) -> Any:
            session, changes = session_of(engine, request), {self.motion.say: gr.skip()}
            for part, cleared in (("takes", self.cleared), ("video", self.video.cleared)):
                if session.stale(part):
                    del session.shown[part]
                    changes |= cleared()
            return changes

        return event.then(
            still_true, None, list(self.cleared()), queue=False, show_progress="hidden", trigger_mode="multiple",
            **PRIVATE,
        )  # fmt: skip
