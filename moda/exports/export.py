"""One take in another form, by the ending of the file: .html, .glb or .csv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.errors import BadSetting
from moda.media.output import wav_bytes, write_bytes
from moda.media.provenance import made_by
from moda.motion.arkit import write_csv
from moda.motion.takes import Take

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.renderer.mesh.renderer import Prepared

ENDINGS = (".html", ".glb", ".csv")


def check_ending(path: Path) -> str:
    """The ending of a file that can be exported to. Raises BadSetting."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise BadSetting(
            "An export ends in .html (a page that plays), .glb (a rigged face) or .csv (ARKit curves), "
            f"not {path.name!r}."
        )
    return ending


def export(prepared: Prepared, take: Take, speech: Speech | None, output: Path) -> Path:
    """Writes the take for this portrait, whole or not at all. Raises BadSetting, OutputFailed."""
    ending = check_ending(output)
    metadata: dict[str, Any] = made_by(take.model, "mesh", take.settings)
    if ending == ".csv":
        return write_bytes(output, write_csv(take.motion).encode("ascii"))
    if ending == ".glb":
        from moda.exports.glb import face_glb

        record = {"ai_generated": True, "title": "AI-generated talking head", **metadata}
        return write_bytes(output, face_glb(prepared, take.motion, record))
    from moda.exports.page import page
    from moda.stage.bundle import rig_bytes
    from moda.stage.chunks import motion_bytes

    sound = b"" if speech is None else wav_bytes(speech)
    content = page(rig_bytes(prepared), motion_bytes(take.motion), sound, metadata, take.settings.mark)
    return write_bytes(output, content)
