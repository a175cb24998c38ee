"""What a spoken sound knows of itself, kept inside its wav file: its script, and when each word and phoneme is said.

A chunk of its own ("moda", one JSON object) behind the samples: players pass over it, editors drop it. It holds the
sha256 of the samples it speaks of, so that a sound that was cut or changed since is a recording like any other.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moda.media.words import Phone, Word

CHUNK = b"moda"
MAX_BYTES = 8 << 20
MAX_SCRIPT = 20_000  # letters
MAX_SYMBOL, MAX_WORD = 8, 200  # letters of a phoneme and of a word
SLACK = 0.1  # seconds that a time may lie behind the end


def samples_of(waveform: np.ndarray) -> bytes:
    """A waveform (N,) within [-1, 1] as the 16-bit samples of a wav file."""
    return (np.clip(waveform, -1, 1) * 32767).round().astype("<i2").tobytes()


def chunk(samples: bytes, script: str, words: Sequence[Word], phones: Sequence[Phone]) -> bytes:
    """The chunk of a wav file with these samples; b"" where nothing is known."""
    if not words and not script:
        return b""
    known = {
        "samples": hashlib.sha256(samples).hexdigest(),
        "script": script,
        "words": [[round(w.start, 3), round(w.end, 3), w.text] for w in words],
        "phones": [[round(p.start, 3), round(p.end, 3), p.symbol] for p in phones],
    }
    body = json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return CHUNK + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def known_of(path: Path, waveform: np.ndarray) -> dict[str, Any]:
    """script, words and phones (fields of a Speech) that a wav file says of the waveform decoded from it.

    {} where the file says nothing, speaks of other samples, or is damaged: files come from strangers.
    """
    body = _body(path)
    if not body:
        return {}
    try:
        known = json.loads(body)
        if not isinstance(known, Mapping) or known.get("samples") != _digest(waveform):
            return {}
        seconds = len(waveform) / 16_000
        words = tuple(Word(*_span(item, seconds, MAX_WORD)) for item in known["words"])
        phones = tuple(Phone(*_span(item, seconds, MAX_SYMBOL)) for item in known["phones"])
        script = _plain(known["script"], MAX_SCRIPT)
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return {"script": script, "words": words, "phones": phones}


def _digest(waveform: np.ndarray) -> str:
    """sha256 of the 16-bit samples that this waveform was decoded from."""
    return hashlib.sha256((waveform * 32768.0).round().astype("<i2").tobytes()).hexdigest()


def _span(item: Any, seconds: float, most: int) -> tuple[float, float, str]:
    """(start, end, text). Raises ValueError, TypeError."""
    start, end, text = float(item[0]), float(item[1]), _plain(item[2], most)
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end <= seconds + SLACK):
        raise ValueError("a time outside of the sound")
    return start, end, text


def _plain(text: Any, most: int) -> str:
    if not isinstance(text, str) or len(text) > most:
        raise ValueError("no text, or a long one")
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)


def _body(path: Path) -> bytes:
    """Content of our chunk in a RIFF file, b"" where there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return b""
            while len(found := file.read(8)) == 8:
                size = struct.unpack("<I", found[4:])[0]
                if found[:4] == CHUNK:
                    return file.read(size) if size <= MAX_BYTES else b""
                file.seek(size + size % 2, 1)
    except OSError:
        pass
    return b""
