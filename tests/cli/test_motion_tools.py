"""Edits, exports and performances from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from moda.motion.edits import Edit
from moda.motion.takes import Take
from tests.cli.conftest import Call


@pytest.fixture(scope="module")
def take(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take with a nod, planned by `preview --edits`."""
    from moda.cli.app import run

    folder = tmp_path_factory.mktemp("takes")
    (folder / "edits.json").write_text(json.dumps([{"lane": "head", "kind": "nod", "start": 0.4}]), encoding="utf-8")
    made = ["preview", files / "me.png", files / "speech.wav", "-o", folder / "out", "--edits", folder / "edits.json"]
    assert run([str(part) for part in made]) == 0
    return folder / "out" / "take.npz"


def test_edits_travel_with_the_take(take: Path) -> None:
    loaded = Take.load(take)
    assert loaded.edits == (Edit("head", "nod", 0.4, 0.7, 8.0),)
    assert np.abs(loaded.motion.array - loaded.edited([]).motion.array).max() > 3.0


def test_a_take_becomes_a_page_a_face_and_curves(take: Path, files: Path, tmp_path: Path, call: Call) -> None:
    for ending, begins in ((".html", b"<!doctype html>"), (".glb", b"glTF"), (".csv", b"Timecode,BlendShapeCount")):
        target = tmp_path / "deep" / f"out{ending}"
        code, out, err = call("export", files / "me.png", take, files / "speech.wav", "-o", target, "--json")
        assert code == 0, err
        assert json.loads(out) == {"output": str(target), "bytes": target.stat().st_size}
        assert target.read_bytes().startswith(begins)
    code, _, err = call("export", files / "me.png", take, files / "speech.wav", "-o", tmp_path / "out.fbx")
    assert code == 2 and len(err.strip().splitlines()) == 1 and "ends in .html" in err


def test_curves_are_a_take_too(take: Path, files: Path, tmp_path: Path, call: Call) -> None:
    curves, video = tmp_path / "curves.csv", tmp_path / "out.mp4"
    assert call("export", files / "me.png", take, files / "speech.wav", "-o", curves)[0] == 0
    small = ("--size", "256")
    assert call("render", files / "me.png", curves, files / "speech.wav", "-o", video, *small)[0] == 0
    assert video.stat().st_size > 5_000
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join(line.rsplit(",", 30)[0] for line in curves.read_text().splitlines()), encoding="utf-8")
    code, _, err = call("render", files / "me.png", cut, files / "speech.wav", "-o", tmp_path / "no.mp4")
    assert code == 2 and "lacks the column" in err and not (tmp_path / "no.mp4").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"lane": "head", "kind": "wag", "start": 0}]', "no edit called 'wag'"),
        ('[{"lane": "head", "kind": "nod", "start": 90}]', "outside of the take"),
        ("not json", "is not JSON"),
    ],
)
def test_edits_that_cannot_be(text: str, sentence: str, take: Path, files: Path, tmp_path: Path, call: Call) -> None:
    edits, video = tmp_path / "edits.json", tmp_path / "out.mp4"
    edits.write_text(text, encoding="utf-8")
    code, _, err = call("render", files / "me.png", take, files / "speech.wav", "-o", video, "--edits", edits)
    assert code == 2 and sentence in err and not video.exists()
    assert len(err.strip().splitlines()) == 1


def test_perform_tells_what_a_film_lacks(files: Path, tmp_path: Path, call: Call) -> None:
    code, _, err = call("perform", files / "me.png", files / "speech.wav", "-o", tmp_path / "take.npz")
    assert code == 2 and len(err.strip().splitlines()) == 1 and not (tmp_path / "take.npz").exists()
    code, _, err = call("perform", files / "me.png", tmp_path / "absent.mp4", "-o", tmp_path / "take.npz")
    assert code == 2 and "absent.mp4" in err
    code, _, err = call("perform", files / "me.png", files / "speech.wav", "-o", tmp_path / "take.mp4")
    assert code == 2 and ".npz" in err
