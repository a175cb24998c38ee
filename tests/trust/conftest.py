"""What every test of trust shares: a folder that must stay clean, a clock, and what a sentence for people is."""

from __future__ import annotations

import faulthandler
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moda import TalkingHead
from moda.errors import UserError
from moda.portrait.portrait import Portrait
from tests.trust.serving import Server, serving

HANG_SECONDS = 30.0
"""No case may take longer on a machine of its own; decoders stop themselves long before."""


@dataclass
class Judge:
    """Runs cases one at a time and holds each to the promise: success or one sentence, in time, nothing left."""

    root: Path
    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    sentences: set[str] = field(default_factory=set)

    def run(self, work: Callable[[Path], Any]) -> Any:
        """`work` gets an empty folder to put its input into; what it returns, or None where it was refused."""
        folder, temporary = self.root / "case", self.root / "tmp"
        folder.mkdir()
        temporary.mkdir(exist_ok=True)
        before = open_files()
        started = time.monotonic()
        faulthandler.dump_traceback_later(10 * HANG_SECONDS, exit=True)
        try:
            result = work(folder)
        except UserError as error:
            result = None
            self.refused += 1
            check_sentence(str(error), self.root)
            self.sentences.add(type(error).__name__)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.cases += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
            inputs = sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))
            left = sorted(p.name for p in temporary.iterdir())
            shutil.rmtree(folder)
        limit = HANG_SECONDS * slowness()
        assert self.slowest < limit, f"a case took {self.slowest:.1f} s"
        assert left == [], f"left in the temporary folder: {left}"
        assert all(name.startswith("in") for name in inputs), f"left beside the input: {inputs}"
        assert open_files() <= before + 1, "a file was left open"
        return result


def check_sentence(text: str, root: Path | None = None, longest: int = 600) -> None:
    """One clear line for a person: no traceback, no folder of this machine, no control characters."""
    assert text.strip() and len(text) <= longest, text
    assert text == text.strip() and text[-1] in ".?!", text
    assert "Traceback" not in text and "object at 0x" not in text, text
    assert all(letter.isprintable() for letter in text), ascii(text)
    if root is not None:
        assert str(root) not in text, text


def slowness() -> float:
    """How much longer than on a machine of its own things may take, while others work on it too."""
    return max(1.0, os.getloadavg()[0] / max(1, os.cpu_count() or 1)) if hasattr(os, "getloadavg") else 1.0


def open_files() -> int:
    """How many file descriptors this process holds (0 where the system does not say)."""
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    """A judge whose cases see an empty temporary folder of their own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    yield Judge(tmp_path)


#: Small, so that a handful of clients fills it.
QUEUE = 4


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio in a process of its own, shared by all tests that talk to one."""
    with serving(tmp_path_factory.mktemp("server"), MODA_MAX_QUEUE=str(QUEUE)) as running:
        yield running


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public-domain portrait as a file."""
    from PIL import Image
    from skimage import data

    path = tmp_path_factory.mktemp("portrait") / "me.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture(scope="session")
def head() -> TalkingHead:
    """What ships."""
    return TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")


@pytest.fixture(scope="session")
def face(head: TalkingHead, portrait: Path) -> Portrait:
    return head.portrait(portrait)


@pytest.fixture(scope="module")
def trap() -> Iterator[tuple[int, list[Any]]]:
    """A server on this machine that nobody is to call: its port, and who did."""
    calls: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                calls.append(caller)
                caller.close()

        threading.Thread(target=listen, daemon=True).start()
        yield listener.getsockname()[1], calls
