"""Two public-domain portraits with a take each, and a page in Chromium that shows a stage."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.pipeline import TalkingHead
from moda.portrait.portrait import Portrait
from moda.settings import Settings
from moda.stage.bundle import rig_bytes
from moda.stage.chunks import chunk_bytes, motion_bytes
from moda.stage.script import script

SPEECH = Path(__file__).resolve().parents[2] / "assets" / "examples" / "bonjour.wav"
PAGE = (
    "<!doctype html><html lang=en><meta name=viewport content='width=device-width'><title>stage</title>"
    "<body style='margin:0'>{body}<script>{script}</script></body>"
)
BYTES = "const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;"


@dataclass(frozen=True)
class Sitter:
    """A portrait with a take of its own."""

    portrait: Portrait
    prepared: Any
    take: Take
    rig: bytes
    head: TalkingHead

    def frames(self, *numbers: int, motion: Motion | None = None) -> list[np.ndarray]:
        """Frames of the take (or another motion) as the mesh renderer draws them, 512 px."""
        moved = self.take.motion if motion is None else motion
        return [
            next(iter(self.head.renderer.frames(self.prepared, moved, size=512, start=k, stop=k + 1))) for k in numbers
        ]


@pytest.fixture(scope="session")
def head() -> TalkingHead:
    return TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")


@pytest.fixture(scope="session")
def sit(head: TalkingHead) -> Callable[[Any], Sitter]:
    """Portrait, take and rig of a picture."""

    def make(source: Any) -> Sitter:
        portrait = head.portrait(source)
        take = head.plan(portrait, SPEECH, Settings(seed=7, emotion="happy", pose_prior="lively"))
        prepared = head.renderer.prepare(portrait)
        return Sitter(portrait, prepared, take, rig_bytes(prepared), head)

    return make


@pytest.fixture(scope="session")
def astronaut(sit: Callable[[Any], Sitter]) -> Sitter:
    """An open smile, no glasses (NASA, public domain, comes with scikit-image)."""
    from skimage import data

    return sit(data.astronaut())


@pytest.fixture(scope="session")
def hopper(sit: Callable[[Any], Sitter]) -> Sitter:
    """Lips closed, glasses (US Navy, public domain, comes with matplotlib)."""
    import matplotlib

    return sit(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")


class Stage:
    """A page with one <moda-stage> (or what `body` says) and the means to feed it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def show(self, body: str = "<moda-stage></moda-stage>") -> None:
        self.page.set_content(PAGE.format(body=body, script=script()))
        self.page.evaluate(
            "() => { window.told = []; for (const name of ['ready', 'choose', 'error', 'play', 'pause', 'end', 'lost', "
            "'restored']) addEventListener(`stage-${name}`, (e) => told.push([name, e.detail])); }"
        )

    def rig(self, rig: bytes) -> None:
        self.call("await stage.setRig(bytes(given))", encoded(rig))

    def takes(self, *motions: Motion, names: tuple[str, ...] = (), trims: dict[str, float] | None = None) -> None:
        given = [
            [names[k] if k < len(names) else "", encoded(motion_bytes(motion)), trims]
            for k, motion in enumerate(motions)
        ]
        self.call(
            "await stage.setTakes(given.map(([name, motion, trims]) => ({ name, motion: bytes(motion), trims })))",
            given,
        )

    def call(self, code: str, given: Any = None) -> Any:
        """Runs JavaScript with `stage` (the first element) and `given`."""
        body = f"async (given) => {{ const stage = document.querySelector('moda-stage'); {BYTES} {code} }}"
        return self.page.evaluate(body, given)

    def frame(self, number: int, take: int = 0) -> np.ndarray:
        """(H, W, 3) uint8 RGB of the canvas after one frame was drawn alone."""
        assert self.call("return stage.drawFrame(given[0], given[1])", [take, number])
        return self.picture()

    def picture(self) -> np.ndarray:
        url = self.call("return stage.canvas.toDataURL('image/png')")
        return decoded(url.split(",")[1])

    def pieces_of(self, motion: Motion) -> list[int]:
        """Lets the page fetch the motion by `giveChunk(number)`; returns the list of the numbers it asks for."""
        asked: list[int] = []

        def give(number: int) -> str:
            asked.append(number)
            return encoded(chunk_bytes(motion, number))

        self.page.expose_function("giveChunk", give)
        return asked


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decoded(text: str) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.fixture
def stage(chromium: Any) -> Iterator[Stage]:
    context = chromium.new_context(viewport={"width": 512, "height": 720}, device_scale_factor=1)
    made = Stage(context.new_page())
    made.show()
    yield made
    context.close()
    assert made.faults == []
