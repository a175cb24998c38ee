"""Visitors are apart, their work stops, their files go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from moda.errors import Busy
from moda.studio.sessions import Upload, Visitors


@pytest.fixture
def visitors(tmp_path: Path) -> Visitors:
    return Visitors(tmp_path, request_seconds=60, disk_bytes=1000, grace=0.2)


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
    visitors.end("one", plan)
    assert visitors.stop("one") == 1
    assert visitors.stop("nobody") == 0


def test_work_ends_when_its_time_is_over(tmp_path: Path) -> None:
    job = Visitors(tmp_path, request_seconds=0.01, disk_bytes=1e9).begin("one", "plan")
    time.sleep(0.02)
    assert job.expired and job.cancelled()


def test_who_leaves_is_stopped_at_once_and_forgotten_after_the_time_of_grace(visitors: Visitors) -> None:
    session = visitors.session("one")
    path = session.path("quick.mp4")
    path.write_text("x")
    job = visitors.begin("one", "clip")
    visitors.leave("one")
    assert job.cancelled() and path.exists()
    visitors.end("one", job)
    until = time.monotonic() + 5
    while path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not path.exists()
    assert visitors.session("one") is not session


def test_who_comes_back_in_time_finds_everything(visitors: Visitors) -> None:
    session = visitors.session("one")
    path = session.path("quick.mp4")
    path.write_text("x")
    visitors.leave("one")
    assert visitors.session("one") is session
    time.sleep(0.5)
    visitors.sweep()
    assert path.exists()


TICKET = "t" * 48


def test_a_page_that_comes_back_with_its_ticket_takes_its_session_along(visitors: Visitors) -> None:
    session = visitors.session("before")
    assert visitors.arrive("before", TICKET, back=False) is None
    job = visitors.begin("before", "render")
    visitors.leave("before")
    assert visitors.arrive("after", TICKET, back=True) is session and job.cancelled()
    visitors.end("before", job)
    assert visitors.session("after") is session and session.left is None
    assert visitors.session("before") is not session


def test_a_ticket_opens_nothing_but_its_own_session(visitors: Visitors) -> None:
    visitors.session("one")
    visitors.arrive("one", TICKET, back=False)
    assert visitors.arrive("other", "u" * 48, back=True) is None
    assert visitors.arrive("other", "", back=True) is None and visitors.arrive("other", "short", back=True) is None
    # A tab that was duplicated has the ticket but was not reloaded: the first tab keeps what it made.
    mine = visitors.session("one")
    assert visitors.arrive("copy", TICKET, back=False) is None
    assert visitors.session("one") is mine and visitors.session("copy") is not mine


def test_tickets_go_with_their_sessions(visitors: Visitors) -> None:
    visitors.session("one")
    visitors.arrive("one", TICKET, back=False)
    visitors.leave("one")
    time.sleep(0.5)
    visitors.sweep()
    assert visitors.arrive("late", TICKET, back=True) is None


def test_other_takes_clear_what_was_made_of_the_former(visitors: Visitors, tmp_path: Path) -> None:
    session = visitors.session("one")
    session.clips[0], session.clips_due, session.chosen = tmp_path / "quick.mp4", [1], 1
    session.hold([])
    assert not session.clips and not session.clips_due and session.chosen == 0 and session.video is None


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
