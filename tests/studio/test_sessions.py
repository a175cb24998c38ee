"""Visitors are apart, their work stops, their files go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moda.errors import Busy
from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.settings import Settings
from moda.studio.sessions import IDLE_SECONDS, RETURN_SECONDS, Upload, Visitors


class Clock:
    """Time that passes when a test says so, and what is to be called when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self._due.append((self.now + seconds, call))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due, self._due = self._due, []
        for moment, call in due:
            if moment <= self.now:
                call()
            else:
                self._due.append((moment, call))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitors(tmp_path: Path, clock: Clock) -> Visitors:
    return Visitors(tmp_path, request_seconds=60, disk_bytes=1000, grace=300, clock=clock, later=clock.later)


def test_sessions_are_apart(visitors: Visitors, tmp_path: Path) -> None:
    one, other = visitors.session("one"), visitors.session("other")
    assert one is not other and visitors.session("one") is one
    first, second = one.path("take.npz"), one.path("take.npz")
    first.write_text("x")
    assert first != second and first.parent.is_relative_to(tmp_path)
    assert one.folder != other.path("take.npz").parents[1]


def test_an_upload_is_kept_under_a_name_of_ours(visitors: Visitors, tmp_path: Path) -> None:
    upload = tmp_path / "..;rm -rf.wav"
    upload.write_bytes(b"sound")
    own = visitors.session("one").keep(str(upload), "speech.wav")
    upload.unlink()
    assert own.name == "speech.wav" and own.read_bytes() == b"sound"


def test_stop_reaches_only_this_visitor_and_this_kind(visitors: Visitors) -> None:
    plan, clip, foreign = (visitors.begin(*who) for who in (("one", "plan"), ("one", "clip"), ("other", "plan")))
    assert visitors.stop("one", "clip") == 1
    assert clip.cancelled() and not plan.cancelled()
    assert visitors.stop("one") == 2
    assert plan.cancelled() and not foreign.cancelled()
    visitors.end(plan)
    assert visitors.stop("one") == 1
    assert visitors.stop("nobody") == 0


def test_work_ends_when_its_time_is_over(visitors: Visitors, clock: Clock) -> None:
    job = visitors.begin("one", "plan")
    clock.wait(59)
    assert not job.expired and not job.cancelled()
    clock.wait(2)
    assert job.expired and job.cancelled()


def test_who_leaves_is_stopped_at_once_and_forgotten_after_the_time_of_grace(visitors: Visitors, clock: Clock) -> None:
    session = visitors.session("one")
    path = session.path("quick.mp4")
    path.write_text("x")
    job = visitors.begin("one", "clip")
    visitors.leave("one")
    assert job.cancelled() and path.exists()
    visitors.end(job)
    clock.wait(299)
    assert path.exists()
    clock.wait(2)
    assert not path.exists()
    assert visitors.session("one") is not session


def test_who_comes_back_in_time_finds_everything(visitors: Visitors, clock: Clock) -> None:
    session = visitors.session("one")
    path = session.path("quick.mp4")
    path.write_text("x")
    visitors.leave("one")
    clock.wait(200)
    assert visitors.session("one") is session
    clock.wait(200)
    assert path.exists()


def test_idle_visitors_are_forgotten(visitors: Visitors, clock: Clock) -> None:
    path = visitors.session("one").path("quick.mp4")
    path.write_text("x")
    clock.wait(IDLE_SECONDS + 1)
    visitors.session("other")
    assert not path.exists()


TICKET = "t" * 48
MOTION = Motion(np.zeros((50, 70), np.float32) + np.float32(0.1), 25.0, "test")
TAKE = Take(MOTION, MOTION, Settings(), "moda-lite")


def test_a_page_that_comes_back_takes_its_session_and_its_work_along(visitors: Visitors, clock: Clock) -> None:
    session = visitors.session("before")
    assert visitors.arrive("before", TICKET, back=False) is None
    job = visitors.begin("before", "render")
    visitors.leave("before")
    clock.wait(RETURN_SECONDS - 1)
    assert visitors.arrive("after", TICKET, back=True) is session
    clock.wait(RETURN_SECONDS)
    assert not job.cancelled() and visitors.running("after") == [job]
    assert visitors.stop("after") == 1 and job.cancelled()
    visitors.end(job)
    assert job.done.is_set() and visitors.running("after") == []
    assert visitors.session("after") is session and session.left is None
    assert visitors.session("before") is not session


def test_work_for_a_page_that_does_not_come_back_stops(visitors: Visitors, clock: Clock) -> None:
    visitors.session("one")
    visitors.arrive("one", TICKET, back=False)
    job = visitors.begin("one", "render")
    visitors.leave("one")
    assert not job.cancelled()
    clock.wait(RETURN_SECONDS)
    assert job.cancelled() and not job.superseded


def test_a_ticket_opens_nothing_but_its_own_session(visitors: Visitors) -> None:
    visitors.session("one")
    visitors.arrive("one", TICKET, back=False)
    assert visitors.arrive("other", "u" * 48, back=True) is None
    assert visitors.arrive("other", "", back=True) is None and visitors.arrive("other", "short", back=True) is None
    # A tab that was duplicated has the ticket but was not reloaded: the first tab keeps what it made.
    mine = visitors.session("one")
    assert visitors.arrive("copy", TICKET, back=False) is None
    assert visitors.session("one") is mine and visitors.session("copy") is not mine


def test_tickets_go_with_their_sessions(visitors: Visitors, clock: Clock) -> None:
    visitors.session("one")
    visitors.arrive("one", TICKET, back=False)
    visitors.leave("one")
    clock.wait(301)
    assert visitors.arrive("late", TICKET, back=True) is None


def test_other_takes_clear_what_was_made_of_the_former(visitors: Visitors, tmp_path: Path) -> None:
    session = visitors.session("one")
    session.clips[0], session.chosen = tmp_path / "quick.mp4", 1
    session.hold([])
    assert not session.clips and session.chosen == 0 and session.video is None


def test_what_the_page_shows_is_stale_once_the_session_has_another(visitors: Visitors) -> None:
    session = visitors.session("one")
    assert not session.stale("takes")
    session.hold([TAKE])
    session.shown["takes"] = session.sampled
    session.restart([TAKE])  # a take that was restored before its speech
    assert not session.stale("takes") and not session.stale("video")
    session.restart([])
    assert session.stale("takes") and session.inputs == 2


def test_the_same_bytes_are_the_same_upload(tmp_path: Path) -> None:
    for name, content in (("a.png", b"x"), ("b.png", b"x"), ("c.png", b"y")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (Upload.of(str(tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert a.same_as(b) and not a.same_as(c) and not a.same_as(None)
    with pytest.raises(OSError):
        Upload.of(str(tmp_path / "absent.png"))


def test_a_full_working_folder_is_said(visitors: Visitors) -> None:
    visitors.session("one").path("big.bin").write_bytes(bytes(2000))
    with pytest.raises(Busy, match="full"):
        visitors.begin("other", "plan")
    visitors.begin("other", "trim")


def test_close_removes_everything(visitors: Visitors, tmp_path: Path) -> None:
    visitors.session("one").path("a.bin").write_text("x")
    visitors.close()
    assert list(tmp_path.iterdir()) == []
