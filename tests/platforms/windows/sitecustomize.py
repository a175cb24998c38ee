"""What Windows refuses, refused here: put this folder on PYTHONPATH and every Python started from there obeys.

For calls that the package makes (the nearest frame outside the standard library is below moda/):

- a file that this process or a child of it holds open can be neither renamed nor deleted, nor replaced;
- `os.name` is "nt" and `sys.platform` "win32" for code that asks, and os lacks what Windows lacks;
- fcntl, resource, pwd and grp cannot be imported;
- a child inherits no descriptors but its standard ones, and takes no preexec_fn;
- text is cp1252 with CRLF unless an encoding, or a line ending, is named; /proc does not exist.

Not imitated: drive letters, paths as ANSI in C libraries, process signals, DLLs. Tests that ask Linux itself
(/proc, kill -9) are left out where this is used: test_windows.py.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

REAL_OS, REAL_SYS = os, sys
PACKAGE = str(Path(__file__).resolve().parents[3] / "moda") + os.sep
LIBRARY = (os.path.dirname(os.__file__) + os.sep, "<frozen")
OURSELVES = __file__
ABSENT = {
    "O_TMPFILE", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "getuid", "geteuid", "getgid", "fork", "mkfifo", "pread",
    "pwrite", "preadv", "sched_getaffinity", "statvfs", "chown", "killpg", "setsid", "getpgid", "uname", "getloadavg",
    "sysconf", "sendfile", "memfd_create", "posix_fadvise", "nice", "wait3", "wait4", "WNOHANG",
}  # fmt: skip
REFUSED_MODULES = {"fcntl", "resource", "pwd", "grp", "termios"}


def of_the_package(depth: int = 2) -> bool:
    """Whether the call comes from moda/, through any number of the standard library's own frames."""
    frame = REAL_SYS._getframe(depth)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE):
            return True
        third_party = os.sep + "site-packages" + os.sep in name
        if name != OURSELVES and (third_party or not name.startswith(LIBRARY)):
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False


def descendants() -> list[int]:
    """This process and its living children."""
    found = [REAL_OS.getpid()]
    for number in found:
        for task in Path(f"/proc/{number}/task").glob("*/children") if number else ():
            try:
                found += [int(child) for child in real_open(task, encoding="ascii").read().split()]
            except OSError:
                continue
    return found


def held_open(path: Any) -> bool:
    """Whether this process or a child of it has the file open."""
    try:
        wanted = real_stat(path)
    except (OSError, ValueError):
        return False
    if not REAL_OS.path.isfile(path):
        return False
    for number in descendants():
        try:
            handles = real_listdir(f"/proc/{number}/fd")
        except OSError:
            continue
        for handle in handles:
            try:
                there = real_stat(f"/proc/{number}/fd/{handle}")
            except OSError:
                continue
            if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False


def refuse_open(*paths: Any) -> None:
    for path in paths:
        if held_open(path):
            fault = PermissionError(errno.EACCES, "The process cannot access the file: it is in use", str(path))
            fault.winerror = 32  # type: ignore[attr-defined]
            raise fault


def no_proc(path: Any) -> None:
    if isinstance(path, (str, bytes, os.PathLike)) and REAL_OS.fsdecode(path).startswith("/proc"):
        raise FileNotFoundError(errno.ENOENT, "There is no /proc on Windows", str(path))


real_open, real_os_open, real_stat, real_listdir = io.open, os.open, os.stat, os.listdir
real_import, real_popen = builtins.__import__, subprocess.Popen.__init__


def guarded(real: Any, count: int) -> Any:
    """A call on files that refuses where one of its first `count` arguments is open."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        own = REAL_SYS._getframe(1).f_code.co_filename == tempfile.__file__  # it deletes what is open only on POSIX
        if keywords.get("dir_fd") is None and not own and of_the_package():
            refuse_open(*arguments[:count])
        return real(*arguments, **keywords)

    return call


def open_text(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
              newline: Any = None, *rest: Any, **more: Any) -> Any:  # fmt: skip
    if of_the_package():
        no_proc(file)
        if "b" not in mode:
            encoding = "cp1252" if encoding in (None, "locale") else encoding
            newline = "\r\n" if newline is None and not set(mode).isdisjoint("wax+") else newline
    return real_open(file, mode, buffering, encoding, errors, newline, *rest, **more)


def os_open(path: Any, *arguments: Any, **keywords: Any) -> int:
    if of_the_package():
        no_proc(path)
    return real_os_open(path, *arguments, **keywords)


def start(self: Any, *arguments: Any, **keywords: Any) -> None:
    if of_the_package():
        if keywords.get("preexec_fn") is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        keywords.pop("pass_fds", None)
        if (keywords.get("text") or keywords.get("universal_newlines")) and not keywords.get("encoding"):
            keywords["encoding"] = "cp1252"
    real_popen(self, *arguments, **keywords)


class Windows(types.ModuleType):
    """A module as the package sees it: the real one, but for what is different or absent on Windows."""

    def __init__(self, real: types.ModuleType, absent: set[str], **different: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _absent=absent, **different)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__["_absent"]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self.__dict__["_real"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_real"], name, value)


SEEN = {"os": Windows(os, ABSENT, name="nt"), "sys": Windows(sys, set(), platform="win32")}


def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    if level == 0 and globals is not None and str(globals.get("__name__", "")).split(".")[0] == "moda":
        if name in REFUSED_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in SEEN:
            return SEEN[name]
    return real_import(name, globals, locals, fromlist, level)


builtins.__import__ = imported
builtins.open = io.open = open_text
os.open = os_open  # type: ignore[assignment]
os.rename, os.replace = guarded(os.rename, 2), guarded(os.replace, 2)
os.unlink, os.remove = guarded(os.unlink, 1), guarded(os.remove, 1)
subprocess.Popen.__init__ = start  # type: ignore[method-assign]
