# It asks POSIX, which mypy does not find for Windows.
# mypy: disable-error-code="attr-defined"
"""Faults in the middle of work: killed, disk full, read-only, broken model, vanished files. Nothing half-made stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda import TalkingHead
from moda.cli.app import run
from moda.errors import OutputFailed
from moda.media.atomic import PartialFile, remove_leftovers
from moda.media.audio import Speech, load_speech
from moda.media.output import write_wav
from moda.media.speak import speak
from moda.media.video import probe
from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.settings import Settings
from tests.trust import material
from tests.trust.conftest import check_sentence

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 20


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait, a short and a long speech, and takes for both."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("given")
    Image.fromarray(data.astronaut()).save(folder / "me.png")
    short = speak("We tried a new way home.", "en-us+f2", offline=True)
    write_wav(short, folder / "short.wav")
    write_wav(Speech.of(np.resize(short.waveform, SECONDS * 16_000)), folder / "long.wav")
    for name in ("short", "long"):
        motion = material.motion(load_speech(folder / f"{name}.wav").frames())
        Take(motion, motion, Settings(size=256), "moda-lite").save(folder / f"{name}.npz")
    return folder


def render(given: Path, which: str, output: Path) -> list[str]:
    files = [given / "me.png", given / f"{which}.npz", given / f"{which}.wav"]
    return ["render", *map(str, files), "-o", str(output), "--renderer", "mesh"]


def children(parent: int) -> list[tuple[int, str]]:
    """(process id, name) of the living children of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().partition(" (")[2].rpartition(")")
            state, ppid = rest.split()[:2]
            if int(ppid) == parent and state != "Z":
                found.append((int(path.parent.name), name))
    return found


def alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits for something to become true, and gives it back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:g} s in vain")


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
mountable = pytest.mark.skipif(
    sys.platform != "linux" or getattr(os, "geteuid", lambda: 1)() != 0, reason="mounts a small disk, which needs root"
)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_mid_render_leaves_nothing(given: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "made" / "out.mp4"
    out.parent.mkdir()
    out.write_bytes(b"an older video")
    before = {p.name for p in given.iterdir()}
    command = [sys.executable, "-m", "moda", *render(given, "long", out)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
        # A suite in the background of a shell has interrupts switched off, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        # Reading the sound is an ffmpeg too; the encoder is the one that holds the unfinished video.
        def encoder() -> list[int]:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            return [child for child, name in children(process.pid) if "ffmpeg" in name and holds_video(child)]

        found = until(encoder, 180)
        time.sleep(0.5)
        process.send_signal(number)
        process.wait(30)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "Traceback" not in said and said.strip().splitlines()[-1] == "Stopped; nothing was written."
    until(lambda: not any(map(alive, found)), 20)
    assert [p.name for p in out.parent.iterdir()] == ["out.mp4"] and out.read_bytes() == b"an older video"
    assert {p.name for p in given.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["made"], "left in the temporary folder"


def holds_video(process: int) -> bool:
    """Whether this ffmpeg encodes: it reads raw frames."""
    with contextlib.suppress(OSError):
        return b"rawvideo\0-pixel_format" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


@contextlib.contextmanager
def disk(path: Path, options: str) -> Iterator[Path]:
    """A small file system in memory."""
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("this machine does not let the tests mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line with which the command line refuses."""
    code = run(arguments)
    out, err = capsys.readouterr()
    lines = [line for line in err.replace("\r", "\n").splitlines() if line.strip() and "frames" not in line]
    assert code == 2 and out == "", (code, out, err)
    lines = [line for line in lines if "%|" not in line and "it/s" not in line]
    assert len(lines) == 1, lines
    check_sentence(lines[0], longest=1200)  # a weight file of another model names the keys
    return lines[0]


@mountable
@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_keeps_the_take(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk(tmp_path / "small", "size=64k") as small:
        line = refused(
            capsys,
            ["generate", str(given / "me.png"), str(given / "short.wav"), "-o", str(small / "out.mp4"), "--size", "512",
             "--model", "moda-lite", "--renderer", "mesh", "--save-motion", str(tmp_path / "kept.npz")],
        )  # fmt: skip
        assert "disk is full" in line
        assert list(small.iterdir()) == []
        assert os.statvfs(small).f_bfree == os.statvfs(small).f_blocks, "its space was not given back"
    kept = Take.load(tmp_path / "kept.npz")
    assert len(kept.motion) == load_speech(given / "short.wav").frames() and kept.model == "moda-lite"
    assert run(["render", str(given / "me.png"), str(tmp_path / "kept.npz"), str(given / "short.wav"), "-o",
                str(tmp_path / "later.mp4"), "--renderer", "mesh", "--size", "256"]) == 0  # fmt: skip


@mountable
def test_takes_and_sounds_on_a_full_disk(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=16k") as small:
        noise = np.random.default_rng(1).normal(0, 0.2, (2000, 70)).astype(np.float32)
        with pytest.raises(OutputFailed) as caught:
            Take(Motion(noise), Motion(noise), Settings(), "moda-lite").save(small / "take.npz")
        check_sentence(str(caught.value))
        with pytest.raises(OutputFailed) as caught:
            write_wav(Speech.of(noise[:, 0].repeat(20)), small / "speech.wav")
        check_sentence(str(caught.value))
        assert list(small.iterdir()) == []


@mountable
def test_a_full_temporary_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    from moda.errors import UserError
    from moda.media.video import VideoWriter

    wave = np.sin(np.arange(480_000) / 20)
    with disk(tmp_path / "small", "size=16k") as small:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        for work in (
            lambda: load_speech((48_000, wave)),
            lambda: load_speech(b"RIFF" + bytes(500_000)),
            lambda: VideoWriter(tmp_path / "out.mp4", audio=Speech.of(wave / 2)),
        ):
            with pytest.raises(UserError, match="temporary") as caught:
                work()
            check_sentence(str(caught.value))
    assert [p.name for p in tmp_path.iterdir()] == ["small"]


def in_a_process(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "moda", *arguments], cwd=REPOSITORY, env={**os.environ, **environment},
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


@mountable
@pytest.mark.slow
def test_neither_a_home_nor_room_for_temporary_files_is_needed(given: Path, tmp_path: Path) -> None:
    """A recording is read where it lies; what does need the temporary folder says so (the test above)."""
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), "/dev/null/home")
    with disk(tmp_path / "small", "size=16k") as small:
        done = in_a_process(
            [*render(given, "short", tmp_path / "out.mp4"), "--size", "256"], TMPDIR=str(small), **nowhere
        )
    assert done.returncode == 0, done.stderr
    assert probe(tmp_path / "out.mp4").frames == load_speech(given / "short.wav").frames()


@mountable
def test_a_studio_without_room_says_where_and_does_not_start(tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=256k") as small:
        done = in_a_process(["serve"], TMPDIR=str(small), GRADIO_ANALYTICS_ENABLED="False")
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2 and str(small) in said[-1] and "Traceback" not in done.stderr
    check_sentence(said[-1], longest=400)


@mountable
def test_uploads_to_a_full_disk_are_refused_in_a_sentence(tmp_path: Path) -> None:
    """Before they are read where their length is said, else by what met the end of the disk."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    from moda.settings import Limits
    from moda.studio.security import FULL, Gate

    with disk(tmp_path / "small", "size=64k") as small:

        async def keep(request: Request) -> PlainTextResponse:
            (small / "upload").write_bytes(await request.body())
            return PlainTextResponse("kept")

        gate = Middleware(Gate, limits=Limits(), folder=small)
        studio = TestClient(Starlette(routes=[Route("/upload", keep, methods=["POST"])], middleware=[gate]))
        head = {"content-type": "multipart/form-data; boundary=x"}
        answers = [studio.post("/upload", content=bytes(size), headers=head) for size in (20_000, 80_000)]
        answers.append(studio.post("/upload", content=iter([bytes(80_000)]), headers=head))
    assert [(a.status_code, a.text) for a in answers] == [(200, "kept"), (507, FULL), (507, FULL)]


@mountable
def test_a_read_only_folder_is_one_sentence(given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with disk(tmp_path / "fixed", "size=64k") as fixed:
        subprocess.run(["mount", "-o", "remount,ro", str(fixed)], check=True)
        files = [str(given / "me.png"), str(given / "short.wav")]
        for arguments in (
            render(given, "short", fixed / "out.mp4"),
            ["generate", *files, "-o", str(fixed / "deep" / "er" / "out.mp4")],
            ["generate", *files, "-o", str(tmp_path / "out.mp4"), "--save-motion", str(fixed / "take.npz")],
            ["preview", *files, "-o", str(fixed / "preview")],
            ["speak", "Hello.", "-o", str(fixed / "out.wav"), "--offline"],
        ):
            assert "read-only" in refused(capsys, arguments).lower()
    assert [p.name for p in tmp_path.iterdir()] == ["fixed"]


def test_a_folder_that_may_not_be_written(given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "ermission" in refused(capsys, render(given, "short", tmp_path / "locked" / "out.mp4"))


@linux
def test_an_encoder_that_dies_is_one_sentence(given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def kill() -> None:
        with contextlib.suppress(AssertionError):
            for child in until(lambda: [c for c, _ in children(os.getpid()) if holds_video(c)], 100):
                os.kill(child, signal.SIGKILL)

    hand = threading.Thread(target=kill, daemon=True)
    hand.start()
    line = refused(capsys, render(given, "long", tmp_path / "out.mp4"))
    hand.join(10)
    assert "could not be encoded" in line and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut in half", "only a header", "another model", "no weights", "no config"])
def test_a_broken_model_is_one_sentence(
    damage: str, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from moda.models import registry
    from moda.models.registry import LITE_FILES

    shipped, broken = registry.lite_folder(), tmp_path / "moda-lite"
    broken.mkdir()
    config, weights = (broken / name for name in LITE_FILES)
    config.write_bytes((shipped / "config.json").read_bytes())
    whole = (shipped / "model.safetensors").read_bytes()
    if damage == "another model":
        whole = material.checkpoint()[1]
    weights.write_bytes(whole[: {"cut in half": len(whole) // 2, "only a header": 8}.get(damage)])
    if damage.startswith("no "):
        (weights if damage == "no weights" else config).unlink()
    monkeypatch.setattr(registry, "lite_folder", lambda: broken)
    line = refused(
        capsys, ["generate", str(given / "me.png"), str(given / "short.wav"), "-o", str(tmp_path / "out.mp4"),
                 "--model", "moda-lite", "--renderer", "mesh"],
    )  # fmt: skip
    assert "moda-lite" in line or "model.safetensors" in line
    assert [p.name for p in tmp_path.iterdir()] == ["moda-lite"]


def test_broken_published_weights_are_one_sentence(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of the right size that hold nothing: a download onto a disk that lied."""
    from moda.models.registry import LIVEPORTRAIT

    monkeypatch.setenv("MODA_WEIGHTS", str(tmp_path / "weights"))
    for file in LIVEPORTRAIT.values():
        path = tmp_path / "weights" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sparse:
            sparse.truncate(file.size)
    line = refused(capsys, [*render(given, "short", tmp_path / "out.mp4")[:-1], "liveportrait"])
    assert ".pth" in line and not (tmp_path / "out.mp4").exists()


def test_uploads_that_vanish_after_they_were_read(given: Path, tmp_path: Path) -> None:
    """The page may lose its files while a visitor thinks; what was read is enough to finish."""
    head = TalkingHead.load(model=None, renderer="mesh", device="cpu")
    for name in ("me.png", "short.wav"):
        (tmp_path / name).write_bytes((given / name).read_bytes())
    portrait, speech = head.portrait(tmp_path / "me.png"), head.speech(tmp_path / "short.wav")
    for name in ("me.png", "short.wav"):
        (tmp_path / name).unlink()
    take = Take.load(given / "short.npz")
    about = probe(head.render(portrait, take, speech, tmp_path / "out.mp4").output)
    assert about.audio and abs(about.audio_seconds - speech.seconds) < 0.1


@pytest.mark.parametrize("nameless", [True, False])
def test_a_partial_file_shows_only_when_complete(
    nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of writing: without a name (Linux), and under a hidden one (everywhere)."""
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("no nameless files here")
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    partial = PartialFile(target)
    partial.temporary.write_bytes(b"new")
    assert target.read_bytes() == b"old" and remove_leftovers(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == (1 if nameless else 2)
    partial.keep()
    partial.discard()
    assert target.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["out.bin"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()
    again = PartialFile(target)
    again.temporary.write_bytes(b"half")
    again.discard()
    assert target.read_bytes() == b"new" and [p.name for p in tmp_path.iterdir()] == ["out.bin"]


def _umask() -> int:
    held = os.umask(0)
    os.umask(held)
    return held
