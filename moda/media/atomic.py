"""A file, or a folder of files, that appears under its name only when it is complete.

On Linux a file has no name at all while it is written (O_TMPFILE): whoever is killed in the middle leaves nothing, as
the kernel drops the file with its last owner. Elsewhere, on file systems that know no nameless files, and for folders,
it is written under a hidden name beside the final one and held open by its owner. What nobody holds any more is a
leftover and is removed by the next writer in that folder. Either way the last step is a rename within one folder.

Who is alive is told by a lock (flock), and on Windows by the system itself: it refuses to delete a file that is open.
It refuses to rename one as well, so there the handle is closed before the rename.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
from pathlib import Path

from moda.errors import OutputFailed, unwritten

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

_HIDDEN = re.compile(r"^\.moda-[0-9a-f]{16}\.part$")
_SETTLED = 5.0  # seconds for which a file without a lock may still be on its way to its name (Windows)
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
                self.temporary = Path(f"/proc/{os.getpid()}/fd/{self._handle}")
                return
            while True:
                self.temporary = _hidden(folder)
                self._handle = os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
                if _lock(self._handle) is not False:
                    break
                os.close(self._handle)  # somebody's cleaning took it between the two calls
        except OSError as fault:
            raise unwritten(f"The folder for '{self.path.name}'", fault) from None

    def keep(self) -> None:
        """Give the file its final name, replacing what was there. Raises OutputFailed if that is not possible."""
        try:
            if self._nameless:
                self._give_name()
            if fcntl is None:
                self._release()
            self.temporary.replace(self.path)
        except OSError as fault:
            self.discard()
            raise unwritten(f"The file '{self.path.name}'", fault) from None
        self._release()

    def discard(self) -> None:
        """Drop the file. Safe to call again."""
        self._release()
        if not self._nameless:
            with contextlib.suppress(OSError):
                self.temporary.unlink()

    def _give_name(self) -> None:
        """A hidden name for the nameless file, since linking cannot replace a file and renaming needs a name."""
        name = _hidden(self.path.parent)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            _lock(self._handle)
            # With a folder given, Python follows the link in /proc to the file itself.
            os.link(f"/proc/self/fd/{self._handle}", name.name, dst_dir_fd=folder)
        finally:
            os.close(folder)
        self.temporary, self._nameless = name, False

    def _release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class PartialFolder:
    """Room for many files of one result: `temporary` is a hidden folder beside them, `keep()` gives all their names.

    folder: where they go; made if needed. Other files in it stay; those that `replaced` matches (by full name) go, as
    they belong to the result that this one replaces. Raises OutputFailed like PartialFile.
    """

    def __init__(self, folder: str | os.PathLike[str], replaced: re.Pattern[str]) -> None:
        self.path, self._replaced = Path(folder), replaced
        self._handle = -1
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path)
            while True:
                self.temporary = _hidden(self.path)
                self.temporary.mkdir()
                if fcntl is None:
                    break
                self._handle = os.open(self.temporary, os.O_RDONLY)
                if _lock(self._handle) is not False:
                    break
                os.close(self._handle)
        except OSError as fault:
            raise unwritten(f"The folder for '{self.path.name}'", fault) from None

    def keep(self) -> None:
        """Move every file to its place. Raises OutputFailed where that fails; then the old ones may be gone."""
        try:
            for old in self.path.iterdir():
                if self._replaced.fullmatch(old.name) and old.is_file():
                    old.unlink()
            for new in self.temporary.iterdir():
                new.replace(self.path / new.name)
        except OSError as fault:
            raise unwritten(f"The file '{self.path.name}'", fault) from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop what was not kept, and the folder too if nothing is in it. Safe to call again."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        shutil.rmtree(self.temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()


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
    """Remove hidden partial files and folders in `folder` whose owner is dead; return how many."""
    count = 0
    for path in folder.iterdir():
        if _HIDDEN.match(path.name):
            with contextlib.suppress(OSError):
                count += _remove_leftover(path)
    return count


def _remove_leftover(path: Path) -> bool:
    handle = -1 if fcntl is None else os.open(path, os.O_RDONLY)
    try:  # the lock is held until the file is gone: its name may be of a file that was made a moment ago
        mine = _lock(handle)
        if mine is None:  # Windows refuses to delete a file that is open, though not a folder
            patience = _OLD if fcntl is not None or path.is_dir() else _SETTLED
            mine = time.time() - path.stat().st_mtime > patience
        if not mine:
            return False
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    finally:
        if handle >= 0:
            os.close(handle)


def _lock(handle: int) -> bool | None:
    """Try to lock: True = locked by us, False = somebody else holds it, None = this system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
