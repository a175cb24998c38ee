"""`python -m moda compare`: what the command line runs."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moda.compare.manifest import Request, read_manifest
from moda.compare.run import Comparison, compare, repeat
from moda.compare.variants import parse_columns, parse_vary
from moda.errors import BadSetting
from moda.settings import Settings

if TYPE_CHECKING:
    from moda.pipeline import Progress


def run(
    portrait: Path | None,
    speech: Path | None,
    output: Path,
    settings: Mapping[str, Any],
    vary: Sequence[str] = (),
    columns: Sequence[str] = (),
    again: Path | None = None,
    loading: tuple[str, str, str] = ("auto", "auto", "auto"),
    face: int | None = None,
    at: str = "",
    words: str = "",
    measure: str = "auto",
    width: str = "double",
    json: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare, or repeat a comparison, and print where the results are. loading: model, renderer, device.

    Raises a UserError before any model is loaded where the request cannot be met.
    """
    from moda.pipeline import TalkingHead

    model, renderer, device = loading
    if again is not None:
        if portrait or speech or vary or columns or settings:
            raise BadSetting("--again repeats a manifest as it is: leave out portrait, speech and settings.")
        facts, _ = read_manifest(again)
        model = facts["model"]["name"] if model == "auto" else model
        renderer = facts["renderer"] if renderer == "auto" else renderer
        made = repeat(TalkingHead.load(model, renderer, device), again, output, progress=progress)
    else:
        if portrait is None or speech is None:
            raise BadSetting("compare wants a portrait and a speech, or --again with a manifest.")
        base = Settings.from_mapping(settings)
        request = Request(parse_vary(vary), base, parse_columns(columns), tuple(settings), at, words, measure, width)
        request.variants()
        head = TalkingHead.load(model, renderer, device)
        source: Any = portrait if face is None else head.portrait(portrait, face=face)
        made = compare(head, source, speech, request, output, progress=progress)
    for note in made.notes:
        print(note, file=sys.stderr)
    print(jsonlib.dumps(made.as_dict()) if json else "\n".join(str(path) for path in made.files.values()))
    return made
