"""Tags inside GIF and WebP files, where ffmpeg writes none: a comment block, and an XMP packet.

Both formats have a place for text that viewers keep and ignore. Only files that were just written here are changed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

from moda.media.formats import GIF, WEBP, Format
from moda.media.provenance import fields

COPIED = 1 << 20


def write(path: Path, form: Format, metadata: Mapping[str, Any] | None) -> None:
    """Write what a video says about itself into a finished file, where its container needs help. Raises OSError."""
    if form is GIF:
        _write_gif(path, "\n".join(fields(metadata).values()))
    elif form is WEBP:
        _write_webp(path, fields(metadata))


def _write_gif(path: Path, text: str) -> None:
    """A comment extension at the end, before the trailer byte."""
    data = text.encode("utf-8")
    blocks = b"".join(bytes([len(part)]) + part for part in (data[k : k + 255] for k in range(0, len(data), 255)))
    with path.open("r+b") as file:
        file.seek(-1, 2)
        assert file.read(1) == b";"
        file.seek(-1, 2)
        file.write(b"\x21\xfe" + blocks + b"\0;")


def _write_webp(path: Path, tags: Mapping[str, str]) -> None:
    """An XMP chunk at the end, announced in the head."""
    inner = "".join(f"<dc:{key}>{escape(value)}</dc:{key}>" for key, value in tags.items())
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">{inner}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()
    with path.open("r+b") as file:
        head = file.read(21)
        if head[:4] != b"RIFF" or head[12:16] != b"VP8X":
            return  # a single still picture has no room for it
        file.seek(20)
        file.write(bytes([head[20] | 0x04]))
        size = file.seek(0, 2)
        file.write(b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0" * (len(packet) % 2))
        file.seek(4)
        file.write(struct.pack("<I", size + 8 + len(packet) + len(packet) % 2 - 8))


def read(path: Path) -> dict[str, str]:
    """The text of a GIF's comments ("comment") or of a WebP's XMP packet, by tag; empty for other files."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"GIF8":
            file.seek(max(0, path.stat().st_size - COPIED))
            return _gif_comment(file.read())
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp_tags(file)
    return {}


def _gif_comment(tail: bytes) -> dict[str, str]:
    start = tail.rfind(b"\x21\xfe")
    parts, place = [], start + 2
    while 2 <= place < len(tail) and tail[place]:
        parts.append(tail[place + 1 : place + 1 + tail[place]])
        place += 1 + tail[place]
    if start < 0:
        return {}
    lines = b"".join(parts).decode("utf-8", "replace").split("\n")
    named = dict(zip(("title", "comment"), lines))
    return {**named, "description": lines[-1]} if len(lines) > 2 else named


def _webp_tags(file: Any) -> dict[str, str]:
    while len(head := file.read(8)) == 8:
        size = struct.unpack("<I", head[4:])[0]
        if head[:4] == b"XMP ":
            text = file.read(min(size, COPIED)).decode("utf-8", "replace")
            return {key: unescape(value) for key, value in re.findall(r"<dc:(\w+)>(.*?)</dc:\1>", text, re.DOTALL)}
        file.seek(size + size % 2, 1)
    return {}
