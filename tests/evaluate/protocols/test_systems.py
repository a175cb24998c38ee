"""Systems against real videos: matching, numbers, tables; and what is said of sets that do not fit."""

from __future__ import annotations

import csv
import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from moda.errors import BadSetting, BadVideo
from moda.evaluate.measures.signals import Signals
from moda.evaluate.protocols.system_tables import (
    ClipResult,
    SystemResult,
    latex_table,
    over_common_clips,
    significance,
    summarise,
)
from moda.evaluate.protocols.systems import beat_alignment, evaluate_systems, match_clips, parse_systems
from moda.media.audio import Speech
from moda.media.video import VideoWriter


def signals(rotation: np.ndarray) -> Signals:
    """A face that only turns: rotation (T, 3)."""
    count = len(rotation)
    none = {name: np.zeros(count) for name in ("opening", "width")}
    pairs = {name: np.zeros((count, 2)) for name in ("eyes", "brows")}
    return Signals(
        **none,
        **pairs,
        rotation=rotation,
        place=np.zeros((count, 3)),
        regions=np.zeros((count, 4)),
        lips=np.zeros((count, 2, 2)),
        shut=0.0,
    )


def test_systems_are_read_from_pairs() -> None:
    assert parse_systems(["A=x", "B=y/z"]) == {"A": Path("x"), "B": Path("y/z")}
    for bad in (["A"], ["=x"], ["A=x", "A=y"], []):
        with pytest.raises(BadSetting):
            parse_systems(bad)


def test_beats_that_fall_together_score_one() -> None:
    """A head that stops every 0.8 s and bursts of sound that begin there; half a period away the score is low."""
    time = np.arange(200) / 25.0
    rotation = np.repeat((10 * np.sin(2 * np.pi * time / 1.6))[:, None], 3, 1)  # at rest at 0.4, 1.2, 2.0 ... s

    def bursts(offset: float) -> np.ndarray:
        wave = np.zeros(8 * 16_000)
        for start in np.arange(0.4 + offset, 7.5, 0.8):
            at = int(start * 16_000)
            wave[at : at + 3_000] = np.random.default_rng(0).normal(0, 0.3, 3_000)
        return wave

    together, apart = (beat_alignment(signals(rotation), bursts(offset)) for offset in (0.0, 0.4))
    assert together > 0.85 and apart < 0.3
    assert np.isnan(beat_alignment(signals(rotation), np.zeros(16_000)))


def test_tables_mark_the_best_and_what_differs_from_it() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.1, 12)
    values = {"": base + 0.3, "good_one": base, "poor": base - 0.2 + rng.normal(0, 0.02, 12)}
    results = {
        name: SystemResult(
            name, [ClipResult(str(k), {"lips_r": float(v), "akd": float(5 + 0 * v)}) for k, v in enumerate(row)]
        )
        for name, row in values.items()
    }
    mean, low, high = summarise(results["good_one"])["lips_r"]
    assert low < mean < high and significance(results)["lips_r"]["poor"] < 0.01
    table = latex_table(results)
    row = {line.split(" & ")[0]: line for line in table.splitlines() if " & " in line}
    assert r"\textbf" in row[r"good\_one"] and r"\dagger" in row["poor"] and "dagger" not in row["Real videos"]
    assert "Lips r $\\uparrow$" in table and "Sync-C" not in table
    assert rf"{{\scriptsize[{low:.3f}, {high:.3f}]}}" in table and "Means over 12 clips" in table
    cells = {line.count("&") for line in table.splitlines() if "&" in line}
    assert cells == {2}  # every row has a name and two measures


def test_every_mean_of_a_measure_is_over_the_same_clips() -> None:
    """B is mute in its second clip, and A's third cannot be followed: nobody's sync counts there."""
    results = {
        "": SystemResult("", [ClipResult(c, {"sync_correlation": 0.6}) for c in "ab"] + [ClipResult("c", fault="x")]),
        "A": SystemResult("A", [ClipResult("a", {"sync_correlation": 0.2, "akd": 1.0}),
                                ClipResult("b", {"sync_correlation": 0.9, "akd": 3.0}), ClipResult("c", fault="x")]),
        "B": SystemResult("B", [ClipResult("a", {"sync_correlation": 0.4, "akd": 2.0}),
                                ClipResult("b", {"sync_correlation": float("nan"), "akd": 2.0}),
                                ClipResult("c", fault="x")]),
    }  # fmt: skip
    even = over_common_clips(results)
    means = {name: {m: v[0] for m, v in summarise(result).items()} for name, result in even.items()}
    assert means == {"": {"sync_correlation": 0.6}, "A": {"sync_correlation": 0.2, "akd": 2.0},
                     "B": {"sync_correlation": 0.4, "akd": 2.0}}  # fmt: skip
    assert results["A"].clips[1].values["sync_correlation"] == 0.9
    assert "Means over 2 clips;" in latex_table(even)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, still_video: Path, poor_video: Path) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("systems")
    for name, video, clips in (("real", still_video, "ab"), ("still", still_video, "abc"), ("poor", poor_video, "ab")):
        (root / name).mkdir()
        for clip in clips:
            shutil.copy(video, root / name / f"{clip}.mp4")
    return {name: root / name for name in ("real", "still", "poor")}


def test_videos_against_the_real_ones(folders: dict[str, Path], tmp_path: Path) -> None:
    systems = {"still": folders["still"], "poor": folders["poor"]}
    facts = evaluate_systems(systems, folders["real"], tmp_path / "out", pixels=False)
    assert facts["clips"] == ["a", "b"] and any("lacks c" in note for note in facts["notes"])
    assert any("too few" in note for note in facts["notes"]) and any("SyncNet" in note for note in facts["notes"])
    assert facts["means"]["still"]["akd"][0] < 0.5 < facts["means"]["poor"]["akd"][0]
    assert facts["means"]["poor"]["apd"][0] > 1.0 and "frechet_motion" not in facts["means"]["poor"]
    with (tmp_path / "out" / "clips.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and {row["system"] for row in rows} == {"real", "still", "poor"}
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["card"]["frames"].startswith(
        "25"
    )
    assert r"\begin{tabular}" in (tmp_path / "out" / "table.tex").read_text(encoding="utf-8")


def test_videos_of_other_rates_sizes_and_lengths_are_measured_alike(
    tmp_path: Path, still_video: Path, picture: np.ndarray, speech: Speech
) -> None:
    """A system at 30 fps and half as large again, longer; one mute; one whose face is gone for a while; one without."""
    import cv2

    for name in ("real", "plain", "odd"):
        (tmp_path / name).mkdir()
    for clip, name in product("abcd", ("real", "plain")):
        shutil.copy(still_video, tmp_path / name / f"{clip}.mp4")
    large = np.asarray(cv2.resize(picture, (480, 480), interpolation=cv2.INTER_CUBIC))
    grey = np.full_like(picture, 128)
    frames = {
        "a": [large] * 60, "b": [picture] * 40, "c": [*[picture] * 13, *[grey] * 14, *[picture] * 13], "d": [grey] * 40,
    }  # fmt: skip
    for clip, pictures in frames.items():
        side, rate = len(pictures[0]), 30.0 if clip == "a" else 25.0
        with VideoWriter(
            tmp_path / "odd" / f"{clip}.mp4", rate, (side, side), None if clip == "b" else speech
        ) as video:
            for one in pictures:
                video.write(one)
    systems = {"plain": tmp_path / "plain", "odd": tmp_path / "odd"}
    facts = evaluate_systems(systems, tmp_path / "real", tmp_path / "out", pixels=False)
    assert "odd/d" in facts["left_out"] and "as odd cannot be measured" in facts["left_out"]["plain/d"]
    assert facts["left_out"].keys() == {"real/d", "plain/d", "odd/d"}  # every mean is over the same three clips
    said = " ".join(facts["notes"])
    assert (
        "odd: 1 of 3 clips last longer or shorter" in said
        and "odd: 1 of 3 clips have no usable sound: left out of sync for all" in said
    )
    assert "odd: there are frames without a face (in the worst clip 35%)" in said and "plain:" not in said
    # The same unmoved face in other pixels, at another rate, is the same face at rest.
    assert facts["means"]["odd"]["akd"][0] < 1.0 and facts["means"]["odd"]["apd"][0] < 1.0
    assert facts["means"]["odd"]["sync_correlation"] is not None and "frechet_motion" in facts["means"]["odd"]


def test_sets_that_do_not_fit(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(folders["poor"] / "a.mp4", tmp_path / "other" / "z.mp4")
    with pytest.raises(BadVideo, match="same file name"):
        match_clips({"X": tmp_path / "other"}, folders["real"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadVideo):
        match_clips({"X": tmp_path / "empty"}, folders["real"])
