"""The online voices (edge-tts), behind time-outs: a machine without the internet must notice within seconds."""

from __future__ import annotations

import asyncio
import functools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moda.media.words import Word

HOST = "speech.platform.bing.com"
REACH_SECONDS = 2.5
_FORGET_SECONDS = 180.0
_TICKS = 10_000_000  # of the service's clock in a second


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

    After a failed attempt the service is not asked again for three minutes. The text leaves this machine.
    """

    def __init__(self) -> None:
        self._closed_until = 0.0

    def _reach(self) -> None:
        if self.closed:
            raise Unreachable("the internet could not be reached a moment ago")
        if not any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
            _bounded(lambda: socket.create_connection((HOST, 443), timeout=REACH_SECONDS).close(), REACH_SECONDS)

    @property
    def closed(self) -> bool:
        """Whether it was found out a moment ago that the service cannot be reached."""
        return time.monotonic() < self._closed_until

    def synthesise(
        self, text: str, voice: str, rate: float, pitch: float, seconds: float
    ) -> tuple[bytes, tuple[Word, ...]]:
        """The spoken text as an mp3, and its words. Raises Unreachable within `seconds` whatever happens."""
        try:
            self._reach()
            data, words = _bounded(lambda: _ask(text, voice, rate, pitch, seconds), seconds + 1.0)
        except Unreachable:
            self._closed_until = max(self._closed_until, time.monotonic() + _FORGET_SECONDS)
            raise
        if not data:
            raise Unreachable("it returned no sound")
        return data, words


def collected(pieces: Iterable[Mapping[str, Any]]) -> tuple[bytes, tuple[Word, ...]]:
    """What edge-tts streams (dicts of its `TTSChunk`) as one sound and its words; times come in ticks of 100 ns."""
    sound, words = [], []
    for piece in pieces:
        if piece["type"] == "audio":
            sound.append(piece["data"])
        elif piece["type"] == "WordBoundary" and str(piece["text"]).strip():
            start = piece["offset"] / _TICKS
            words.append(Word(start, start + piece["duration"] / _TICKS, str(piece["text"]).strip()))
    return b"".join(sound), tuple(words)


def _ask(text: str, voice: str, rate: float, pitch: float, seconds: float) -> tuple[bytes, tuple[Word, ...]]:
    import edge_tts

    # The service takes a shift in Hz; a woman's voice lies near 200 Hz and a man's near 115, so 160 is a fair base.
    shift = round(160.0 * (2.0 ** (pitch / 12.0) - 1.0))

    async def collect() -> tuple[bytes, tuple[Word, ...]]:
        tempo, height = f"{round((rate - 1) * 100):+d}%", f"{shift:+d}Hz"
        talk = edge_tts.Communicate(text, voice, rate=tempo, pitch=height, boundary="WordBoundary")
        return collected([piece async for piece in talk.stream()])

    return asyncio.run(asyncio.wait_for(collect(), seconds))


@functools.cache
def service() -> OnlineVoices:
    """The process's connection to the online voices."""
    return OnlineVoices()
