"""A studio with more visitors than it takes, and a line that breaks: what is said, and what stays."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import write_wav

from .conftest import hum, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]
BUSY = "The studio is busy: 1 person is waiting. Try again in a minute."


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio in which one may wait and no more."""
    with serving(tmp_path_factory.mktemp("narrow"), MODA_MAX_QUEUE="1") as address:
        yield address


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio that keeps what a lost page had made for a minute."""
    with serving(tmp_path_factory.mktemp("patient"), MODA_GRACE_SECONDS="60") as address:
        yield address


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of something like a voice."""
    return write_wav(tmp_path_factory.mktemp("speech") / "long.wav", hum(60))


def test_who_waits_sees_the_place_and_who_finds_it_full_reads_why(
    open_studio: Any, narrow: str, astronaut: Path, long_speech: Path, speech: Path
) -> None:
    from gradio_client import Client
    from gradio_client.utils import QueueError

    busy, waiting, refused = (open_studio(address=narrow) for _ in range(3))
    for studio, said in ((busy, long_speech), (waiting, speech), (refused, speech)):
        studio.add_portrait(astronaut)
        settled(studio)
        studio.add_speech(said)
        settled(studio)
    busy.page.click("text=Model and sampling")
    busy.set_number("steps", "50")
    busy.page.click("#plan")
    busy.page.wait_for_function("document.querySelector('#motion-say').innerText.includes('steps')")
    waiting.page.click("#plan")
    waiting.page.wait_for_function("/queue: 1.1/.test(document.querySelector('#motion-say').innerText)")
    refused.page.click("#plan")
    refused.page.wait_for_selector(f".toast-body:has-text('{BUSY}')")

    call = urllib.request.Request(
        f"{narrow}/gradio_api/call/speak", json.dumps({"data": ["Hello", "auto", 1.0, 0.0]}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(call, timeout=30)
    assert refusal.value.code == 429 and json.load(refusal.value)["detail"] == BUSY
    with pytest.raises(QueueError):
        Client(narrow, verbose=False).predict("Hello", "auto", 1.0, 0.0, api_name="/speak")

    busy.page.click("#stop-plan")
    busy.see("#motion-say .note")
    waiting.see("#figures strong")
    waiting.wait_motion()
    assert "blinks a minute" in refused.preview()


def settled(studio: Any) -> None:
    """Waits until nothing waits at the server: what a page asks for by itself after an upload takes the one place."""
    for _ in range(240):
        studio.page.wait_for_timeout(500)
        with urllib.request.urlopen(f"{studio.address}/gradio_api/queue/status", timeout=30) as answer:
            if json.load(answer)["queue_size"] == 0:
                return
    raise AssertionError("the queue did not empty")


class Wire:
    """A line to a server that can be cut and mended."""

    def __init__(self, server: str) -> None:
        self._server = int(server.rpartition(":")[2])
        self._whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.address = ""
        threading.Thread(target=self._run, daemon=True).start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        async def start() -> None:
            listening = await asyncio.start_server(self._carry, "127.0.0.1", 0)
            self.address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if not self._whole:
            back.transport.abort()
            return
        far, there = await asyncio.open_connection("127.0.0.1", self._server)
        self._ends |= {back, there}

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(1 << 16):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(pump(near, there), pump(far, back))
        self._ends -= {back, there}

    def cut(self) -> None:
        self._whole = False
        self._loop.call_soon_threadsafe(lambda: [end.transport.abort() for end in list(self._ends)])

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.cut()
        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture
def wire(patient: str) -> Iterator[Wire]:
    line = Wire(patient)
    yield line
    line.close()


def test_a_broken_line_in_mid_render_loses_nothing_that_was_made(
    open_studio: Any, wire: Wire, astronaut: Path, long_speech: Path
) -> None:
    studio = open_studio(address=wire.address)
    studio.add_portrait(astronaut)
    studio.add_speech(long_speech)
    studio.page.click("text=Model and sampling")
    studio.set_number("steps", "2")
    studio.page.fill("#control-emotion textarea, #control-emotion input", "quietly amused")
    made = studio.preview()
    studio.wait_motion()
    studio.page.click("#render")
    studio.page.wait_for_function("document.querySelector('#video-say').innerText.includes('frames')")
    wire.cut()
    studio.page.wait_for_selector(".toast-body")
    wire.mend()
    studio.see("#motion-say .note")
    assert "is here again" in studio.text("#motion-say")
    studio.page.wait_for_function("made => document.querySelector('#figures').innerText === made", arg=made)
    studio.page.click("#all-trajectories > button")
    studio.see("#plot .js-plotly-plot")
    studio.wait_motion()
    assert "60.0 s of speech" in studio.said("#speech-say") and "pixels wide" in studio.said("#portrait-say")
    assert studio.page.input_value("#control-emotion textarea, #control-emotion input") == "quietly amused"
    with studio.page.expect_download() as waiting:
        studio.page.click("#save_take")
    assert waiting.value.suggested_filename == "take.npz"
    studio.page.click("#render")
    assert studio.video("#final-video")["duration"] == pytest.approx(60, abs=0.2)

    other = open_studio(address=wire.address)
    assert "Add a portrait first" in other.preview()
    assert studio.faults == []


def test_going_back_and_loading_anew_lose_nothing(
    open_studio: Any, patient: str, astronaut: Path, long_speech: Path
) -> None:
    studio = open_studio(address=patient)
    studio.add_portrait(astronaut)
    studio.add_speech(long_speech)
    studio.page.click("text=Model and sampling")
    studio.set_number("steps", "1")
    first = studio.preview()
    studio.wait_motion()

    studio.page.goto(f"{patient}/gradio_api/info")
    studio.page.go_back()
    studio.see("#motion-say .note")
    studio.page.wait_for_function("first => document.querySelector('#figures').innerText === first", arg=first)
    assert "pixels wide" in studio.said("#portrait-say")
    studio.wait_motion()

    studio.page.click("text=Model and sampling")
    studio.set_number("steps", "40")
    studio.page.click("#plan")
    studio.page.wait_for_function("document.querySelector('#motion-say')?.innerText.includes('steps')")
    studio.page.reload()
    studio.page.wait_for_function(  # a quick machine may have made it meanwhile
        "first => document.querySelector('#motion-say')?.innerText.includes('the motion is still being worked on')"
        " || ![first, undefined, ''].includes(document.querySelector('#figures')?.innerText)",
        arg=first,
    )
    studio.page.wait_for_function(
        "first => { const now = document.querySelector('#figures')?.innerText; return now && now !== first; }",
        arg=first,
    )
    studio.wait_motion()

    studio.page.click("#render")
    studio.page.wait_for_function("document.querySelector('#video-say')?.innerText.includes('frames')")
    studio.page.reload()
    studio.page.wait_for_function(
        "document.querySelector('#motion-say')?.innerText.includes('the video is still being worked on')"
        " || document.querySelector('#final-video video')"
    )
    assert studio.video("#final-video")["duration"] == pytest.approx(60, abs=0.2)
    assert studio.faults == []
