"""The command line: `moda` with generate, preview, render, perform, export, speak, compare, batch, evaluate and others.

One module a group of commands, put together here. Every option of a take comes from settings.py; exit codes are
those of moda/console.py. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from moda import console
from moda.cli import batch, clips, compare, evaluate, studio, verify
from moda.corpus.footage.command import prepare
from moda.training import commands as training

app = typer.Typer(
    help="One portrait and speech in, a talking-head video out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    clips.generate,
    clips.preview,
    clips.render,
    clips.perform,
    clips.idle,
    clips.export,
    clips.speak,
    compare.compare,
    batch.batch,
):
    app.command()(command)
app.add_typer(evaluate.app, name="evaluate")
app.command()(prepare)
app.add_typer(training.app, name="train")
app.command()(verify.verify)
app.command()(studio.doctor)
app.command()(studio.serve)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process with its exit code; without a command it shows the help."""
    given = sys.argv[1:] if arguments is None else arguments
    console.main(app, console.program(), list(given) or ["--help"])


def run(arguments: Sequence[str]) -> int:
    """Runs the command line and returns its exit code (0, or 2 with one line on stderr)."""
    return console.run(app, console.program(), list(arguments) or ["--help"])
