from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSetting, BadVideo
from moda.evaluate.measures.distances import FEATURES, diversity, frechet, half_against_half, reconstruction, windows
from moda.evaluate.measures.signals import Signals
from moda.evaluate.protocols.data_set import Protocol, evaluate_set
from moda.evaluate.protocols.datasets import ClipFile, choose, describe, find_clips, split_table
from moda.pipeline import TalkingHead
from moda.settings import Settings


@pytest.mark.parametrize(
    ("path", "layout", "speaker"),
    [
        ("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "VoxCeleb2", "id00012"),
        ("id00012/21Uxsk56VDQ/00001.mp4", "VoxCeleb2", "id00012"),
        ("test/0Fi83BHQsMA/00002.mp4", "LRS3", "0Fi83BHQsMA"),
        ("WDA_BarackObama_000.mp4", "HDTF", "WDA_BarackObama"),
        ("videos/RD_Radio31_000.mp4", "HDTF", "RD_Radio31"),
        ("M2Ohb0FAaJU_1.mp4", "CelebV-HQ", "M2Ohb0FAaJU"),
        ("-2ab_FAaJU-_12.mp4", "CelebV-HQ", "-2ab_FAaJU-"),
        ("anna/talk.mp4", "folder", "anna"),
        ("anna/happy/talk.mp4", "folder", "anna"),
        ("happy/talk.mp4", "folder", "talk"),
        ("grid/s1/bbaf2n.mkv", "folder", "grid/s1"),
        ("others/one.mkv", "folder", "others/one"),
        ("talk.mov", "folder", "talk"),
    ],
)
def test_layouts(path: str, layout: str, speaker: str) -> None:
    found = describe(path)
    assert (found.layout, found.speaker) == (layout, speaker)


def test_words_lie_beside(tmp_path: Path) -> None:
    (tmp_path / "s1").mkdir()
    for name in ("one", "two"):
        (tmp_path / "s1" / f"{name}.mkv").touch()
    rows = [
        "file\tstart_s\tend_s\tword",
        "s1/one.mkv\t0\t.9\tsil",
        "s1/one.mkv\t.9\t1.1\tbin",
        "s1/one.mkv\t1.1\t1.3\tblue",
    ]
    (tmp_path / "words.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert [clip.words for clip in find_clips(tmp_path)] == ["bin blue", ""]
    (tmp_path / "words.tsv").write_text("name\tsaid\n", encoding="utf-8")
    with pytest.raises(BadVideo, match="needs the columns"):
        find_clips(tmp_path)


def test_words_of_lrs3_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "test" / "abc").mkdir(parents=True)
    for name in ("test/abc/00001.mp4", "test/abc/.00002.mp4", "test/abc/notes.md"):
        (tmp_path / name).touch()
    (tmp_path / "test/abc/00001.txt").write_text("Text:  WE ARE HERE\nConf:  5\n")
    assert find_clips(tmp_path) == [ClipFile("test/abc/00001.mp4", "LRS3", "abc", "WE ARE HERE")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadVideo, match="holds no videos"):
        find_clips(tmp_path / "empty")
    with pytest.raises(BadVideo, match="not a folder"):
        find_clips(tmp_path / "gone")


@given(st.integers(1, 40), st.integers(0, 5))
def test_choice_is_even_repeatable_and_without_doubles(count: int, seed: int) -> None:
    clips = [ClipFile(f"{s}/{i}.mp4", "folder", s) for s in "abcd" for i in range(10)]
    taken = choose(clips, count, seed)
    assert taken == choose(clips, count, seed)
    assert len({c.path for c in taken}) == count and taken == sorted(taken, key=lambda c: c.path)
    shares = [sum(c.speaker == s for c in taken) for s in "abcd"]
    assert max(shares) - min(shares) <= 1
    assert choose(clips, None, seed) == clips


def test_split_says_which_clips(tmp_path: Path) -> None:
    clips = [ClipFile(f"{i}.mp4", "folder", "=evil") for i in range(5)]
    rows = list(csv.DictReader(io.StringIO(split_table(clips, clips[3:], 4.0))))
    assert [row["index"] for row in rows] == ["3", "4"] and rows[0]["speaker"] == "'=evil"


def test_frechet_knows_gaussians() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(4000, FEATURES))
    assert frechet(real, real) == pytest.approx(0.0, abs=1e-6)
    assert frechet(real, real + 2.0) == pytest.approx(4.0 * FEATURES, rel=0.02), "a shift of 2 in every direction"
    assert frechet(real, 3.0 * real) == pytest.approx(4.0 * FEATURES, rel=0.05), "spread 3 for 1: (3 - 1)^2 each"
    assert np.isnan(frechet(real[:3], real))
    halves = half_against_half([real[:2000], real[2000:]], real)
    assert halves < 0.5 < frechet(real, 1.5 * real)


def signals(seed: int, frames: int = 75) -> Signals:
    rng = np.random.default_rng(seed)
    track = np.cumsum(rng.normal(size=(frames, 12)), axis=0)
    return Signals(
        np.abs(track[:, 0]) / 30, 0.8 + track[:, 1] / 100, np.full((frames, 2), 0.3), track[:, 2:4] / 100,
        track[:, 4:7], np.ones((frames, 3)), np.zeros((frames, 4)), np.zeros((frames, 20, 2)), 0.05,
    )  # fmt: skip


def test_reconstruction_is_perfect_with_itself_and_finds_a_delay() -> None:
    one, other = signals(1), signals(2)
    same = reconstruction(one, one)
    assert same["lips_r"] == pytest.approx(1.0) and abs(same["lips_lag_ms"]) < 5
    assert same["opening_error"] == same["expression_error"] == same["pose_error"] == 0.0
    worse = reconstruction(one, other)
    assert worse["lips_r"] < 0.9 and worse["pose_error"] > 0.1 and worse["opening_error"] > 0.01
    late = reconstruction(one.part(0, 70), one.part(3, 73))
    assert late["lips_lag_ms"] == pytest.approx(120, abs=25), "ours is three frames late"


def test_diversity_and_windows() -> None:
    one, other = signals(1), signals(2)
    assert diversity([one, one]) == {"diversity_lips": 0.0, "diversity_head": 0.0}
    assert diversity([one, other])["diversity_head"] > 0.5
    assert np.isnan(diversity([one])["diversity_lips"])
    assert windows(one).shape == (5, FEATURES) and windows(one.part(0, 20)).shape == (0, FEATURES)
    assert windows(signals(1)).tobytes() == windows(one).tobytes()


def test_protocol_is_checked() -> None:
    for bad in ({"count": 0}, {"seconds": 0.1}, {"seeds": ()}):
        with pytest.raises(BadSetting):
            Protocol(**bad)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_set_with_a_bad_clip(tmp_path: Path, still_video: Path) -> None:
    data = tmp_path / "data" / "id00001" / "abcdefghijk"
    data.mkdir(parents=True)
    for number in (1, 2):
        shutil.copyfile(still_video, data / f"0000{number}.mp4")
    (data / "00003.mp4").write_bytes(b"nothing")
    head = TalkingHead.load("moda-lite", "mesh", "cpu")
    rules = Protocol(seconds=1.5, seeds=(1, 2), settings=Settings(steps=2, size=256))
    facts = evaluate_set(head, tmp_path / "data", tmp_path / "out", rules)
    assert facts["used"] == 2 and facts["speakers"] == 1 and facts["layouts"] == ["VoxCeleb2"]
    assert list(facts["left_out"]) == ["id00001/abcdefghijk/00003.mp4"]
    assert facts["means"]["pose_error"] > 0 and facts["means"]["diversity_lips"] > 0
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert kept["means"] == facts["means"]
    rows = list(csv.DictReader((tmp_path / "out" / "clips.csv").open()))
    assert rows[0]["lips_r"] == rows[1]["lips_r"] and "not a video" in rows[2]["fault"]
    assert "Lips r" in (tmp_path / "out" / "table.md").read_text()
    assert (tmp_path / "out" / "table.tex").read_text().count("&") > 4
