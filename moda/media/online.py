"""The online voices (edge-tts), behind time-outs: a machine without the internet must notice within seconds."""

from __future__ import annotations

import asyncio
import functools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

HOST = "speech.platform.bing.com"
REACH_SECONDS = 2.5
_FORGET_SECONDS = 60.0


class Unreachable(Exception):
    """The online voices cannot be used now; the text says why, in a few words."""


def _bounded(work: Callable[[], Any], seconds: float) -> Any:
    """Run `work` in a thread and give up on it after `seconds`.

    Name resolution cannot be interrupted and may hang for minutes, so the thread is left behind (a daemon).
    """
    results: queue.Queue[tuple[bool, Any]] = queue.Queue(1)

    def run() -> None:
        try:
            results.put((True, work()))
        except BaseException as fault:
            results.put((False, fault))

    threading.Thread(target=run, name="online-voice", daemon=True).start()
    try:
        done, value = results.get(timeout=seconds)
    except queue.Empty:
        raise Unreachable(f"no answer within {seconds:.0f} s") from None
    if not done:
        reason = "the internet could not be reached" if isinstance(value, OSError) else type(value).__name__
        raise Unreachable(reason) from value
    return value


class OnlineVoices:
    """Text to mp3 by Microsoft Edge's read-aloud service.

    After a failed attempt the service is not asked again for a minute. The text leaves this machine.
    """

    def __init__(self) -> None:
        self._closed_until = 0.0

    def _reach(self) -> None:
        if time.monotonic() < self._closed_until:
            raise Unreachable("the internet could not be reached a moment ago")
        if not any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
            _bounded(lambda: socket.create_connection((HOST, 443), timeout=REACH_SECONDS).close(), REACH_SECONDS)

    def synthesise(self, text: str, voice: str, rate: float, pitch: float, seconds: float) -> bytes:
        """The spoken text as an mp3. Raises Unreachable within `seconds` whatever happens."""
        try:
            self._reach()
            data = _bounded(lambda: _ask(text, voice, rate, pitch, seconds), seconds + 1.0)
        except Unreachable:
            self._closed_until = max(self._closed_until, time.monotonic() + _FORGET_SECONDS)
            raise
        if not data:
            raise Unreachable("it returned no sound")
        return bytes(data)


def _ask(text: str, voice: str, rate: float, pitch: float, seconds: float) -> bytes:
    import edge_tts

    # The service takes a shift in Hz; a woman's voice lies near 200 Hz and a man's near 115, so 160 is a fair base.
    shift = round(160.0 * (2.0 ** (pitch / 12.0) - 1.0))

    async def collect() -> bytes:
        talk = edge_tts.Communicate(text, voice, rate=f"{round((rate - 1) * 100):+d}%", pitch=f"{shift:+d}Hz")
        pieces = [piece["data"] async for piece in talk.stream() if piece["type"] == "audio"]
        return b"".join(pieces)

    return asyncio.run(asyncio.wait_for(collect(), seconds))


@functools.cache
def service() -> OnlineVoices:
    """The process's connection to the online voices."""
    return OnlineVoices()
