"""compare: one or two settings varied, all else shared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from moda.cli.options import (
    ALL_GROUPS,
    AsJson,
    Device,
    FaceIndex,
    Model,
    OutputFolder,
    Precision,
    RendererName,
    check_inputs,
    load,
    show,
)
from moda.cli.settings_options import with_settings
from moda.console import progress_on_stderr
from moda.errors import BadSetting
from moda.settings import Settings


@with_settings(ALL_GROUPS)
def compare(
    output: OutputFolder,
    settings: dict[str, Any],
    portrait: Annotated[Path | None, typer.Argument(help="A picture with a face.", show_default=False)] = None,
    speech: Annotated[Path | None, typer.Argument(help="Any sound or video file.", show_default=False)] = None,
    vary: Annotated[list[str] | None, typer.Option(help="NAME=VALUE,VALUE; once or twice.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="NAME=VIDEO of another system; aligned by sound.")] = None,
    again: Annotated[Path | None, typer.Option(help="Repeat the comparison of this manifest.json.")] = None,
    at: Annotated[str, typer.Option(help="Moments of the strip: seconds or phonemes, 0.5,1.2,AA.")] = "",
    words: Annotated[str, typer.Option(help="What is said, to find phonemes exactly.")] = "",
    measure: Annotated[str, typer.Option(help="auto, motion or video (every pixel).")] = "auto",
    width: Annotated[str, typer.Option(help="Width of figures: single, double or inches.")] = "double",
    model: Model = "auto",
    renderer: RendererName = "auto",
    face: FaceIndex = None,
    device: Device = "auto",
    precision: Precision = "auto",
    json: AsJson = False,
) -> None:
    """One or two settings varied, all else shared: grid video, figures, tables, report."""
    from moda.compare.manifest import Request, read_manifest
    from moda.compare.run import compare as compare_all
    from moda.compare.run import repeat
    from moda.compare.variants import parse_columns, parse_vary

    with progress_on_stderr() as report:
        if again is not None:
            if portrait or speech or vary or column or settings:
                raise BadSetting("--again repeats a manifest as it is: leave out portrait, speech and settings.")
            facts, _ = read_manifest(again)
            head = load(
                facts["model"]["name"] if model == "auto" else model,
                facts["renderer"] if renderer == "auto" else renderer,
                device,
                precision,
            )
            made = repeat(head, again, output, progress=report)
        else:
            if portrait is None or speech is None:
                raise BadSetting("compare wants a portrait and a speech, or --again with a manifest.")
            columns, given = parse_columns(column or ()), tuple(settings)
            request = Request(
                parse_vary(vary or ()), Settings.from_mapping(settings), columns, given, at, words, measure, width
            )
            check_inputs(portrait, speech, settings)
            request.variants()  # what cannot be compared is told before a model is loaded
            head = load(model, renderer, device, precision)
            source: Any = portrait if face is None else head.portrait(portrait, face=face)
            made = compare_all(head, source, speech, request, output, progress=report)
    for note in made.notes:
        print(note, file=sys.stderr)
    show(made.as_dict(), "\n".join(str(path) for path in made.files.values()), json)
