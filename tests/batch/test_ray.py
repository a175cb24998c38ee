# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""A real local Ray cluster of two workers; the sentence where Ray is absent."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from moda.batch.ray_workers import RayCrew
from moda.batch.run import run_batch
from moda.batch.work import Outcome, Recipe, Task
from moda.batch.workers import Alone
from moda.errors import BadSetting
from moda.media.output import write_wav
from moda.media.speak import speak

RECIPE = Recipe("moda-lite", "mesh", "cpu")


def test_without_ray_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadSetting, match=r"pip install .*\[ray\]"):
        RayCrew(RECIPE, tmp_path, "local", 2)


class Killing(RayCrew):
    """Kills one of its workers as soon as all have work."""

    killed = 0

    def give(self, worker: int, task: Task) -> None:
        super().give(worker, task)
        if not self.killed and len(self._flight) == self.size:
            self.killed = self.pids[worker]
            os.kill(self.killed, signal.SIGKILL)

    def start_watching(self) -> Killing:
        self.pids = self._ray.get([one.__ray_call__.remote(lambda _: os.getpid()) for one in self._actors])
        self.deaths = 0
        return self

    def wait(self) -> tuple[int, Outcome | None]:
        found = super().wait()
        self.deaths += found[1] is None
        return found


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed (the extra ray)")
def test_a_worker_killed_in_mid_run_loses_nothing(tmp_path: Path) -> None:
    picture = Path(str(files("skimage") / "data" / "astronaut.png"))
    write_wav(speak("Good morning.", "en-us+f2", offline=True).trim(0, 0.5), tmp_path / "hi.wav")
    rows = [f"{picture},hi.wav,{seed},2,256,clip{seed}" for seed in range(5)]
    (tmp_path / "jobs.csv").write_text("portrait,speech,seed,steps,size,name\n" + "\n".join(rows))
    crews: list[Killing] = []

    def start() -> Killing:
        crews.append(Killing(RECIPE, tmp_path / "ray", "local", 2).start_watching())
        return crews[0]

    together = run_batch(tmp_path / "jobs.csv", tmp_path / "ray", start, stream=io.StringIO())
    alone = run_batch(
        tmp_path / "jobs.csv",
        tmp_path / "alone",
        lambda: Alone(RECIPE.load(), tmp_path / "alone"),
        stream=io.StringIO(),
    )
    assert crews[0].deaths >= 1, "the killed worker's row came back"
    assert [o.status for o in together.outcomes] == ["done"] * 5, [o.error for o in together.outcomes]
    assert [o.motion_sha256 for o in together.outcomes] == [o.motion_sha256 for o in alone.outcomes]
    for path in (tmp_path / "alone").glob("*.npz"):
        assert (tmp_path / "ray" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed (the extra ray)")
def test_an_address_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be reached"):
        RayCrew(RECIPE, tmp_path, "nonsense::address", 1)
