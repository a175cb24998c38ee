"""`python -m moda.training train`: fine-tuning with held-out measures, and one sentence for what cannot be done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moda.console import run
from moda.corpus.dataset import HELD_OUT, Corpus
from moda.errors import BadSetting
from moda.generator.network import MoDA
from moda.training.command import FINE_RATE, make_options, run_training
from moda.training.commands import app
from moda.training.init import fresh_model
from moda.training.measure import held_out_loss, measure_held_out
from tests.training.together import TINY


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    fresh_model(TINY, 0).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def split_corpus(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny corpus with itself held out (good enough to see that it is measured)."""
    folder = tmp_path_factory.mktemp("split")
    shutil.copytree(tiny_corpus / "shard-0000", folder / "shard-0000")
    shutil.copytree(tiny_corpus / "shard-0000", folder / HELD_OUT / "shard-0000")
    return folder


def test_a_fine_tuning_measures_before_and_after(model: Path, split_corpus: Path, tmp_path: Path) -> None:
    given = {"steps": 12, "batch": 3, "segment": 24, "rate": 4e-3}
    run_training(tmp_path / "run", split_corpus, model, "cpu", 1, given, bf16=False)
    found = json.loads((tmp_path / "run" / "held-out.json").read_text())
    assert found["step"] == 12
    assert found["before"]["loss"] == pytest.approx(held_out_loss(MoDA.from_pretrained(model), Corpus(split_corpus)))
    assert found["after"]["loss"] < found["before"]["loss"]
    assert {"lips_r", "opening_error", "expression_error", "pose_error"} <= set(found["after"])
    options = json.loads((tmp_path / "run" / "options.json").read_text())
    assert options["config"]["width"] == TINY.width and options["listen_steps"] == 0
    assert MoDA.from_pretrained(tmp_path / "run" / "model").config.width == TINY.width


def test_measures_are_the_same_for_the_same_model(model: Path, tiny_corpus: Path) -> None:
    network, corpus = MoDA.from_pretrained(model), Corpus(tiny_corpus)
    one = measure_held_out(network, corpus)
    assert one == measure_held_out(network, corpus)
    assert all(np.isfinite(value) for value in one.values()) and one["loss"] > 0
    other = measure_held_out(network, corpus, seed=2)
    assert one["loss"] != other["loss"] and one["loss"] == pytest.approx(other["loss"], rel=0.2)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"batch": 0}, "batch must be 1"), ({"rate": 5.0}, "rate must be"), ({"rate": float("nan")}, "rate must be"),
     ({"save_every": 0}, "save-every must be"), ({"segment": 2}, "segment must be 8")],
)  # fmt: skip
def test_numbers_out_of_range_are_told(given: dict, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        make_options(given)


def test_a_model_that_hears_otherwise_is_refused(tiny_corpus: Path, tmp_path: Path) -> None:
    fresh_model(replace(TINY, speech_shape=(2, 8)), 0).save_pretrained(tmp_path / "other")
    with pytest.raises(BadSetting, match="hears other speech features"):
        run_training(tmp_path / "run", tiny_corpus, tmp_path / "other", "cpu", 1, {"steps": 1}, bf16=False)
    assert not (tmp_path / "run").exists()
    assert make_options({}).rate > FINE_RATE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpus", "gone"], "no finished corpus shard in gone"),
        (["--batch", "0"], "batch must be"),
        (["--start", "gone"], "config.json"),
        (["--device", "tpu", "--corpus", "CORPUS", "--segment", "24"], "tpu"),
        (["--corpus", "CORPUS", "--segment", "900"], "train on shorter segments"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, tiny_corpus: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = [str(tiny_corpus) if part == "CORPUS" else part for part in arguments]
    assert run(app, "moda.training", ["train", "--run", str(tmp_path / "run"), *given]) == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1 and words in told
    assert not (tmp_path / "run").exists()
