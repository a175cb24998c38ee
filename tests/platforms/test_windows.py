"""The package under what Windows refuses (see windows/sitecustomize.py), in a process of its own.

A chosen part runs here, in half a minute; all that is meant to pass there is run by

    PYTHONPATH=tests/platforms/windows:. python -m pytest tests/media tests/motion tests/portrait tests/preview \
        tests/studio tests/cli tests/test_pipeline.py -k "not pipe and not killed and not kinds_of_sound"
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CHOSEN = (
    "tests/media/test_atomic.py",
    "tests/media/test_video.py",
    "tests/media/test_speak.py",
    "tests/motion/test_files.py",
    "tests/portrait/test_pictures.py",
    "tests/preview/test_trajectories.py",
    "tests/studio/test_sessions.py",
    "tests/cli/test_clips.py",
)
LINUX_ONLY = "not pipe and not killed and not full_disk"
SHORT = "not ten_minutes and not unknown_voices and not idle and not help"
"""What takes long there and writes nothing in a way of its own."""


def under_windows(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(HERE / "windows"), str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is open")
def test_the_emulation_refuses_what_windows_refuses(tmp_path: Path) -> None:
    """Code that looks as if it stood in moda/: each line must fail, or come out, as on Windows."""
    code = compile(
        "import os, sys\n"
        "from pathlib import Path\n"
        "assert os.name == 'nt' and sys.platform == 'win32' and not hasattr(os, 'O_TMPFILE')\n"
        "def refused(call, fault=OSError):\n"
        "    try:\n        call()\n"
        "    except fault:\n        return True\n"
        "    return False\n"
        "path = folder / 'a'\n"
        "with path.open('wb') as file:\n"
        "    file.write(b'x')\n"
        "    assert refused(path.unlink) and refused(lambda: path.rename(folder / 'b'))\n"
        "    assert refused(lambda: (folder / 'b').replace(path)) or not (folder / 'b').exists()\n"
        "path.rename(folder / 'b')\n"
        "(folder / 'b').unlink()\n"
        "path.write_text('é\\n')\n"
        "assert path.read_bytes() == b'\\xe9\\r\\n'\n"
        "assert refused(lambda: path.write_text('你'), UnicodeEncodeError)\n"
        "assert refused(lambda: __import__('fcntl', globals()), ImportError)\n"
        "assert refused(lambda: open('/proc/self/status'), FileNotFoundError)\n",
        str(REPOSITORY / "moda" / "imagined.py"),
        "exec",
    )
    program = (
        "import marshal, pathlib, sys\n"
        f"code = marshal.loads(bytes.fromhex({__import__('marshal').dumps(code).hex()!r}))\n"
        f"exec(code, {{'__name__': 'moda.imagined', 'folder': pathlib.Path({str(tmp_path)!r})}})\n"
    )
    done = under_windows("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is open")
def test_files_videos_voices_and_takes_are_written_under_it() -> None:
    done = under_windows("-m", "pytest", "-p", "no:cacheprovider", "-x", "-k", f"{LINUX_ONLY} and {SHORT}", *CHOSEN)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
