"""Labels: tables and folders name the nine classes, and what is wrong with a table is told by its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moda.corpus.footage.labels import BadLabels, Labels, mixture_of
from moda.motion.emotions import CLASSES, class_of

PATHS = ["anna/happy/01.mp4", "anna/sad/01.mp4", "anna/sad/02.mp4", "ben/talk.mp4"]


def table(folder: Path, text: str) -> str:
    path = folder / "emotions.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_class_has_a_name_of_its_own() -> None:
    assert [class_of(name) for name in CLASSES] == list(CLASSES)
    assert class_of(" Happy ") == "happiness" and class_of("ANG") == "anger" and class_of("blue") is None


def test_mixtures_sum_to_one() -> None:
    assert mixture_of("anger")[0] == 1.0
    weak = mixture_of("sadness", 0.25)
    assert weak.sum() == pytest.approx(1.0) and weak[CLASSES.index("neutral")] == pytest.approx(0.75)
    assert np.array_equal(mixture_of("none", 0.3), mixture_of("none"))
    assert mixture_of("neutral", 0.3)[CLASSES.index("neutral")] == pytest.approx(1.0)


def test_folders_name_emotions() -> None:
    labels = Labels.read("folders", PATHS)
    assert labels.of("anna/happy/01.mp4") == ("happiness", 1.0)
    assert labels.of("ben/talk.mp4") == ("none", 1.0)
    with pytest.raises(BadLabels, match="No folder is named"):
        Labels.read("folders", ["a/b.mp4"])
    assert Labels.read(None, PATHS).of("anna/sad/01.mp4") == ("none", 1.0)


def test_a_table_names_videos_in_several_ways(tmp_path: Path) -> None:
    text = "\ufeffVideo,Emotion,strength\nanna/happy/01.mp4,Joy,\nanna/sad/02,sad,0.5\ntalk,neutral,1\ngone.mp4,fear,\n"
    labels = Labels.read(table(tmp_path, text), PATHS)
    assert labels.of("anna/happy/01.mp4") == ("happiness", 1.0)
    assert labels.of("anna/sad/02.mp4") == ("sadness", 0.5)
    assert labels.of("ben/talk.mp4") == ("neutral", 1.0)
    assert labels.of("anna/sad/01.mp4") == ("none", 1.0)
    assert labels.unknown == ("gone.mp4",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs the columns"),
        ("file,label\na,b\n", "needs the columns"),
        ("video,emotion\ntalk,blue\n", "Line 2 .* 'blue'"),
        ("video,emotion\ntalk,sad\nben/talk.mp4,sad\n", "Line 3 .* second time"),
        ("video,emotion,strength\ntalk,sad,much\n", "Line 2 .* strength 'much'"),
        ("video,emotion,strength\ntalk,sad,nan\n", "strength 'nan'"),
        ("video,emotion\n01,sad\n", "names none of the videos"),  # two videos are called 01
    ],
)
def test_bad_tables_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadLabels, match=words):
        Labels.read(table(tmp_path, text), PATHS)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "emotions.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadLabels, match="UTF-8"):
        Labels.read(str(tmp_path / "emotions.csv"), PATHS)
    with pytest.raises(BadLabels, match="cannot be read"):
        Labels.read(str(tmp_path / "gone.csv"), PATHS)
