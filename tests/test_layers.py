"""The floors of the design, read from the imports themselves: nobody looks up, nobody goes in circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "moda"

# A part may import itself and the parts on lower floors. Parts on one floor do not know each other.
FLOORS = (
    {"digests", "errors"},
    {"assets", "compiled", "console", "interpreter", "precision", "result", "settings"},
    {"motion", "policy"},
    {"media"},
    {"portrait"},
    {"conditions", "generator", "renderer"},
    {"models"},
    {"finishing", "planning", "preview", "script", "stage", "performance"},
    {"exports"},
    {"live"},
    {"pipeline"},
    {"evaluate", "doctor"},
    {"corpus"},
    {"training"},
    {"compare"},
    {"studio", "batch"},
    {"cli"},
    {"__main__"},
)
FLOOR_OF = {part: number for number, parts in enumerate(FLOORS) for part in parts}

FORBIDDEN_NAMES = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py"}
HEAVY = ("torch", "torchaudio", "torchvision", "mediapipe", "cv2", "transformers", "matplotlib", "plotly", "gradio",
         "numba", "scipy", "sklearn", "skimage", "facexlib", "ray", "accelerate")  # fmt: skip

SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in SOURCES}


def imports(path: Path) -> dict[str, int]:
    """Modules of ours that a file names in any import, lazy and type-only ones too -> the line."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            names = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] != "moda":
                continue
            while name not in MODULES and "." in name:  # a name out of a module: count the module
                name = name.rpartition(".")[0]
            found.setdefault(name, node.lineno)
    return found


GRAPH = {module_name(path): imports(path) for path in SOURCES}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_part_has_a_floor() -> None:
    unknown = {part(module) for module in MODULES} - set(FLOOR_OF) - {""}
    assert not unknown, f"give these a place in FLOORS: {sorted(unknown)}"


def test_nobody_imports_from_the_same_floor_or_above() -> None:
    upward = []
    for module, targets in GRAPH.items():
        here = part(module)
        if not here:
            continue  # moda/__init__.py is the front door: it hands out TalkingHead and Settings when asked
        for target, line in targets.items():
            there = part(target)
            if there and there != here and FLOOR_OF.get(there, 99) >= FLOOR_OF.get(here, 99):
                upward.append(f"{module}:{line} imports {target}")
    assert not upward, "\n".join(upward)


def test_no_circles() -> None:
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module in done:
            return
        for target in GRAPH[module]:
            # Naming a package from inside it (`from moda import __version__`) is no circle: its front page is lazy.
            if target in GRAPH and not module.startswith(f"{target}.") and target != "moda":
                walk(target, (*above, module))
        done.add(module)

    for module in GRAPH:
        if module != "moda":
            walk(module, ())


def test_no_drawer_for_odds_and_ends() -> None:
    assert not [path for path in SOURCES if path.name in FORBIDDEN_NAMES]


def test_no_global_statement() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert not found


@pytest.mark.parametrize("name", ["moda", "moda.settings", "moda.conditions.emotion", "moda.motion.files"])
def test_import_is_light(name: str) -> None:
    assert heavy_after(f"import {name}") == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import runpy, sys\n"
        "sys.argv = ['moda', '--help']\n"
        "try:\n    runpy.run_module('moda', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
    )
    assert heavy_after(code) == []


def heavy_after(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter holds after running some code in the repository."""
    report = f"\nimport sys\nprint('HEAVY', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    done = subprocess.run([sys.executable, "-c", code + report], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]
