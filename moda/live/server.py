"""The WebSocket /live: one connection is one live session (docs/live.md).

Mounted beside the Gradio app by the studio; needs one host and one port, nothing else. A session ends with its
connection; what one client does wrong never reaches another.
"""

from __future__ import annotations

import asyncio
import io
import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from moda.errors import BadSetting, UserError
from moda.live.conversation import Conversation
from moda.live.guest import Guest
from moda.live.limits import OUR_FAULT, POLICY, TRY_LATER, LiveLimits, Refusal, told
from moda.live.scheduler import Scheduler
from moda.live.session import LiveSession
from moda.live.wire import SAMPLE_RATE, read_message, read_picture, ready
from moda.settings import Settings

if TYPE_CHECKING:
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    from moda.motion.takes import Take

log = logging.getLogger(__name__)

FULL = 0.9
"""Share of the worker's time that sessions may need in the longest pieces: beyond it nobody else is let in."""


class Host(Protocol):
    """What the application lends to live sessions. All are called in a thread and may take their time."""

    def head(self, model: str | None) -> Any:
        """A loaded TalkingHead."""
        ...

    def portrait(self, name: str) -> Any | None:
        """The opened Portrait of a token, or None."""
        ...

    def recorded(self, name: str, take: Take, sound: Any) -> bool:
        """Keeps a recording of the portrait with this token; False where there is no place for it."""
        ...


def live_route(host: Host, limits: LiveLimits | None = None, path: str = "/live") -> WebSocketRoute:
    """The route to mount: ``app.router.routes.insert(0, live_route(host))``."""
    from starlette.routing import WebSocketRoute

    return WebSocketRoute(path, LiveServer(host, limits or LiveLimits.from_environment()).connect)


class LiveServer:
    """All live sessions of one process."""

    def __init__(self, host: Host, limits: LiveLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.host, self.limits, self.clock = host, limits, clock
        self.begun: dict[int, float] = {}  # when each session began
        self.schedulers: dict[str, Scheduler] = {}
        self.keys: dict[str, Conversation] = {}  # sessions that an assistant may join

    async def connect(self, socket: WebSocket) -> None:
        """One connection from its first message to its end."""
        from starlette.websockets import WebSocketDisconnect

        await socket.accept()
        try:
            if not same_origin(socket):
                raise Refusal("Live sessions are for pages of this server; open its own page.")
            await self._serve(socket)
            await socket.close()
        except WebSocketDisconnect:
            pass
        except Refusal as refusal:
            await self._end(socket, {**refusal.more, "message": refusal.message}, refusal.code)
        except UserError as fault:
            await self._end(socket, told(fault), POLICY)
        except Exception:
            log.exception("a live session failed")
            said = "Something went wrong on our side; start the live session again."
            await self._end(socket, {"type": "error", "message": said}, OUR_FAULT)

    async def _end(self, socket: WebSocket, message: dict[str, Any], code: int) -> None:
        try:
            await socket.send_json(message)
            await socket.close(code)
        except Exception as fault:  # the client is gone already: nobody is left to tell
            log.debug("a live client left before it was told: %r", fault)

    async def _serve(self, socket: WebSocket) -> None:
        me = id(socket)
        full = self._full()
        if not full:  # whoever joins a session needs no place of their own, and is known by the first message only
            self.begun[me] = self.clock()
        try:
            message = await self._first(socket, full)
            if message["type"] == "join":
                self.begun.pop(me, None)
                await self._join(socket, message)
                return
            if full is not None:
                raise full
            await self._talk(socket, message)
        finally:
            self.begun.pop(me, None)

    def _full(self) -> Refusal | None:
        """What is said where all places are taken, or where the machine cannot keep up with one session more."""
        count = len(self.begun)
        if count < self.limits.live_sessions and not (count and self._share(count + 1) > FULL):
            return None
        wait = max(1, round(min(self.begun.values()) + self.limits.live_seconds - self.clock()))
        said = f"All {count} live places are taken; one is free in at most {wait} s."
        return Refusal(said, TRY_LATER, {"type": "busy", "wait": wait})

    def _share(self, sessions: int) -> float:
        """Share of the worker's time that so many sessions would need."""
        return max((scheduler.share(sessions) for scheduler in self.schedulers.values()), default=0.0)

    async def _first(self, socket: WebSocket, full: Refusal | None) -> dict[str, Any]:
        seconds = self.limits.live_silent_seconds
        try:
            text = await asyncio.wait_for(receive_text(socket), min(seconds, 5.0) if full else seconds)
        except asyncio.TimeoutError:
            raise full or Refusal("Nothing was said for too long; start the live session again.") from None
        return read_message(text, ("start", "join"))

    async def _join(self, socket: WebSocket, message: dict[str, Any]) -> None:
        """An assistant speaks through the session whose key it has."""
        key = message.get("key")
        found = self.keys.get(key) if isinstance(key, str) else None
        if found is None:
            raise Refusal("No session has this key; copy it from the Live tab again while the session runs.")
        await Guest(socket, found, self.limits).run()

    async def _talk(self, socket: WebSocket, message: dict[str, Any]) -> None:
        if message.get("consent") is not True:
            raise Refusal("Confirm with consent: true that you may animate this face.")
        given = message.get("settings", {})
        if not isinstance(given, dict):
            raise Refusal("settings must be an object of settings and their values.")
        settings = Settings.from_mapping(given)
        name, model, realtime = message.get("portrait"), message.get("model"), message.get("realtime", False)
        if type(realtime) is not bool:
            raise Refusal("realtime must be true or false: whether your sound comes as it is spoken.")
        if message.get("sample_rate", SAMPLE_RATE) != SAMPLE_RATE:
            raise Refusal("Live sound is 16 kHz, mono, 16 bit: resample it before you send it.")
        if not isinstance(name, str) or not (model is None or isinstance(model, str)):
            raise Refusal("Name the portrait: a token of this server, or an image as data:image/...;base64,...")
        session, portrait = await asyncio.to_thread(self._open, name, model, settings)
        key = secrets.token_urlsafe(24)
        talk = Conversation(self, socket, session, name, portrait, realtime)
        self.keys[key] = talk
        try:
            hello = ready(session.model.name, session.start.reference, session.start.neutral)
            await socket.send_json({**hello, "delay_ms": round(1000 * talk.cut().delay), "key": key})
            await talk.run()
        finally:
            del self.keys[key]
            await talk.leave()

    def _open(self, name: str, model: str | None, settings: Settings) -> tuple[LiveSession, Any]:
        """The session, and the studio's portrait that it is of (None for a picture that came with the message)."""
        head, portrait = self.host.head(model), None
        if name.startswith("data:"):
            opened = head.portrait(io.BytesIO(read_picture(name)))
        else:
            opened = portrait = self.host.portrait(name)
            if portrait is None:
                raise BadSetting("This portrait is not open here any more; choose it again.")
        session: LiveSession = head.live(opened, settings)
        if session.model.name not in self.schedulers:
            self.schedulers[session.model.name] = Scheduler(session.model)
        session.sampler = self.schedulers[session.model.name]
        return session, portrait


async def receive_text(socket: WebSocket) -> str:
    """The next message, which must be text. Raises Refusal, WebSocketDisconnect."""
    from starlette.websockets import WebSocketDisconnect

    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1000))
    text = received.get("text")
    if not isinstance(text, str):
        raise Refusal('Begin with {"type": "start", ...} as text; sound comes after it.')
    return text


def same_origin(socket: WebSocket) -> bool:
    """Whether a browser's page belongs to this server; programs send no origin and may come."""
    origin = socket.headers.get("origin")
    if not origin:
        return True
    hosts = {socket.headers.get("host"), socket.headers.get("x-forwarded-host")}
    return urlsplit(origin).netloc in hosts
