"""Bytes that a child process is to read, in a temporary file without a name."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from typing import IO

from moda.errors import OutputFailed


def spooled(pieces: Iterable[bytes | memoryview]) -> IO[bytes]:
    """A temporary file that holds `pieces`, open at its beginning; it is gone when closed, or with this process.

    Raises OutputFailed where the temporary folder is full or cannot be written.
    """
    file: IO[bytes] | None = None
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        return file
    except OSError as fault:
        if file is not None:
            with contextlib.suppress(OSError):  # closing writes what could not be written once more
                file.close()
        raise OutputFailed(
            f"The temporary folder cannot be written to ({(fault.strerror or str(fault)).lower()}): free some space "
            "there, or set TMPDIR to another folder."
        ) from None
