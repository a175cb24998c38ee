"""Visitors: what each has made, in a folder of their own, and their running work, which can be stopped.

A visitor is one open page (Gradio's session hash). What a visitor made is on no shared shelf: it is found by that hash
only, and goes when the page is closed or has been idle for long.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moda.errors import Busy
from moda.motion.takes import Take

if TYPE_CHECKING:
    from moda.media.audio import Speech
    from moda.pipeline import RenderResult
    from moda.portrait.portrait import Portrait

IDLE_SECONDS = 2 * 3600.0
TICKET_LENGTH = 32
GRACE_SECONDS = 300.0
"""A page whose connection broke may come back within this time and finds everything as it was."""


@dataclass(frozen=True)
class Upload:
    """A file as it was given, known again by its bytes."""

    path: str
    digest: str

    @classmethod
    def of(cls, path: str) -> Upload:
        """Reads the file. Raises OSError."""
        with open(path, "rb") as file:  # noqa: PTH123 - file_digest wants the file itself
            digest = hashlib.sha256()
            while part := file.read(1 << 20):
                digest.update(part)
        return cls(path, digest.hexdigest())

    def same_as(self, other: Upload | None) -> bool:
        return other is not None and self.digest == other.digest


@dataclass
class Session:
    """What one visitor has made so far. Lives on the server and is never shared."""

    root: Path
    folder: Path | None = None
    picture: Upload | None = None
    portrait: Portrait | None = None
    sound: Upload | None = None
    speech: Speech | None = None
    takes: list[Take] = field(default_factory=list)
    chosen: int = 0
    clips: dict[int, Path] = field(default_factory=dict)
    clips_due: list[int] = field(default_factory=list)
    """Takes whose quick clip is still to be made, in this order."""
    video: RenderResult | None = None
    made: int = 0
    seen: float = field(default_factory=time.monotonic)
    left: float | None = None
    guests: list[Session] = field(default_factory=list)

    @property
    def take(self) -> Take | None:
        return self.takes[self.chosen] if self.chosen < len(self.takes) else None

    def hold(self, takes: list[Take]) -> None:
        """Other takes from here on: what was made of the former ones is not shown any more."""
        self.takes, self.chosen, self.clips_due, self.video = takes, 0, [], None
        self.clips.clear()

    def path(self, name: str) -> Path:
        """A new file name in the session's own folder; names never come from uploads."""
        if self.folder is None or not self.folder.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="moda-studio-", dir=self.root))
        self.made += 1
        folder = self.folder / str(self.made)
        folder.mkdir()
        return folder / name

    def keep(self, upload: str, name: str) -> Path:
        """The session's own copy of an upload: the page may replace its file at any time. Raises FileNotFoundError."""
        own = self.path(name)
        shutil.copyfile(upload, own)
        return own

    def discard(self) -> None:
        """Removes everything the session left on disk."""
        for guest in self.guests:
            guest.discard()
        self.guests.clear()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class Job:
    """One piece of running work: asked between steps whether to go on."""

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind = kind
        self._stop = threading.Event()
        self._deadline = time.monotonic() + seconds

    def stop(self) -> None:
        self._stop.set()

    @property
    def expired(self) -> bool:
        """Whether it took longer than one request may."""
        return time.monotonic() > self._deadline

    def cancelled(self) -> bool:
        """The cancel callback of the pipeline."""
        return self._stop.is_set() or self.expired


class Visitors:
    """All sessions and jobs by visitor. Files live under `root`, one folder a visitor."""

    def __init__(self, root: Path, request_seconds: float, disk_bytes: float, grace: float = GRACE_SECONDS) -> None:
        self.root = root
        self._seconds = request_seconds
        self._disk = disk_bytes
        self._grace = grace
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._jobs: dict[str, set[Job]] = {}
        self._tickets: dict[str, str] = {}

    def session(self, visitor: str) -> Session:
        """The session of a visitor, made when first asked for."""
        self.sweep()
        with self._lock:
            found = self._sessions.setdefault(visitor, Session(self.root))
            found.seen, found.left = time.monotonic(), None
            return found

    def arrive(self, visitor: str, ticket: str, back: bool) -> Session | None:
        """A page opened that keeps this secret ticket; what it had made before is its own again when it comes back.

        A page gets another session hash whenever it is loaded, and Gradio loads it anew after a broken connection.
        """
        if len(ticket) < TICKET_LENGTH:
            return None
        self.sweep()
        with self._lock:
            before, self._tickets[ticket] = self._tickets.get(ticket), visitor
            if not back or before is None or before == visitor or before not in self._sessions:
                return None
            found = self._sessions[visitor] = self._sessions.pop(before)
            found.seen, found.left = time.monotonic(), None
        self.stop(before)
        return found

    def adopt(self, visitor: str, extra: Session) -> None:
        """Files of a single call: they go together with the visitor's own."""
        self.session(visitor).guests.append(extra)

    def begin(self, visitor: str, kind: str) -> Job:
        """Registers work, so that Stop and a closed page end it. Raises Busy when the disk budget is used up."""
        if kind != "trim" and sum(map(bytes_below, self.root.glob("moda-studio-*"))) > self._disk:
            raise Busy("The studio's working space is full at the moment; please try again in a few minutes.")
        job = Job(kind, self._seconds)
        with self._lock:
            self._jobs.setdefault(visitor, set()).add(job)
        return job

    def end(self, visitor: str, job: Job) -> None:
        with self._lock:
            jobs = self._jobs.get(visitor, set())
            jobs.discard(job)
            if not jobs:
                self._jobs.pop(visitor, None)

    def stop(self, visitor: str, kind: str | None = None) -> int:
        """Stops a visitor's work, all of it or one kind; returns how much that was."""
        with self._lock:
            jobs = [job for job in self._jobs.get(visitor, ()) if kind in (None, job.kind)]
        for job in jobs:
            job.stop()
        return len(jobs)

    def leave(self, visitor: str) -> None:
        """The page was closed or lost: work stops at once, files go after the time of grace."""
        self.stop(visitor)
        with self._lock:
            session = self._sessions.get(visitor)
            if session is not None:
                session.left = time.monotonic()
        timer = threading.Timer(self._grace + 0.1, self.sweep)
        timer.daemon = True
        timer.start()

    def sweep(self) -> None:
        """Forgets visitors who left or have been idle for long."""
        now = time.monotonic()
        with self._lock:
            gone = [
                visitor
                for visitor, session in self._sessions.items()
                if visitor not in self._jobs
                and (
                    now - session.seen > IDLE_SECONDS or (session.left is not None and now - session.left > self._grace)
                )
            ]
            sessions = [self._sessions.pop(visitor) for visitor in gone]
            if gone:
                self._tickets = {t: v for t, v in self._tickets.items() if v in self._sessions or v in self._jobs}
        for session in sessions:
            session.discard()

    def close(self) -> None:
        """Stops everything and removes every file, when the studio shuts down."""
        with self._lock:
            jobs = [job for found in self._jobs.values() for job in found]
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for job in jobs:
            job.stop()
        for session in sessions:
            session.discard()


def bytes_below(folder: Path, since: float = 0.0) -> int:
    """Bytes of the files below a folder in which they come and go; only of those changed since (Unix time)."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                about = os.stat(os.path.join(place, name))  # noqa: PTH116, PTH118 - many files, asked often
            except OSError:  # removed meanwhile
                continue
            total += about.st_size if about.st_ctime >= since else 0
    return total
