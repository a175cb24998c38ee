"""The steps of the Dockerfile, followed without Docker: what it copies is enough to build, and it serves outside."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LINES = re.sub(r"\\\n\s*", "", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")).splitlines()


def arguments(instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_what_is_copied_is_enough_for_the_wheel_and_for_choosing_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed (the extra test)")
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split()
    for *sources, target in arguments("COPY"):
        for source in sources:
            assert source not in ignored
            goal = tmp_path / (target if target != "./" else source)
            if (REPOSITORY / source).is_dir():
                shutil.copytree(REPOSITORY / source, goal, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
            else:
                shutil.copy(REPOSITORY / source, goal)
    for program in (["-m", "hatchling", "build", "-t", "wheel"], ["tools/torch_index.py"]):
        done = subprocess.run([sys.executable, *program], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert wheel.stat().st_size > 5_000_000  # the weights are in it


def test_it_installs_what_a_slim_debian_lacks_and_serves_to_the_outside() -> None:
    installed = " ".join(" ".join(line) for line in arguments("RUN"))
    for package in (REPOSITORY / "packages.txt").read_text(encoding="utf-8").split():
        assert package in installed
    assert "GRADIO_SERVER_NAME=0.0.0.0" in " ".join(" ".join(line) for line in arguments("ENV"))
    assert [line for line in LINES if line.startswith("CMD")] == ['CMD ["moda", "serve"]']
    assert arguments("USER") == [["studio"]]
