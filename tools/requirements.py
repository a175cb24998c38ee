"""Writes requirements.txt, which a Hugging Face Space reads, from pyproject.toml: dependencies and the extra `voices`.

Run `python tools/requirements.py` after a change of either.
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
    """The text of requirements.txt: one dependency a line, in the order of pyproject.toml, then those of `voices`."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return HEAD + "".join(
        f"{line}\n" for line in [*project["dependencies"], *project["optional-dependencies"]["voices"]]
    )


if __name__ == "__main__":
    (REPOSITORY / "requirements.txt").write_text(requirements(), encoding="utf-8", newline="\n")
