# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from moda.batch.jobs import Job
from moda.batch.run import Summary, run_batch
from moda.batch.work import Outcome, Recipe, Task, Worker
from moda.batch.workers import Alone, Crew, Processes, carry_out
from moda.media.audio import load_speech
from moda.media.output import write_wav
from moda.media.speak import speak
from moda.motion.takes import Take
from moda.pipeline import TalkingHead
from moda.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = Recipe("moda-lite", "mesh", "cpu")
HEAD = "portrait,speech,text,seed,steps,size,name\n"


@pytest.fixture(scope="session")
def head() -> TalkingHead:
    return TalkingHead.load("moda-lite", "mesh", "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job folder: a portrait, half a second of speech."""
    picture = Path(str(files("skimage") / "data" / "astronaut.png"))
    (tmp_path / "me.png").write_bytes(picture.read_bytes())
    write_wav(speak("Good morning.", "en-us+f2", offline=True).trim(0, 0.5), tmp_path / "hi.wav")
    return tmp_path


def do(folder: Path, head: TalkingHead, rows: str, crew: Callable[[], Crew] | None = None) -> Summary:
    (folder / "jobs.csv").write_text(HEAD + rows, encoding="utf-8")
    out = folder / "out"
    return run_batch(folder / "jobs.csv", out, crew or (lambda: Alone(head, out)), stream=io.StringIO())


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith("report.")}


def unlike(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Which files are not in both, or not the same; of takes and records, which of their parts."""

    def parts(name: str, content: bytes) -> dict[str, object]:
        if name.endswith(".json"):
            return dict(json.loads(content))
        if not name.endswith(".npz"):
            return {}
        with np.load(io.BytesIO(content)) as arrays:
            return {key: arrays[key].tolist() for key in arrays.files}

    found = []
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other:
            found.append(f"{name} is missing once")
        elif one[name] != other[name]:
            mine, theirs = parts(name, one[name]), parts(name, other[name])
            found.append(f"{name}: { ({k: (v, theirs.get(k)) for k, v in mine.items() if v != theirs.get(k)}) }"[:2000])
    return found


def test_rows_errors_duplicates_and_resume(folder: Path, head: TalkingHead) -> None:
    rows = (
        "me.png,hi.wav,,1,2,256,one\n"
        "gone.png,hi.wav,,1,2,256,\n"
        "hi.wav,hi.wav,,1,2,256,notapicture\n"
        "me.png,hi.wav,,1,2,256,one\n"
        'me.png,,"=Yes, it is.",2,1,256,\n'
    )
    summary = do(folder, head, rows)
    assert [o.status for o in summary.outcomes] == ["done", "failed", "failed", "duplicate", "done"]
    assert summary.exit_code == 1
    out = folder / "out"
    with (out / "report.csv").open(newline="") as file:
        report = list(csv.DictReader(file))
    assert "does not exist" in report[1]["error"] and "picture" in report[2]["error"]
    assert report[0]["output"] == "one.mp4" and (out / "one.mp4").is_file()
    assert not any(value.startswith(("=", "+", "-", "@")) for row in report for value in row.values())
    take = Take.load(out / "one.npz")
    alone = head.plan(
        head.portrait(folder / "me.png"), load_speech(folder / "hi.wav"), Settings(seed=1, steps=2, size=256)
    )
    assert take.motion.array.tobytes() == alone.motion.array.tobytes(), "the same motion as generate's"

    before, times = all_bytes(out), {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    again = do(folder, head, rows)
    assert [o.status for o in again.outcomes] == ["skipped", "failed", "failed", "duplicate", "skipped"]
    assert {n: t for n, t in times.items() if n in before} == {
        p.name: p.stat().st_mtime_ns for p in out.iterdir() if p.name in before
    }
    # A changed row and a damaged clip are made again, the rest is left alone; the result is the same to the byte.
    (out / "one.mp4").write_bytes(b"cut short")
    third = do(folder, head, rows.replace("me.png,,", "me.png ,,"))
    assert [o.status for o in third.outcomes] == ["done", "failed", "failed", "duplicate", "skipped"]
    assert unlike(all_bytes(out), before) == []


def test_all_good_rows_end_with_zero(folder: Path, head: TalkingHead) -> None:
    summary = do(folder, head, "me.png,hi.wav,,1,1,256,\n")
    assert summary.exit_code == 0 and summary.count("done") == 1
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["counts"] == {"done": 1} and report["rows"][0]["motion_sha256"]


def test_a_clip_never_overwrites_what_it_is_made_from(folder: Path, head: TalkingHead) -> None:
    out = folder / "out"
    out.mkdir()
    spoken = (folder / "hi.wav").read_bytes()
    (out / "hi.mp4").write_bytes(spoken)
    summary = do(folder, head, "me.png,out/hi.mp4,,1,1,256,hi\n")
    assert [o.status for o in summary.outcomes] == ["failed"] and "overwrite 'hi.mp4'" in summary.outcomes[0].error
    assert (out / "hi.mp4").read_bytes() == spoken


def test_what_is_told_counts_rows_and_names_faults(folder: Path, head: TalkingHead) -> None:
    (folder / "jobs.csv").write_text(HEAD + "me.png,hi.wav,,1,1,256,\ngone\x1b[2J.png,hi.wav,,1,1,256,\n", "utf-8")
    stream = io.StringIO()
    run_batch(folder / "jobs.csv", folder / "out", lambda: Alone(head, folder / "out"), stream=stream)
    told = stream.getvalue()
    assert "2 rows: 1 to do with 1 worker, 0 finished before, 1 cannot be done." in told
    assert "1/1" in told and "\x1b[2J" not in told


def test_a_bug_in_one_row_costs_that_row_alone(folder: Path, head: TalkingHead) -> None:
    class Broken(Alone):
        def __init__(self) -> None:
            super().__init__(head, folder / "out")
            self._worker = Sick(head)

    class Sick(Worker):
        def _make(self, task: Task, folder: Path) -> tuple[str, int, str]:
            if task.job.settings.seed == 1:
                raise RuntimeError("something\nwent wrong")
            return "digest", 1, ""

    summary = do(folder, head, "me.png,hi.wav,,1,1,256,\nme.png,hi.wav,,2,1,256,\n", Broken)
    assert [o.status for o in summary.outcomes] == ["failed", "done"]
    assert summary.outcomes[0].error == "Unexpected RuntimeError: something went wrong"


class Mortal:
    """A crew whose workers die on some rows: every time (forever) or once."""

    def __init__(self, size: int, once: set[int], forever: set[int]) -> None:
        self.size, self.once, self.forever = size, set(once), forever
        self.running: dict[int, Task] = {}
        self.most = 0

    def maker(self) -> dict[str, str]:
        return {}

    def give(self, worker: int, task: Task) -> None:
        assert worker not in self.running, "one task at a time"
        self.running[worker] = task
        self.most = max(self.most, len(self.running))

    def wait(self) -> tuple[int, Outcome | None]:
        worker = min(self.running)
        task = self.running.pop(worker)
        if task.job.number in self.once or task.job.number in self.forever:
            self.once.discard(task.job.number)
            return worker, None
        return worker, Outcome(task.job.number, "", "done")

    def close(self) -> None:
        pass


def test_rows_of_dead_workers_are_given_again() -> None:
    crew = Mortal(3, {2, 5}, {7})
    outcomes = list(carry_out(crew, [Task(Job(number), f"n{number}", "") for number in range(1, 11)]))
    assert sorted(o.number for o in outcomes) == list(range(1, 11)), "nothing is lost, nothing twice"
    assert [o.number for o in outcomes if o.status == "failed"] == [7]
    assert "died 3 times" in next(o.error for o in outcomes if o.number == 7)
    assert crew.most == 3


@pytest.mark.slow
def test_processes_make_the_same_clips_and_survive_a_kill(folder: Path, head: TalkingHead) -> None:
    rows = "".join(f"me.png,hi.wav,,{seed},2,256,clip{seed}\n" for seed in range(4))
    out = folder / "out"
    single = do(folder, head, rows)
    wanted = all_bytes(out)
    for path in out.iterdir():
        path.unlink()
    crews: list[Processes] = []

    def start() -> Processes:
        crews.append(Processes(RECIPE, out, 2))
        os.kill(crews[0]._members[0][0].pid, signal.SIGKILL)  # while it is idle: its first task comes back
        return crews[0]

    summary = do(folder, head, rows, start)
    assert [o.status for o in summary.outcomes] == ["done"] * 4
    assert [o.motion_sha256 for o in summary.outcomes] == [o.motion_sha256 for o in single.outcomes]
    takes = [{n: b for n, b in files.items() if n.endswith(".npz")} for files in (all_bytes(out), wanted)]
    assert unlike(*takes) == []


@pytest.mark.slow
def test_a_killed_run_loses_only_the_clip_in_work(folder: Path, head: TalkingHead) -> None:
    rows = "".join(f"me.png,hi.wav,,{seed},2,256,clip{seed}\n" for seed in range(3))
    (folder / "jobs.csv").write_text(HEAD + rows)
    out = folder / "out"
    command = [sys.executable, "-m", "moda", "batch", str(folder / "jobs.csv"), "-o", str(out), "--device", "cpu"]
    run = subprocess.Popen(
        [*command, "--model", "moda-lite", "--renderer", "mesh"], cwd=REPOSITORY, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 120
    while not list(out.glob("clip*.json")) and time.monotonic() < until and run.poll() is None:
        time.sleep(0.05)
    run.kill()
    run.wait()
    finished = {path.stem for path in out.glob("clip*.json")}
    assert finished, "no clip was finished in time"
    summary = do(folder, head, rows)
    assert {o.output.removesuffix(".mp4") for o in summary.outcomes if o.status == "skipped"} == finished
    assert summary.exit_code == 0
    resumed = all_bytes(out)
    for path in out.iterdir():
        path.unlink()
    do(folder, head, rows)
    assert unlike(all_bytes(out), resumed) == [], "killed and resumed ends with the files of a run in one go"
