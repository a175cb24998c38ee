"""What a stranger tries over HTTP: files of the machine, forged uploads, addresses for the server to fetch, markup."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from moda.studio import messages
from moda.studio.security import MISFIT, NO_ADDRESSES, NOT_YOURS
from tests.trust.conftest import check_sentence
from tests.trust.serving import REPOSITORY, Server, parameters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


LEAKS = ("root:", "a secret", "from __future__", "speech_shape", "HF_HUB_OFFLINE")


def uploaded(server: Server, name: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{server.url}gradio_api/upload", files={"files": (name, data)}, timeout=60)


def called(server: Server, endpoint: str, **given: Any) -> tuple[str, Any]:
    """(event, data) of a raw call: no client library that would tidy up what is sent."""
    data = list({**parameters(server.url, endpoint), **given}.values())
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
        assert event == "error" and NOT_YOURS in said
    event, said = called(server, "render", portrait=a_file(own), speech=a_file(own), take=a_file(path))
    assert event == "error" and NOT_YOURS in said


@pytest.mark.parametrize(
    "odd", [7, "me.png", [], {}, {"path": 5}, {"path": "/etc/passwd"}, {"meta": {"_type": "gradio.FileData"}}, True,
            {"path": "x", "meta": {"_type": "other"}}, {"path": "x", "meta": None}, [[[[]]]]],
)  # fmt: skip
def test_inputs_of_the_wrong_shape_are_one_sentence(odd: Any, server: Server, portrait: Path) -> None:
    own = a_file(uploaded(server, "me.png", portrait.read_bytes()).json()[0])
    for given in (
        {"portrait": odd},
        {"portrait": own, "speech": odd},
        {"seed": odd},
        {"emotion": odd, "portrait": own},
    ):
        event, said = called(server, "plan", **given)
        assert event == "error", said
        check_sentence(json.loads(said)["error"])
        assert "Gradio" not in said and "root:" not in said
    assert server.complaints() == ""


def test_no_file_is_taken_unasked(server: Server, portrait: Path) -> None:
    """An image input does not insist on the mark of a file; a path without it must be checked all the same."""
    own = uploaded(server, "me.png", portrait.read_bytes()).json()[0]
    for given in ({"path": str(portrait)}, {"path": str(portrait), "meta": {}}, {"path": str(portrait), "meta": None}):
        assert NOT_YOURS in called(server, "plan", portrait=given)[1], "a picture of this machine was read"
        assert NOT_YOURS in called(server, "plan", portrait=a_file(own), speech=given)[1]
    assert "Give speech" in called(server, "plan", portrait={"path": own})[1]
    assert MISFIT in called(server, "plan", portrait=a_file(own), speech=7)[1]


def test_the_server_fetches_nothing(server: Server, portrait: Path, trap: tuple[int, list[Any]]) -> None:
    """Addresses in place of files: nobody is called, inside the network or outside."""
    port, calls = trap
    own = uploaded(server, "me.png", portrait.read_bytes()).json()[0]
    inside = f"http://127.0.0.1:{port}/x.png"
    for address in (inside, f"http://localhost:{port}/x.png", f"http://[::ffff:127.0.0.1]:{port}/x.png",
                    f"http://0.0.0.0:{port}/x.png", f"http://2130706433:{port}/x.png",
                    "http://169.254.169.254/latest/meta-data/", f"ftp://127.0.0.1:{port}/x"):  # fmt: skip
        for given in (a_file(address), a_file(own, url=address)):
            event, said = called(server, "plan", portrait=given, speech=a_file(address))
            assert event == "error" and NO_ADDRESSES in said, address
    time.sleep(0.5)
    assert calls == []
    for route in (f"gradio_api/proxy={inside}", f"proxy={inside}", f"gradio_api/file={inside}"):
        answer = httpx.get(server.url + route, timeout=60, follow_redirects=False)
        assert (answer.status_code, answer.text) == (403, NO_ADDRESSES)
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
    for shown in (messages.error(hostile), messages.note(hostile), messages.good(hostile, [hostile])):
        assert "<script" not in shown and "<img" not in shown and "&lt;script" in shown
