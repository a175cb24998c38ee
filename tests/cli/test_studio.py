"""serve and doctor: where it listens, what it keeps, how it ends, and what is wrong with a machine."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from moda import doctor
from moda.cli import studio
from moda.cli.studio import check_address, upload_folder, wanted_port
from moda.errors import BadSetting
from tests.trust.serving import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_busy_port_is_one_sentence() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(BadSetting, match=f"Port {port} is in use"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_the_port_comes_from_the_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    assert wanted_port(None) is None and wanted_port(8000) == 8000
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7870")
    assert wanted_port(None) == 7870 and wanted_port(8000) == 8000
    for wrong in ("0", "70000", "-1", "http", "7860.5"):
        monkeypatch.setenv("GRADIO_SERVER_PORT", wrong)
        with pytest.raises(BadSetting, match="1 to 65535"):
            wanted_port(None)


def test_uploads_lie_in_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = upload_folder()
    assert folder.parent == tmp_path and upload_folder() == folder
    if hasattr(studio.os, "getuid"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
        (tmp_path / f"moda-studio-uploads-{folder.stat().st_uid + 1}").mkdir()  # made by somebody else
        assert upload_folder().name not in (folder.name, f"moda-studio-uploads-{folder.stat().st_uid + 1}")


@pytest.mark.skipif(os.name != "posix", reason="Windows ends processes without asking them")
def test_the_app_cleans_up_when_it_is_terminated(tmp_path: Path) -> None:
    port = free_port()
    own = {
        "TMPDIR": str(tmp_path),
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "0",
    }
    log = tmp_path.with_suffix(".log")
    with log.open("wb") as out, subprocess.Popen(
        [sys.executable, "app.py"], cwd=REPOSITORY, stdout=out, stderr=out,
        env={**{k: v for k, v in os.environ.items() if k != "GRADIO_TEMP_DIR"}, **own},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 240
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text(
                encoding="utf-8", errors="replace"
            )
            try:
                if httpx.get(f"http://127.0.0.1:{port}/", timeout=20).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("moda-studio-")]
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    left = [path.name for path in tmp_path.iterdir() if path.name != upload_folder().name]
    assert not [name for name in left if name.startswith("moda-studio-")], left
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


def test_doctor_says_why_no_gpu_is_used() -> None:
    assert "no NVIDIA driver" in doctor.why_no_gpu("13.0", driver=False)
    assert "built for the CPU alone" in doctor.why_no_gpu(None, driver=True)
    assert "update the driver" in doctor.why_no_gpu("13.0", driver=True)
    facts = doctor.pytorch()
    assert facts["device"] == "cpu" or "gpu" in facts or facts["device"] == "mps"
    assert ("no_gpu" in facts) == (facts["device"] != "cuda")


def test_doctor_finds_a_missing_ffmpeg(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "moda", "doctor"], cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "IMAGEIO_FFMPEG_EXE": str(tmp_path / "gone")}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (problem,) = [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")]
    assert "ffmpeg" in problem and "IMAGEIO_FFMPEG_EXE" in problem


def test_doctor_finds_a_missing_system_library(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "cv2":
                raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert "apt-get install libgl1 libglib2.0-0" in doctor.opencv()


def test_doctor_names_the_place_of_every_missing_file() -> None:
    findings = doctor.examine()
    assert findings["problems"] == []
    shown = doctor.table(findings)
    for row in findings["models"]:
        for file in row["files"]:
            if not file["present"]:
                assert f"$MODA_WEIGHTS/{file['path']}" in shown


@pytest.mark.parametrize("version", [(3, 9), (3, 13), (4, 0)])
def test_another_python_is_one_sentence(version: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    from moda.interpreter import require_known_python

    require_known_python((3, 12))
    with pytest.raises(SystemExit) as stop:
        require_known_python(version)
    assert stop.value.code == 2
    assert f"this is {version[0]}.{version[1]}" in capsys.readouterr().err


def test_an_apple_gpu_is_used_only_where_it_can_do_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from moda.models import pick_device

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has a GPU of its own")
    with pytest.raises(BadSetting, match="no Apple GPU"):
        pick_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == "cpu"  # it is said to be there, and fails in the first operation
    assert pick_device("mps") == "mps"
