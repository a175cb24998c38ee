"""What goes wrong is said in place, and the next try works; stopping stops; visitors are apart."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.sounds import write_wav

from .conftest import hum

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_faults_are_sentences_in_place_and_the_next_try_works(
    studio: Any, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    studio.page.set_viewport_size({"width": 1280, "height": 500})  # the button and its answer do not fit into one view
    assert "Add a portrait first" in studio.preview()
    studio.page.wait_for_function(
        "(({top, bottom}) => top >= 0 && bottom <= innerHeight)"
        "(document.querySelector('#motion-say .error').getBoundingClientRect())"
    )
    studio.page.set_viewport_size({"width": 1280, "height": 900})
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing" * 50)
    assert "picture" in studio.add_portrait(broken).lower()
    assert studio.page.query_selector("#portrait-say .error")
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).save(noise)
    studio.page.click("#portrait [aria-label='Clear'], #portrait [aria-label='Remove Image']")
    studio.see("#face-empty .empty")
    assert "No face" in studio.add_portrait(noise)
    studio.page.click("#portrait [aria-label='Clear'], #portrait [aria-label='Remove Image']")
    studio.see("#face-empty .empty")
    assert "pixels wide" in studio.add_portrait(astronaut)
    assert "Add speech first" in studio.preview()
    assert "silent" in studio.add_speech(write_wav(tmp_path / "silence.wav", np.zeros(32_000)))
    studio.page.fill("#control-emotion textarea, #control-emotion input", "calm")
    studio.page.click("#speech [aria-label='Clear']")
    studio.page.wait_for_function("!document.querySelector('#speech-say .error')")
    assert "s of speech" in studio.add_speech(speech)
    assert "blinks a minute" in studio.preview()
    assert studio.page.input_value("#control-emotion textarea, #control-emotion input") == "calm"


def test_stop_stops_and_the_next_preview_works(studio: Any, astronaut: Path, tmp_path: Path) -> None:
    seconds = 20
    studio.add_portrait(astronaut)
    studio.add_speech(write_wav(tmp_path / "long.wav", hum(seconds)))
    studio.page.click("text=Model and sampling")
    studio.set_number("steps", "50")
    assert not studio.page.is_visible("#stop-plan")
    studio.page.click("#plan")
    studio.page.wait_for_function("/steps, about \\d+ s left/.test(document.querySelector('#motion-say').innerText)")
    started = time.monotonic()
    studio.page.click("#stop-plan")
    studio.see("#motion-say .note")
    assert "Stopped" in studio.text("#motion-say")
    waited = time.monotonic() - started
    assert not studio.page.is_visible("#stop-plan")
    studio.set_number("steps", "1")
    assert "blinks a minute" in studio.preview()
    studio.wait_motion()
    studio.page.click("#render")
    studio.page.wait_for_function("/frames, about \\d+ s left/.test(document.querySelector('#video-say').innerText)")
    studio.page.click("#stop-render")
    studio.see("#video-say .note")
    assert studio.page.query_selector("moda-stage[data-takes]") and not studio.page.query_selector("#final-video video")
    assert waited < 10, f"{waited:.1f} s"  # 2 s on a quiet machine


def test_visitors_do_not_see_each_other_and_leave_nothing(
    open_studio: Any, astronaut: Path, speech: Path, cache: Path
) -> None:
    def folders() -> set[Path]:
        return set(cache.glob("moda-studio-*"))

    until = time.monotonic() + 30  # those of earlier tests go after the time of grace
    while folders() and time.monotonic() < until:
        time.sleep(0.5)
    before = folders()
    one, other = open_studio(), open_studio()
    one.add_portrait(astronaut)
    one.add_speech(speech)
    one.preview()
    one.wait_motion()
    assert "Add a portrait first" in other.preview()
    own = folders() - before
    assert len(own) == 1
    one.page.context.close()
    until = time.monotonic() + 60
    while own & folders() and time.monotonic() < until:
        time.sleep(0.5)
    assert not own & folders()
