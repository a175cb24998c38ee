"""A face for Pipecat's pipelines: TTS audio in, motion out, by way of a MoDA Studio that runs elsewhere.

Pipecat and MediaPipe need different versions of protobuf, so this is a client of the WebSocket /live (docs/live.md) and
imports neither MediaPipe nor torch, nor anything else of this package: the file may be copied into another project.

>>> face = MoDAFace("ws://127.0.0.1:7860/live", "me.jpg", {"seed": 7})   # doctest: +SKIP
>>> pipeline = Pipeline([stt, llm, tts, face, transport.output()])        # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import base64
import json
import mimetypes
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from pipecat.frames.frames import (
    CancelFrame,
    DataFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

RATE = 16_000
LARGEST = 32_000
"""Bytes of one message of sound: one second."""


@dataclass
class MotionFrame(DataFrame):
    """Motion of the face: frames from number `first` on, at 25 a second of the sound that was sent.

    motion (k, 70) float32 in the joint parameter space; data: the same as /live sent it, for ``<moda-stage>.push``.
    """

    first: int = 0
    motion: Any = field(default_factory=lambda: np.zeros((0, 70), np.float32))
    data: bytes = b""


class MoDAFace(FrameProcessor):
    """Passes everything on, and pushes a `MotionFrame` downstream for every piece of motion.

    url: of /live. portrait: a picture's path, or the token of one that is open in the studio. A fault is an ErrorFrame;
    the voice goes on without a face.
    """

    def __init__(self, url: str, portrait: str, settings: dict[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._url, self._portrait, self._settings = url, portrait, settings or {}
        self._socket: Any = None
        self._receiving: asyncio.Task[None] | None = None
        self._flushed = asyncio.Event()
        self.ready: dict[str, Any] = {}
        """What /live told when the session began: reference and neutral, which a stage needs first."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pipecat calls this for every frame."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self._begin()
        elif isinstance(frame, TTSAudioRawFrame):
            await self._speak(frame)
        elif isinstance(frame, TTSStoppedFrame):
            await self._tell({"type": "flush"})
        elif isinstance(frame, InterruptionFrame):
            await self._tell({"type": "interrupt"})
        elif isinstance(frame, (UserStartedSpeakingFrame, UserStoppedSpeakingFrame)):
            await self._tell({"type": "listen", "speaking": isinstance(frame, UserStartedSpeakingFrame)})
        elif isinstance(frame, EndFrame):
            await self._flush()
            await self._end()
        elif isinstance(frame, CancelFrame):
            await self._end()
        await self.push_frame(frame, direction)

    async def _begin(self) -> None:
        try:
            self._socket = await websockets.connect(self._url)
            start = {"type": "start", "portrait": _picture(self._portrait), "consent": True, "settings": self._settings}
            await self._socket.send(json.dumps(start))
            told = json.loads(await self._socket.recv())
        except (OSError, websockets.WebSocketException) as fault:
            await self._failed(f"MoDA Studio cannot be reached at {self._url}: {fault}")
            return
        if told["type"] != "ready":
            await self._failed(told["message"])
            return
        self.ready = told
        self._receiving = asyncio.create_task(self._receive())

    async def _failed(self, message: str) -> None:
        self._socket = None
        await self.push_error_frame(ErrorFrame(error=message))

    async def _receive(self) -> None:
        """Motion as it comes. A piece is pushed from here, so it never waits behind other frames."""
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    first = struct.unpack("<I", message[:4])[0]
                    motion = np.frombuffer(message[4:], "<f2").reshape(-1, 70).astype(np.float32)
                    await self.push_frame(MotionFrame(first=first, motion=motion, data=message))
                    continue
                told = json.loads(message)
                if told["type"] == "flushed":
                    self._flushed.set()
                elif told["type"] in ("error", "busy"):
                    await self.push_error_frame(ErrorFrame(error=told["message"]))
        except websockets.WebSocketException:
            pass
        finally:
            self._socket = None
            self._flushed.set()

    async def _send(self, data: Any) -> None:
        if self._socket is None:
            return
        try:
            await self._socket.send(data)
        except websockets.WebSocketException:
            self._socket = None

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._send(json.dumps(message))

    async def _speak(self, frame: TTSAudioRawFrame) -> None:
        sound = np.frombuffer(frame.audio, "<i2").astype(np.float32)
        if frame.num_channels > 1:
            sound = sound[: len(sound) // frame.num_channels * frame.num_channels]
            sound = sound.reshape(-1, frame.num_channels).mean(axis=1)
        if frame.sample_rate != RATE and len(sound):
            count = round(len(sound) * RATE / frame.sample_rate)
            resampled = np.interp(np.arange(count) * frame.sample_rate / RATE, np.arange(len(sound)), sound)
            sound = resampled.astype(np.float32)
        data = np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()
        for at in range(0, len(data), LARGEST):
            await self._send(data[at : at + LARGEST])

    async def _flush(self) -> None:
        """Waits until the face has said everything."""
        if self._socket is None:
            return
        self._flushed.clear()
        await self._tell({"type": "flush"})
        await self._flushed.wait()

    async def _end(self) -> None:
        await self._tell({"type": "stop"})
        if self._socket is not None:
            await self._socket.close()
        if self._receiving is not None:
            await self._receiving
            self._receiving = None


def _picture(portrait: str) -> str:
    """A file as a data URL; what is no file is a token."""
    path = Path(portrait)
    if not path.suffix or not path.is_file():
        return portrait
    kind = mimetypes.guess_type(path.name)[0] or "image/jpeg"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
