"""What several commands take, declared once."""

from __future__ import annotations

import contextlib
import json as jsonlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moda.errors import BadPicture, BadSetting, BadSpeech, BadVideo, UserError
from moda.precision import AUTO, check_precision
from moda.settings import POSE_PRIORS, Limits

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.media.words import Word
    from moda.motion.edits import Edit
    from moda.pipeline import TalkingHead
    from moda.portrait.portrait import Portrait

Model = Annotated[str, typer.Option(help="moda-lite, moda-base or auto (the best that is present).")]
RendererName = Annotated[str, typer.Option(help="mesh, liveportrait or auto (the best that is present).")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16: of the networks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the result goes; parents are created.")]
OutputFolder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the results; it is created.")]
PortraitFile = Annotated[Path, typer.Argument(help="A picture with a face.")]
SpeechFile = Annotated[Path, typer.Argument(help="Any sound or video file with speech.")]
EditsFile = Annotated[Path | None, typer.Option(help="A .json list of edits (a nod here, a smile there).")]
CueSheet = Annotated[Path | None, typer.Option(help="What `speak --cues` wrote: its edits and emotions are played.")]
ScriptText = Annotated[
    str,
    typer.Option("--script", help="What the speech says, with cues: a text or a .txt file. It is aligned."),
]
FaceIndex = Annotated[int | None, typer.Option("--face", help="Which face, 0 is the largest.", show_default=False)]

ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|data:)", re.IGNORECASE)
"""How an address begins once a path was made of it, which joins slashes; a drive has one letter."""
ALL_GROUPS = ("sampling", "guidance", "emotion", "pose", "trims", "video")


def check_input(path: Path | None, what: str, fault: type[UserError]) -> None:
    """Told before anything is loaded: a file that is not there, or an address. Raises `fault`; None passes."""
    if path is None:
        return
    if ADDRESS.match(str(path)):
        raise fault(f"The {what} {str(path)[:80]!r} is an address: download it, and give the file.")
    try:
        there = path.exists()
    except OSError:  # a name that the system does not take
        there = False
    if not there:
        raise fault(f"The {what} {shortened(path)!r} was not found: check the path.")


def check_inputs(portrait: Path | None, speech: Path | None, settings: Mapping[str, Any] | None = None) -> None:
    """`check_input` of everything that a command reads. Raises BadPicture, BadSpeech, BadVideo."""
    check_input(portrait, "portrait", BadPicture)
    check_input(speech, "speech file", BadSpeech)
    prior = (settings or {}).get("pose_prior", POSE_PRIORS[0])
    if prior not in POSE_PRIORS:
        known = f"pose prior, which is none of {', '.join(POSE_PRIORS)} and no file,"
        check_input(Path(prior), known, BadVideo)


def keep_inputs(output: Path, *inputs: Path | None) -> None:
    """Raises BadSetting where the result would overwrite what it is made from."""
    for path in inputs:
        if path is None:
            continue
        with contextlib.suppress(OSError):
            if path.exists() and (path.resolve() == output.resolve() or (output.exists() and path.samefile(output))):
                raise BadSetting(f"The output {shortened(output)!r} is one of the inputs: give it another name.")


def files_in(settings: Mapping[str, Any]) -> list[Path]:
    """The files that settings name: a film for the head's pose, a picture behind."""
    prior, background = settings.get("pose_prior", POSE_PRIORS[0]), settings.get("background", "")
    return [Path(name) for name in ("" if prior in POSE_PRIORS else prior, background) if name]


def shortened(path: Path) -> str:
    """A file's name as a sentence can bear it."""
    return path.name if len(path.name) <= 80 else f"{path.name[:60]}..."


def load(model: str | None, renderer: str, device: str, precision: str = AUTO) -> TalkingHead:
    """The models of a command; imported here, as torch takes its time."""
    check_precision(precision)
    from moda.pipeline import TalkingHead

    return TalkingHead.load(model=model, renderer=renderer, device=device, precision=precision)


def load_and_open(
    portrait: Path, face: int | None, model: str | None, renderer: str, device: str, precision: str = AUTO
) -> tuple[TalkingHead, Portrait]:
    """The models of a command and its portrait, which is looked at meanwhile: importing torch leaves a core idle."""
    from moda.portrait.portrait import open_portrait

    most = Limits.from_environment().max_portrait_pixels / 1e6
    with ThreadPoolExecutor(1, "portrait") as aside:
        opened = aside.submit(open_portrait, portrait, face, max_megapixels=most)
        return load(model, renderer, device, precision), opened.result()


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


def with_script_of(speech: Speech, given: str) -> Speech:
    """The speech with the words and cues of `--script`, a text or a .txt file. Raises BadText, BadSpeech."""
    from moda.errors import BadText
    from moda.script import with_script

    if not given.lower().endswith(".txt"):
        return with_script(speech, given)
    try:
        text = Path(given).read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        raise BadText(f"The script {shortened(Path(given))!r} cannot be read: give a text file in UTF-8.") from None
    return with_script(speech, text)
