"""The programs of docs/live.md, run as they stand there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from moda.assets import asset
from moda.live.wire import sound_bytes
from moda.media.audio import Speech
from moda.media.output import write_wav
from moda.stage.script import script

from .conftest import Host

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "docs" / "live.md").read_text(encoding="utf-8")


def program(language: str, part: str) -> str:
    """The first program under the heading."""
    _, _, below = TEXT.partition(f"\n## {part}\n")
    found = re.search(rf"```{language}\n(.*?)```", below, re.DOTALL)
    assert found is not None
    return found[1]


def names_of(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "a_program"}
    exec(compile(source, "docs/live.md", "exec"), names)  # our own document
    return names


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread: browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, work).result()


def test_the_client(served: tuple[Starlette, str], tmp_path: Path) -> None:
    source = program("python", "A client in Python")
    assert len(source.splitlines()) <= 42
    rng = np.random.default_rng(0)
    path = write_wav(Speech.of(rng.normal(0, 0.1, 16_000).astype(np.float32)), tmp_path / "speech.wav")
    motion = run_apart(names_of(source)["talk"]("astronaut", str(path), f"ws://{served[1]}/live"))
    assert motion.shape == (25, 70) and np.isfinite(motion).all()


def test_the_assistant_says_back_what_it_heard(served: tuple[Starlette, str]) -> None:
    import base64
    import json

    import websockets

    source = program("python", "An assistant")
    assert len(source.splitlines()) <= 42
    assistant = names_of(source)["assistant"]
    url = f"ws://{served[1]}/live"
    phrase = sound_bytes(0.3 * np.sin(np.arange(8_000) / 9).astype(np.float32))

    async def page() -> bytes:
        async with websockets.connect(url) as socket:
            await socket.send(json.dumps({"type": "start", "portrait": "astronaut", "consent": True}))
            key = json.loads(await socket.recv())["key"]
            running = asyncio.create_task(assistant(url, key))
            await asyncio.sleep(0.3)
            for piece in (phrase, bytes(24_000)):
                await socket.send(json.dumps({"type": "heard", "pcm": base64.b64encode(piece).decode()}))
            said = b""
            while len(said) < len(phrase):
                await socket.send(bytes(2560))
                try:
                    while True:
                        message = await asyncio.wait_for(socket.recv(), 0.08)
                        if isinstance(message, str):
                            said += base64.b64decode(json.loads(message)["pcm"])
                except asyncio.TimeoutError:
                    pass
            await socket.send('{"type": "stop"}')
        await asyncio.wait_for(running, 20)
        return said

    assert run_apart(page()).startswith(phrase)


@pytest.mark.browser
@pytest.mark.slow
def test_the_page(chromium: Any, served: tuple[Starlette, str], live_host: Host) -> None:
    application, address = served
    source = program("html", "A page without Gradio")
    assert len(source.splitlines()) <= 64
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(live_host.opened.image).save(held, "JPEG", quality=95)
    rig = live_host.loaded.rig(live_host.opened)
    for path, body, kind in (
        ("/stage.js", script().encode(), "text/javascript"), ("/rig.bin", rig, "application/octet-stream"),
        ("/portrait.jpg", held.getvalue(), "image/jpeg"),
    ):  # fmt: skip
        application.router.routes.append(Route(path, lambda _, body=body, kind=kind: Response(body, media_type=kind)))
    application.router.routes.append(Route("/", lambda _: HTMLResponse(source)))
    context = chromium.new_context(permissions=["microphone"])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(f"http://{address}/")
    page.click("#go")
    page.wait_for_function("document.querySelector('moda-stage').live?.last > 12", timeout=120_000)
    page.click("#hush")
    page.wait_for_function("document.querySelector('#said').textContent === 'interrupted'", timeout=60_000)
    context.close()
    assert faults == []


def test_the_pipecat_face(served: tuple[Starlette, str], tmp_path: Path) -> None:
    """By Pipecat's own test runner, in an environment of its own: its protobuf is not MediaPipe's."""
    import importlib.util
    import json
    import os
    import subprocess
    import sys

    python = os.environ.get("MODA_PIPECAT_PYTHON")
    if python is None and importlib.util.find_spec("pipecat") is not None:
        python = sys.executable
    if python is None:
        pytest.skip("pipecat is not installed here (MODA_PIPECAT_PYTHON names an interpreter that has it)")
    from skimage import data
    from skimage.io import imsave

    portrait = tmp_path / "astronaut.png"
    imsave(portrait, data.astronaut())
    speech = asset("examples/welcome.wav")
    done = subprocess.run(
        [python, str(Path(__file__).with_name("pipecat_run.py")), f"ws://{served[1]}/live", str(portrait), str(speech)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["modules"] == [] and told["errors"] == [] and told["reference"] == 70 and told["voice"] > 0
    assert told["firsts"] == list(np.cumsum([0, *told["frames"]])[:-1])
    assert len(told["jaw"]) > 60 and np.std(told["jaw"]) > 0
