"""Where pip takes PyTorch from: the CPU index where it answers and no NVIDIA GPU is there, else PyPI; it says which."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import torch_index

REPOSITORY = Path(__file__).resolve().parents[2]
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


class Index(ThreadingHTTPServer):
    """A stand-in for PyTorch's CPU index: one page that lists one wheel."""

    version = torch_index.pinned()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/whl/cpu"


class Page(BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        found = self.path == "/whl/cpu/torch/"
        wheel = f"torch-{self.server.version}%2Bcpu-{TAG}-{TAG}-manylinux_2_28_x86_64.whl"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(f'<a href="/{wheel}#sha256=00">torch</a>'.encode() if found else b"")


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    server = Index(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MODA_TORCH_INDEX", server.address)
    yield server
    server.shutdown()
    server.server_close()


def test_the_cpu_index_is_taken_where_it_answers(index: Index) -> None:
    options, why = torch_index.choose("linux", gpu=False)
    assert options == ["--extra-index-url", index.address]
    assert "for the CPU" in why and torch_index.pinned() in why


def test_pypi_is_taken_where_there_is_a_gpu_or_another_system(index: Index) -> None:
    assert torch_index.choose("linux", gpu=True)[0] == []
    assert torch_index.choose("win32", gpu=False)[0] == [] == torch_index.choose("darwin", gpu=False)[0]


def test_an_index_without_the_pinned_version_is_not_taken(index: Index) -> None:
    index.version = "2.1.0"
    options, why = torch_index.choose("linux", gpu=False)
    assert options == [] and "does not offer" in why


def test_an_index_that_does_not_answer_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for nobody in ("http://127.0.0.1:9/whl/cpu", "not an address", "file:///gone"):
        monkeypatch.setenv("MODA_TORCH_INDEX", nobody)
        assert torch_index.choose("linux", gpu=False)[0] == []


def test_the_options_go_to_stdout_and_the_reason_to_stderr(index: Index) -> None:
    done = subprocess.run(
        [sys.executable, "tools/torch_index.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stderr.count("\n") == 1 and "PyTorch" in done.stderr
    assert done.stdout.split() in ([], ["--extra-index-url", index.address])
