"""What a finished video says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moda.cli.options import AsJson, show


def verify(
    file: Annotated[Path, typer.Argument(help="A video, an animated picture, or a folder of PNG pictures.")],
    json: AsJson = False,
) -> None:
    """What a video says of itself: AI-generated, with which model, settings and voice, or that nothing is left."""
    from moda.media.verify import verify as read

    found = read(file)
    show(found.as_dict(), found.sentence(), json)
