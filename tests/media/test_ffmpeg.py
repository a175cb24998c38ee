from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moda.errors import FfmpegUnusable
from moda.media import ffmpeg
from moda.media.audio import load_speech
from moda.media.ffmpeg import NAMED_BY, packet_spans
from moda.media.video import VideoWriter, probe
from tests.sounds import write_wav


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the environment name another ffmpeg, and forgets what was found before and after."""

    def use(path: str) -> None:
        monkeypatch.setenv(NAMED_BY, path)
        ffmpeg.executable.cache_clear()

    yield use  # type: ignore[misc]
    ffmpeg.executable.cache_clear()


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_ffmpeg_that_comes_along_is_found_fit() -> None:
    found = ffmpeg.examine()
    assert found.fault == "" and Path(found.path).is_file() and found.version[:1] in "n0123456789"
    ffmpeg.require()


@pytest.mark.skipif(os.name != "posix", reason="makes programs out of shell scripts")
@pytest.mark.parametrize("kind", ["missing", "no program", "another program", "too old"])
def test_an_unusable_ffmpeg_is_one_sentence_everywhere(kind: str, named: Callable[[str], None], tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", np.sin(np.arange(16_000) / 9) / 2)
    tmp_path.joinpath("plain").write_bytes(b"\0\1\2")
    tmp_path.joinpath("plain").chmod(0o755)
    old = (
        'case "$*" in *-version*) echo "ffmpeg version 4.4.2 Copyright";; *-protocols*) echo "Input:"; echo "  file";;'
        ' *) echo "fd:: Protocol not found" >&2; exit 1;; esac'
    )
    path = {
        "missing": lambda: "/nonexistent/ffmpeg", "no program": lambda: str(tmp_path / "plain"),
        "another program": lambda: program(tmp_path / "other", "echo hello"),
        "too old": lambda: program(tmp_path / "old", old),
    }[kind]()  # fmt: skip
    named(path)
    assert ffmpeg.examine().fault

    def write() -> None:
        with VideoWriter(tmp_path / "out" / "a.mp4", 25, (64, 48)) as video:
            for _ in range(50):
                video.write(np.zeros((48, 64, 3), np.uint8))

    for work in (lambda: load_speech(sound), lambda: probe(sound), write):
        with pytest.raises(FfmpegUnusable) as caught:
            work()
        sentence = str(caught.value)
        assert path in sentence and NAMED_BY in sentence and "\n" not in sentence and sentence.endswith(".")
    assert not list((tmp_path / "out").iterdir())


def test_no_ffmpeg_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch, named: Callable[[str], None]) -> None:
    import imageio_ffmpeg

    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    named("")
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    assert "pip" in ffmpeg.examine().fault
    with pytest.raises(FfmpegUnusable, match="pip"):
        ffmpeg.executable()


def test_spans_of_packets() -> None:
    table = b"#tb 0: 1/100\n#tb 1: 1/10\n0, 0, 0, 50, 9, 0x1\n1, 0, 5, 10, 9, 0x1\n0, 50, 50, 25, 9, 0x1\n"
    whole = packet_spans([table])
    assert whole == {0: (2, 0.75), 1: (1, 1.0)}
    assert packet_spans(table[k : k + 7] for k in range(0, len(table), 7)) == whole
