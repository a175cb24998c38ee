"""What a stranger tries over HTTP: files of the machine, forged uploads, addresses for the server to fetch, markup."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from moda.studio import words
from tests.trust.conftest import check_sentence
from tests.trust.serving import REPOSITORY, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.skipif("MODA_LOAD" not in os.environ, reason="serves a studio for minutes: set MODA_LOAD=1"),
]


LEAKS = ("root:", "a secret", "from __future__", "speech_shape", "HF_HUB_OFFLINE")


def uploaded(server: Server, name: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{server.url}gradio_api/upload", files={"files": (name, data)}, timeout=60)


def called(server: Server, endpoint: str, **given: Any) -> tuple[str, Any]:
    """(event, data) of a raw call: no client library that would tidy up what is sent."""
    about = httpx.get(f"{server.url}gradio_api/info", timeout=120).json()["named_endpoints"][f"/{endpoint}"]
    data = [given.get(p["parameter_name"], p.get("parameter_default")) for p in about["parameters"]]
    sent = httpx.post(f"{server.url}gradio_api/call/{endpoint}", json={"data": data}, timeout=60)
    if sent.status_code != 200:
        return "refused", sent.text
    events = httpx.get(f"{server.url}gradio_api/call/{endpoint}/{sent.json()['event_id']}", timeout=300).text
    lines = [line for line in events.splitlines() if line.strip()]
    kinds = [line[7:] for line in lines if line.startswith("event: ")]
    return kinds[-1], lines[-1].removeprefix("data: ")


def a_file(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_files_of_the_machine_are_not_served(server: Server) -> None:
    (server.log.parent / "secret.txt").write_text("a secret")
    secrets = ["/etc/passwd", "/proc/self/environ", str(REPOSITORY / "moda" / "settings.py"), str(server.log),
               str(server.cache / ".." / "secret.txt"), str(REPOSITORY / "assets" / "moda-lite" / "config.json"),
               "file:///etc/passwd", "//etc/passwd", "....//....//etc/passwd"]  # fmt: skip
    for path in secrets:
        for shown in (path, quote(path, safe=""), quote(quote(path, safe=""), safe="")):
            for route in ("gradio_api/file=", "file=", "gradio_api/file/", "static/", "assets/", "gradio_api/stream/"):
                answer = httpx.get(server.url + route + shown, timeout=60)
                page = "text/html" in answer.headers.get("content-type", "")
                leaked = [word for word in LEAKS if word in answer.text and not page]
                assert not leaked, (route, shown)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "/proc/self/mem", "moda/settings.py", ""])
def test_forged_uploads_are_refused(path: str, server: Server, portrait: Path) -> None:
    """A file that this visitor never uploaded: the call fails and says nothing of the file."""
    own = uploaded(server, "me.png", portrait.read_bytes()).json()[0]
    for given in ({"portrait": a_file(path)}, {"portrait": a_file(own), "speech": a_file(path)}):
        event, said = called(server, "plan", **given)
        assert event in ("error", "refused") and "root:" not in said
    event, said = called(server, "render", portrait=a_file(own), speech=a_file(own), take=a_file(path))
    assert event in ("error", "refused") and "root:" not in said


def test_the_server_fetches_nothing(server: Server, portrait: Path) -> None:
    """Addresses in place of files: nobody is called, inside the network or outside."""
    calls: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]

        def listen() -> None:
            while True:
                try:
                    caller, _ = trap.accept()
                except OSError:
                    return
                calls.append(caller)
                caller.close()

        threading.Thread(target=listen, daemon=True).start()
        own = uploaded(server, "me.png", portrait.read_bytes()).json()[0]
        inside = f"http://127.0.0.1:{port}/x.png"
        for address in (inside, f"http://localhost:{port}/x.png", f"http://[::ffff:127.0.0.1]:{port}/x.png",
                        f"http://0.0.0.0:{port}/x.png", f"http://2130706433:{port}/x.png",
                        "http://169.254.169.254/latest/meta-data/", f"ftp://127.0.0.1:{port}/x"):  # fmt: skip
            for given in (a_file(address), a_file(own, url=address)):
                event, _ = called(server, "plan", portrait=given, speech=given)
                assert event in ("error", "refused"), address
        time.sleep(0.5)
        assert calls == []
        for route in (f"gradio_api/proxy={inside}", f"proxy={inside}", f"gradio_api/file={inside}"):
            answer = httpx.get(server.url + route, timeout=60, follow_redirects=False)
            assert answer.status_code >= 300 or "text/html" in answer.headers["content-type"]
        assert calls == []


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/tmp/evil.png", "..\\evil.png", "e" * 300 + ".png", "<img src=x onerror=alert(1)>.png",
             "evil\r\nX-Evil: 1.png", "-i.png", "%2e%2e%2fevil.png", "con.png", "évil😈.png"],
)  # fmt: skip
def test_names_of_uploads_lead_nowhere(name: str, server: Server, portrait: Path) -> None:
    above = {p.name for p in server.cache.parent.iterdir()}
    answer = uploaded(server, name, portrait.read_bytes())
    if answer.status_code == 200:
        landed = Path(answer.json()[0]).resolve()
        assert landed.is_relative_to(server.cache.resolve()), landed
    else:
        assert answer.status_code < 500 or "Traceback" not in answer.text
    assert {p.name for p in server.cache.parent.iterdir()} == above
    assert not Path("/tmp/evil.png").exists()


def test_faults_of_a_call_are_one_sentence(server: Server, portrait: Path) -> None:
    picture = a_file(uploaded(server, "me.png", portrait.read_bytes()).json()[0])
    text = a_file(uploaded(server, "note.png", b"not a picture").json()[0])
    for given in ({"portrait": text, "speech": text}, {"portrait": picture, "speech": text}, {"portrait": None}):
        event, said = called(server, "plan", **given)
        assert event == "error"
        told = json.loads(said)
        message = told["error"] if isinstance(told, dict) else told
        assert message, "the caller is told nothing"
        check_sentence(message)
        assert str(server.cache) not in message
    assert server.complaints() == "" and server.children() == []


def test_markup_in_messages_is_text() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    for shown in (words.error(hostile), words.note(hostile), words.good(hostile, [hostile])):
        assert "<script" not in shown and "<img" not in shown and "&lt;script" in shown
