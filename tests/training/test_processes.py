"""One process or several, in one piece or in many: the same steps. Two real gloo processes under accelerate launch."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moda.corpus.dataset import Corpus
from moda.errors import BadSetting, BadWeights
from moda.training.loss import Draws, LossWeights
from moda.training.processes import Processes, launched_accumulation, launched_precision
from moda.training.trainer import Trainer
from tests.training.together import OPTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
ENDURED = 1e-4


def quiet(_: str) -> None:
    return None


def alone(corpus: Path, run: Path, **changes: object) -> list[float]:
    torch.set_num_threads(1)
    return Trainer(Corpus(corpus), run, replace(OPTIONS, **changes), quiet).train()  # type: ignore[arg-type]


def together(corpus: Path, run: Path, port: int, until: str = "", **changes: object) -> list[float]:
    """The losses that two processes see."""
    out = run.with_suffix(".json")
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines",
        "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(port),
        str(Path(__file__).with_name("together.py")), str(corpus), str(run), str(out), json.dumps(changes), until,
    ]  # fmt: skip
    surroundings = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(out.read_text())
    assert told["processes"] == 2
    return told["losses"]


@pytest.fixture(scope="module")
def one(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """One process, uninterrupted."""
    run = tmp_path_factory.mktemp("one")
    return run, alone(tiny_corpus, run)


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "state.pt", weights_only=True)
    return {**state["model"], **{f"mean.{name}": value for name, value in state["mean"].items()}}


def same(run: Path, other: Path, endured: float) -> None:
    expected = weights(other)
    for name, value in weights(run).items():
        assert torch.allclose(value, expected[name], atol=endured, rtol=0), name


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed")
def test_two_processes_make_the_steps_of_one(tiny_corpus: Path, tmp_path: Path, one: tuple[Path, list[float]]) -> None:
    run, losses = one
    both = tmp_path / "both"
    seen = together(tiny_corpus, both, 29611)
    assert np.abs(np.subtract(seen, losses)).max() < ENDURED
    same(both, run, ENDURED)
    assert not list(both.glob("*.new"))
    # Begun by two with two pieces each, gone on with by one: resumable across numbers of processes.
    parts = tmp_path / "parts"
    first = together(tiny_corpus, parts, 29612, "2", accumulate=2)
    assert len(first) == 2
    rest = alone(tiny_corpus, parts)
    assert np.abs(np.subtract(first + rest, losses)).max() < ENDURED
    same(parts, run, ENDURED)


@pytest.mark.parametrize("pieces", [2, 3, 4])
def test_pieces_make_the_same_steps(tiny_corpus: Path, tmp_path: Path, pieces: int, one: tuple[Path, list]) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(one[0] / "listener.pt", tmp_path / "run")
    losses = alone(tiny_corpus, tmp_path / "run", accumulate=pieces)  # 4 rows in 3 pieces: 1, 1 and 2
    assert np.abs(np.subtract(losses, one[1])).max() < ENDURED
    same(tmp_path / "run", one[0], ENDURED)


def test_rows_are_those_of_the_whole_batch(tiny_corpus: Path) -> None:
    corpus = Corpus(tiny_corpus)
    whole = corpus.batch(6, 24, np.random.default_rng(3))
    part = corpus.batch(6, 24, np.random.default_rng(3), rows=slice(2, 5))
    for name, value in vars(part).items():
        assert torch.equal(value, getattr(whole, name)[2:5]), name
    draws = Draws.of((6, 24, 70), torch.Generator().manual_seed(1), LossWeights(), True)
    assert torch.equal(draws.rows(slice(4, 6)).noise, draws.noise[4:6])
    assert draws.null_identity is not None and draws.times.min() > 0


def test_every_row_has_one_owner() -> None:
    owners = []
    for index in range(3):
        processes = Processes("cpu")
        processes.index, processes.count = index, 3
        owners += [row for part in processes.rows(11, 2) for row in range(part.start, part.stop)]
    assert owners == list(range(11))
    with pytest.raises(BadSetting, match="A batch of 3 does not give 1 processes x 4 pieces"):
        Processes("cpu").rows(3, 4)


def test_what_the_launcher_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched_precision() == "no" and launched_accumulation() == 1
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert launched_accumulation() == 4
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert launched_precision() == "bf16"
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with pytest.raises(BadSetting, match="fp16"):
        launched_precision()


def test_a_run_goes_on_only_with_the_same_steps(tiny_corpus: Path, tmp_path: Path) -> None:
    alone(tiny_corpus, tmp_path, listen_steps=0)
    with pytest.raises(BadSetting, match=r"rate 0\.004"):
        alone(tiny_corpus, tmp_path, listen_steps=0, rate=1e-3)
    before = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(before[: len(before) // 2])
    with pytest.raises(BadWeights, match="damaged"):
        alone(tiny_corpus, tmp_path, listen_steps=0, steps=4)
