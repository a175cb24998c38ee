"""The command line as people meet it: files in, files out, one line when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moda.media.video import probe
from moda.motion.files import load_motion
from moda.settings import CONTROLS
from tests.cli.conftest import Call


def test_generate_then_render_the_same_motion(files: Path, tmp_path: Path, call: Call) -> None:
    code, out, _ = call(
        "generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "a" / "out.mp4", "--seed", 5,
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
        "render", files / "me.png", tmp_path / "take.npz", files / "speech.wav", "-o", tmp_path / "b.mp4",
        "--json",
    )  # fmt: skip
    assert code == 0 and json.loads(out)["frames"] == facts["frames"]
    code, out, _ = call(
        "generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "c.mp4", "--take",
        tmp_path / "take.npz", "--save-motion", tmp_path / "again.npz", "--head-motion", 0.5, "--json",
    )  # fmt: skip
    assert code == 0
    first, second = load_motion(tmp_path / "take.npz", "sampled"), load_motion(tmp_path / "again.npz", "sampled")
    assert np.array_equal(first.array, second.array)
    assert not np.array_equal(load_motion(tmp_path / "take.npz").array, load_motion(tmp_path / "again.npz").array)


def test_preview_makes_a_folder(files: Path, tmp_path: Path, call: Call) -> None:
    code, out, _ = call("preview", files / "me.png", files / "speech.wav", "-o", tmp_path / "p", "--json")
    assert code == 0
    assert {p.name for p in (tmp_path / "p").iterdir()} == {Path(f).name for f in json.loads(out)["files"].values()}


def test_doctor_says_what_is_present(call: Call) -> None:
    code, out, _ = call("doctor", "--json")
    rows = {row["name"]: row for row in json.loads(out)["models"]}
    assert code == 0 and rows["moda-lite"]["present"] and rows["mesh"]["present"]
    assert {"moda-base", "liveportrait"} <= set(rows)
    code, out, _ = call("doctor")
    assert "moda-lite" in out


def test_every_control_is_an_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "moda", "generate", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name in CONTROLS:
        assert f"--{name.replace('_', '-')}" in shown


@pytest.mark.parametrize("arguments", [[], ["--help"], ["render", "--help"]])
def test_help_exits_with_0(arguments: list[str], call: Call) -> None:
    assert call(*arguments)[0] == 0


@pytest.mark.parametrize(
    "text",
    ["", "   ", "x" * 20_000, "x " * 2501, "😀😀", "Hello\x07 there", "Hello [smile there", "<speak>Hello</speak>",
     "[nod] Hello. " * 201, "Hello [smyle].", "བཀྲ་ཤིས་བདེ་ལེགས།", "[smile] [nod]"],
    ids=["empty", "blank", "20,000 letters", "5,001 letters", "emoji", "control characters", "open bracket", "SSML",
         "cue flood", "unknown cue", "no voice", "cues alone"],
)  # fmt: skip
def test_texts_that_cannot_be_spoken(text: str, tmp_path: Path, call: Call) -> None:
    code, _, err = call("speak", text, "-o", tmp_path / "x.wav", "--offline")
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_idle_loops_and_refuses(call: Call, files: Path, tmp_path: Path) -> None:
    """Listening as a file: as many frames as asked for; lengths out of range in one sentence."""
    out = tmp_path / "new" / "idle.mp4"
    code, said, told = call("idle", files / "me.png", "-o", out, "--seconds", "2", "--size", "256", "--json")
    assert code == 0, told
    assert json.loads(said)["frames"] == 50 and out.stat().st_size > 5_000
    code, _, told = call("idle", files / "me.png", "-o", tmp_path / "x.mp4", "--seconds", "1000")
    assert code == 2 and "2 to 120" in told and not (tmp_path / "x.mp4").exists()
