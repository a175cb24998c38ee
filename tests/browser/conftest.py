"""A real server, started once for all browser tests, and the page as a person sees it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.processes import end

REPOSITORY = Path(__file__).resolve().parents[2]
SPEECH = REPOSITORY / "assets" / "examples" / "bonjour.wav"
WAIT = 120_000
"""Milliseconds to wait for anything: machines that run the suite may be busy."""
GRACE = 2.0
PERMISSIONS = ["microphone", "camera", "clipboard-read", "clipboard-write"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server under test keeps its files."""
    return tmp_path_factory.mktemp("gradio")


def chromium_program() -> str | None:
    """Where the browser is."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(cache: Path, port: int | None = None, **settings: str) -> Iterator[str]:
    """Address of a running studio that keeps its files in `cache`.

    port: any free one where it is None; settings: further environment variables.
    """
    port = port or free_port()
    cache.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ, "GRADIO_TEMP_DIR": str(cache), "MODA_GRACE_SECONDS": str(GRACE), "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1",
        "MODA_LIVE_PATIENCE_SECONDS": "600", **settings,
    }  # fmt: skip
    log = (cache / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, process, cache / "server.log")
        yield address
    finally:
        end(process, signal.SIGINT)
        log.close()


@pytest.fixture(scope="session")
def server(cache: Path) -> Iterator[str]:
    """Address of a running studio."""
    with serving(cache) as address:
        yield address


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not come up within 180 s")


def hum(seconds: int) -> np.ndarray:
    """Something like a voice, at 16 kHz."""
    times = np.arange(seconds * 16_000) / 16_000
    return 0.4 * np.sin(2 * np.pi * 150 * times) * (np.sin(2 * np.pi * 3 * times) > 0)


class Studio:
    """The page as a person sees it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address, timeout=WAIT)
        page.wait_for_selector("#plan")

    def see(self, selector: str) -> Any:
        return self.page.wait_for_selector(selector)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def add_portrait(self, path: Path) -> str:
        """Uploads a picture and returns what the page says about it."""
        self.page.set_input_files("#portrait input[type=file]", str(path))
        return self.said("#portrait-say")

    def add_speech(self, path: Path) -> str:
        self.page.set_input_files("#speech input[type=file]", str(path))
        return self.said("#speech-say")

    def said(self, where: str) -> str:
        self.see(
            ", ".join(f"{where} .{kind}:visible" for kind in ("good", "error", "note"))
        )  # not a hidden status of Gradio's
        return self.text(where)

    def preview(self) -> str:
        """Presses Preview motion and returns the summary or the error."""
        marks = "#motion-say .error, #motion-say .note, #figures strong"
        self.page.evaluate("all => document.querySelectorAll(all).forEach(e => e.classList.add('old'))", marks)
        self.page.click("#plan")
        self.see(", ".join(f"{mark}:not(.old)" for mark in marks.split(", ")))
        error = self.page.query_selector("#motion-say .error:not(.old), #motion-say .note:not(.old)")
        return self.text("#motion-say") if error else self.text("#figures")

    def set_number(self, control: str, value: str) -> None:
        """Types a value into the number field of a slider."""
        field = self.page.locator(f"#control-{control} input[type=number]")
        field.fill(value)
        field.press("Enter")

    def wait_motion(self, takes: int = 1) -> None:
        """Until so many takes are on the stage."""
        self.see(f"#stage-box moda-stage[data-takes='{takes}']")

    def video(self, selector: str) -> dict[str, Any]:
        """Duration, size and whether the video really plays."""
        self.see(f"{selector} video")
        facts: dict[str, Any] = self.page.evaluate(
            """async (selector) => {
                const video = document.querySelector(selector + ' video');
                const ready = () => new Promise(done => video.readyState >= 2 ? done() : video.onloadeddata = done);
                await ready();
                video.muted = true; video.currentTime = 0; await video.play();
                const start = Date.now();
                while (video.currentTime < 0.3 && Date.now() - start < 20000) await new Promise(r => setTimeout(r, 50));
                return {duration: video.duration, width: video.videoWidth, height: video.videoHeight,
                        played: video.currentTime};
            }""",
            selector,
        )
        return facts


@pytest.fixture
def open_studio(chromium: Any, server: str) -> Iterator[Any]:
    """Opens the page in a context of its own: another visitor each time.

    address: of another server; touch: on a phone, which has no mouse.
    """
    contexts = []

    def open_page(
        width: int = 1280, height: int = 900, scheme: str = "light", address: str = server, touch: bool = False
    ) -> Studio:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, permissions=PERMISSIONS,
            has_touch=touch, is_mobile=touch,
        )  # fmt: skip
        contexts.append(context)
        return Studio(context.new_page(), address)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def studio(open_studio: Any) -> Iterator[Studio]:
    page: Studio = open_studio()
    yield page
    assert page.faults == []


@pytest.fixture(scope="session")
def astronaut() -> Path:
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def two_people(astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with two faces: both public-domain portraits side by side."""
    import matplotlib
    from PIL import Image

    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    left, right = (Image.open(path).convert("RGB").resize((512, 600)) for path in (astronaut, hopper))
    both = Image.fromarray(np.concatenate([np.asarray(left), np.asarray(right)], axis=1))
    path = tmp_path_factory.mktemp("pictures") / "both.png"
    both.save(path)
    return path


@pytest.fixture(scope="session")
def speech() -> Path:
    return SPEECH


@pytest.fixture(scope="session")
def hopper_file() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
