"""Visitors: what each has made, in a folder of their own, and their running work, which can be stopped.

A visitor is one open page (Gradio's session hash). What a visitor made is on no shared shelf: it is found by that hash
only, and goes when the page is closed or has been idle for long.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moda.digests import file_digest
from moda.errors import Busy
from moda.motion.takes import Take

if TYPE_CHECKING:
    from moda.compare.run import Comparison
    from moda.media.audio import Speech
    from moda.pipeline import RenderResult
    from moda.portrait.portrait import Portrait

IDLE_SECONDS = 2 * 3600.0
TICKET_LENGTH = 32
GRACE_SECONDS = 300.0
"""A page whose connection broke may come back within this time and finds everything as it was."""
RETURN_SECONDS = 10.0
"""What such a page was waiting for is worked on for so long."""
Clock = Callable[[], float]
Later = Callable[[float, Callable[[], None]], None]


@dataclass(frozen=True)
class Upload:
    """A file as it was given, known again by its bytes."""

    path: str
    digest: str

    @classmethod
    def of(cls, path: str) -> Upload:
        """Reads the file. Raises OSError."""
        return cls(path, file_digest(path))

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
    felt: str = ""
    """The emotion that the page has from the script of a speech."""
    inputs: int = 0
    """How often portrait or speech was replaced."""
    takes: list[Take] = field(default_factory=list)
    sampled: object = field(default_factory=object)
    """Another one whenever other takes are held; trims keep it."""
    sampler: str | None = None
    """By which name the model was asked for that sampled the takes; None where they came another way."""
    turn: int = 0
    """Of the last edit, see `Engine.edit`."""
    chosen: int = 0
    webgl: bool = False
    """Whether the visitor's browser can show the stage; others get quick clips."""
    figure: bool = False
    """Whether the visitor looks at all trajectories as a figure."""
    overlay: bool = False
    """Whether that has every take in it."""
    rig: Path | None = None
    seen_as: Path | None = None
    """The picture as every browser can show it, where the upload is of another kind."""
    heard: Path | None = None
    """The speech as every browser can play it."""
    live: str = ""
    """The secret under which a live session finds the portrait."""
    clips: dict[int, Path] = field(default_factory=dict)
    video: RenderResult | None = None
    comparison: Comparison | None = None
    shown: dict[str, object] = field(default_factory=dict)
    """What the page was last given to show, by part: "takes", "video", "comparison"."""
    awaited: list[Job] = field(default_factory=list)
    """What was being worked on when the page was last loaded anew."""
    made: int = 0
    seen: float = 0.0
    left: float | None = None
    guests: list[Session] = field(default_factory=list)

    @property
    def take(self) -> Take | None:
        return self.takes[self.chosen] if self.chosen < len(self.takes) else None

    def hold(self, takes: list[Take], sampler: str | None = None) -> None:
        """Other takes from here on: what was made of the former ones is not shown any more. sampler: see there."""
        if list(map(id, takes)) != list(map(id, self.takes)):
            self.sampled = object()
        self.takes, self.chosen, self.video, self.sampler = takes, 0, None, sampler
        self.clips.clear()

    def restart(self, takes: list[Take]) -> None:
        """Another portrait or speech from here on; only these takes go with it."""
        self.hold(takes)
        self.overlay = False
        self.comparison = None
        self.inputs += 1

    def stale(self, part: str) -> bool:
        """Whether the page shows a result that is not the session's any more."""
        now = {"takes": self.sampled, "video": self.video, "comparison": self.comparison}
        return part in self.shown and self.shown[part] is not now[part]

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

    def __init__(self, kind: str, seconds: float, clock: Clock) -> None:
        self.kind = kind
        self.superseded = False
        """Whether what it works on was replaced."""
        self.fault = ""
        """Why it failed, in a sentence for the visitor."""
        self.progress = (0.0, "")
        """How far it is, 0 to 1, and that in words."""
        self.done = threading.Event()
        self._stop = threading.Event()
        self._clock = clock
        self._deadline = clock() + seconds

    def stop(self, superseded: bool = False) -> None:
        self.superseded = self.superseded or superseded
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def expired(self) -> bool:
        """Whether it took longer than one request may."""
        return self._clock() > self._deadline

    def cancelled(self) -> bool:
        """The cancel callback of the pipeline."""
        return self.stopped or self.expired


def after(seconds: float, call: Callable[[], None]) -> None:
    """Calls it later, in a thread that keeps no program alive."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


class Visitors:
    """All sessions and jobs by visitor. Files live under `root`, one folder a visitor."""

    def __init__(
        self,
        root: Path,
        request_seconds: float,
        disk_bytes: float,
        grace: float = GRACE_SECONDS,
        clock: Clock = time.monotonic,
        later: Later = after,
    ) -> None:
        """clock: seconds; later: calls something after so many of them."""
        self.root = root
        self._seconds = request_seconds
        self._disk = disk_bytes
        self._grace = grace
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._jobs: dict[str, set[Job]] = {}
        self._tickets: dict[str, str] = {}

    def session(self, visitor: str) -> Session:
        """The session of a visitor, made when first asked for."""
        self.sweep()
        with self._lock:
            found = self._sessions.setdefault(visitor, Session(self.root))
            found.seen, found.left = self._clock(), None
            return found

    def arrive(self, visitor: str, ticket: str, back: bool) -> Session | None:
        """A page opened that keeps this secret ticket; what it had made before is its own again when it comes back,
        and what was being worked on for it goes on.

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
            found.seen, found.left = self._clock(), None
            if before in self._jobs:
                self._jobs.setdefault(visitor, set()).update(self._jobs.pop(before))
        return found

    def live_token(self, session: Session) -> str:
        """The secret under which a live session finds this session's portrait."""
        if not session.live:
            session.live = secrets.token_urlsafe(TICKET_LENGTH)
        return session.live

    def live_session(self, token: str) -> Session | None:
        """The session with this secret."""
        with self._lock:
            found = [one for one in self._sessions.values() if one.live and secrets.compare_digest(one.live, token)]
        return found[0] if found else None

    def adopt(self, visitor: str, extra: Session) -> None:
        """Files of a single call: they go together with the visitor's own."""
        self.session(visitor).guests.append(extra)

    def begin(self, visitor: str, kind: str) -> Job:
        """Registers work, so that Stop and a closed page end it. Raises Busy when the disk budget is used up."""
        if kind != "trim" and sum(map(bytes_below, self.root.glob("moda-studio-*"))) > self._disk:
            raise Busy("The studio's working space is full at the moment; please try again in a few minutes.")
        job = Job(kind, self._seconds, self._clock)
        with self._lock:
            self._jobs.setdefault(visitor, set()).add(job)
        return job

    def end(self, job: Job) -> None:
        """The work is over, whoever's it is by now."""
        job.done.set()
        with self._lock:
            for visitor in [visitor for visitor, jobs in self._jobs.items() if job in jobs]:
                self._jobs[visitor].discard(job)
                if not self._jobs[visitor]:
                    del self._jobs[visitor]

    def running(self, visitor: str) -> list[Job]:
        """A visitor's work, in no particular order."""
        with self._lock:
            return list(self._jobs.get(visitor, ()))

    def stop(self, visitor: str, kind: str | None = None, superseded: bool = False) -> int:
        """Stops a visitor's work, all of it or one kind; returns how much that was. superseded: see `Job`."""
        jobs = [job for job in self.running(visitor) if kind in (None, job.kind)]
        for job in jobs:
            job.stop(superseded)
        return len(jobs)

    def leave(self, visitor: str) -> None:
        """The page was closed or lost: work stops soon (that of a caller without a page, who cannot come back, at
        once), files go after the time of grace."""
        with self._lock:
            session = self._sessions.get(visitor)
            if session is not None:
                session.left = self._clock()
            page = visitor in self._tickets.values()
        if page:
            self._later(min(RETURN_SECONDS, self._grace), lambda: self._abandon(visitor))
        else:
            self.stop(visitor)
        self._later(self._grace + 0.1, self.sweep)

    def _abandon(self, visitor: str) -> None:
        with self._lock:
            session = self._sessions.get(visitor)
            back = session is not None and session.left is None
        if not back:
            self.stop(visitor)

    def sweep(self) -> None:
        """Forgets visitors who left or have been idle for long."""
        now = self._clock()
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
