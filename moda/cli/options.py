"""What several commands take, declared once."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from moda.media.words import Word
    from moda.motion.edits import Edit
    from moda.pipeline import TalkingHead

Model = Annotated[str, typer.Option(help="moda-lite, moda-base or auto (the best that is present).")]
RendererName = Annotated[str, typer.Option(help="mesh, liveportrait or auto (the best that is present).")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes; parents are created.")]
OutputFolder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; it is created.")]
PortraitFile = Annotated[Path, typer.Argument(help="A picture with a face.")]
SpeechFile = Annotated[Path, typer.Argument(help="Any sound or video file with speech.")]
EditsFile = Annotated[Path | None, typer.Option(help="A .json list of edits (a nod here, a smile there).")]
CueSheet = Annotated[Path | None, typer.Option(help="What `speak --cues` wrote: its edits and emotions are played.")]
FaceIndex = Annotated[int | None, typer.Option("--face", help="Which face, 0 is the largest.", show_default=False)]

ALL_GROUPS = ("sampling", "guidance", "emotion", "pose", "trims", "video")


def load(model: str | None, renderer: str, device: str) -> TalkingHead:
    """The models of a command; imported here, as torch takes its time."""
    from moda.pipeline import TalkingHead

    return TalkingHead.load(model=model, renderer=renderer, device=device)


def show(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    """The result of a command on stdout: one JSON object, or a sentence for people."""
    print(jsonlib.dumps(facts) if as_json else sentence)


def read_cues(path: Path) -> tuple[tuple[Edit, ...], str, tuple[Word, ...]]:
    """Edits, emotion prompt and words of a cue sheet. Raises BadText where the file is none."""
    from moda.errors import BadText
    from moda.script import read_cue_sheet

    try:
        found = jsonlib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise BadText(f"The cue sheet {path.name} cannot be read ({fault}).") from None
    return read_cue_sheet(found)
