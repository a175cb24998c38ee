"""How every command line of this software behaves: exit codes, one line on stderr, progress, output that always ends.

Exit code 0 on success; 2 and one sentence on stderr for anything a person can mend; 130 after Ctrl-C or SIGTERM.
Results go to stdout, progress to stderr. A console whose encoding lacks a letter shows it escaped.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from moda.errors import NO_ROOM, UserError, explain_import

Progress = Callable[[str, int, int], None]
STOPPED = 130
MOST_BYTES = 255
"""Of a file's name."""
SILENCE = 30.0
"""Seconds without a word after which a line of progress is printed where stderr is no terminal."""


def program() -> str:
    """What the person typed to start us: `moda`, or `python -m moda`."""
    name = Path(sys.argv[0]).stem
    return "python -m moda" if name in ("__main__", "-m", "-c", "") else name


def main(app: typer.Typer, name: str, arguments: Sequence[str]) -> NoReturn:
    """Runs a command line and ends the process with its exit code. Being terminated cleans up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ended: list[int] = []
    atexit.register(_leave, ended)  # registered first, so called last
    ended.append(run(app, name, arguments))
    sys.exit(ended[0])


def _leave(ended: Sequence[int]) -> None:
    """The end of the process, when all of Python's own duties are done: without the libraries clearing up behind them,
    for which PyTorch's read another 100 MB in. ended: the exit code, nothing after a fault of ours."""
    if not ended:
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return  # a stream that is gone: let Python say so
    os._exit(ended[0])


def run(app: typer.Typer, name: str, arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit code; faults that a person can mend become one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        result = app(list(arguments), standalone_mode=False, prog_name=name)
    except typer.Exit as stop:
        result = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = STOPPED
    except Exception as fault:
        sentence = explain(fault, name)
        if sentence is None:
            raise
        print(" ".join(sentence.split()), file=sys.stderr)
        return 2
    if result == STOPPED:  # an interrupt may also come through the options as a result
        print("Stopped; nothing was written.", file=sys.stderr)
    return result if isinstance(result, int) else 0


def explain(fault: Exception, name: str) -> str | None:
    """What a person who typed `name` can do about a fault, in one sentence; None where the fault is ours."""
    if isinstance(fault, UserError):
        return str(fault)
    if isinstance(fault, typer.BadParameter):
        return f"{fault.format_message().rstrip('.')}; see {name} --help."
    if isinstance(fault, typer.TyperException):
        return f"{str(getattr(fault, 'message', fault)).rstrip('.')}; see {name} --help."
    if isinstance(fault, ImportError):
        return explain_import(fault)
    return explain_disk(fault) if isinstance(fault, OSError) else None


def explain_disk(fault: OSError) -> str | None:
    """A full or unwritable disk, or a name beyond its limits, as one sentence; None for another fault."""
    if fault.errno == errno.ENAMETOOLONG:
        path = Path(str(fault.filename or ""))
        longest = max(path.parts, key=len, default="")
        if len(os.fsencode(longest)) > MOST_BYTES:
            shown = f"The name {longest[:40]!r}... is too long for this system ({len(longest)} letters)"
        else:
            shown = f"The path to {path.name[:40]!r} is too long for this system ({len(str(path))} letters)"
        return f"{shown}: choose a shorter one."
    if fault.errno in {*NO_ROOM, errno.EROFS}:
        where = fault.filename2 or fault.filename or tempfile.gettempdir()  # of a copy, where to
        return f"Nothing more can be written to {where} ({fault.strerror}): make room, or set TMPDIR to another folder."
    if isinstance(fault, FileNotFoundError) and not _has_temporary_folder():
        return "No temporary folder can be written to: make room, or set TMPDIR to a folder that can."
    return None


def _has_temporary_folder() -> bool:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    """A progress bar on stderr that takes (stage, done, total); a line now and then where stderr is no terminal."""
    from tqdm import tqdm

    live = sys.stderr.isatty()
    bar: Any = None
    shown, spoken = "", time.monotonic()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal bar, shown, spoken
        if not live:
            if time.monotonic() - spoken > SILENCE:
                spoken = time.monotonic()
                print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)
            return
        if stage != shown:
            if bar is not None:
                bar.close()
            shown = stage
            bar = tqdm(total=total, desc=stage, file=sys.stderr, leave=False)
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()
