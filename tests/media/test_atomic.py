"""Files and folders that appear only when complete, also where an open file can be neither renamed nor deleted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from moda.errors import OutputFailed
from moda.media import atomic
from moda.media.atomic import PartialFile, PartialFolder, remove_leftovers
from moda.media.output import write_bytes

NUMBERED = re.compile(r"\d{5}\.png")


@pytest.fixture
def like_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No nameless files, no locks, and an open file is refused a new name and deletion, as Windows does."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False, raising=False)
    monkeypatch.setattr(atomic, "fcntl", None)

    def refuse_open(path: Path) -> None:
        for link in Path("/proc/self/fd").iterdir():
            try:
                if link.readlink() == path:
                    raise PermissionError(32, "The process cannot access the file", str(path))
            except FileNotFoundError:
                continue

    replace, unlink = Path.replace, Path.unlink

    def strict_replace(self: Path, target: Path) -> Path:
        refuse_open(self)
        return replace(self, target)

    def strict_unlink(self: Path, missing_ok: bool = False) -> None:
        refuse_open(self)
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "replace", strict_replace)
    monkeypatch.setattr(Path, "unlink", strict_unlink)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_open_files_are_closed_before_they_are_renamed_or_deleted(like_windows: None, tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.txt", b"one")
    write_bytes(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    partial = PartialFile(tmp_path / "b.txt")
    partial.temporary.write_bytes(b"half")
    assert remove_leftovers(tmp_path) == 0  # held open by its owner
    partial.discard()
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_leftovers_without_locks_go_when_nobody_holds_them(like_windows: None, tmp_path: Path) -> None:
    left = tmp_path / ".moda-0123456789abcdef.part"
    left.write_bytes(b"x")
    assert remove_leftovers(tmp_path) == 0  # it may be on its way to its name this moment
    long_ago = time.time() - 60
    os.utime(left, (long_ago, long_ago))
    assert remove_leftovers(tmp_path) == 1 and not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_a_video_is_written_where_open_files_cannot_be_renamed(like_windows: None, tmp_path: Path) -> None:
    import numpy as np

    from moda.media.audio import Speech
    from moda.media.video import VideoWriter, probe

    speech = Speech.of(0.3 * np.sin(np.arange(16_000) / 9))
    with VideoWriter(tmp_path / "a.mp4", 25, (32, 32), speech) as video:
        for _ in range(25):
            video.write(np.zeros((32, 32, 3), np.uint8))
    assert probe(tmp_path / "a.mp4").audio == "aac" and [item.name for item in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_of_files_appears_at_once_and_replaces_its_like(tmp_path: Path) -> None:
    target = tmp_path / "frames"
    for count in (3, 2):
        partial = PartialFolder(target, NUMBERED)
        for number in range(count):
            (partial.temporary / f"{number:05d}.png").write_bytes(bytes([count]))
        (target / "notes.txt").write_text("mine", encoding="utf-8")
        partial.keep()
    assert sorted(item.name for item in target.iterdir()) == ["00000.png", "00001.png", "notes.txt"]
    assert (target / "00001.png").read_bytes() == b"\2"
    partial = PartialFolder(tmp_path / "other", NUMBERED)
    (partial.temporary / "00000.png").write_bytes(b"x")
    partial.discard()
    assert not (tmp_path / "other").exists()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputFailed):
        PartialFolder(tmp_path / "file", NUMBERED)


@pytest.mark.skipif(os.name != "posix", reason="locks")
def test_a_folder_whose_owner_was_killed_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    code = (
        "import sys, re, os, signal\nfrom moda.media.atomic import PartialFolder\n"
        "p = PartialFolder(sys.argv[1], re.compile('x'))\n(p.temporary / 'a').write_bytes(b'x')\n"
        "print('ready', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    ) as child:  # fmt: skip
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        assert remove_leftovers(tmp_path) == 0 and len(list(tmp_path.iterdir())) == 1
        child.kill()
    assert remove_leftovers(tmp_path) == 1 and not list(tmp_path.iterdir())
