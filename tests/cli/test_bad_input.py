"""What a person can mend: one line on stderr, exit code 2, nothing written, and told before anything is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Call
from tests.sounds import write_wav

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def inputs(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good inputs beside every kind of bad one."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("inputs")
    for name in ("me.png", "speech.wav"):
        (folder / name).write_bytes((files / name).read_bytes())
    (folder / "speech.mp4").write_bytes((files / "speech.wav").read_bytes())
    for name in ("film.mp4", "back.webp", "curves.csv"):
        (folder / name).write_bytes(b"something")
    (folder / "folder").mkdir()
    (folder / "text.png").write_text("not a picture", encoding="utf-8")
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGB", (300, 300), (90, 120, 80)).save(folder / "noface.png")
    write_wav(folder / "silent.wav", np.zeros(32_000))
    write_wav(folder / "short.wav", np.full(1_000, 0.1))
    return folder


def one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert len(lines[0]) < 400
    return lines[0]


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
        ({"portrait": "https://example.org/me.jpg"}, "is an address"),
        ({"portrait": "FILE:///me.jpg"}, "is an address"),
        ({"portrait": "x" * 300 + ".png"}, "was not found"),
        ({"speech": "x" * 300 + ".wav"}, "was not found"),
        ({"output": "out.avi"}, ".mp4"),
        ({"output": "x" * 300 + ".mp4"}, "too long"),
        ({"output": "x" * 300 + "/out.mp4"}, "too long"),
        ({"output": "x/" * 2100 + "out.mp4"}, "The path to 'out.mp4' is too long"),
        ({"speech": "speech.mp4", "output": "speech.mp4"}, "one of the inputs"),
        ({"speech": "speech.mp4", "output": "folder/../speech.mp4"}, "one of the inputs"),
        ({"more": ["--size", "257"]}, "multiple of 2"),
        ({"more": ["--emotion", "0-1s calm; 9s- delighted"]}, "starts at 9 s"),
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
def test_bad_input_is_one_line_and_exit_code_2(inputs: Path, call: Call, change: dict[str, object], words: str) -> None:
    before = everything(inputs)
    given = {"portrait": "me.png", "speech": "speech.wav", "output": "out.mp4", "more": [], **change}
    more = [str(inputs / m) if m == "text.png" else m for m in given["more"]]  # type: ignore[attr-defined]
    portrait = given["portrait"] if "://" in str(given["portrait"]) else inputs / str(given["portrait"])
    output = f"{inputs}/{given['output']}"
    code, out, err = call("generate", portrait, inputs / str(given["speech"]), "-o", output, *more)
    assert code == 2 and out == ""
    assert words in one_line(err)
    assert everything(inputs) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "me.png", "gone.wav", "-o", "out.mp4"], "'gone.wav' was not found"),
        (["generate", "gone.png", "speech.wav", "-o", "out.mp4"], "'gone.png' was not found"),
        (["generate", "me.png", "speech.wav", "-o", "out.mp4", "--take", "gone.npz"], "'gone.npz' was not found"),
        (["generate", "me.png", "speech.wav", "-o", "out.mp4", "--pose-prior", "gone.mp4"], "'gone.mp4'"),
        (["generate", "me.png", "speech.wav", "-o", "me.png"], "one of the inputs"),
        (["generate", "me.png", "speech.wav", "-o", "out.mp4", "--size", "301"], "multiple of 2"),
        (["preview", "me.png", "gone.wav", "-o", "preview"], "'gone.wav' was not found"),
        (["render", "me.png", "gone.npz", "speech.wav", "-o", "out.mp4"], "'gone.npz' was not found"),
        (["generate", "me.png", "speech.wav", "-o", "film.mp4", "--pose-prior", "film.mp4"], "one of the inputs"),
        (["generate", "me.png", "speech.wav", "-o", "back.webp", "--background", "back.webp"], "one of the inputs"),
        (["export", "me.png", "curves.csv", "speech.wav", "-o", "curves.csv"], "one of the inputs"),
        (["export", "me.png", "curves.csv", "gone.wav", "-o", "a.html"], "'gone.wav' was not found"),
        (["perform", "me.png", "gone.mp4", "-o", "a.npz"], "'gone.mp4' was not found"),
        (["compare", "me.png", "gone.wav", "-o", "comparison", "--vary", "seed=1,2"], "'gone.wav' was not found"),
        (["batch", "gone.csv", "-o", "clips"], "gone.csv"),
        (["evaluate", "gone.mp4"], "gone.mp4"),
        (["evaluate", "set", "gone"], "gone"),
        (["evaluate", "model", "gone", "--set", "steps"], "NAME=VALUE"),
        (["serve", "--port", "99999"], "1 to 65535"),
        (["serve", "--host", "no.such.host.invalid"], "not known"),
        (["nonsense"], "nonsense"),
        (["evaluate"], "Missing command"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_what_can_be_told_is_told_before_anything_heavy_is_imported(
    inputs: Path, arguments: list[str], words: str
) -> None:
    """In a process in which importing torch, or listening, ends everything with another exit code."""
    before = everything(inputs)
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'mediapipe', 'gradio'): sys.exit(77)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from moda.cli.app import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=inputs, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == "" and words in one_line(done.stderr)
    assert everything(inputs) == before


def test_a_console_without_the_letters_shows_them_escaped(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "moda", "speak", "Hello there.", "-o", str(tmp_path / "你好.wav"), "--offline"],
        cwd=REPOSITORY, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"\\u4f60\\u597d.wav" in done.stdout
    assert (tmp_path / "你好.wav").is_file()


def test_a_take_is_not_rendered_with_another_speech(files: Path, tmp_path: Path, call: Call) -> None:
    take = tmp_path / "take.npz"
    made = call("generate", files / "me.png", files / "speech.wav", "-o", tmp_path / "a.mp4", "--size", 256,
                "--save-motion", take)  # fmt: skip
    assert made[0] == 0
    code, _, err = call("render", files / "me.png", take, files / "other.wav", "-o", tmp_path / "b.mp4")
    assert code == 2 and "another speech" in one_line(err)
    assert not (tmp_path / "b.mp4").exists()
    code, _, err = call("render", files / "me.png", take, files / "speech.wav", "-o", take)
    assert code == 2 and "one of the inputs" in one_line(err)


def test_a_missing_library_or_package_and_a_full_disk_are_one_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    import moda.doctor

    faults = [
        (ImportError("libGL.so.1: cannot open shared object file: No such file"), "apt-get install libgl1"),
        (ModuleNotFoundError("No module named 'scipy'", name="scipy.ndimage"), "package scipy is not installed"),
        (OSError(28, "No space left on device", "/tmp/x"), "make room"),
    ]
    for fault, words in faults:

        def fail(fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr(moda.doctor, "examine", fail)
        code, out, err = call("doctor")
        assert code == 2 and out == "" and words in one_line(err)
    with monkeypatch.context() as full:
        full.setattr(tempfile, "tempdir", None)
        full.setattr(tempfile, "_candidate_tempdir_list", lambda: [])
        full.setattr(moda.doctor, "examine", tempfile.gettempdir)
        code, out, err = call("doctor")
        assert code == 2 and out == "" and "TMPDIR" in one_line(err)
    monkeypatch.setattr(moda.doctor, "examine", lambda: (_ for _ in ()).throw(ModuleNotFoundError("x", name="moda.x")))
    with pytest.raises(ModuleNotFoundError):  # a fault of ours stays a traceback
        call("doctor")
