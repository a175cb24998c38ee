"""A whole batch: read the rows, leave out what is finished, do the rest, report every row."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from moda.batch.jobs import Contents, Job, content_hash, output_name, read_jobs
from moda.batch.work import Outcome, Task, finished
from moda.batch.workers import Crew, carry_out
from moda.media.csv_safe import cell
from moda.media.output import write_bytes

REPORT_EVERY = 30.0  # seconds
QUIET_SECONDS = 30.0  # between two lines of progress where nobody watches
COLUMNS = ("number", "shown", "status", "output", "frames", "seconds", "motion_sha256", "content", "hints", "error")


@dataclass(frozen=True)
class Summary:
    """What became of a batch. exit_code: 0, or 1 when any row failed."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    seconds: float

    def count(self, status: str) -> int:
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        return 1 if self.count("failed") else 0

    def as_dict(self) -> dict[str, Any]:
        counts = {status: self.count(status) for status in ("done", "skipped", "duplicate", "failed")}
        return {
            "output": str(self.folder),
            "rows": len(self.outcomes),
            **counts,
            "seconds": round(self.seconds, 2),
            "report": str(self.folder / "report.json"),
        }


def run_batch(
    jobs_file: Path,
    folder: Path,
    crew: Callable[[], Crew],
    *,
    stream: TextIO | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Summary:
    """Do every row of a job file that is not done yet; clips and report.csv, report.json go into `folder`.

    crew: makes the workers, once the job file has been found usable and there is something to do. stream: where
    progress is told; None = stderr. cancel: asked between rows; the report then covers what was done.
    Raises BadJobs, OutputFailed, and what loading a model raises.
    """
    from moda.media.output import check_folder

    started = time.perf_counter()
    jobs = read_jobs(jobs_file)
    check_folder(folder)
    outcomes: dict[int, Outcome] = {}
    for job in jobs:
        if job.fault:
            outcomes[job.number] = Outcome(job.number, job.shown, "failed", error=job.fault)
    good = [job for job in jobs if not job.fault]
    told = _Progress(stream or sys.stderr, len(jobs))
    members: Crew | None = None
    try:
        if good:
            members = crew()
            tasks = sort_out(good, folder, members.maker(), outcomes)
            told.start(outcomes.values(), len(tasks), members.size)
            written = time.monotonic()
            for outcome in carry_out(members, tasks):
                outcomes[outcome.number] = outcome
                told.one_more(outcome)
                if time.monotonic() - written > REPORT_EVERY:
                    write_report(folder, jobs, outcomes)
                    written = time.monotonic()
                if cancel is not None and cancel():
                    break
    finally:
        if members is not None:
            members.close()
        write_report(folder, jobs, outcomes)
        told.end()
    ordered = tuple(outcomes[job.number] for job in jobs if job.number in outcomes)
    return Summary(folder, ordered, time.perf_counter() - started)


def sort_out(jobs: Sequence[Job], folder: Path, maker: dict[str, str], outcomes: dict[int, Outcome]) -> list[Task]:
    """The rows that are to be done; outcomes of finished, repeated and unreadable ones are added to `outcomes`."""
    contents, first, tasks = Contents(), dict[tuple[str, str], int](), []
    for job in jobs:
        try:
            content = content_hash(job, contents, maker)
        except OSError as fault:
            error = f"A file of this row cannot be read ({fault.strerror or fault}): check its permissions."
            outcomes[job.number] = Outcome(job.number, job.shown, "failed", error=error)
            continue
        name = output_name(job, content)
        video = f"{name}{job.ending}"
        if (name, content) in first:
            error = f"The same as row {first[name, content]}."
            outcomes[job.number] = Outcome(job.number, job.shown, "duplicate", video, content, error=error)
            continue
        first[name, content] = job.number
        record = finished(folder, name, content)
        if record is None:
            tasks.append(Task(job, name, content))
        else:
            outcomes[job.number] = Outcome(
                job.number, job.shown, "skipped", video, content, record["motion_sha256"], record["frames"]
            )
    return tasks


def write_report(folder: Path, jobs: Sequence[Job], outcomes: dict[int, Outcome]) -> None:
    """report.csv and report.json: one entry a row, in the order of the job file; rows not reached are "open"."""
    rows = [outcomes.get(job.number) or Outcome(job.number, job.shown, "open") for job in jobs]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        facts = {**row.as_dict(), "seconds": round(row.seconds, 3)}
        writer.writerow([cell(facts[name]) for name in COLUMNS])
    write_bytes(folder / "report.csv", text.getvalue().encode("utf-8"))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    report = {"kind": "moda-batch", "counts": counts, "rows": [row.as_dict() for row in rows]}
    write_bytes(folder / "report.json", (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))


class _Progress:
    """What is told while rows are done: every fault on a line of its own, and a tqdm bar with the time that is left."""

    def __init__(self, stream: TextIO, rows: int) -> None:
        self._stream, self._rows = stream, rows
        self._bar: Any = None
        self._failed = 0

    def start(self, known: Collection[Outcome], tasks: int, workers: int) -> None:
        from tqdm import tqdm

        skipped, failed = (sum(o.status == status for o in known) for status in ("skipped", "failed"))
        self._failed = failed
        self._line(
            f"{self._rows} rows: {tasks} to do with {workers} worker{'s' if workers > 1 else ''}, {skipped} finished "
            f"before, {failed} cannot be done."
        )
        every = 0.1 if self._stream.isatty() else QUIET_SECONDS
        self._bar = tqdm(total=tasks, unit="clip", file=self._stream, mininterval=every, maxinterval=every)

    def one_more(self, outcome: Outcome) -> None:
        if outcome.status == "failed":
            self._failed += 1
            self._line(f"Row {outcome.number} ({outcome.shown}): {outcome.error}")
        self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.update()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _line(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write("".join(letter if letter.isprintable() else " " for letter in text), file=self._stream)
