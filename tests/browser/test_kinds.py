"""What browsers cannot show or would refuse is taken all the same; one language; unknown endpoints are answered."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def film(astronaut: Path, speech: Path, tmp_path: Path) -> Path:
    """A film as a phone makes it: a picture that stands still, and somebody who talks."""
    from moda.media.ffmpeg import executable

    path = tmp_path / "phone.mp4"
    subprocess.run(
        [executable(), "-loglevel", "error", "-loop", "1", "-i", str(astronaut), "-i", str(speech), "-shortest",
         "-r", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)],
        check=True,
    )  # fmt: skip
    return path


def test_films_and_foreign_pictures_are_shown_in_our_own_decoding(
    studio: Any, astronaut: Path, film: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "portrait.tif"
    Image.open(astronaut).save(foreign)
    assert "pixels wide" in studio.add_portrait(foreign)
    studio.page.wait_for_function("document.querySelector('#portrait img').naturalWidth === 512")
    assert "3.4 s of speech" in studio.add_speech(film)
    assert not studio.page.query_selector(".toast-body")
    assert "blinks a minute" in studio.preview()
    studio.wait_motion()


SOUNDS = {  # what no browser plays, and what is not what its name says
    "alac.m4a": ["-c:a", "alac"], "a.amr": ["-ar", "8000", "-c:a", "libopencore_amrnb"],
    "64.wav": ["-c:a", "pcm_f64le"], "a.ogg": ["-c:a", "pcm_f64le", "-f", "wav"],
}  # fmt: skip


def test_foreign_sounds_play_and_foreign_pictures_show(
    studio: Any, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    from moda.media.ffmpeg import executable

    for name, options in SOUNDS.items():
        command = [executable(), "-loglevel", "error", "-i", str(speech), *options, str(tmp_path / name)]
        subprocess.run(command, check=True)
        assert "3.4 s of speech" in studio.add_speech(tmp_path / name), name
        studio.page.wait_for_function("document.querySelector('#speech').innerText.includes('0:03')")  # it was decoded
        studio.page.click("#speech [aria-label='Clear']")
        studio.page.wait_for_function("!document.querySelector('#speech-say .good')")
        studio.page.wait_for_selector("#speech input[type=file]", state="attached")
    Image.open(astronaut).save(tmp_path / "a.jp2")
    assert "pixels wide" in studio.add_portrait(tmp_path / "a.jp2")
    studio.page.wait_for_function("document.querySelector('#portrait img').naturalWidth === 512")
    assert not studio.page.query_selector(".toast-body")


def test_the_page_speaks_one_language(chromium: Any, server: str) -> None:
    context = chromium.new_context(locale="de-DE")
    page = context.new_page()
    page.goto(server)
    page.wait_for_selector("#plan")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Hochladen" not in page.inner_text("body") and "Click to Upload" in page.inner_text("body")
    context.close()


def test_unknown_endpoints_are_answered(server: str, cache: Path) -> None:
    for path, sent in (
        ("call/nothing", {"data": []}),
        ("run/nothing", {"data": []}),
        ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "x"}),
    ):
        answer = httpx.post(f"{server}/gradio_api/{path}", json=sent, timeout=30)
        assert answer.status_code == 404 and "no such endpoint" in answer.json()["detail"], path
    assert "Traceback" not in (cache / "server.log").read_text(errors="replace")
