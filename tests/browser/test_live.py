"""The Live tab with Chromium's fake microphone: the face listens, follows the voice, says a text, is recorded, ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .test_look import show

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STAGE = "document.querySelector('#live-box moda-stage')"
FRAMES = f"Number({STAGE}.dataset.frames || 0)"


def drawn(studio: Any) -> str:
    """What is on the canvas, right after a frame was drawn."""
    return str(
        studio.page.evaluate(
            f"new Promise((done) => {STAGE}.addEventListener('stage-frame', "
            f"() => done({STAGE}.canvas.toDataURL()), {{ once: true }}))"
        )
    )


def ready(studio: Any, astronaut: Path) -> None:
    studio.add_portrait(astronaut)
    show(studio, "Live")
    studio.see("#live-box.there")


def started(studio: Any) -> None:
    before = studio.page.evaluate(f"Number({STAGE}.dataset.sessions || 0)")
    studio.page.click("#live-start")
    studio.page.wait_for_function(f"Number({STAGE}.dataset.sessions) > {before} && {STAGE}.live?.last > 10")


def test_the_face_follows_the_microphone_is_recorded_and_ends(studio: Any, astronaut: Path) -> None:
    show(studio, "Live")
    assert "Add a portrait" in studio.text("#live-box")
    studio.page.click("#live-start")
    studio.see("#live-say .error")
    assert "Add a portrait" in studio.text("#live-say")
    show(studio, "Make")
    ready(studio, astronaut)
    first = drawn(studio)  # before Start it listens
    studio.page.wait_for_timeout(700)
    assert drawn(studio) != first and "Press Start" in studio.text("#live-status")
    started(studio)
    assert "follows the sound by" in studio.text("#live-status") and "ms" in studio.text("#live-status")
    studio.page.click("#live-record")
    said = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {said} + 60")
    studio.page.click("#live-record")
    studio.see("#live-say .good")
    assert "Recorded" in studio.text("#live-say")
    studio.page.click("#live-stop")
    studio.page.wait_for_function("document.querySelector('#live-status').textContent === 'Ended.'")
    ended = studio.page.evaluate(FRAMES)
    studio.page.wait_for_timeout(500)
    assert studio.page.evaluate(FRAMES) == ended
    show(studio, "Make")
    studio.wait_motion()
    assert "s of speech" in studio.text("#speech-say")


def test_a_typed_text_is_said_and_an_interrupt_silences_it(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    started(studio)
    jaw = f"{STAGE}.painter.puppet.read([...{STAGE}.live.frames.values()].at(-1), {STAGE}.live.neutral)"
    jaw += f"[{STAGE}.painter.puppet.index.jaw_open]"
    studio.page.fill("#live-text textarea", "Nice to meet you. This is a second sentence, which is much longer.")
    studio.page.click("#live-speak")
    studio.page.wait_for_function(f"{jaw} > 0.2")
    studio.page.click("#live-interrupt")
    quiet = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {quiet} + 40")
    assert studio.page.evaluate(jaw) < 0.2


def test_hold_to_talk_hears_nothing_before_it_is_held(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=push]")
    # What goes to the server, by its loudest sample.
    studio.page.evaluate(
        "() => { const send = WebSocket.prototype.send; loudest = 0; WebSocket.prototype.send = function (data) {"
        " if (data instanceof ArrayBuffer) loudest = Math.max(loudest, ...new Int16Array(data).map(Math.abs));"
        " return send.call(this, data); }; }"
    )
    started(studio)
    studio.page.wait_for_timeout(2500)
    assert studio.page.evaluate("loudest") == 0
    studio.page.hover("#live-hold")
    studio.page.mouse.down()
    studio.page.wait_for_function("loudest > 500")  # Chromium's beeps
    studio.page.mouse.up()


def test_an_assistant_speaks_through_the_page(studio: Any, astronaut: Path) -> None:
    import websockets

    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    started(studio)
    studio.page.click("#live-assistant button")
    studio.page.wait_for_function("document.querySelector('#live-key')?.innerText.includes('assistant.py')")
    *_, address, key = studio.text("#live-key").split()

    async def assistant() -> None:
        async with websockets.connect(address) as socket:
            await socket.send(json.dumps({"type": "join", "key": key}))
            assert json.loads(await socket.recv())["type"] == "joined"
            hum = 9000 * np.sin(np.arange(16_000) / 12)
            await socket.send(hum.astype("<i2").tobytes())
            await asyncio.sleep(1.0)

    # Playwright has a loop of its own running in this thread.
    import threading

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(assistant())
        except BaseException as fault:
            failed.append(fault)

    thread = threading.Thread(target=run)
    studio.page.evaluate(
        "() => { window.heard = 0; const start = AudioBufferSourceNode.prototype.start;"
        " AudioBufferSourceNode.prototype.start = function (...at) { heard += this.buffer.length;"
        " return start.apply(this, at); }; }"
    )
    thread.start()
    studio.page.wait_for_function("heard >= 16000")
    thread.join()
    assert not failed, failed


def test_a_lost_connection_comes_back(studio: Any, astronaut: Path) -> None:
    """The socket breaks, and the page goes on with a new session by itself."""
    studio.page.evaluate(
        "() => { const Socket = WebSocket; window.sockets = []; window.WebSocket = class extends Socket {"
        " constructor(...all) { super(...all); sockets.push(this); } }; }"
    )
    ready(studio, astronaut)
    started(studio)
    sessions = studio.page.evaluate(f"Number({STAGE}.dataset.sessions)")
    studio.page.evaluate("() => { const broken = sockets.at(-1); broken.close(4000); }")
    studio.page.wait_for_function(f"Number({STAGE}.dataset.sessions) > {sessions} && {STAGE}.live?.last > 5")
    assert "Live." in studio.text("#live-status")
