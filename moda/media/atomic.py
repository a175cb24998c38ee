"""A file that appears under its name only when it is complete.

On Linux it has no name at all while it is written (O_TMPFILE): whoever is killed in the middle leaves nothing, as
the kernel drops the file with its last owner. Elsewhere, and on file systems that know no nameless files, it is
written under a hidden name beside the final one and locked for as long as its owner lives; a hidden file without a
lock is a leftover and may be removed. Either way the last step is one atomic rename within the same folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from moda.errors import OutputFailed

_HIDDEN = re.compile(r"^\.moda-[0-9a-f]{16}\.part$")
_OLD = 24 * 3600.0  # seconds after which a leftover is removed where the file system knows no locks


class PartialFile:
    """Reserve room for a file beside `path`; `keep()` gives it that name, `discard()` drops it.

    temporary: the path to write to meanwhile, for this process and its children.

    Makes the folder, removes leftovers of dead processes in it, and raises OutputFailed with one sentence where
    the folder cannot be made or written to, or where `path` is a folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise OutputFailed(f"The output '{self.path.name}' is a folder: give the name of a file.")
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            self._handle = _open_nameless(folder)
            self._nameless = self._handle >= 0
            if self._nameless:
                _lock(self._handle)
                self.temporary = Path(f"/proc/{os.getpid()}/fd/{self._handle}")
                return
            while True:
                self.temporary = _hidden(folder)
                self._handle = os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
                if _lock(self._handle) is not False:
                    break
                os.close(self._handle)  # somebody's cleaning took it between the two calls
        except OSError as fault:
            reason = (fault.strerror or str(fault)).lower()
            raise OutputFailed(
                f"The folder for '{self.path.name}' cannot be written to ({reason}): choose another folder."
            ) from None

    def keep(self) -> None:
        """Give the file its final name, replacing what was there. Raises OutputFailed if that is not possible."""
        try:
            if self._nameless:
                self._give_name()
            self.temporary.replace(self.path)
        except OSError as fault:
            self.discard()
            raise OutputFailed(
                f"The file '{self.path.name}' could not be given its name ({fault.strerror}): choose another folder."
            ) from None
        self._release()

    def discard(self) -> None:
        """Drop the file. Safe to call again."""
        if not self._nameless:
            with contextlib.suppress(OSError):
                self.temporary.unlink()
        self._release()

    def _give_name(self) -> None:
        """A hidden name for the nameless file, since linking cannot replace a file and renaming needs a name."""
        name = _hidden(self.path.parent)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            # With a folder given, Python follows the link in /proc to the file itself.
            os.link(f"/proc/self/fd/{self._handle}", name.name, dst_dir_fd=folder)
        finally:
            os.close(folder)
        self.temporary, self._nameless = name, False

    def _release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _hidden(folder: Path) -> Path:
    return (folder / f".moda-{secrets.token_hex(8)}.part").absolute()


def _open_nameless(folder: Path) -> int:
    """A new file in `folder` without a name, or -1 where that, or reaching it through /proc, is not possible."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return -1
    try:
        handle = os.open(folder, flag | os.O_RDWR, 0o666)
    except OSError:  # the ordinary way is tried next, and says what is wrong if that is the folder
        return -1
    try:
        os.close(os.open(f"/proc/{os.getpid()}/fd/{handle}", os.O_RDWR))
    except OSError:
        os.close(handle)
        return -1
    return handle


def remove_leftovers(folder: Path) -> int:
    """Remove hidden partial files in `folder` whose owner is dead; return how many."""
    count = 0
    for path in folder.iterdir():
        if not _HIDDEN.match(path.name):
            continue
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR)
            try:
                locked = _lock(handle)
                if locked or (locked is None and time.time() - path.stat().st_mtime > _OLD):
                    path.unlink()
                    count += 1
            finally:
                os.close(handle)
    return count


def _lock(handle: int) -> bool | None:
    """Try to lock: True = locked by us, False = somebody else holds it, None = this system has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
