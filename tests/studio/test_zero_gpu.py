"""ZeroGPU with the real `spaces` package, in a process of its own, against a stub of the device API.

The stub answers every request with an empty object, so no GPU is ever lent: what is tested is all that happens before,
with CUDA emulated as it is on a Space. That models reach the GPU needs a Space.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.trust.serving import REPOSITORY, free_port, parameters

pytest.importorskip("spaces")


class DeviceApi:
    """Answers everything with `{}` and keeps what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                api.calls.append(self.path.split("?")[0].rpartition("/")[2])
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def api() -> Iterator[DeviceApi]:
    stub = DeviceApi()
    yield stub
    stub.server.shutdown()


@pytest.fixture(scope="module")
def space(api: DeviceApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(address, log) of the app as a Space starts it."""
    folder = tmp_path_factory.mktemp("space")
    port = free_port()
    environment = {
        **os.environ, "SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": api.url, "HF_HUB_OFFLINE": "1",
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"), "GRADIO_TEMP_DIR": str(folder / "cache"),
        "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", "SPACE_ID": "someone/studio",
    }  # fmt: skip
    log = folder / "log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, stdout=told, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 180
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            try:
                httpx.get(address, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, log
    finally:
        process.terminate()
        process.wait(30)


def test_models_are_loaded_and_packed_before_the_page_opens(space: tuple[str, Path], api: DeviceApi) -> None:
    _, log = space
    assert "startup-report" in api.calls
    assert list((log.parent / "tensors").iterdir()), "no weights were packed"


def test_a_visitor_gets_as_far_as_asking_for_a_gpu(space: tuple[str, Path], api: DeviceApi, tmp_path: Path) -> None:
    import skimage

    address, log = space

    def upload(path: Path) -> dict[str, object]:
        sent = httpx.post(f"{address}gradio_api/upload", files={"files": (path.name, path.read_bytes())}, timeout=60)
        return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}

    speech = REPOSITORY / "assets" / "examples" / "bonjour.wav"
    given = {**parameters(address, "plan"), "portrait": upload(Path(skimage.__file__).parent / "data/astronaut.png"),
             "speech": upload(speech), "consent": True}  # fmt: skip
    sent = httpx.post(f"{address}gradio_api/call/plan", json={"data": list(given.values())}, timeout=60)
    httpx.get(f"{address}gradio_api/call/plan/{sent.json()['event_id']}", timeout=300)
    assert "schedule" in api.calls
    told = log.read_text()
    assert "CUDA init" not in told and "Warm-up did not finish" not in told, told[-3000:]
