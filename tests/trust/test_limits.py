"""Every limit, one by one: going beyond it is answered by one sentence; docs/SECURITY.md lists it with its default."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from moda import Settings, TalkingHead, policy
from moda.errors import BadPicture, BadSetting, BadSpeech, BadText, Busy, OutOfMemory, UserError
from moda.media.audio import Speech
from moda.media.output import write_wav
from moda.motion.takes import Take
from moda.portrait.portrait import Portrait
from moda.renderer.mesh.renderer import MeshRenderer
from moda.settings import Limits
from moda.studio.service import Engine
from moda.studio.sessions import Session, Visitors, bytes_below
from tests.trust import material
from tests.trust.conftest import check_sentence
from tests.trust.serving import REPOSITORY, free_port, parameters

CASES: list[tuple[str, float, type[UserError], str]] = [
    ("max_portrait_bytes", 5_000, BadPicture, "larger than 0 MB"),
    ("max_portrait_pixels", 10_000, BadPicture, "megapixels"),
    ("max_speech_bytes", 5_000, BadSpeech, "limit is 0 MB"),
    ("max_speech_seconds", 0.5, BadSpeech, "limit is"),
    ("max_text", 5, BadText, "limit is 5"),
    ("max_takes", 2, BadSetting, "1 to 2 takes, not 3"),
    ("max_size", 300, BadSetting, "at most 300 pixels high, not 512"),
    ("max_disk_bytes", 1_000, Busy, "working space is full"),
]
OVER_HTTP = {"max_queue", "max_request_seconds", "max_request_bytes"}
"""Those that only a served studio knows; below, and in test_guard.py."""


@pytest.fixture(scope="module")
def sound() -> Speech:
    wave = np.random.default_rng(3).normal(0, 0.05, 16_000).astype(np.float32)
    return Speech.of(wave)


@pytest.fixture(scope="module")
def take(sound: Speech) -> Take:
    motion = material.motion(sound.frames())
    return Take(motion, motion, Settings(size=256), "moda-lite")


@pytest.mark.parametrize(("name", "value", "fault", "said"), CASES)
def test_each_limit_has_a_sentence(
    name: str, value: float, fault: type[UserError], said: str, head: TalkingHead, face: Portrait, portrait: Path,
    sound: Speech, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Set by its environment variable, asked for through what the page calls."""
    from moda.media.speak import speak

    monkeypatch.setenv(f"MODA_{name.upper()}", str(value))
    engine = Engine(model="moda-lite", renderer="mesh", device="cpu", root=tmp_path)
    assert getattr(engine.limits, name) == value
    bound = replace(head, limits=engine.limits)
    session = Session(tmp_path)
    wave = write_wav(sound, tmp_path / "speech.wav")

    def fill() -> None:
        session.path("take.npz").write_bytes(bytes(2_000))
        engine.visitors.begin("somebody", "plan")

    beyond: dict[str, Callable[[], Any]] = {
        "max_portrait_bytes": lambda: engine.open_portrait(session, str(portrait)),
        "max_portrait_pixels": lambda: engine.open_portrait(session, str(portrait)),
        "max_speech_bytes": lambda: engine.open_speech(session, str(wave)),
        "max_speech_seconds": lambda: engine.open_speech(session, str(wave)),
        "max_text": lambda: speak("Hello there.", "en-us+f2", offline=True, max_text=engine.limits.max_text),
        "max_takes": lambda: bound.plan_takes(face, sound, Settings(steps=1), 3),
        "max_size": lambda: bound.render(
            face, replace(take, settings=take.settings.changed(size=512)), sound, tmp_path / "out.mp4"
        ),
        "max_disk_bytes": fill,
    }
    with pytest.raises(fault, match=said) as caught:
        beyond[name]()
    check_sentence(str(caught.value), tmp_path)
    assert not (tmp_path / "out.mp4").exists()


def test_the_disk_is_counted_while_files_come_and_go(tmp_path: Path) -> None:
    """Visitors leave at any moment; whoever asks just then must not pay for it."""
    visitors = Visitors(tmp_path, 60.0, 10**9)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            sessions = [Session(tmp_path) for _ in range(8)]
            for session in sessions:
                session.path("take.npz").write_bytes(b"x")
            for session in sessions:
                session.discard()

    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    for one in others:
        one.start()
    try:
        for _ in range(300):
            visitors.end(visitors.begin("me", "plan"))
    finally:
        stop.set()
        for one in others:
            one.join()
    folder = Session(tmp_path).path("comparison")
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "grid.mp4").write_bytes(bytes(123))
    assert bytes_below(tmp_path) == 123 and bytes_below(tmp_path, since=time.time() + 60) == 0


def test_no_limit_is_without_a_case() -> None:
    assert {name for name, *_ in CASES} | OVER_HTTP == {f.name for f in fields(Limits)}


def test_every_limit_is_documented_with_its_default() -> None:
    text = (REPOSITORY / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(MODA_MAX_\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert set(rows) == {f"MODA_{f.name.upper()}" for f in fields(Limits)}
    scale = {"KB": 1024, "MB": 1024**2, "GB": 1024**3, "million": 10**6}
    for f in fields(Limits):
        number, _, unit = rows[f"MODA_{f.name.upper()}"].strip().partition(" ")
        assert float(number) * scale.get(unit, 1) == f.default, f.name


class Held:
    """An operator's function that keeps the one heavy place busy until it is told to go on."""

    def __init__(self) -> None:
        self.came, self.go = threading.Event(), threading.Event()

    def refuse(self, asked: policy.Asked) -> None:
        self.came.set()
        assert self.go.wait(120)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Named by MODA_REFUSE like any other function of an operator's."""
    hold = Held()
    policy._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "held_by_the_test", hold)  # type: ignore[misc]
    monkeypatch.setenv("MODA_REFUSE", "held_by_the_test:refuse")
    yield hold
    hold.go.set()
    policy._loaded.cache_clear()


def test_the_queue_and_the_clock_of_a_request(
    held: Held, portrait: Path, sound: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One works, one waits, the next is told so; and what takes longer than it may ends with a sentence."""
    from moda.studio.page import build

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MODA_MAX_QUEUE", "1")
    monkeypatch.setenv("MODA_MAX_REQUEST_SECONDS", "0.01")
    page = build(Engine(model="moda-lite", renderer="mesh", device="cpu"))
    _, address, _ = page.launch(server_port=free_port(), quiet=True, prevent_thread_lock=True, inbrowser=False)
    try:

        def upload(path: Path) -> dict[str, Any]:
            sent = httpx.post(
                f"{address}gradio_api/upload", files={"files": (path.name, path.read_bytes())}, timeout=60
            )
            return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}

        given = {**parameters(address, "plan"), "portrait": upload(portrait), "consent": True, "steps": 1,
                 "speech": upload(write_wav(sound, tmp_path / "a.wav"))}  # fmt: skip

        def call() -> httpx.Response:
            return httpx.post(f"{address}gradio_api/call/plan", json={"data": list(given.values())}, timeout=60)

        first = call()
        assert held.came.wait(120)
        second, third = call(), call()
        assert (first.status_code, second.status_code, third.status_code) == (200, 200, 503)
        assert "Queue is full" in third.text  # the page and the client library say: busy, please try again
        held.go.set()
        for one in (first, second):
            told = httpx.get(f"{address}gradio_api/call/plan/{one.json()['event_id']}", timeout=300).text
            assert "event: error" in told and "This took longer than one request may" in told, told
        assert not list((tmp_path / "cache").rglob("*.npz"))
    finally:
        page.close(verbose=False)


class Greedy(MeshRenderer):
    """Asks for more memory than there is, after the first frame."""

    def frames(self, *arguments: Any, **options: Any) -> Iterator[np.ndarray]:
        yield next(iter(super().frames(*arguments, **options)))
        yield np.empty((1 << 50, 1 << 8, 3), np.uint8)


def test_too_little_memory_is_one_sentence_and_leaves_nothing(
    head: TalkingHead, face: Portrait, sound: Speech, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = replace(head, renderer=Greedy())
    with pytest.raises(OutOfMemory, match="too little free memory") as caught:
        greedy.render(face, take, sound, tmp_path / "out.mp4")
    check_sentence(str(caught.value))
    assert list(tmp_path.iterdir()) == []

    def scarce(*_: Any) -> None:  # what PyTorch raises when a GPU is full; this machine may have none
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(head.model, "features", scarce)
    with pytest.raises(OutOfMemory, match="device cpu"):
        head.plan(face, sound, Settings(steps=1))
