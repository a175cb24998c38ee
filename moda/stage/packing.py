"""The container of rig and motion files: magic, version, a JSON header that lists the sections, then the sections.

Layout, little endian: 8 bytes of magic; uint32 version; uint32 length of the header; the header (UTF-8 JSON, padded
with spaces so that sections begin at a multiple of 4); sections, each at a multiple of 4 from there. See docs/rig.md.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

PNG_LEVEL = 4


@dataclass
class Container:
    """Sections as they are added; `pack` writes them behind their header."""

    magic: bytes
    version: int
    header: dict[str, Any]
    _parts: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)

    def array(self, name: str, values: np.ndarray, kind: str) -> None:
        """Numbers as they are: kind f32, u16, u8."""
        types = {"f32": "<f4", "u16": "<u2", "u8": "u1"}
        data = np.ascontiguousarray(values, types[kind])
        self._parts[name] = ({"type": kind, "shape": list(data.shape)}, data.tobytes())

    def rows(self, name: str, values: np.ndarray) -> None:
        """Each row (first axis) as int16 with a scale of its own, so that its largest value is kept to 1/32767."""
        table = np.asarray(values, np.float64)
        scale = np.abs(table.reshape(len(table), -1)).max(1) / 32767
        scale[scale == 0] = 1.0
        data = np.round(table / scale.reshape(-1, *[1] * (table.ndim - 1))).astype("<i2")
        about = {"type": "i16", "shape": list(table.shape), "scale": [float(s) for s in scale]}
        self._parts[name] = (about, data.tobytes())

    def picture(self, name: str, rgb: np.ndarray, quality: int | None = None) -> None:
        """An RGB picture (h, w, 3) uint8, as WebP of this quality or, without one, exactly (PNG)."""
        ending, options = ".png", [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
        if quality is not None:
            ending, options = ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality]
        done, data = cv2.imencode(ending, np.ascontiguousarray(rgb[..., ::-1]), options)
        assert done
        about = {"type": "image", "mime": f"image/{ending[1:]}", "shape": list(rgb.shape[:2])}
        self._parts[name] = (about, data.tobytes())

    def sheet(self, name: str, rgba: np.ndarray) -> None:
        """A sheet (h, w, 4): colour above, alpha below as grey, in one picture; browsers would else multiply it in."""
        values = np.clip(np.round(rgba), 0, 255).astype(np.uint8)
        self.picture(name, np.vstack([values[..., :3], np.repeat(values[..., 3:], 3, axis=2)]))

    def pack(self) -> bytes:
        at, sections, body = 0, {}, []
        for name, (about, data) in self._parts.items():
            sections[name] = {**about, "offset": at, "length": len(data)}
            padded = data + bytes(-len(data) % 4)
            body.append(padded)
            at += len(padded)
        text = json.dumps({**self.header, "sections": sections}, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        return b"".join([self.magic, struct.pack("<II", self.version, len(text)), text, *body])
