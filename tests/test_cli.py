"""The command line as people meet it: files in, files out, one line when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moda.cli.app import run
from moda.media.video import probe
from moda.motion.files import load_motion
from moda.settings import CONTROLS
from tests.sounds import write_wav


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait and two seconds of speech."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("cli")
    Image.fromarray(data.astronaut()).save(folder / "me.png")
    assert (
        run(["speak", "We tried a new way home.", "-o", str(folder / "speech.wav"), "--voice", "en", "--offline"]) == 0
    )
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_generate_then_render_the_same_motion(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(
        capsys, "generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "a" / "out.mp4", "--seed", 5,
        "--size", 256, "--save-motion", tmp_path / "take.npz", "--model", "moda-lite", "--renderer", "mesh", "--json",
    )  # fmt: skip
    assert code == 0
    facts = json.loads(out)
    assert set(facts) >= {
        "output",
        "frames",
        "fps",
        "seconds",
        "real_time_factor",
        "seed",
        "model",
        "renderer",
        "device",
    }
    assert (facts["seed"], facts["model"], facts["renderer"], facts["fps"]) == (5, "moda-lite", "mesh", 25.0)
    assert probe(tmp_path / "a" / "out.mp4").frames == facts["frames"]
    code, out, _ = call(
        capsys, "render", files / "me.png", tmp_path / "take.npz", files / "speech.wav", "-o", tmp_path / "b.mp4",
        "--json",
    )  # fmt: skip
    assert code == 0 and json.loads(out)["frames"] == facts["frames"]
    code, out, _ = call(
        capsys, "generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "c.mp4", "--take",
        tmp_path / "take.npz", "--save-motion", tmp_path / "again.npz", "--head-motion", 0.5, "--json",
    )  # fmt: skip
    assert code == 0
    first, second = load_motion(tmp_path / "take.npz", "sampled"), load_motion(tmp_path / "again.npz", "sampled")
    assert np.array_equal(first.array, second.array)
    assert not np.array_equal(load_motion(tmp_path / "take.npz").array, load_motion(tmp_path / "again.npz").array)


def test_preview_makes_a_folder(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "preview", files / "me.png", files / "speech.wav", "-o", tmp_path / "p", "--json")
    assert code == 0
    assert {p.name for p in (tmp_path / "p").iterdir()} == {Path(f).name for f in json.loads(out)["files"].values()}


def test_doctor_says_what_is_present(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "doctor", "--json")
    rows = {row["name"]: row for row in json.loads(out)["models"]}
    assert code == 0 and rows["moda-lite"]["present"] and rows["mesh"]["present"]
    assert {"moda-base", "liveportrait"} <= set(rows)
    code, out, _ = call(capsys, "doctor")
    assert "moda-lite" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"portrait": "none.png"}, "none.png"),
        ({"portrait": "noface.png"}, "face"),
        ({"portrait": "text.png"}, "text.png"),
        ({"portrait": "empty.png"}, "empty"),
        ({"speech": "none.wav"}, "none.wav"),
        ({"speech": "silent.wav"}, "silent"),
        ({"speech": "short.wav"}, "at least 0.3 s"),
        ({"speech": "text.png"}, "not an audio or video file"),
        ({"output": "out.avi"}, ".mp4"),
        ({"output": "text.png/out.mp4"}, "text.png"),
        ({"more": ["--steps", "0"]}, "steps must be 1 to 50"),
        ({"more": ["--solver", "magic"]}, "euler, heun, ab2"),
        ({"more": ["--speech-guidance", "nan"]}, "speech_guidance"),
        ({"more": ["--model", "nonsense"]}, "nonsense"),
        ({"more": ["--renderer", "nonsense"]}, "nonsense"),
        ({"more": ["--device", "tpu"]}, "tpu"),
        ({"more": ["--pose-prior", "jumpy"]}, "jumpy"),
        ({"more": ["--face", "7"]}, "face"),
        ({"more": ["--unknown", "7"]}, "--unknown"),
        ({"more": ["--take", "text.png"]}, "text.png"),
        ({"more": ["--emotion", "x" * 501]}, "too long"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_one_line_and_exit_code_2(
    files: Path, capsys: pytest.CaptureFixture[str], change: dict, words: str
) -> None:
    from PIL import Image

    (files / "text.png").write_text("not a picture")
    (files / "empty.png").write_bytes(b"")
    Image.new("RGB", (300, 300), (90, 120, 80)).save(files / "noface.png")
    write_wav(files / "silent.wav", np.zeros(32_000))
    write_wav(files / "short.wav", np.full(1_000, 0.1))
    before = {p.name for p in files.iterdir()}
    given = {"portrait": "me.png", "speech": "speech.wav", "output": "out.mp4", **change}
    more = [str(files / m) if m == "text.png" else m for m in given.get("more", [])]
    code, out, err = call(
        capsys, "generate", files / given["portrait"], files / given["speech"], "-o", files / given["output"], *more
    )
    assert code == 2 and out == ""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1 and words in lines[0]
    assert {p.name for p in files.iterdir()} == before


def test_every_control_is_an_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "moda", "generate", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name in CONTROLS:
        assert f"--{name.replace('_', '-')}" in shown


@pytest.mark.parametrize("arguments", [[], ["--help"], ["render", "--help"]])
def test_help_exits_with_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *arguments)[0] == 0


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_000], ids=["empty", "blank", "20,000 characters"])
def test_texts_that_cannot_be_spoken(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "speak", text, "-o", tmp_path / "x.wav", "--offline")
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
