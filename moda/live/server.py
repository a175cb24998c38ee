"""The WebSocket /live: one connection is one live session (docs/live.md).

Mounted beside the Gradio app by the studio; needs one host and one port, nothing else. A session ends with its
connection; what one client does wrong never reaches another.
"""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from moda.errors import BadSetting, UserError
from moda.live.hearing import FRAME
from moda.live.scheduler import Scheduler, piece_for
from moda.live.session import LiveSession
from moda.live.wire import KINDS, SAMPLE_RATE, motion_piece, read_message, read_picture, read_sound, ready
from moda.motion.space import FPS, Motion
from moda.settings import EnvironmentLimits, Settings

if TYPE_CHECKING:
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

log = logging.getLogger(__name__)

AHEAD = 1.0
"""Seconds that motion may run ahead of the clock, so that an interrupt finds little that was sent already."""
BITE = 4 * FRAME
"""Samples that are pushed before control messages are looked at again."""
AFTER_SOUND = ("flush", "idle")
"""Messages that are obeyed when the sound before them is done."""
POLICY, TRY_LATER, OUR_FAULT = 1008, 1013, 1011  # close codes of RFC 6455


@dataclass(frozen=True)
class LiveLimits(EnvironmentLimits):
    """What strangers may ask for."""

    live_sessions: int = 16
    live_seconds: float = 3600.0
    live_silent_seconds: float = 120.0
    live_backlog_seconds: float = 60.0


class Host(Protocol):
    """What the application lends to live sessions. Both are called in a thread and may take their time."""

    def head(self, model: str | None) -> Any:
        """A loaded TalkingHead."""
        ...

    def portrait(self, name: str) -> Any | None:
        """The opened Portrait of a token, or None."""
        ...


def live_route(host: Host, limits: LiveLimits | None = None, path: str = "/live") -> WebSocketRoute:
    """The route to mount: ``app.router.routes.insert(0, live_route(host))``."""
    from starlette.routing import WebSocketRoute

    return WebSocketRoute(path, LiveServer(host, limits or LiveLimits.from_environment()).connect)


@dataclass
class Refusal(Exception):
    """Ends a connection: what is said, and the close code."""

    message: str
    code: int = POLICY
    more: dict[str, Any] = field(default_factory=lambda: {"type": "error"})


class LiveServer:
    """All live sessions of one process."""

    def __init__(self, host: Host, limits: LiveLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.host, self.limits, self.clock = host, limits, clock
        self.begun: dict[int, float] = {}  # when each session began
        self.schedulers: dict[str, Scheduler] = {}
        self.lock = asyncio.Lock()

    async def connect(self, socket: WebSocket) -> None:
        """One connection from its first message to its end."""
        from starlette.websockets import WebSocketDisconnect

        await socket.accept()
        me = id(socket)
        try:
            if not same_origin(socket):
                raise Refusal("Live sessions are for pages of this server; open its own page.")
            if len(self.begun) >= self.limits.live_sessions:
                wait = max(1, round(min(self.begun.values()) + self.limits.live_seconds - self.clock()))
                raise Refusal(
                    f"All {self.limits.live_sessions} live places are taken; one is free in at most {wait} s.",
                    TRY_LATER,
                    {"type": "busy", "wait": wait},
                )
            self.begun[me] = self.clock()
            session = await self._start(socket)
            await Conversation(self, socket, session).run()
            await socket.close()
        except WebSocketDisconnect:
            pass
        except Refusal as refusal:
            await self._end(socket, {**refusal.more, "message": refusal.message}, refusal.code)
        except UserError as fault:
            await self._end(socket, {"type": "error", "message": " ".join(str(fault).split())}, POLICY)
        except Exception:
            log.exception("a live session failed")
            said = "Something went wrong on our side; start the live session again."
            await self._end(socket, {"type": "error", "message": said}, OUR_FAULT)
        finally:
            self.begun.pop(me, None)

    async def _end(self, socket: WebSocket, message: dict[str, Any], code: int) -> None:
        try:
            await socket.send_json(message)
            await socket.close(code)
        except Exception as fault:  # the client is gone already: nobody is left to tell
            log.debug("a live client left before it was told: %r", fault)

    async def _start(self, socket: WebSocket) -> LiveSession:
        try:
            text = await asyncio.wait_for(receive_text(socket), self.limits.live_silent_seconds)
        except asyncio.TimeoutError:
            raise Refusal("Nothing was said for too long; start the live session again.") from None
        message = read_message(text, ("start",))
        if message.get("consent") is not True:
            raise Refusal("Confirm with consent: true that you may animate this face.")
        given = message.get("settings", {})
        if not isinstance(given, dict):
            raise Refusal("settings must be an object of settings and their values.")
        settings = Settings.from_mapping(given)
        name, model = message.get("portrait"), message.get("model")
        if not isinstance(name, str) or not (model is None or isinstance(model, str)):
            raise Refusal("Name the portrait: a token of this server, or an image as data:image/...;base64,...")
        session = await asyncio.to_thread(self._open, name, model, settings)
        await socket.send_json(ready(session.model.name, session.start.reference, session.start.neutral))
        return session

    def _open(self, name: str, model: str | None, settings: Settings) -> LiveSession:
        head = self.host.head(model)
        if name.startswith("data:"):
            portrait = head.portrait(io.BytesIO(read_picture(name)))
        else:
            portrait = self.host.portrait(name)
            if portrait is None:
                raise BadSetting("This portrait is not open here any more; choose it again.")
        session: LiveSession = head.live(portrait, settings)
        if session.model.name not in self.schedulers:
            self.schedulers[session.model.name] = Scheduler(session.model)
        session.sampler = self.schedulers[session.model.name]
        return session


class Conversation:
    """One session's messages: control is looked at before sound, and sound is taken in small bites."""

    def __init__(self, server: LiveServer, socket: WebSocket, session: LiveSession) -> None:
        self.server, self.socket, self.session = server, socket, session
        self.control: deque[dict[str, Any]] = deque()
        self.sound: deque[Any] = deque()
        self.backlog = 0  # samples that wait
        self.arrived = asyncio.Event()
        self.over = False
        self.working = False
        self.clock_at: float | None = None  # when frame 0 was due

    async def run(self) -> None:
        """Until the client stops, leaves, or breaks a limit."""
        reader = asyncio.create_task(self._read())
        worker = asyncio.create_task(self._work())
        try:
            done, _ = await asyncio.wait(
                {reader, worker},
                timeout=self.server.limits.live_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                minutes = self.server.limits.live_seconds / 60
                raise Refusal(f"A live session lasts at most {minutes:g} minutes; start another one.")
            for task in done:
                if not task.cancelled():
                    task.result()
        finally:
            for task in (reader, worker):
                task.cancel()
            await asyncio.gather(reader, worker, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                received = await asyncio.wait_for(self.socket.receive(), self.server.limits.live_silent_seconds)
            except asyncio.TimeoutError:
                if self.working:  # the client waits for us
                    continue
                raise Refusal("Nothing came for too long, so the live session ended; start it again.") from None
            if received["type"] == "websocket.disconnect":
                return
            data, text = received.get("bytes"), received.get("text")
            if data is not None:
                sound = read_sound(data)
                if self.backlog + len(sound) > SAMPLE_RATE * self.server.limits.live_backlog_seconds:
                    raise Refusal("Sound came faster than it can be spoken; send it as it is played.")
                self.backlog += len(sound)
                self.sound.append(sound)
            elif text is not None:
                message = read_message(text, KINDS)
                if message["type"] == "interrupt":  # nothing that waits is wanted any more
                    self._drop_sound()
                    self.control = deque(m for m in self.control if m["type"] not in AFTER_SOUND)
                self.control.append(message)
            self.arrived.set()

    async def _work(self) -> None:
        while not self.over:
            self.working = False
            await self.arrived.wait()
            self.arrived.clear()
            self.working = True
            while (self.control or self.sound) and not self.over:
                self.session.piece = piece_for(len(self.server.begun))
                if self.control and not (self.sound and self.control[0]["type"] in AFTER_SOUND):
                    await self._obey(self.control.popleft())
                elif (early := self._early()) > 0:
                    try:
                        await asyncio.wait_for(self.arrived.wait(), early)
                        self.arrived.clear()
                    except asyncio.TimeoutError:
                        continue
                else:
                    await self._hear()

    def _drop_sound(self) -> None:
        self.sound.clear()
        self.backlog = 0

    def _early(self) -> float:
        """Seconds by which the motion that was sent is further ahead of the clock than it should be."""
        if self.clock_at is None:
            return 0.0
        return self.session.frames / FPS - (self.server.clock() - self.clock_at) - AHEAD

    async def _hear(self) -> None:
        sound = self.sound.popleft()
        if len(sound) > BITE:
            self.sound.appendleft(sound[BITE:])
            sound = sound[:BITE]
        self.backlog -= len(sound)
        await self._send(await asyncio.to_thread(self.session.push, sound))

    async def _obey(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        try:
            if kind == "settings":
                self.session.change(**{k: v for k, v in message.items() if k != "type"})
            elif kind == "interrupt":
                self._drop_sound()
                await asyncio.to_thread(self.session.interrupt)
                await self.socket.send_json({"type": "interrupted", "frame": self.session.frames})
            elif kind == "flush":
                await self._send(await asyncio.to_thread(self.session.flush))
                await self.socket.send_json({"type": "flushed", "frames": self.session.frames})
            elif kind == "idle":
                frames = message.get("frames", round(FPS))
                if type(frames) is not int:
                    raise BadSetting("idle needs a whole number of frames.")
                await self._send(await asyncio.to_thread(self.session.idle, frames))
            elif kind == "nod":
                self.session.nod()
            else:
                self.over = True
        except UserError as fault:  # a wrong setting ends nothing
            await self.socket.send_json({"type": "error", "message": " ".join(str(fault).split())})

    async def _send(self, motion: Motion) -> None:
        if not len(motion):
            return
        first, now = self.session.frames - len(motion), self.server.clock()
        if self.clock_at is None or now - self.clock_at > first / FPS + AHEAD:
            self.clock_at = now - first / FPS  # the sound paused: its clock goes on from here
        await self.socket.send_bytes(motion_piece(first, motion))


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
