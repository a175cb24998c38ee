"""The WebSocket /live with a real client: the protocol, its limits, and many sessions at once."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from skimage import data
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from moda import TalkingHead
from moda.assets import asset
from moda.live.limits import LiveLimits
from moda.live.presence import FASTEST, turning_speed
from moda.live.sampling import sample_pieces
from moda.live.scheduler import CUTS, Scheduler
from moda.live.server import LiveServer, live_route
from moda.live.session import LiveSession
from moda.media.audio import load_speech
from moda.settings import Settings
from tests.pieces import read_piece


class Host:
    """One head and one opened portrait."""

    def __init__(self, head: TalkingHead) -> None:
        self.loaded, self.opened = head, head.portrait(data.astronaut())
        self.there, self.kept = True, []

    def head(self, model: str | None) -> TalkingHead:
        return self.loaded

    def portrait(self, name: str) -> Any:
        return self.opened if name == "astronaut" and self.there else None

    def recorded(self, name: str, take: Any, sound: Any) -> bool:
        self.kept.append((name, take, sound))
        return True


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu"))


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return np.asarray(load_speech(str(asset("examples/welcome.wav"))).waveform[:32_000], np.float32)


@pytest.fixture
def client(host: Host) -> Iterator[TestClient]:
    limits = LiveLimits(
        live_sessions=2, live_seconds=60.0, live_silent_seconds=3.0, live_backlog_seconds=10.0,
        live_patience_seconds=1e9,
    )  # fmt: skip
    with TestClient(Starlette(routes=[live_route(host, limits)])) as client:
        yield client


START = {"type": "start", "portrait": "astronaut", "consent": True, "settings": {"seed": 3}}


def pcm(sound: np.ndarray) -> bytes:
    return (sound * 32767).astype("<i2").tobytes()


def begin(socket: Any, **changes: Any) -> dict[str, Any]:
    socket.send_text(json.dumps({**START, **changes}))
    return dict(socket.receive_json())


def until(socket: Any, kind: str) -> tuple[list[tuple[int, np.ndarray]], dict[str, Any]]:
    """Motion pieces up to a JSON message of this type."""
    pieces = []
    while True:
        received = socket.receive()
        if received.get("bytes") is not None:
            pieces.append(read_piece(received["bytes"]))
            continue
        message = json.loads(received["text"])
        assert message["type"] in (kind, "interrupted"), message
        if message["type"] == kind:
            return pieces, message


def test_speech_in_motion_out(
    client: TestClient, host: Host, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moda.live.scheduler.CUTS", CUTS[:1])  # a loaded machine would cut longer pieces
    with client.websocket_connect("/live") as socket:
        told = begin(socket)
        assert told["type"] == "ready" and told["fps"] == 25 and told["lookahead_ms"] == 146
        assert len(told["reference"]) == 70 and len(told["neutral"]) == 63
        for at in range(0, len(sound), 1600):
            socket.send_bytes(pcm(sound[at : at + 1600]))
        socket.send_json({"type": "flush"})
        pieces, last = until(socket, "flushed")
    firsts = [first for first, _ in pieces]
    assert firsts == list(np.cumsum([0, *(len(array) for _, array in pieces)])[:-1])
    motion = np.concatenate([array for _, array in pieces])
    assert len(motion) == last["frames"] == 50
    live = host.loaded.live(host.opened, Settings(seed=3))
    own = np.concatenate(
        [live.push((sound * 32767).astype("<i2").astype(np.float32) / 32768).array, live.flush().array]
    )
    assert np.abs(motion - own).max() < 0.05  # float16, and degrees up to tens


def test_an_interrupt_leaves_nothing_of_the_sound(client: TestClient, sound: np.ndarray) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket)
        for _ in range(3):
            socket.send_bytes(pcm(sound[:30_000]))
        socket.send_json({"type": "interrupt"})
        pieces, told = until(socket, "interrupted")
        assert told["frame"] < 60  # of 140
        socket.send_json({"type": "idle", "frames": 10})
        socket.send_json({"type": "flush"})
        more, _ = until(socket, "flushed")
    assert sum(len(array) for _, array in more) == 10
    motion = np.concatenate([array for _, array in [*pieces, *more]])
    assert turning_speed(motion).max() < FASTEST + 2  # float16


def test_a_picture_in_the_message(client: TestClient) -> None:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(data.astronaut()).save(held, "JPEG")
    url = "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()
    with client.websocket_connect("/live") as socket:
        assert begin(socket, portrait=url)["type"] == "ready"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"consent": False}, "consent"),
        ({"portrait": "nobody"}, "not open here"),
        ({"portrait": 5}, "Name the portrait"),
        ({"portrait": "data:image/png;base64,@@"}, "base64 is damaged"),
        ({"portrait": "data:image/png;base64,AAAA"}, "picture"),
        ({"settings": {"steps": "many"}}, "steps must be"),
        ({"settings": {"nonsense": 1}}, "no setting called"),
        ({"settings": []}, "settings must be an object"),
        ({"settings": {"preset": "reference"}}, "preset studio"),
        ({"type": "go"}, "type start"),
        ({"realtime": "yes"}, "realtime must be true or false"),
        ({"sample_rate": 48_000}, "16 kHz"),
    ],
)
def test_a_bad_start_is_one_sentence(client: TestClient, changes: dict[str, Any], says: str) -> None:
    with client.websocket_connect("/live") as socket:
        told = begin(socket, **changes)
        assert told["type"] == "error" and says in told["message"] and "\n" not in told["message"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 1008


@pytest.mark.parametrize(
    ("send", "says"),
    [
        (lambda s: s.send_bytes(b"odd"), "whole 16-bit samples"),
        (lambda s: s.send_bytes(bytes(70_000)), "65,536 bytes"),
        (lambda s: s.send_text("hello"), "JSON objects"),
        (lambda s: s.send_json({"type": "dance"}), "type settings or"),
        (lambda s: s.send_json({"type": "heard", "pcm": "%%"}), "16-bit samples as base64"),
        (lambda s: s.send_text('{"type": "idle", "frames": ' + "9" * 5000 + "}"), "JSON objects"),
        (lambda s: [s.send_bytes(bytes(64_000)) for _ in range(9)], "faster than it can be spoken"),
        (lambda s: None, "Nothing came for too long"),
    ],
)
def test_what_breaks_a_limit_ends_the_session_with_one_sentence(client: TestClient, send: Any, says: str) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket)
        send(socket)
        while True:
            received = socket.receive()
            if received.get("text"):
                told = json.loads(received["text"])
                break
        assert told["type"] == "error" and says in told["message"]


def test_a_wrong_setting_ends_nothing(client: TestClient) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket)
        socket.send_json({"type": "settings", "head_motion": 99})
        assert "head_motion must be" in socket.receive_json()["message"]
        socket.send_json({"type": "settings", "emotion": "happy"})
        socket.send_json({"type": "idle", "frames": 4})
        assert read_piece(socket.receive_bytes())[0] == 0


def test_a_full_house_says_how_long_to_wait_and_places_come_back(client: TestClient) -> None:
    with client.websocket_connect("/live") as one, client.websocket_connect("/live") as two:
        begin(one)
        begin(two)
        with client.websocket_connect("/live") as three:
            told = begin(three)
            assert told["type"] == "busy" and 0 < told["wait"] <= 60 and "places are taken" in told["message"]
    with client.websocket_connect("/live") as again:
        assert begin(again)["type"] == "ready"


def test_a_portrait_that_leaves_ends_its_session_with_one_sentence(client: TestClient, host: Host) -> None:
    with client.websocket_connect("/live") as socket, client.websocket_connect("/live") as other:
        assert [begin(one)["type"] for one in (socket, other)] == ["ready", "ready"]
        host.there = False
        try:
            for _ in range(12):
                socket.send_bytes(bytes(5120))
            while (received := socket.receive()).get("text") is None:
                pass
            assert "taken away" in json.loads(received["text"])["message"]
        finally:
            host.there = True
        other.send_json({"type": "idle", "frames": 3})
        received = other.receive()
        assert "bytes" in received, received


class SlowMachine:
    """A clock that is so many seconds further after every batch of the network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr("moda.live.scheduler.sample_pieces", self.sample)

    def __call__(self) -> float:
        return self.now + time.monotonic()

    def sample(self, network: Any, streams: Any) -> Any:
        self.now += self.seconds
        return sample_pieces(network, streams)


@pytest.mark.parametrize("realtime", [True, False])
def test_a_machine_that_is_too_slow_leaves_speech_out_rather_than_lag(
    host: Host, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch, realtime: bool
) -> None:
    """Four seconds of sound, and twice as much work for a piece of the longest as it lasts."""
    machine = SlowMachine(monkeypatch, 0.8)
    limits = LiveLimits(live_silent_seconds=20.0)
    server = LiveServer(host, limits, machine)
    monkeypatch.setattr("moda.live.scheduler.MEMORY", 0.0)
    application = Starlette(routes=[WebSocketRoute("/live", server.connect)])
    with TestClient(application) as client, client.websocket_connect("/live") as socket:
        begin(socket, realtime=realtime)
        for at in range(0, 64_000, 1600):
            socket.send_bytes(pcm(sound[at % 32_000 : at % 32_000 + 1600]))
        socket.send_json({"type": "flush"})
        expected, gaps, gone, speeds, before = 0, {}, 0, [], None
        while True:
            received = socket.receive()
            if received.get("bytes") is not None:
                first, motion = read_piece(received["bytes"])
                while expected in gaps:
                    expected += gaps.pop(expected)
                assert first == expected
                expected += len(motion)
                speeds.append(turning_speed(motion if before is None else np.vstack([before, motion])))
                before = motion[-1:]
                continue
            told = json.loads(received["text"])
            if told["type"] == "flushed":
                break
            assert told["type"] == "skipped" and "left out" in told["message"]
            assert told["frame"] >= expected
            gaps[told["frame"]] = told["frames"]
            gone += told["frames"]
    expected += gaps.pop(expected, 0)  # the end may be missing, too
    assert (
        not gaps and told["frames"] == expected == 100 and told["sample"] >= 64_000
    )  # numbers go on as the sound does
    assert 20 < gone < 100
    assert np.concatenate([speed for speed in speeds if len(speed)]).max() < FASTEST + 2  # float16


def test_where_the_machine_is_full_nobody_else_comes_in(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moda.live.scheduler.COST", 0.02)
    monkeypatch.setattr("moda.live.scheduler.MEMORY", 0.0)
    with client.websocket_connect("/live") as one:
        assert begin(one)["type"] == "ready"  # somebody alone is always served
        with client.websocket_connect("/live") as two:
            told = begin(two)
            assert told["type"] == "busy" and 0 < told["wait"] <= 60 and "1 live places are taken" in told["message"]
        one.send_json({"type": "idle", "frames": 3})
        assert read_piece(one.receive_bytes())[0] == 0


def test_two_hundred_interrupts_at_random(client: TestClient, sound: np.ndarray) -> None:
    """Some in the middle of a piece, some two at once, some before anything came: numbers go on, and nothing jumps."""
    rng, expected, motion = np.random.default_rng(4), 0, []
    with client.websocket_connect("/live") as socket:
        begin(socket, realtime=True)
        for _ in range(200):
            at = int(rng.integers(0, len(sound) - 4000))
            size = int(rng.integers(0, 4000))
            for start in range(at, at + size, 640):
                socket.send_bytes(pcm(sound[start : min(start + 640, at + size)]))
            socket.send_json({"type": "interrupt"})
            pieces, told = until(socket, "interrupted")
            for first, array in pieces:
                assert first == expected
                expected += len(array)
                motion.append(array)
            assert told["frame"] == expected
        socket.send_json({"type": "idle", "frames": 10})
        socket.send_json({"type": "flush"})
        pieces, told = until(socket, "flushed")
    shown = np.concatenate([*motion, *(array for _, array in pieces)])
    assert len(shown) == told["frames"] >= expected + 10 > 200  # what was silenced takes its time
    assert np.isfinite(shown).all() and turning_speed(shown).max() < FASTEST + 2  # float16


@pytest.mark.parametrize("realtime", [True, False])
def test_what_is_sent_behind_an_interrupt_has_its_place(client: TestClient, sound: np.ndarray, realtime: bool) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket, realtime=realtime)
        for _ in range(3):
            for at in range(0, 12_000, 1200):
                socket.send_bytes(pcm(sound[at : at + 1200]))
            socket.send_json({"type": "interrupt"})
        places = [until(socket, "interrupted")[1]["sample"] for _ in range(3)]
    if realtime:  # a clock: what is forgotten takes its time all the same
        assert places == [12_000, 24_000, 36_000]
    else:
        assert all(0 <= after - before <= 12_000 for before, after in zip([0, *places], places))


def test_a_recording_reaches_the_application(client: TestClient, host: Host, sound: np.ndarray) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket)
        socket.send_json({"type": "record", "on": True})
        for at in range(0, len(sound), 1600):
            socket.send_bytes(pcm(sound[at : at + 1600]))
        socket.send_json({"type": "flush"})
        pieces, _ = until(socket, "flushed")
        socket.send_json({"type": "record", "on": False})
        told = socket.receive_json()
        socket.send_json({"type": "record", "on": False})
        assert "Nothing was recorded" in socket.receive_json()["message"]
    name, take, heard = host.kept.pop()
    assert told == {"type": "recorded", "frames": 50} and name == "astronaut" and len(heard) == 32_000
    assert np.abs(np.concatenate([array for _, array in pieces]) - take.motion.array).max() < 0.05
    assert np.abs(heard - sound).max() < 1e-3


def test_an_assistant_speaks_through_a_session_and_hears_the_visitor(client: TestClient, sound: np.ndarray) -> None:
    with client.websocket_connect("/live") as page, client.websocket_connect("/live") as assistant:
        key = begin(page)["key"]
        assistant.send_json({"type": "join", "key": key})
        assert assistant.receive_json()["type"] == "joined"
        with client.websocket_connect("/live") as second:  # it needs no place, but the session has one voice
            second.send_json({"type": "join", "key": key})
            assert "Another assistant" in second.receive_json()["message"]
        page.send_json({"type": "heard", "pcm": base64.b64encode(pcm(sound[:800])).decode()})
        assert assistant.receive_bytes() == pcm(sound[:800])
        assistant.send_bytes(pcm(sound))
        page.send_json({"type": "settings", "emotion": "happy"})  # time for the sound to arrive
        said, places = [], []
        while sum(map(len, said)) < len(pcm(sound)):
            page.send_bytes(bytes(1280))
            while (received := page.receive()).get("text") is None:
                pass
            message = json.loads(received["text"])
            assert message["type"] == "sound"
            said.append(base64.b64decode(message["pcm"]))
            places.append(message["at"])
        assert b"".join(said) == pcm(sound)
        assert np.array_equal(np.diff(places), [len(piece) // 2 for piece in said[:-1]])
        assistant.send_bytes(pcm(sound))
        page.send_json({"type": "interrupt"})
        while assistant.receive_json() != {"type": "interrupted"}:
            pass
        page.close()
        assert assistant.receive_json() == {"type": "left"}


def test_what_an_assistant_said_before_it_left_is_said_to_its_end(client: TestClient, sound: np.ndarray) -> None:
    with client.websocket_connect("/live") as page:
        key = begin(page)["key"]
        with client.websocket_connect("/live") as assistant:
            assistant.send_json({"type": "join", "key": key})
            assert assistant.receive_json()["type"] == "joined"
            assistant.send_bytes(pcm(sound[:3200]))
            assistant.send_json({"type": "stop"})
            assert assistant.receive()["type"] == "websocket.close"
        said = b""
        while len(said) < 6400:
            page.send_bytes(bytes(1280))
            received = page.receive()
            said += base64.b64decode(json.loads(received["text"])["pcm"]) if received.get("text") else b""
        assert said == pcm(sound[:3200])


@pytest.mark.parametrize(
    ("message", "says"),
    [({"type": "join", "key": "guessed"}, "No session has this key"), ({"type": "join"}, "No session has this key")],
)
def test_nobody_joins_without_the_key(client: TestClient, message: dict[str, Any], says: str) -> None:
    with client.websocket_connect("/live") as socket:
        socket.send_json(message)
        assert says in socket.receive_json()["message"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "listen"}, "listen needs speaking"),
        ({"type": "record", "on": 1}, "record needs on"),
        ({"type": "idle", "frames": "many"}, "whole number"),
        ({"type": "idle", "frames": 10**9}, "0 to 1500"),
        ({"type": "settings", "seed": 3}, "seed cannot change"),
    ],
)
def test_a_wrong_message_ends_nothing(client: TestClient, message: dict[str, Any], says: str) -> None:
    with client.websocket_connect("/live") as socket:
        begin(socket)
        socket.send_json(message)
        assert says in socket.receive_json()["message"]
        socket.send_json({"type": "idle", "frames": 2})
        assert read_piece(socket.receive_bytes())[0] == 0


def test_pages_of_other_servers_are_refused(client: TestClient) -> None:
    with client.websocket_connect("/live", headers={"origin": "https://elsewhere.example"}) as socket:
        assert "own page" in socket.receive_json()["message"]
    with client.websocket_connect("/live", headers={"origin": "http://testserver"}) as socket:
        assert begin(socket)["type"] == "ready"


def test_sixteen_sessions_share_the_model(host: Host, sound: np.ndarray) -> None:
    """A short soak: all get every frame of their own, as if they were alone."""
    scheduler = Scheduler(host.loaded.model)  # type: ignore[arg-type]
    start = host.loaded.model.start(host.opened)  # type: ignore[union-attr]
    made: dict[int, np.ndarray] = {}

    def talk(seed: int) -> None:
        live = LiveSession(host.loaded.model, start, Settings(seed=seed), scheduler, CUTS[-2])  # type: ignore[arg-type]
        parts = [live.push(sound[at : at + 3200]).array for at in range(0, 16_000, 3200)]
        made[seed] = np.concatenate([*parts, live.flush().array])

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    scheduler.close()
    assert sorted(made) == list(range(16)) and {len(motion) for motion in made.values()} == {25}
    alone = LiveSession(host.loaded.model, start, Settings(seed=4), cut=CUTS[-2])  # type: ignore[arg-type]
    parts = [alone.push(sound[at : at + 3200]).array for at in range(0, 16_000, 3200)]
    assert np.abs(np.concatenate([*parts, alone.flush().array]) - made[4]).max() < 1e-2


def test_a_fault_of_one_batch_reaches_those_who_asked_and_nobody_else(host: Host) -> None:
    scheduler = Scheduler(host.loaded.model)  # type: ignore[arg-type]
    start = host.loaded.model.start(host.opened)  # type: ignore[union-attr]
    broken = LiveSession(host.loaded.model, start, Settings(), scheduler)  # type: ignore[arg-type]
    broken.stream.identity = broken.stream.identity[:5]
    with pytest.raises(RuntimeError):
        broken.idle(3)
    assert len(LiveSession(host.loaded.model, start, Settings(), scheduler).idle(3)) == 3  # type: ignore[arg-type]
    scheduler.close()
