"""sha256 of files of any size, read in pieces: memory stays flat."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

BLOCK = 1 << 20


def file_digest(path: str | os.PathLike[str]) -> str:
    """sha256 of a file's content, 64 hexadecimal digits. Raises OSError where it cannot be read."""
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()
