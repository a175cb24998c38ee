"""Visitors are apart, their work stops, their files go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from moda.errors import Busy
from moda.studio.sessions import Visitors


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


def test_a_full_working_folder_is_said(visitors: Visitors) -> None:
    visitors.session("one").path("big.bin").write_bytes(bytes(2000))
    with pytest.raises(Busy, match="full"):
        visitors.begin("other", "plan")
    visitors.begin("other", "trim")


def test_close_removes_everything(visitors: Visitors, tmp_path: Path) -> None:
    visitors.session("one").path("a.bin").write_text("x")
    visitors.close()
    assert list(tmp_path.iterdir()) == []
