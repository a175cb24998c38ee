"""The package: what a wheel holds, where its assets are found, and that requirements.txt follows pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from moda import assets, models
from moda.errors import InstallationIncomplete
from tools.requirements import requirements

REPOSITORY = Path(__file__).resolve().parents[1]
MAX_WHEEL = 25_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree, built by its own back end; nothing is fetched."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (the extra test)")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    assert path.stat().st_size < MAX_WHEEL
    with zipfile.ZipFile(path) as content:
        yield content


def test_requirements_follow_pyproject() -> None:
    found = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    assert found == requirements(), "run python tools/requirements.py"


def test_every_dependency_is_pinned() -> None:
    lines = [line for line in requirements().splitlines() if not line.startswith("#")]
    loose = [line for line in lines if not re.match(r"[\w.-]+(\[\w+\])?==[\w.]+(; |$)", line)]
    assert len(lines) > 20 and not loose


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    here = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "moda").rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.suffix not in (".pyc", ".pyi")  # Gradio writes these
    }
    assert here <= names
    shipped = [path for path in (REPOSITORY / "assets").rglob("*") if path.is_file()]
    assert {f"moda/_assets/{path.relative_to(REPOSITORY / 'assets').as_posix()}" for path in shipped} <= names
    assert not [name for name in names if not name.startswith(("moda/", "moda_studio-"))]


def test_the_wheel_has_the_command_and_its_types(wheel: zipfile.ZipFile) -> None:
    (entry,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "moda = moda.__main__:main" in wheel.read(entry).decode()
    assert "moda/py.typed" in wheel.namelist()


def test_assets_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = (tmp_path / "site-packages" / "moda" / "_assets", tmp_path / "assets")
    monkeypatch.setattr(assets, "HOMES", homes)
    with pytest.raises(InstallationIncomplete, match="install MoDA Studio again"):
        assets.asset("moda-lite")
    assert not models.is_present("moda-lite")
    for home in reversed(homes):  # the wheel's own come first: what lies beside site-packages is not ours
        (home / "moda-lite").mkdir(parents=True)
        assert assets.asset("moda-lite") == home / "moda-lite"
    (homes[0] / "moda-lite" / "config.json").touch()
    with pytest.raises(InstallationIncomplete, match=r"moda-lite/model\.safetensors"):
        models.lite_folder()
