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


def test_a_speech_replaced_while_its_motion_is_planned_leaves_nothing_of_it(
    studio: Any, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    from tests.sounds import write_wav

    from .conftest import hum

    studio.add_portrait(astronaut)
    studio.add_speech(write_wav(tmp_path / "long.wav", hum(20)))
    studio.page.click("#plan")
    studio.page.click("#speech [aria-label='Clear']")
    studio.page.wait_for_selector("#speech input[type=file]", state="attached")
    studio.page.set_input_files("#speech input[type=file]", str(speech))
    studio.page.wait_for_function("document.querySelector('#speech-say').innerText.includes('3.4 s')")
    studio.page.wait_for_function("!document.querySelector('#motion-say .pending')")
    for result in ("#figures strong", "moda-stage[data-takes]", "#quick-clip video", "#plot .js-plotly-plot"):
        found = studio.page.query_selector(result)
        assert found is None or not found.is_visible(), result
    assert "blinks a minute" in studio.preview()
