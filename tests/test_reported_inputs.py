"""What people reported of such programs, by the whole way: every small input of that kind has the outcome it should.

The same kinds are drawn at random in media/test_kinds_of_sound.py, portrait/test_colour_profile.py and others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from moda.cli.app import run
from moda.media.audio import RATE, load_speech
from moda.media.video import probe

REPOSITORY = Path(__file__).resolve().parents[1]
QUICK = ["--size", "256", "--steps", "1", "--json"]


@pytest.fixture(scope="module")
def reports(shared_data: Path) -> Path:
    return shared_data / "reports"


def generate(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[dict[str, object], str]:
    """What `generate` says on stdout and stderr."""
    code = run(["generate", *map(str, arguments), *QUICK])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out), err


@pytest.mark.parametrize(
    ("name", "seconds", "speaks_from"),
    [("sound_starts_late_44k.mp4", 4.1, 1.5), ("two_tracks_first_silent.mp4", 2.6, 0.0), ("antiphase.wav", 2.6, 0.0),
     ("chapters.m4b", 2.6, 0.0)],
)  # fmt: skip
def test_the_finished_video_speaks(
    name: str, seconds: float, speaks_from: float, reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    facts, _ = generate(capsys, reports / "two_people.png", reports / name, "-o", output)
    about = probe(output)
    assert about.frames == facts["frames"] == pytest.approx(25 * seconds, abs=4)
    sound = load_speech(output).waveform
    start = round(speaks_from * RATE)
    assert np.abs(sound[: max(start - 1_600, 0)]).max(initial=0) < 0.01
    assert np.sqrt(np.square(sound[start:]).mean()) > 0.02
    if name == "chapters.m4b":
        from moda.media.ffmpeg import executable

        log = subprocess.run([executable(), "-i", output], capture_output=True, check=False).stderr.decode()
        assert "Chapter" not in log and log.count("Stream #") == 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [("two_people.png", "2 faces"), ("mask.png", "mouth is covered"), ("hand.png", "mouth is covered"),
     ("shout.png", "mouth is open"), ("leaning_48.png", "leans far"), ("sunglasses.png", "lasses")],
)  # fmt: skip
def test_a_picture_is_hinted_at_and_nothing_else_is_said(
    name: str, hint: str, reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        _, err = generate(capsys, reports / name, reports / "speech_2.6s.wav", "-o", tmp_path / "out.mp4")
    assert hint in err and "Warning" not in err and "Traceback" not in err


def test_a_whole_picture_obeys_the_size(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, speech, output = reports / "two_people.png", reports / "speech_2.6s.wav", tmp_path / "out.mp4"
    generate(capsys, picture, speech, "-o", output, "--frame", "whole")
    assert max(probe(output).size) <= 256 * 2 and min(probe(output).size) <= 256


@pytest.mark.parametrize(("name", "plain"), [("fullwidth.txt", "Fullwidth text 1234"), ("emoji.txt", "Hello world")])
def test_a_text_is_spoken_as_its_plain_letters(name: str, plain: str, reports: Path) -> None:
    from moda.media.speak import speak

    text = (reports / name).read_text(encoding="utf-8")
    assert speak(text, "en", offline=True).digest == speak(plain, "en", offline=True).digest


def test_a_table_from_a_spreadsheet_is_read(reports: Path, tmp_path: Path) -> None:
    from moda.batch.jobs import read_jobs

    shutil.copy(reports / "excel_sep.csv", tmp_path)
    shutil.copy(reports / "two_people.png", tmp_path / "p.png")
    shutil.copy(reports / "speech_2.6s.wav", tmp_path / "s.wav")
    (job,) = read_jobs(tmp_path / "excel_sep.csv")
    assert (job.fault, job.portrait, job.speech) == ("", tmp_path / "p.png", tmp_path / "s.wav")


def test_a_name_that_the_console_lacks_letters_for(reports: Path, tmp_path: Path) -> None:
    output = tmp_path / "你好 😀.mp4"
    done = subprocess.run(
        [sys.executable, "-m", "moda", "generate", str(reports / "two_people.png"), str(reports / "speech_2.6s.wav"),
         "-o", str(output), *QUICK[:-1]],
        cwd=REPOSITORY, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert output.is_file()
