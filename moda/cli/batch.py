"""batch: many clips from a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from moda.cli.options import AsJson, Device, Model, OutputFolder, RendererName, show
from moda.console import STOPPED
from moda.errors import BadSetting


def batch(
    jobs: Annotated[Path, typer.Argument(help="A .csv, .tsv or .jsonl table: portrait, speech or text, settings.")],
    output: OutputFolder,
    workers: Annotated[int, typer.Option(help="Processes (or Ray actors), each with its own model.")] = 1,
    ray: Annotated[str | None, typer.Option(help="local, auto or an address: workers on a Ray cluster.")] = None,
    model: Model = "auto",
    renderer: RendererName = "auto",
    device: Device = "auto",
    json: AsJson = False,
) -> int:
    """Many clips from a table: resumable, errors reported per row (exit code 1 when some rows failed)."""
    from moda.batch.jobs import read_jobs
    from moda.batch.run import run_batch
    from moda.batch.work import Recipe
    from moda.batch.workers import Alone, Crew, Processes

    if workers < 1:
        raise BadSetting("The number of workers must be at least 1.")
    read_jobs(jobs)  # a useless job file is told before anything is started
    recipe, folder = Recipe(model, renderer, device), output.resolve()

    def crew() -> Crew:
        if ray is not None:
            from moda.batch.ray_workers import RayCrew

            return RayCrew(recipe, folder, ray, workers)
        return Alone(recipe.load(), folder) if workers == 1 else Processes(recipe, folder, workers)

    try:
        summary = run_batch(jobs, output, crew)
    except KeyboardInterrupt:
        print(f"Stopped; finished clips are kept in {output}. The same command goes on from there.", file=sys.stderr)
        raise SystemExit(STOPPED) from None
    facts = summary.as_dict()
    counts = ", ".join(f"{facts[status]} {status}" for status in ("done", "skipped", "duplicate", "failed"))
    show(facts, f"{output}  {facts['rows']} rows: {counts}; see {facts['report']}", json)
    return summary.exit_code
