"""The words of the live protocol (docs/live.md): JSON for everything but sound and motion."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from moda.errors import BadPicture, BadSetting
from moda.live.hearing import LOOK_AHEAD
from moda.motion.space import FPS

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
LARGEST_SOUND = 65_536
"""Bytes of one message of sound: two seconds."""
KINDS = ("settings", "interrupt", "flush", "idle", "nod", "listen", "heard", "record", "stop")


def read_sound(data: bytes) -> FloatArray:
    """Little-endian 16-bit mono samples -> float32 in [-1, 1]. Raises BadSetting."""
    if len(data) > LARGEST_SOUND or len(data) % 2:
        raise BadSetting(f"Send sound as whole 16-bit samples, at most {LARGEST_SOUND:,} bytes a message.")
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768


def samples16(sound: FloatArray) -> npt.NDArray[np.int16]:
    """Sound (n,) in [-1, 1] as 16-bit samples."""
    return np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)


def sound_bytes(sound: FloatArray) -> bytes:
    """Inverse of `read_sound`."""
    return samples16(sound).astype("<i2").tobytes()


def read_coded_sound(text: Any) -> FloatArray:
    """Sound inside of a message: `read_sound` of its base64. Raises BadSetting."""
    try:
        return read_sound(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise BadSetting("Sound inside of a message must be 16-bit samples as base64.") from None


def sound_message(at: int, sound: FloatArray) -> dict[str, Any]:
    """Sound for the client to play, of which the first sample is number `at` of the session."""
    return {"type": "sound", "at": at, "pcm": base64.b64encode(sound_bytes(sound)).decode("ascii")}


def read_message(text: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object with a known type. Raises BadSetting."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadSetting("Text messages must be JSON objects with a type; send sound as binary messages.") from None
    if not isinstance(message, dict) or message.get("type") not in kinds:
        raise BadSetting(f"A message here must be an object with type {' or '.join(kinds)}.")
    return message


def read_picture(source: str) -> bytes:
    """The bytes of a data URL of an image. Raises BadPicture."""
    head, _, body = source.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise BadPicture("The portrait must be a token or an image as data:image/...;base64,...")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadPicture("The portrait's base64 is damaged; send the picture again.") from None


def motion_piece(first: int, motion: FloatArray) -> bytes:
    """Number of the first frame as uint32, then (k, 70) as float16, little-endian."""
    return struct.pack("<I", first) + motion.astype("<f2").tobytes()


def ready(model: str, reference: FloatArray, neutral: FloatArray) -> dict[str, Any]:
    """What a client needs to know before the first piece."""
    return {
        "type": "ready",
        "fps": FPS,
        "lookahead_ms": round(1000 * LOOK_AHEAD / SAMPLE_RATE),
        "model": model,
        "reference": [round(float(v), 6) for v in reference],
        "neutral": [round(float(v), 6) for v in neutral],
    }
