"""What the sources never do, read from the sources: each of these calls once opened a door somewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trust.serving import REPOSITORY

SOURCES = sorted([*(REPOSITORY / "moda").rglob("*.py"), REPOSITORY / "app.py"])
NEVER = {
    "eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads",
    "yaml.load", "yaml.unsafe_load", "joblib.load", "shelve.open", "tempfile.mktemp", "archive.extractall",
    # OpenCV's decoders have known weaknesses at the version that MediaPipe needs; pictures and videos go elsewhere.
    "cv2.imread", "cv2.imdecode", "cv2.imreadmulti", "cv2.VideoCapture", "cv2.FileStorage",
}  # fmt: skip
FETCHES = {"urllib.request.urlopen", "urlopen", "requests.get", "httpx.get", "httpx.stream", "hf_hub_download"}
MAY_FETCH = {"moda/models/weights.py", "moda/evaluate/measures/perceptual.py"}
"""Weights come from addresses of ours, when an operator asks for them by name; nobody else opens a connection."""


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(REPOSITORY).as_posix(), ast.unparse(node.func), node


def given(node: ast.Call, name: str) -> object:
    """The constant given for a keyword; None where it is not given, or is no constant."""
    return next((k.value.value for k in node.keywords if k.arg == name and isinstance(k.value, ast.Constant)), None)


@pytest.fixture(scope="module")
def found() -> list[tuple[str, str, ast.Call]]:
    return list(calls())


def test_nothing_runs_what_it_reads(found: list[tuple[str, str, ast.Call]]) -> None:
    assert len(found) > 5_000
    assert [(where, name) for where, name, _ in found if name in NEVER] == []


def test_no_shell(found: list[tuple[str, str, ast.Call]]) -> None:
    assert [where for where, _, node in found if given(node, "shell") not in (None, False)] == []


def test_checkpoints_and_arrays_are_read_without_pickle(found: list[tuple[str, str, ast.Call]]) -> None:
    tensors = [(where, node) for where, name, node in found if name == "torch.load"]
    arrays = [(where, node) for where, name, node in found if name in ("np.load", "numpy.load")]
    assert tensors and arrays
    assert [where for where, node in tensors if given(node, "weights_only") is not True] == []
    assert [where for where, node in arrays if given(node, "allow_pickle") not in (None, False)] == []


def test_only_weights_are_fetched(found: list[tuple[str, str, ast.Call]]) -> None:
    assert {where for where, name, _ in found if name in FETCHES} <= MAY_FETCH


@pytest.mark.parametrize("name", ["subprocess.run", "subprocess.Popen"])
def test_programs_are_started_by_lists_of_arguments(name: str, found: list[tuple[str, str, ast.Call]]) -> None:
    text = (ast.Constant, ast.JoinedStr)
    assert [where for where, called, node in found if called == name and isinstance(node.args[0], text)] == []


def test_the_sources_were_found() -> None:
    assert Path(REPOSITORY / "moda" / "pipeline.py") in SOURCES
