"""Weights are found, fetched, resumed or refused; a small server stands in for the hub, the client is the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from moda.errors import BadSetting, BadWeights, WeightsMissing
from moda.models import registry as models
from moda.models import weights
from moda.models.weights import WeightFile

CONTENT = bytes(range(256)) * 50_000  # the client writes blocks of 10 MB, and resumes after the last whole one
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = weights.Repository("someone/model")


class Hub(ThreadingHTTPServer):
    """Serves one file, and misbehaves on request."""

    def __init__(self) -> None:
        self.break_after: int | None = None
        self.refuse: tuple[int, str] | None = None
        self.ranges: list[str | None] = []
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _head(self, status: int, length: int, **more: str) -> None:
        self.send_response(status)
        for name, value in {
            "ETag": '"aaaabbbbccccddddaaaabbbbccccddddaaaabbbb"',
            "X-Repo-Commit": COMMIT,
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def do_HEAD(self) -> None:
        if self.server.refuse is not None:
            status, code = self.server.refuse
            self._head(status, 0, X_Error_Code=code, X_Error_Message="no")
        else:
            self._head(200, len(CONTENT))

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        if "/resolve/" in self.path:  # the client also asks for things of its own
            self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        rest = CONTENT[start:]
        more = {"Content_Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
        self._head(206 if start else 200, len(rest), **more)
        cut, self.server.break_after = self.server.break_after, None
        self.wfile.write(rest if cut is None else rest[:cut])
        if cut is not None:
            self.connection.close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    # The client reads this when it is first imported, which may have been in a test without a network.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    monkeypatch.delenv(weights.REVISION_VARIABLE, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def file() -> weights.WeightFile:
    return weights.WeightFile(REPOSITORY, "deep/down/net.bin", len(CONTENT))


def test_download_then_cache(hub: Hub, file: WeightFile) -> None:
    assert weights.find(file) is None
    path = weights.fetch(file)
    assert path.read_bytes() == CONTENT
    assert weights.find(file) == path
    asked = len(hub.ranges)
    assert weights.fetch(file) == path
    assert len(hub.ranges) == asked == 1


def test_a_broken_download_is_not_taken_for_whole_and_resumes(hub: Hub, file: WeightFile) -> None:
    hub.break_after = 11_000_000
    try:
        weights.fetch(file)  # the client may resume by itself
    except WeightsMissing as error:
        assert "try again to resume" in str(error)
        assert weights.find(file) is None
    assert weights.fetch(file).read_bytes() == CONTENT
    assert hub.ranges == [None, f"bytes={10 * 1024 * 1024}-"]


def test_the_wrong_file_is_noticed(hub: Hub, file: WeightFile) -> None:
    with pytest.raises(BadWeights, match="only 12,800,000 bytes, where about 90,000,000"):
        weights.fetch(weights.WeightFile(REPOSITORY, file.path, 90_000_000))


def test_sha256(hub: Hub, file: WeightFile) -> None:
    import hashlib

    right = hashlib.sha256(CONTENT).hexdigest()
    assert weights.fetch(weights.WeightFile(REPOSITORY, "a.bin", 10, right)).is_file()
    with pytest.raises(BadWeights, match="sha256 differs"):
        weights.fetch(weights.WeightFile(REPOSITORY, "b.bin", 10, "0" * 64))


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((403, "GatedRepo"), "accept its terms"),
        ((404, "RepoNotFound"), "does not exist or needs a login"),
        ((404, "EntryNotFound"), "has no file deep/down/net.bin"),
        ((404, "RevisionNotFound"), "has no revision main"),
    ],
)
def test_refusals(hub: Hub, file: WeightFile, refusal: str, says: str) -> None:
    hub.refuse = refusal
    with pytest.raises(WeightsMissing, match=says):
        weights.fetch(file)


def test_no_network(hub: Hub, file: WeightFile, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(
        WeightsMissing, match=r"cannot be reached; put it into MODA_WEIGHTS/deep/down/net\.bin"
    ) as raised:
        weights.fetch(file)
    assert "\n" not in str(raised.value)


def test_a_full_disk(hub: Hub, file: WeightFile) -> None:
    huge = weights.WeightFile(REPOSITORY, "huge.bin", 10**17)
    with pytest.raises(WeightsMissing, match="make room"):
        weights.fetch(huge)
    assert hub.ranges == []


def test_the_named_folder_comes_first(
    hub: Hub, file: WeightFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / file.path
    own.parent.mkdir(parents=True)
    own.write_bytes(CONTENT)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "own"))
    assert weights.fetch(file) == own
    own.write_bytes(CONTENT[:1000])  # as a copy that broke off
    assert weights.find(file) is None
    assert weights.fetch(file) != own
    assert hub.ranges == [None]


def test_the_revision_can_be_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert models.MODA.revision == "main"
    monkeypatch.setenv(weights.REVISION_VARIABLE, COMMIT)
    assert models.MODA.revision == COMMIT


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder in the published layout, files of the right size and no content."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))

    def put(name: str) -> None:
        for file in models.REGISTRY[name].files:
            path = tmp_path / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.truncate(file.size + 1000)  # sparse

    return put


def test_auto_takes_the_best_that_is_present(published: Any) -> None:
    assert models.resolve("auto", "model", "cuda") == "moda-lite"
    assert models.resolve("auto", "renderer", "cuda") == "mesh"
    published("moda-base")
    assert models.resolve("auto", "model", "cuda") == "moda-base"
    assert models.resolve("auto", "model", "cpu") == "moda-lite"  # seconds of work a second of speech
    published("liveportrait")
    assert models.resolve("auto", "renderer", "cuda:1") == "liveportrait"
    assert models.resolve("auto", "renderer", "cpu") == "mesh"


def test_names_nobody_knows() -> None:
    with pytest.raises(BadSetting, match="auto or one of moda-lite, moda-base; 'mesh'"):
        models.resolve("mesh", "model")
    with pytest.raises(BadSetting, match="auto or one of mesh, liveportrait"):
        models.load_renderer("unreal")
    with pytest.raises(BadSetting, match="'tpu' is not known"):
        models.pick_device("tpu")


def test_status_says_what_is_here(published: Any, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in models.status()}
    assert json.loads(json.dumps(rows)) == rows
    assert set(rows) == {"moda-lite", "moda-base", "mesh", "liveportrait", "face-parser"}
    assert not rows["liveportrait"]["present"]
    assert rows["liveportrait"]["where"] is None
    assert "(521 MB)" in rows["liveportrait"]["how"]
    published("liveportrait")
    rows = {row["name"]: row for row in models.status()}
    assert rows["liveportrait"]["present"]
    assert str(tmp_path) in rows["liveportrait"]["where"]
    assert [f["name"] for f in rows["moda-base"]["files"] if f["present"]] == ["motion_extractor.pth"]
    for row in rows.values():
        assert row["licence"]
        assert row["adds"]
        assert row["how"]


def test_damaged_weights_are_named(published: Any) -> None:
    published("liveportrait")  # zeros
    with pytest.raises(BadWeights, match=r"appearance_feature_extractor\.pth .* cannot be read"):
        models.load_renderer("liveportrait", "cpu")


def test_the_registry_agrees_with_the_manifest() -> None:
    manifest = json.loads((Path(__file__).parent / "fixtures/parity/manifest.json").read_text())["files"]
    listed = {p: file for entry in models.REGISTRY.values() for file in entry.files for p in (file.path, *file.others)}
    for path, entry in manifest.items():
        groups = entry.get("groups", {"": entry})
        count = 0
        for group in groups.values():
            for tensor in group["keys"].values():
                numbers = 1
                for side in tensor["shape"]:
                    numbers *= side
                count += numbers * (8 if tensor["dtype"] == "int64" else 4)
        assert listed[path].size == count, path


def test_liveportrait_comes_from_its_own_home_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.REVISION_VARIABLE, "another")
    for file in models.LIVEPORTRAIT.values():
        assert file.repository is not None and file.repository.name == "KlingTeam/LivePortrait"
        assert file.repository.revision == "82a4fa6735ca58432b6ce39301b4b9ee066dea47"
        assert file.sha256 is not None and len(file.sha256) == 64
    assert models.MODA.revision == "another"


def test_files_are_found_in_either_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LivePortrait's own folders, MoDA's, and HuBERT as safetensors."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    for file in (*models.LIVEPORTRAIT.values(), *models.HUBERT):
        assert weights.find(file) is None
        path = tmp_path / (file.others or (file.path,))[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.truncate(file.size + 1000)
        assert weights.find(file) == path


def test_status_asks_nothing_of_the_network_and_does_not_load_torch() -> None:
    """In a fresh interpreter in which opening a connection is fatal."""
    program = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise SystemExit('connected')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "from moda.models import status\n"
        "status()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_compute_at_once_keep_their_own_number() -> None:
    """A thread that begins while another samples with one CPU thread still computes with as many as it states."""
    import torch

    from moda.models.threads import cpu_threads, usual_threads

    usual, seen = usual_threads(), []
    started, done = threading.Event(), threading.Event()

    def sampling() -> None:
        with cpu_threads(1):
            started.set()
            done.wait(10)
            seen.append(torch.get_num_threads())

    def rendering() -> None:  # its first look at the number falls into the other's work
        with cpu_threads(3):
            seen.append(torch.get_num_threads())

    first = threading.Thread(target=sampling)
    first.start()
    started.wait(10)
    second = threading.Thread(target=rendering)
    second.start()
    second.join()
    done.set()
    first.join()
    assert seen == [3, 1] and torch.get_num_threads() == usual
