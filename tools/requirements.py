"""Writes requirements.txt, which a Hugging Face Space reads, from the dependencies in pyproject.toml.

Run `python tools/requirements.py` after a change of [project.dependencies].
"""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[1]
HEAD = "# Written from pyproject.toml by `python tools/requirements.py`: change it there.\n"


def requirements() -> str:
    """The text of requirements.txt: one dependency a line, in the order of pyproject.toml."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return HEAD + "".join(f"{line}\n" for line in project["dependencies"])


if __name__ == "__main__":
    (REPOSITORY / "requirements.txt").write_text(requirements(), encoding="utf-8", newline="\n")
