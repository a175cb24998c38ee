"""The studio as a process of its own, as it is deployed, for tests that talk to it over HTTP."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.processes import end

REPOSITORY = Path(__file__).resolve().parents[2]
# What a visitor left behind goes after a second here instead of a minute and a half; that the client library has gone
# shows at the next heartbeat (a browser says so itself).
PROGRAM = """
import sys
from moda.studio.service import Engine
from moda.studio.page import launch
from tests.processes import end
engine = Engine(model="moda-lite", renderer="mesh", device="cpu")
engine.visitors._grace = 1.0
launch(port=int(sys.argv[1]), engine=engine, quiet=True)
"""


@dataclass(frozen=True)
class Server:
    """A running studio: where it answers, its process, the folders it writes to, and its log."""

    url: str
    process: subprocess.Popen[bytes]
    cache: Path
    temporary: Path
    log: Path

    def resident(self) -> float:
        """Megabytes in memory."""
        return self._status("VmRSS") / 1024

    def threads(self) -> int:
        return self._status("Threads")

    def handles(self) -> int:
        """Open file descriptors."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def children(self) -> list[str]:
        """Names of living child processes."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                name, _, rest = path.read_text().partition(" (")[2].rpartition(")")
                if int(rest.split()[1]) == self.process.pid and rest.split()[0] != "Z":
                    found.append(name)
        return found

    def made(self) -> list[str]:
        """Every file made for visitors, and every temporary one. Uploads are Gradio's, which removes them by age."""
        cached = [p for p in _files(self.cache) if "moda-studio-" in str(p.relative_to(self.cache))]
        return sorted(str(p) for p in (*cached, *_files(self.temporary)))

    def stored(self) -> int:
        """Bytes of all files below the folders that it may write to."""
        total = 0
        for path in (*_files(self.cache), *_files(self.temporary)):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                total += path.stat().st_size
        return total

    def complaints(self) -> str:
        """Tracebacks in the log."""
        text = self.log.read_text(errors="replace")
        return text[text.index("Traceback") - 500 :] if "Traceback" in text else ""

    def _status(self, key: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise AssertionError(f"the studio is gone: {self.log.read_text(errors='replace')[-2000:]}")


def _files(folder: Path) -> list[Path]:
    """Every file below a folder in which files come and go."""
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


def free_port() -> int:
    """A free port below those that the system hands out: the studio takes it only a while later."""
    for port in random.Random(os.getpid()).sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@functools.cache
def parameters(url: str, endpoint: str) -> dict[str, Any]:
    """What an endpoint of the studio at `url` takes, in order, with what it takes by default (None without one)."""
    about = httpx.get(f"{url}gradio_api/info", timeout=120).json()["named_endpoints"][f"/{endpoint}"]
    return {one["parameter_name"]: one.get("parameter_default") for one in about["parameters"]}


@contextlib.contextmanager
def serving(folder: Path, seconds: float = 300.0, **environment: str) -> Iterator[Server]:
    """Starts the studio below `folder` and stops it again; `environment` goes on top of this process's own."""
    port = free_port()
    cache, temporary, log = folder / "cache", folder / "tmp", folder / "log.txt"
    cache.mkdir()
    temporary.mkdir()
    own = {"GRADIO_TEMP_DIR": str(cache), "TMPDIR": str(temporary), "GRADIO_ANALYTICS_ENABLED": "False",
           "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "GRADIO_HEARTBEAT_INTERVAL": "1"}  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        env={**os.environ, **own, **environment},
    ) as process:  # fmt: skip
        server = Server(f"http://127.0.0.1:{port}/", process, cache, temporary, log)
        try:
            deadline = time.monotonic() + seconds
            while True:
                assert process.poll() is None, log.read_text(errors="replace")[-3000:]
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(server.url, timeout=20).status_code == 200:
                        break
                assert time.monotonic() < deadline, "the studio did not open"
                time.sleep(0.5)
            yield server
        finally:
            end(process, signal.SIGTERM)
