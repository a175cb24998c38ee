"""A real server with /live on a port of its own, for programs that run elsewhere."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from skimage import data
from starlette.applications import Starlette

from moda import TalkingHead
from moda.live.limits import LiveLimits
from moda.live.server import live_route


@dataclass
class Host:
    """One head and one opened portrait, whose token is "astronaut"."""

    loaded: TalkingHead
    opened: Any

    def head(self, model: str | None) -> TalkingHead:
        return self.loaded

    def portrait(self, name: str) -> Any:
        return self.opened if name == "astronaut" else None

    def recorded(self, name: str, take: Any, sound: Any) -> bool:
        return False


@pytest.fixture(scope="session")
def live_host() -> Host:
    head = TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")
    return Host(head, head.portrait(data.astronaut()))


@pytest.fixture(scope="session")
def served(live_host: Host) -> Iterator[tuple[Starlette, str]]:
    """The application and its host:port."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = Starlette(routes=[live_route(live_host, LiveLimits(live_patience_seconds=1e9))])
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield application, f"127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
