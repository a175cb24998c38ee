"""`python -m moda batch`: what the command line runs."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path

from moda.batch.jobs import read_jobs
from moda.batch.run import run_batch
from moda.batch.work import Recipe
from moda.batch.workers import Alone, Crew, Processes
from moda.errors import BadSetting


def run(jobs: Path, output: Path, recipe: Recipe, workers: int = 1, ray: str | None = None, json: bool = False) -> int:
    """Do a batch and print what became of it; returns the exit code, 1 where any row failed."""
    if workers < 1:
        raise BadSetting("The number of workers must be at least 1.")
    read_jobs(jobs)  # a useless job file is told before anything is started
    folder = output.resolve()

    def crew() -> Crew:
        if ray is not None:
            from moda.batch.ray_workers import RayCrew

            return RayCrew(recipe, folder, ray, workers)
        return Alone(recipe.load(), folder) if workers == 1 else Processes(recipe, folder, workers)

    try:
        summary = run_batch(jobs, output, crew)
    except KeyboardInterrupt:
        print(f"Stopped; finished clips are kept in {output}. The same command goes on from there.", file=sys.stderr)
        return 130
    facts = summary.as_dict()
    if json:
        print(jsonlib.dumps(facts))
    else:
        counts = ", ".join(f"{facts[status]} {status}" for status in ("done", "skipped", "duplicate", "failed"))
        print(f"{output}  {facts['rows']} rows: {counts}; see {facts['report']}")
    return summary.exit_code
