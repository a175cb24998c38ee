"""Reads the container of rig and motion files that `moda.stage.packing` writes, as docs/rig.md describes it."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np

PREFIX = 16


def unpack(data: bytes, magic: bytes, version: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, sections) of a packed file: arrays as float32 or as stored, pictures as (h, w, 3) uint8 RGB.

    Raises ValueError with one sentence when it is of another kind or cut off.
    """
    if len(data) < PREFIX or data[:8] != magic:
        raise ValueError("it is a file of another kind")
    found, length = struct.unpack_from("<II", data, 8)
    if found != version:
        raise ValueError(f"it has version {found}, this program reads {version}")
    start = PREFIX + length
    try:
        header = json.loads(data[PREFIX:start])
        sections = {name: _section(data, start, about) for name, about in header.pop("sections").items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError("it is damaged or cut off") from error
    return header, sections


def _section(data: bytes, start: int, about: dict[str, Any]) -> np.ndarray:
    part = data[start + about["offset"] : start + about["offset"] + about["length"]]
    if len(part) != about["length"]:
        raise ValueError("cut off")
    if about["type"] == "image":
        from PIL import Image  # OpenCV's decoders are not trusted with files

        return np.asarray(Image.open(io.BytesIO(part)).convert("RGB"))
    kinds = {"f32": "<f4", "i16": "<i2", "u16": "<u2", "u8": "u1"}
    values = np.frombuffer(part, kinds[about["type"]]).reshape(about["shape"])
    if "scale" in about:
        return values * np.array(about["scale"], np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return values
