"""What a finished file says of itself: that it is AI-generated, by what, with which voice; or that nothing is left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moda.errors import BadVideo
from moda.media import embedded
from moda.media.ffmpeg import open_media
from moda.media.footage import MAX_BYTES, probe, read_metadata
from moda.media.provenance import STATEMENT, record_of, voice_of

PICTURES = 40 << 20  # bytes of one PNG picture that is read


@dataclass(frozen=True)
class Statement:
    """file: which. ours: it says that it was made here. record: generator, model, renderer, seed, settings, voice."""

    file: str
    ours: bool
    record: dict[str, Any]
    comment: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same, flat, for JSON."""
        return {"file": self.file, "says_ai_generated": self.ours, "comment": self.comment, **self.record}

    def sentence(self) -> str:
        """The same for people."""
        if not self.ours:
            return (
                f"{self.file}: nothing in it says how it was made. That proves nothing: such marks are lost when a "
                "file is converted or sent through a messenger."
            )
        known = (("generator", ""), ("version", "version "), ("model", "model "), ("renderer", "renderer "),
                 ("seed", "seed "), ("settings", "settings "))  # fmt: skip
        made = ", ".join(f"{before}{self.record[key]}" for key, before in known if key in self.record)
        voice = self.record.get("voice")
        spoken = f" The voice is synthetic: {voice}." if voice else ""
        return f"{self.file}: AI-generated{f' with {made}' if made else ''}.{spoken}"


def verify(path: Path) -> Statement:
    """Read what a video, an animated picture, PNG pictures in a folder or a spoken text say. Raises BadVideo."""
    chosen = path
    if path.is_dir():
        chosen = next(iter(sorted(path.glob("*.png"))), path)
        if chosen is path:
            raise BadVideo(f"The folder '{path.name}' holds no PNG pictures: give a video or a folder of them.")
    with open_media(chosen, BadVideo, "video", MAX_BYTES) as file:
        head = file.read(12)
    if head.startswith(b"\x89PNG"):
        found = _png_text(chosen)
    elif head.startswith(b"GIF8") or head[8:] == b"WEBP":
        found = embedded.read(chosen)
    else:
        found = _video_or_sound(chosen)
    tags = {key.lower(): value for key, value in found.items()}
    record = record_of(tags)
    ours = bool(record.get("ai_generated")) or STATEMENT in tags.get("comment", "")
    voice = voice_of(tags.get("comment", ""))
    if voice:
        return Statement(path.name, True, {"generator": "MoDA Studio", "voice": voice}, tags["comment"])
    plain = {key: value for key, value in record.items() if key != "ai_generated" and isinstance(value, (str, int))}
    return Statement(path.name, ours, plain, tags.get("comment", ""))


def _video_or_sound(path: Path) -> dict[str, str]:
    try:
        return probe(path).metadata
    except BadVideo:
        found = read_metadata(path)
        if not voice_of(found.get("comment", "")):
            raise
        return found


def _png_text(path: Path) -> dict[str, str]:
    from PIL import Image

    if path.stat().st_size > PICTURES:
        raise BadVideo(f"The picture '{path.name}' is larger than {PICTURES >> 20} MB.")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return {key: str(value) for key, value in getattr(image, "text", {}).items()}
    except (OSError, ValueError, SyntaxError) as fault:
        raise BadVideo(f"The picture '{path.name}' is damaged ({fault}).") from None
