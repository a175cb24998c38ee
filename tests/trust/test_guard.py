"""No address given by a stranger is ever looked up or called, and no body grows past its bound.

The studio is served by this process, so that an audit hook sees every look-up and every connection it attempts;
what leads off this machine is refused there, and a plain Gradio page shows that the watch would have seen it.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import gradio as gr
import httpx
import pytest

from moda.studio.page import launch
from moda.studio.security import FULL, NO_ADDRESSES, checked, is_address
from moda.studio.service import Engine
from tests.trust.serving import free_port, parameters

OUTSIDE = ("http://portraits.example/me.png", "https://portraits.example/me.png", "http://93.184.216.34/me.png",
           "HTTP://portraits.example/me.png", " http://portraits.example/me.png", "https://huggingface.co/me.png",
           "ftp://portraits.example/me.png")  # fmt: skip


class Watch:
    """Sees every name that is looked up and every address that is called while it is on, and lets nothing out."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.on = False
        self.trap = 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event not in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
            return
        place = arguments[1] if event == "socket.connect" else arguments
        host, port = (place[0], place[1] if len(place) > 1 else 0) if isinstance(place, tuple) else (place, 0)
        host = host.decode() if isinstance(host, bytes) else str(host)
        if host in ("127.0.0.1", "localhost", "None") and port != self.trap:
            return
        self.seen.append((event, f"{host}:{port}"))
        raise OSError("nothing leaves this machine")

    @contextmanager
    def watching(self, trap: int) -> Iterator[list[tuple[str, str]]]:
        self.seen.clear()
        self.on, self.trap = True, trap
        try:
            yield self.seen
        finally:
            self.on = False


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()  # a hook of the interpreter stays for good, so there is one


class Cold(Engine):
    """An engine that loads nothing before somebody asks."""

    def warm_up(self) -> None:
        """Nothing: these calls end before a model is needed."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a studio in this process, with a small disk budget and small bodies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("cache")))
        for name, value in (("REQUEST_BYTES", "200000"), ("DISK_BYTES", "3000000"), ("SPEECH_BYTES", "2000000"),
                            ("PORTRAIT_BYTES", "1000000")):  # fmt: skip
            patch.setenv(f"MODA_MAX_{name}", value)
        app, address, _ = launch(port=free_port(), engine=Cold(), quiet=True, prevent_thread_lock=True, inbrowser=False)
        yield address
        app.get_blocks().close(verbose=False)


def picture(side: int = 64) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "grey").save(buffer, "png")
    return buffer.getvalue()


def upload(address: str, name: str = "me.png", data: bytes | None = None) -> httpx.Response:
    return httpx.post(f"{address}gradio_api/upload", files={"files": (name, data or picture())}, timeout=60)


def a_file(path: Any, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def finished(address: str, route: str, sent: httpx.Response) -> str:
    """The last line that a call says."""
    assert sent.status_code == 200, sent.text
    event = sent.json()["event_id"]
    lines = httpx.get(f"{address}{route}/{event}", timeout=120).text.split("\n")
    return [line for line in lines if line.strip()][-1].removeprefix("data: ")


def planned(address: str, portrait: Any, speech: Any) -> str:
    """What /plan says to these files, and nothing else given."""
    data = list(({**parameters(address, "plan"), "portrait": portrait, "speech": speech}).values())
    sent = httpx.post(f"{address}gradio_api/call/plan", json={"data": data}, timeout=60)
    return finished(address, "gradio_api/call/plan", sent)


def test_the_watch_sees_what_plain_gradio_would_fetch(watch: Watch, trap: tuple[int, list[Any]]) -> None:
    """Without our guard the same calls do reach for the address: the tests below can fail."""
    with gr.Blocks(analytics_enabled=False) as page:
        given, told = gr.File(), gr.Textbox()
        gr.Button().click(lambda file: str(file), given, told, api_name="take")
    _, address, _ = page.launch(server_port=free_port(), quiet=True, prevent_thread_lock=True, inbrowser=False)
    try:
        with watch.watching(trap[0]) as seen:
            sent = httpx.post(f"{address}gradio_api/call/take", json={"data": [a_file(OUTSIDE[0])]}, timeout=60)
            finished(address, "gradio_api/call/take", sent)
            assert ("socket.getaddrinfo", "portraits.example:None") in seen
            seen.clear()
            httpx.get(f"{address}gradio_api/file={OUTSIDE[0]}", timeout=60)
            assert ("socket.getaddrinfo", "portraits.example:None") in seen
    finally:
        page.close(verbose=False)


def test_addresses_in_place_of_uploads(studio: str, watch: Watch, trap: tuple[int, list[Any]]) -> None:
    own = upload(studio).json()[0]
    inside = [f"http://{host}:{trap[0]}/x.png" for host in
              ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433")]  # fmt: skip
    with watch.watching(trap[0]) as seen:
        for address in (*OUTSIDE, *inside, "http://169.254.169.254/latest/meta-data/"):
            bad = a_file(address)
            pairs = [(bad, None), (a_file(own), bad), (bad, a_file(own)), (a_file(own, url=address), bad),
                     (a_file(address, url=address), a_file(own)), (a_file(address, is_stream=True), None)]  # fmt: skip
            for first, second in pairs:
                assert NO_ADDRESSES in planned(studio, first, second), (address, first, second)
        # An address that only stands beside an upload of one's own is dropped, not fetched and not looked at.
        assert "Give speech" in planned(studio, a_file(own, url=OUTSIDE[0]), None)
        assert seen == [] and trap[1] == []


def test_every_way_into_the_queue(studio: str, watch: Watch, trap: tuple[int, list[Any]]) -> None:
    """The page's own events, the older and the newer routes, unusual headers: all meet the same check."""
    config = httpx.get(f"{studio}config", timeout=60).json()
    files = {c["id"] for c in config["components"] if c["type"] in ("image", "picturefile", "audio", "file", "video")}
    events = [d for d in config["dependencies"] if d["inputs"] and set(d["inputs"]) & files]
    assert len(events) >= 4
    hostile = a_file(OUTSIDE[0], url=OUTSIDE[0])
    with watch.watching(trap[0]) as seen:
        for event in events:
            data = [hostile if one in files else None for one in event["inputs"]]
            body = {"data": data, "fn_index": event["id"], "session_hash": f"visitor{event['id']}"}
            for headers in ({"content-type": "application/json"}, {"content-type": "application/json; charset=utf-8"}):
                httpx.post(f"{studio}gradio_api/queue/join", content=json.dumps(body), headers=headers, timeout=60)
            with httpx.stream("GET", f"{studio}gradio_api/queue/data", params={"session_hash": body["session_hash"]},
                              timeout=120) as stream:  # fmt: skip
                said = next((line for line in stream.iter_lines() if "process_completed" in line), "")
            assert NO_ADDRESSES in said, event
        for route, given in (("run", {"data": [hostile]}), ("api", {"data": [hostile]})):
            httpx.post(f"{studio}gradio_api/{route}/plan", json=given, timeout=60)
        named = httpx.post(
            f"{studio}gradio_api/call/v2/plan", json={"portrait": hostile, "speech": hostile}, timeout=60
        )
        assert NO_ADDRESSES in finished(studio, "gradio_api/call/plan", named)
        assert seen == [] and trap[1] == []


def test_routes_that_fetch(studio: str, watch: Watch, trap: tuple[int, list[Any]]) -> None:
    inside = f"http://127.0.0.1:{trap[0]}/x.png"
    with watch.watching(trap[0]) as seen:
        for address in (*OUTSIDE, inside):
            for shown in (address, quote(address, safe=""), quote(quote(address, safe=""), safe="")):
                for route in ("gradio_api/file=", "gradio_api/file/", "gradio_api/proxy=", "file=", "proxy="):
                    for method in ("GET", "HEAD"):
                        answer = httpx.request(method, studio + route + shown, timeout=60, follow_redirects=False)
                        assert answer.status_code == 403 and (method == "HEAD" or answer.text == NO_ADDRESSES)
        for route in ("runs", "run-history/buckets", "run-history/records"):  # would write and read hubs for strangers
            answer = httpx.get(f"{studio}gradio_api/{route}", headers={"authorization": "Bearer hf_x"}, timeout=60)
            assert answer.status_code == 404, (route, answer.text)
        assert seen == [] and trap[1] == []


def test_uploads_of_one_s_own_still_come_through(studio: str) -> None:
    """By path, under the address at which this server shows it, and as data in the request."""
    own = upload(studio).json()[0]
    shown = f"{studio}gradio_api/file={quote(own)}"
    assert httpx.get(shown, timeout=60).content == picture()
    inline = "data:image/png;base64," + base64.b64encode(picture()).decode()
    for given in (a_file(own), a_file(shown), a_file(own, url=shown), {"path": None, "url": inline, **a_file(None)}):
        assert "Give speech" in planned(studio, given, None), given
    assert "face" in planned(studio, {**a_file(None), "url": inline}, a_file(own)).lower()
    assert "damaged" in planned(studio, {**a_file(None), "url": "data:image/png;base64,!!"}, a_file(own))
    forged = f"{studio}gradio_api/file=/etc/passwd"
    said = planned(studio, a_file(forged), None)
    assert "root:" not in said and "Give speech" not in said


def test_bodies_and_uploads_have_an_end(studio: str) -> None:
    """Said beforehand or not: a body beyond the bound is refused; so are uploads that do not fit the disk budget."""
    large = json.dumps({"data": ["x" * 300_000]})
    kind = {"content-type": "application/json"}
    told = httpx.post(f"{studio}gradio_api/call/speak", content=large, headers=kind, timeout=60)
    assert told.status_code == 413 and "larger than 0 MB" in told.text
    unsaid = httpx.post(f"{studio}gradio_api/call/speak", content=iter([large.encode()]), headers=kind, timeout=60)
    assert unsaid.status_code == 413
    assert upload(studio, "long.wav", bytes(2_500_000)).status_code == 413
    answers = [upload(studio, f"{k}.wav", bytes([k]) * 900_000) for k in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 507] and answers[-1].text == FULL


@pytest.mark.parametrize("deep", [200, 5_000])
def test_nested_bodies_end_in_an_answer(deep: int, studio: str) -> None:
    body = '{"data": [' + '{"path": [' * deep + "]}" * deep + "]}"
    answer = httpx.post(f"{studio}gradio_api/call/speak", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 422) and "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("text", "found"),
    [("http://a", True), ("HTTPS://a", True), ("file:///etc", True), ("ftp:/a", True), ("http:\\\\a", True),
     ("C:\\me.png", False), ("C:/me.png", False), ("/tmp/a:b/c", False), ("me.png", False), ("", False), (None, False),
     ("data:image/png;base64,AA", False), (7, False)],
)  # fmt: skip
def test_what_an_address_is(text: Any, found: bool) -> None:
    assert is_address(text) is found


def test_only_file_values_are_changed() -> None:
    """A text that happens to be an address, say in a prompt, is a text."""
    given = ["http://a", {"value": "http://a"}, {"path": "/tmp/x.png", "url": "http://b/x", "size": 3}, None, 7]
    file = {"path": "/tmp/x.png", "url": None, "size": 3, "meta": {"_type": "gradio.FileData"}}
    assert checked(given) == ["http://a", {"value": "http://a"}, file, None, 7]
    assert given[2]["url"] == "http://b/x"  # type: ignore[index]
    hidden = {"path": "http://h/gradio_api/file=http%3A//evil/x"}
    for nested in ({"path": "http://a"}, [[{"k": {"path": "https://a"}}]], hidden):
        with pytest.raises(gr.Error):
            checked(nested)
