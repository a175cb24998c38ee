"""One live session over its connection: control is looked at before sound, and sound is taken in small bites."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from moda.errors import BadSetting, UserError
from moda.live.hearing import FRAME
from moda.live.limits import LiveLimits, Refusal, told
from moda.live.numbering import Numbering
from moda.live.waiting import Waiting
from moda.live.wire import KINDS, SAMPLE_RATE, motion_piece, read_coded_sound, read_message, read_sound, sound_message
from moda.motion.space import FPS

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from moda.live.guest import Guest
    from moda.live.scheduler import Scheduler
    from moda.live.session import Cut, LiveSession
    from moda.motion.space import Motion

AHEAD = 0.2
"""Seconds that motion may run ahead of the clock, so that an interrupt finds little that was sent already."""
BITE = 4 * FRAME
"""Samples that are pushed before control messages are looked at again."""
AFTER_SOUND = ("flush", "idle")
"""Messages that are obeyed when the sound before them is done."""
LOOKS = 1.0
"""Seconds after which it is asked again whether the portrait is still there."""
CAUGHT_UP = 0.1
"""Seconds behind that remain where speech is left out: less than a piece."""


class Server(Protocol):
    """What a conversation needs of the server it belongs to."""

    host: Any
    limits: LiveLimits
    begun: dict[int, float]
    schedulers: dict[str, Scheduler]
    clock: Any


class Conversation:
    """One session's messages.

    portrait: the studio's portrait that it is of; the session ends when that is taken away. realtime: the client's
    sound comes as it is spoken, so whatever waits of it is late; other sound may come as fast as the client likes, and
    is spoken at its pace.
    """

    def __init__(
        self,
        server: Server,
        socket: WebSocket,
        session: LiveSession,
        name: str,
        portrait: Any | None,
        realtime: bool = False,
    ) -> None:
        self.server, self.socket, self.session, self.name, self.portrait = server, socket, session, name, portrait
        self.realtime = realtime
        self.control: deque[dict[str, Any]] = deque()
        self.sound = Waiting(server.limits.live_backlog_seconds, server.clock)
        self.numbering = Numbering()
        self.paused = True  # whether all of the sound was heard since the last motion was sent
        self.guest: Guest | None = None
        self.said = Waiting(server.limits.live_backlog_seconds)  # by an assistant, to its end if that leaves
        self.arrived = asyncio.Event()
        self.over = self.working = False
        self.looked = server.clock()
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
            # Not gather: were this cancelled meanwhile, it would raise its children's cancellation for its own.
            await asyncio.wait({reader, worker})
            for task in (reader, worker):
                if not task.cancelled():
                    task.exception()  # what a cancelled one still raised is of no interest

    async def leave(self) -> None:
        """The session is over: whoever speaks through it is told."""
        if self.guest is not None:
            await self.guest.tell({"type": "left"})

    def cut(self) -> Cut:
        """How this session's motion is cut at the moment."""
        return self.server.schedulers[self.session.model.name].cut(len(self.server.begun), self.late)

    @property
    def late(self) -> float:
        """Seconds by which the session is behind the sound that it got."""
        return self.sound.seconds if self.realtime else max(0.0, self.sound.late)

    @property
    def sample(self) -> int:
        """The client's number of the sample that it sends next, where nothing waits."""
        frame = self._frame_of_sound
        return self.session.hearing.samples + FRAME * (self.numbering(frame) - frame)

    @property
    def _frame_of_sound(self) -> int:
        """The session's first frame that holds nothing but sound to come."""
        return -(-self.session.hearing.samples // FRAME)

    def ask(self, message: dict[str, Any]) -> None:
        """A control message, of the client's or of a guest's."""
        if message["type"] == "interrupt":  # nothing that waits is wanted any more
            if self.realtime:
                self.sound.silence()
            else:
                self.sound.clear()
            self.control = deque(m for m in self.control if m["type"] not in AFTER_SOUND)
            self.said.clear()
            message = {**message, "waiting": self.sound.samples}
        self.control.append(message)
        self.arrived.set()

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
                self.sound.put(read_sound(data))
                self.arrived.set()
            elif text is not None:
                message = read_message(text, KINDS)
                if message["type"] == "heard":
                    await self._overheard(message)
                    continue
                if message["type"] == "interrupt" and self.guest is not None:
                    await self.guest.tell({"type": "interrupted"})
                self.ask(message)

    async def _overheard(self, message: dict[str, Any]) -> None:
        """What the visitor says to the assistant, who may not be there."""
        sound = read_coded_sound(message.get("pcm"))
        if self.guest is not None:
            await self.guest.hear(sound)

    async def _work(self) -> None:
        while not self.over:
            self.working, self.paused = False, True
            await self.arrived.wait()
            self.arrived.clear()
            self.working = True
            while (self.control or self.sound) and not self.over:
                self.session.cut = self.cut()
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

    def _early(self) -> float:
        """Seconds by which the motion that was sent is further ahead of the clock than it should be."""
        if self.clock_at is None or self.realtime:
            return 0.0
        return self.session.frames / FPS - (self.server.clock() - self.clock_at) - AHEAD

    async def _hear(self) -> None:
        if self.late > self.server.limits.live_patience_seconds:
            await self._leave_out(self.late - CAUGHT_UP)
        sound = self.sound.take(BITE)
        if self.portrait is not None and self.server.clock() - self.looked > LOOKS:
            self.looked = self.server.clock()
            if await asyncio.to_thread(self.server.host.portrait, self.name) is not self.portrait:
                raise Refusal(
                    "The portrait was taken away, so the live session ended; start it again with another one."
                )
        if self.said:  # the client's sound is the clock, the assistant's is what is said
            said = self.said.take(len(sound))
            await self.socket.send_json(sound_message(self.sample, said))
            sound = np.concatenate([said, np.zeros(len(sound) - len(said), np.float32)])
        if self.session.due_with(len(sound)):
            await self._send(await asyncio.to_thread(self.session.push, sound))
        else:  # nothing is computed, so no thread is worth its while
            self.session.push(sound)

    async def _leave_out(self, seconds: float) -> None:
        """Forget so many seconds of the sound that waits, in whole frames: this machine is too slow for all of it."""
        frames = int(min(seconds * SAMPLE_RATE, self.sound.samples)) // FRAME
        if frames < 1:
            return
        self.sound.take(FRAME * frames)
        number = self.numbering(self._frame_of_sound)
        self.numbering.leave_out(self._frame_of_sound, frames)
        if self.clock_at is not None:
            self.clock_at += frames / FPS  # the clock counts frames that are made
        said = f"The server is too busy to keep up: {frames / FPS:.1f} s were left out."
        await self.socket.send_json({"type": "skipped", "frame": number, "frames": frames, "message": said})

    async def _obey(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        try:
            if kind == "settings":
                self.session.change(**{k: v for k, v in message.items() if k != "type"})
            elif kind == "interrupt":
                await asyncio.to_thread(self.session.interrupt)
                sample = self.sample + message["waiting"]
                await self.socket.send_json({"type": "interrupted", "frame": self._next, "sample": sample})
            elif kind == "flush":
                await self._send(await asyncio.to_thread(self.session.flush))
                await self.socket.send_json({"type": "flushed", "frames": self._next, "sample": self.sample})
            elif kind == "idle":
                frames = message.get("frames", round(FPS))
                if type(frames) is not int:
                    raise BadSetting("idle needs a whole number of frames.")
                await self._send(await asyncio.to_thread(self.session.idle, frames))
            elif kind == "nod":
                self.session.nod()
            elif kind == "listen":
                self.session.listen(_switch(message, "speaking"))
            elif kind == "record":
                await self._record(_switch(message, "on"))
            else:
                self.over = True
        except UserError as fault:  # a wrong setting ends nothing
            await self.socket.send_json(told(fault))

    async def _record(self, on: bool) -> None:
        if self.portrait is None:
            raise BadSetting("Only the studio's own page records; a program keeps the pieces that it gets.")
        if on:
            self.session.record()
            return
        take, sound = self.session.take()
        if not await asyncio.to_thread(self.server.host.recorded, self.name, take, sound):
            raise BadSetting("The recording could not be kept: the page it belongs to was closed.")
        await self.socket.send_json({"type": "recorded", "frames": len(take.motion)})

    @property
    def _next(self) -> int:
        """The client's number of the next frame."""
        return self.numbering(self.session.frames)

    async def _send(self, motion: Motion) -> None:
        if not len(motion):
            return
        first, now = self.session.frames - len(motion), self.server.clock()
        if self.clock_at is None or (self.paused and now - self.clock_at > first / FPS + AHEAD):
            self.clock_at = now - first / FPS  # the sound paused: its clock goes on from here
        self.paused = False
        for number, part in self.numbering.parts(first, len(motion)):
            await self.socket.send_bytes(motion_piece(number, motion.array[part.start : part.stop]))


def _switch(message: dict[str, Any], name: str) -> bool:
    value = message.get(name)
    if type(value) is not bool:
        raise BadSetting(f"{message['type']} needs {name}: true or false.")
    return value
