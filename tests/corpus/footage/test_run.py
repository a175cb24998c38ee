"""A folder of videos, good and bad, becomes a corpus: whole, resumable, with a reason for everything left out."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moda.cli.app import run as command_line
from moda.conditions.speech import FEATURES
from moda.corpus.dataset import HELD_OUT, Corpus, plain_mixture
from moda.corpus.footage import clip as clip_module
from moda.corpus.footage.assemble import held_out_speakers
from moda.corpus.footage.limits import Limits
from moda.corpus.footage.run import PrepareOptions, prepare
from moda.errors import BadSetting, BadVideo, OutputFailed
from moda.media.audio import Speech
from moda.media.video import VideoWriter
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import ROTATION, SCALE, TRANSLATION, denormalise
from moda.motion.statistics import MEAN
from tests.corpus.footage.conftest import Talk

OPTIONS = PrepareOptions(Limits(min_face=40.0, min_seconds=1.0, max_seconds=2.0), "landmarks", held_out=0.3)


def video(path: Path, frames: Iterator[np.ndarray], speech: Speech | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 25.0, (320, 320), speech) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def videos(talk: Talk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("anna/happy/one.mp4", "anna/neutral/two.mp4", "ben/sad/three.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(talk.path, folder / name)
    grey = [np.full((320, 320, 3), 90, np.uint8)] * 50
    video(folder / "bad/faceless.mp4", iter(grey), talk.speech.trim(0, 2))
    video(folder / "bad/soundless.mp4", iter(grey), None)
    (folder / "bad/junk.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    (folder / "bad/empty.mp4").touch()
    return folder


@pytest.fixture(scope="module")
def made(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    output = tmp_path_factory.mktemp("made") / "corpus"
    found = prepare(videos, output, replace(OPTIONS, emotions="folders"))
    return output, found.faults


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "report.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_bad_videos_are_told_and_the_rest_is_done(made: tuple[Path, dict[str, str]]) -> None:
    output, faults = made
    assert set(faults) == {f"bad/{name}.mp4" for name in ("faceless", "soundless", "junk", "empty")}
    assert faults["bad/faceless.mp4"] == "no face is in sight"
    assert faults["bad/soundless.mp4"] == "the video has no sound"
    assert "not a video" in faults["bad/junk.mp4"] and "empty" in faults["bad/empty.mp4"]
    table = rows(output)
    kept = [row for row in table if row["kept"] == "yes"]
    assert len(kept) == 6 and {row["seconds"] for row in kept} <= {"2.00", "1.96", "1.92"}
    assert {row["reason"] for row in kept} == {""} and all(row["reason"] for row in table if row["kept"] == "no")
    assert {(row["video"], row["emotion"]) for row in kept} == {
        ("anna/happy/one.mp4", "happiness"), ("anna/neutral/two.mp4", "neutral"), ("ben/sad/three.mp4", "sadness"),
    }  # fmt: skip
    assert not list(output.glob(".*")), "nothing half-built is left"


def test_the_corpus_reads_as_any_other(made: tuple[Path, dict[str, str]], talk: Talk) -> None:
    output, _ = made
    corpus, apart = Corpus(output), Corpus(output / HELD_OUT)
    assert len(corpus.index) + len(apart.index) == 6
    speech, motion, before = corpus.segment(0, 0, int(corpus.lengths[0]))
    assert speech.shape == (int(corpus.lengths[0]), FEATURES) and np.isfinite(speech).all()
    physical, first = denormalise(motion), denormalise(before)
    assert physical[0, SCALE] == pytest.approx(MEAN[SCALE], rel=1e-2)
    assert np.abs(physical[0, TRANSLATION]).max() < 5e-3
    assert np.abs(first[ROTATION] - physical[0, ROTATION]).max() < 0.1
    assert np.abs(read_actions(first[None, :63])).max() < 0.05, "the frame before is a relaxed face"
    jaw = read_actions(physical[:, :63])[:, INDEX["jaw_open"]]
    assert np.corrcoef(jaw, talk.values[: len(jaw), INDEX["jaw_open"]])[0, 1] > 0.85
    batch = corpus.batch(4, 24, np.random.default_rng(0))
    assert batch.motion.shape == (4, 24, 70)


def test_facts_add_up(made: tuple[Path, dict[str, str]]) -> None:
    output, _ = made
    facts = json.loads((output / "dataset.json").read_text(encoding="utf-8"))
    corpus, apart = Corpus(output), Corpus(output / HELD_OUT)
    assert (facts["items"], facts["held_out"]["items"]) == (len(corpus.index), len(apart.index))
    assert facts["hours"] == pytest.approx(corpus.frames / 25 / 3600, abs=1e-4)
    assert sum(facts["emotions"].values()) == 6 and facts["speakers"] == 2 and facts["tracker"] == "landmarks"
    assert len(facts["held_out"]["speakers"]) == 1
    motion = np.concatenate([np.asarray(part, np.float64) for part in corpus.motion])
    assert facts["normalised_motion"]["mean"] == pytest.approx(motion.mean(0).tolist(), abs=1e-5)
    assert facts["normalised_motion"]["std"] == pytest.approx(motion.std(0).tolist(), abs=1e-4)
    split = {row["speaker"]: row["split"] for row in rows(output) if row["kept"] == "yes"}
    assert {name for name, part in split.items() if part == HELD_OUT} == set(facts["held_out"]["speakers"])


def test_what_is_read_is_not_read_again(
    made: tuple[Path, dict[str, str]], videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "again"
    shutil.copytree(made[0], output)
    before = {path.relative_to(output): path.read_bytes() for path in output.rglob("*.npy")}

    def never(*_: object) -> Iterator[dict]:
        raise AssertionError("a video was read again")

    monkeypatch.setattr(clip_module, "read_video", never)
    prepare(videos, output, replace(OPTIONS, emotions="folders"))
    assert {path.relative_to(output): path.read_bytes() for path in output.rglob("*.npy")} == before
    # Labels are put on later: other ones need no reading either.
    (tmp_path / "emotions.csv").write_text("video,emotion\none,anger\ngone.mp4,sad\n")
    found = prepare(videos, output, replace(OPTIONS, emotions=str(tmp_path / "emotions.csv"), held_out=0.0))
    assert "not in the folder" in found.faults["gone.mp4"] and found.exit_code == 1
    corpus = Corpus(output)
    assert len(corpus.index) == 6 and not (output / HELD_OUT).exists()
    assert sum(np.array_equal(mixture, plain_mixture("anger")) for mixture in corpus.mixture) == 2
    with pytest.raises(AssertionError, match="read again"):  # other limits are another reading
        prepare(videos, output, replace(OPTIONS, limits=Limits(min_face=41.0)))


@pytest.mark.slow
def test_two_workers_make_the_same_corpus(made: tuple[Path, dict[str, str]], videos: Path, tmp_path: Path) -> None:
    prepare(videos, tmp_path / "two", replace(OPTIONS, emotions="folders", workers=2))
    for path in made[0].rglob("*.npy"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(made[0])).read_bytes(), path.name


def test_the_command_says_it_by_its_exit_code(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--tracker", "landmarks", "--min-face", "40", "--held-out", "0"]
    (tmp_path / "good").mkdir()
    shutil.copyfile(videos / "anna/happy/one.mp4", tmp_path / "good" / "one.mp4")
    assert command_line(["prepare", str(tmp_path / "good"), "-o", str(tmp_path / "a"), *options, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["items"] == 1 and facts["faults"] == {}
    shutil.copyfile(videos / "bad/junk.mp4", tmp_path / "good" / "junk.mp4")
    assert command_line(["prepare", str(tmp_path / "good"), "-o", str(tmp_path / "a"), *options]) == 1
    told = capsys.readouterr().out
    assert "1 stretches" in told and "not used: junk.mp4" in told
    assert command_line(["prepare", str(videos / "bad"), "-o", str(tmp_path / "b"), *options]) == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1 and "report.csv says why" in told
    assert {row["kept"] for row in rows(tmp_path / "b")} == {"no"}


def test_nothing_is_begun_that_cannot_be_done(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "shard-0000").mkdir(parents=True)
    with pytest.raises(OutputFailed, match="holds another corpus"):
        prepare(videos, tmp_path / "other", OPTIONS)
    with pytest.raises(BadVideo, match="not a folder"):
        prepare(videos / "gone", tmp_path / "x", OPTIONS)
    for bad in ({"tracker": "magic"}, {"workers": 0}, {"held_out": 1.0}):
        with pytest.raises(BadSetting):
            replace(OPTIONS, **bad)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_held_out_speakers_stay_held_out() -> None:
    names = [f"speaker {k}" for k in range(40)]
    few, many = held_out_speakers(names, 0.1), held_out_speakers([*names, "one more"], 0.1)
    assert len(few) == 4 and len(few & many) >= 3
    assert held_out_speakers(["only"], 0.5) == set() == held_out_speakers(names, 0.0)
    assert len(held_out_speakers(["a", "b"], 0.9)) == 1, "somebody is left to train on"
