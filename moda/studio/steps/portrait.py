"""Step 1, left: the portrait and the choice of the face in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from moda.errors import UserError
from moda.studio import examples, messages, placeholders
from moda.studio.components import PictureFile
from moda.studio.events import PRIVATE, READING, Cleared, guarded, reading, session_of
from moda.studio.service import Engine, Superseded
from moda.studio.sessions import Session

if TYPE_CHECKING:
    from moda.portrait.face import Face

WIDEST = 900
"""Pixels across of the picture in which a face is clicked."""
CHOSEN, OTHER = (20, 184, 166), (255, 255, 255)


@dataclass(frozen=True)
class PortraitStep:
    """The components of the step by name."""

    picture: gr.Image
    examples: dict[str, gr.Button]
    crop: gr.Image
    empty: gr.HTML
    say: gr.HTML
    faces: gr.Image
    face: gr.Radio

    @classmethod
    def build(cls) -> PortraitStep:
        """Two columns of a row: the picture, and the face that was found."""
        with gr.Column(scale=5, min_width=280):
            picture = PictureFile(
                label="Portrait", type="filepath", sources=["upload", "webcam", "clipboard"], height=280,
                elem_id="portrait", image_mode=None, buttons=[],
            )  # fmt: skip
            shown = examples.portraits()
        with gr.Column(scale=4, min_width=240):
            crop = gr.Image(
                label="The face that will speak", interactive=False, height=280, elem_id="crop", buttons=[],
                visible=False, alt_text="The chosen face, cut out as the model sees it",
            )  # fmt: skip
            empty = gr.HTML(placeholders.face(), elem_id="face-empty", elem_classes="vacant")
            say = gr.HTML("", elem_id="portrait-say")
            faces = gr.Image(
                label="Several faces: click the one to animate", visible=False, interactive=False, height=240,
                elem_id="faces", buttons=[], alt_text="The picture with a numbered box around every face",
            )  # fmt: skip
            face = gr.Radio([], label="Face", visible=False, elem_id="face", elem_classes="segments")
        return cls(picture, shown, crop, empty, say, faces, face)

    def shown(self, engine: Engine, session: Session, choosing: bool = False) -> dict[Any, Any]:
        """What the page shows of the session's portrait; `choosing`: among several faces, which stay on show."""
        portrait = session.portrait
        if portrait is None:
            raise Superseded
        pitch, yaw, _ = portrait.pose
        looks = "Looks straight ahead" if max(abs(pitch), abs(yaw)) < 8 else f"Turned {abs(yaw):.0f}°"
        wide = portrait.face.box[2] - portrait.face.box[0]
        changes = {
            self.crop: gr.update(value=portrait.crop.image, visible=True),
            self.empty: gr.update(visible=False),
            self.say: messages.good(f"{looks}, face {wide:.0f} pixels wide.", portrait.hints),
            self.faces: gr.update(visible=False, value=None),
            self.face: gr.update(visible=False),
        }
        if not choosing and portrait.face_count < 2:
            return changes
        faces = engine.faces(session)
        chosen = which(portrait.face.box, faces)
        return {
            **changes,
            self.faces: gr.update(value=boxed(portrait.image, faces, chosen), visible=True),
            self.face: gr.update(
                choices=[(f"Face {k + 1}", k) for k in range(len(faces))], value=chosen, visible=True
            ),
        }  # fmt: skip

    def outputs(self) -> list[Any]:
        """What `shown` may change."""
        return [self.crop, self.empty, self.say, self.faces, self.face]

    def connect(self, engine: Engine, cleared: Cleared, results: Callable[[Session], dict[Any, Any]]) -> Any:
        """cleared: what the results show when the portrait is another; results: and what where there is a take.

        Returns the event that brings a portrait.
        """

        def seen(session: Session, choosing: bool) -> dict[Any, Any]:
            return {**results(session), **self.shown(engine, session, choosing)}

        @guarded(self.say)
        def open_picture(picture: str | None, request: gr.Request) -> Any:
            session = session_of(engine, request)
            empty = {
                self.crop: gr.update(visible=False, value=None),
                self.empty: gr.update(visible=True),
                self.faces: gr.update(visible=False, value=None),
                self.face: gr.update(visible=False),
            }
            try:
                with reading(engine, request):
                    if picture is None:
                        engine.forget_portrait(session)
                        return {**cleared(), **empty, self.say: ""}
                    engine.open_portrait(session, picture)
            except UserError as fault:  # what was made of the picture before does not belong to this one
                return {**results(session), **empty, self.say: messages.error(str(fault))}
            own = engine.shown_picture(session)
            replaced = {} if str(own) == picture or session.seen_as is None else {self.picture: str(own)}
            return {**seen(session, choosing=False), **replaced}

        @guarded(self.say)
        def click_face(event: gr.SelectData, request: gr.Request) -> Any:
            with reading(engine, request) as session:
                scale = 1.0 if session.portrait is None else min(1.0, WIDEST / session.portrait.size[0])
                x, y = event.index
                engine.pick_face(session, (float(x) / scale, float(y) / scale))
            return seen(session, choosing=True)

        @guarded(self.say)
        def choose_face(number: int | None, request: gr.Request) -> Any:
            with reading(engine, request) as session:
                if session.portrait is None or number is None:
                    return {self.say: gr.skip()}
                faces = engine.faces(session)
                x0, y0, x1, y1 = faces[min(int(number), len(faces) - 1)].box
                engine.pick_face(session, ((x0 + x1) / 2, (y0 + y1) / 2))
            return seen(session, choosing=True)

        outputs = [*self.outputs(), *cleared()]
        common: dict[str, Any] = {"show_progress_on": [self.say], **PRIVATE, **READING}
        opened = self.picture.change(
            open_picture, [self.picture], [self.picture, *outputs], trigger_mode="always_last", **common
        )
        for who, button in self.examples.items():
            button.click(_example(engine, who), None, [self.picture], show_progress="hidden", **PRIVATE)
        self.faces.select(click_face, None, outputs, **common)
        self.face.input(choose_face, [self.face], outputs, **common)
        return opened


def _example(engine: Engine, who: str) -> Callable[[gr.Request], str]:
    """Puts an example portrait onto the page, as a file of the visitor's own."""

    def example(request: gr.Request) -> str:
        source = examples.portrait_files()[who]
        return str(session_of(engine, request).keep(str(source), f"example{source.suffix}"))

    return example


def boxed(image: np.ndarray, faces: Sequence[Face], chosen: int) -> np.ndarray:
    """The picture (h, w, 3) uint8, at most `WIDEST` pixels across, with a numbered box around every face."""
    import cv2

    scale = min(1.0, WIDEST / image.shape[1])
    shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    for number, face in enumerate(faces):
        x0, y0, x1, y1 = (round(scale * value) for value in face.box)
        colour = CHOSEN if number == chosen else OTHER
        cv2.rectangle(shown, (x0, y0), (x1, y1), (0, 0, 0), 5)
        cv2.rectangle(shown, (x0, y0), (x1, y1), colour, 3)
        at = (x0 + 4, max(y0 - 8, 26))
        cv2.putText(shown, str(number + 1), at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 6, cv2.LINE_AA)
        cv2.putText(shown, str(number + 1), at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, 2, cv2.LINE_AA)
    return shown


def which(portrait_box: Sequence[float], faces: Sequence[Face]) -> int:
    """Number of the face whose box is nearest to this one."""
    box = np.asarray(portrait_box)
    return int(np.argmin([np.abs(np.asarray(face.box) - box).sum() for face in faces])) if faces else 0
