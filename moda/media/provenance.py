"""What a video says about itself: that it is AI-generated, by which model, with which settings.

mp4 has a small fixed set of tags that every player keeps; ours are `title` and `comment` for people and
`description` for programs (one JSON object).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from moda import __version__
from moda.settings import Settings

STATEMENT = "AI-generated video: the person shown did not say this. Made with MoDA Studio."
STANDARD = ("title", "artist", "album", "date", "comment", "genre", "copyright")
_LONGEST = 8_000


_VOICE = re.compile(r"Synthetic voice: (.{1,200}?)\. Made with MoDA Studio\.")


def voice_comment(voice: str) -> str:
    """What a spoken text says about itself as a sound file."""
    return f"Synthetic voice: {_plain(voice)[:200]}. Made with MoDA Studio."


def voice_of(comment: str) -> str:
    """The synthetic voice that a sound file names (see `voice_comment`), "" if it names none."""
    found = _VOICE.search(comment)
    return found[1] if found else ""


def made_by(model: str, renderer: str, settings: Settings, voice: str = "") -> dict[str, Any]:
    """How a video came about: enough to make it again, nothing about who made it of whom.

    voice: the synthetic voice that speaks in it, "" where it is a recording.
    """
    made = {
        "model": model,
        "renderer": renderer,
        "version": __version__,
        "seed": settings.seed,
        "settings": settings.digest(),
    }
    if voice:
        made |= {"voice": voice, "synthetic_voice": True}
    return made


def fields(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """The tags of a video, by name.

    Keys that mp4 knows (`STANDARD`) become tags of their own; everything else becomes one JSON object in
    `description`, next to `"ai_generated": true`. A given comment follows the statement, it does not replace it.
    """
    given = dict(metadata or {})
    comment = str(given.pop("comment", "")).strip()
    found = {"title": str(given.pop("title", "") or "AI-generated talking-head video")}
    found["comment"] = f"{STATEMENT} {comment}" if comment and comment != STATEMENT else STATEMENT
    found.update({key: str(given.pop(key)) for key in STANDARD if key in given})
    record = {"ai_generated": True, "generator": "MoDA Studio", **given}
    record["ai_generated"] = True
    found["description"] = json.dumps(record, ensure_ascii=False, default=str, sort_keys=True)
    return {key: _plain(value) for key, value in found.items()}


def tags(metadata: Mapping[str, Any] | None) -> list[str]:
    """ffmpeg's options that write the `fields`: separate arguments, never through a shell or a filter."""
    return [part for key, value in fields(metadata).items() for part in ("-metadata", f"{key}={value}")]


def record_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object that `tags` wrote, from the tags that `probe` read; empty if there is none."""
    try:
        record = json.loads(metadata.get("description") or metadata.get("DESCRIPTION") or "")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _plain(text: str) -> str:
    """Without control characters (a NUL cannot be an argument, a line break would confuse readers), bounded."""
    kept = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    return kept[:_LONGEST]
