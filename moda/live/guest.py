"""An assistant that speaks through somebody's live session: it sends its voice, and gets what the visitor says.

The visitor's page stays the session's clock and draws the face; it plays the assistant's voice when the lips are there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from moda.live.limits import LiveLimits, Refusal
from moda.live.waiting import Waiting
from moda.live.wire import read_message, read_sound, sound_bytes

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

log = logging.getLogger(__name__)
KINDS = ("settings", "interrupt", "nod", "listen", "stop")


class Spoken(Protocol):
    """The session that an assistant speaks through."""

    guest: Any
    said: Waiting

    def ask(self, message: dict[str, Any]) -> None: ...


class Guest:
    """The connection of one assistant; a session has at most one."""

    def __init__(self, socket: WebSocket, session: Spoken, limits: LiveLimits) -> None:
        self.socket, self.session, self.limits = socket, session, limits

    async def run(self) -> None:
        """Until it stops or leaves, or the session is over. Raises Refusal."""
        if self.session.guest is not None:
            raise Refusal("Another assistant speaks through this session already; end that one first.")
        self.session.guest = self
        try:
            await self.socket.send_json({"type": "joined", "sample_rate": 16_000})
            await self._read()
        finally:
            self.session.guest = None

    async def _read(self) -> None:
        while True:
            try:
                received = await asyncio.wait_for(self.socket.receive(), self.limits.live_seconds)
            except asyncio.TimeoutError:
                raise Refusal("Nothing came for too long; join again.") from None
            if received["type"] == "websocket.disconnect":
                return
            data, text = received.get("bytes"), received.get("text")
            if data is not None:
                self.session.said.put(read_sound(data))
            elif text is not None:
                message = read_message(text, KINDS)
                if message["type"] == "stop":
                    return
                self.session.ask(message)

    async def hear(self, sound: np.ndarray) -> None:
        """What the visitor says, (n,) float32."""
        await self._send(self.socket.send_bytes, sound_bytes(sound))

    async def tell(self, message: dict[str, Any]) -> None:
        await self._send(self.socket.send_json, message)

    async def _send(self, send: Any, what: Any) -> None:
        try:
            await send(what)
        except Exception as fault:  # it left; its own connection notices
            log.debug("an assistant left before it was told: %r", fault)
