"""The Live tab with Chromium's fake microphone: the face moves, a typed text is said, it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .test_look import show

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FRAMES = "Number(document.querySelector('#live-box moda-stage').dataset.frames || 0)"


def test_the_face_follows_the_microphone_and_a_typed_text(studio: Any, astronaut: Path) -> None:
    show(studio, "Live")
    studio.page.click("#live-start")
    studio.see("#live-say .error")
    assert "Add a portrait" in studio.text("#live-say")
    show(studio, "Make")
    studio.add_portrait(astronaut)
    show(studio, "Live")
    studio.page.click("#live-start")
    studio.page.wait_for_function(f"{FRAMES} > 25")
    assert "ms" in studio.text("#live-status")
    studio.page.fill("#live-text textarea", "Nice to meet you.")
    studio.page.fill("#live-voice input", "en-gb · offline (woman)")
    studio.page.keyboard.press("Enter")
    studio.page.click("#live-speak")
    said = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {said} + 40")
    studio.page.click("#live-stop")
    studio.page.wait_for_function("document.querySelector('#live-status').textContent === 'Stopped.'")
    ended = studio.page.evaluate(FRAMES)
    studio.page.wait_for_timeout(500)
    assert studio.page.evaluate(FRAMES) == ended
