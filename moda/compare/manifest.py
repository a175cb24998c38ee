"""What a comparison is asked to be, and the manifest that holds everything needed to make it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moda.compare.figures import width_of
from moda.compare.measuring import SOURCES
from moda.compare.variants import Variant, combine, safe
from moda.digests import file_digest
from moda.errors import BadSetting
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.portrait.portrait import Portrait

KIND = "moda-comparison"


@dataclass(frozen=True)
class Request:
    """What is compared, and how it is shown.

    vary      setting -> values; every combination is a variant. columns: name -> another system's video.
    base      settings that all variants share. fixed: those of them that the person gave (to find clashes).
    at        moments of the strip: "" (six by mouth opening), or seconds and phonemes, "0.5,1.2,AA".
    words     what is said, for phonemes. measure: auto, motion or video. width: single, double or inches.
    """

    vary: Mapping[str, Sequence[Any]]
    base: Settings = field(default_factory=Settings)
    columns: Mapping[str, Path] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    at: str = ""
    words: str = ""
    measure: str = "auto"
    width: str = "double"

    def variants(self) -> list[Variant]:
        """The variants, checked: raises BadSetting for anything that cannot be compared."""
        if self.measure not in SOURCES:
            raise BadSetting(f"measure must be one of {', '.join(SOURCES)}; {self.measure[:40]!r} is not known.")
        width_of(self.width)
        found = combine(self.base, self.vary, self.fixed)
        if len(found) + len(self.columns) < 2:
            raise BadSetting("There is nothing to compare: vary a setting, as in --vary steps=2,4,10, or add a column.")
        return found


def keep_inputs(
    output: Path, portrait: Any, face: Portrait, sound: Speech, speech: Any, columns: Mapping[str, Path]
) -> dict[str, Any]:
    """Copies what was compared into the folder, so that the manifest works wherever the folder goes."""
    from PIL import Image

    from moda.media.output import write_wav

    folder = output / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(portrait, (str, Path)):
        picture = folder / f"portrait{Path(portrait).suffix.lower()}"
        if picture.resolve() != Path(portrait).resolve():
            shutil.copyfile(portrait, picture)
    else:
        picture = folder / "portrait.png"
        Image.fromarray(face.image).save(picture)
    if isinstance(speech, (str, Path)):
        voice = folder / f"speech{Path(speech).suffix.lower()}"
        if voice.resolve() != Path(speech).resolve():
            shutil.copyfile(speech, voice)
    else:
        voice = write_wav(sound, folder / "speech.wav")
    facts: dict[str, Any] = {
        "portrait": {"file": f"inputs/{picture.name}", "sha256": file_digest(picture), "digest": face.digest},
        "speech": {"file": f"inputs/{voice.name}", "sha256": file_digest(voice), "digest": sound.digest},
        "columns": {},
    }
    for number, (name, path) in enumerate(columns.items()):
        copy = folder / f"column-{number + 1}-{safe(name)}{path.suffix.lower()}"
        if copy.resolve() != path.resolve():
            shutil.copyfile(path, copy)
        facts["columns"][name] = {"file": f"inputs/{copy.name}", "sha256": file_digest(copy)}
    return facts


def software() -> dict[str, str]:
    import platform

    import torch

    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}


def read_manifest(path: Path) -> tuple[dict[str, Any], Request]:
    """A manifest and the request that it stands for. Raises BadSetting for a file that is none."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["kind"] != KIND:
            raise ValueError
        columns = {name: path.parent / about["file"] for name, about in facts["inputs"]["columns"].items()}
        request = Request(
            facts["vary"], Settings.from_mapping(facts["settings"]), columns, (),
            facts["at"], facts["words"], facts["measure"], facts["width"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadSetting(f"{path.name} is not the manifest of a comparison, or it is damaged.") from None
    for about in (facts["inputs"]["portrait"], facts["inputs"]["speech"], *facts["inputs"]["columns"].values()):
        file = path.parent / about["file"]
        if not file.is_file() or file_digest(file) != about["sha256"]:
            raise BadSetting(f"The manifest's input {about['file']} is missing or has changed: keep the folder whole.")
    return facts, request
