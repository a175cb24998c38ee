"""Strengths of emotion and pose: the face follows their sliders, and what they are let go at is sampled exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda import TalkingHead
from moda.motion.takes import Take

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STAGE = "document.querySelector('moda-stage')"
MARK = f"{STAGE}.ui.mark.textContent"
FRAMES = f"Array.from({STAGE}.takes[given].motion.all)"
RANGE = "#control-emotion_strength input[type=range]"


def frames(studio: Any, take: int) -> np.ndarray:
    """What the stage has of a take as it was sampled, (T, 70)."""
    found = studio.page.evaluate(f"(given) => {FRAMES}", take)
    return np.asarray(found, np.float32).reshape(-1, 70)


def saved(studio: Any, name: str, value: float) -> Take:
    """The take that is downloaded, once its file is of that strength: it is written a moment later."""
    for _ in range(100):
        with studio.page.expect_download() as waiting:
            studio.page.click("#save_take")
        take = Take.load(waiting.value.path())
        if getattr(take.settings, name) == pytest.approx(value):
            break
        studio.page.wait_for_timeout(300)
    return take


def test_the_face_follows_the_strength_of_an_emotion(studio: Any, astronaut: Path, speech: Path) -> None:
    page = studio.page
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    page.fill("#control-emotion textarea, #control-emotion input", "delighted")
    page.click("#takes label:has-text('2')")
    studio.preview()
    studio.wait_motion(2)
    page.evaluate(f"{STAGE}.pause()")
    page.click("#choose label >> nth=1")
    page.wait_for_function(f"{STAGE}.chosen === 1")
    page.locator("moda-lanes .gesture").select_option("nod")
    page.locator("moda-lanes .add").click()
    page.locator("moda-lanes .chips li").wait_for()
    before, version = [frames(studio, k) for k in (0, 1)], page.get_attribute("moda-stage", "data-version")

    slider = page.locator(RANGE)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=5)
    page.wait_for_function(f"{MARK} === 'approximate'")  # both ends are there, and nothing was let go yet
    between = [frames(studio, k) for k in (0, 1)]
    assert all(np.abs(a - b).max() > 0.01 for a, b in zip(before, between))
    assert page.get_attribute("moda-stage", "data-version") == version
    page.mouse.up()
    page.wait_for_function(f"(old) => {STAGE}.dataset.version !== old && {MARK} === ''", arg=version)
    value = float(page.input_value(RANGE))
    assert value > 1.5 and page.evaluate(f"{STAGE}.chosen") == 1

    page.wait_for_function("document.querySelectorAll('moda-lanes')[0].edits.length === 1")
    take = saved(studio, "emotion_strength", value)
    assert (take.settings.emotion_strength, take.settings.seed, len(take.edits)) == (value, 1, 1)
    assert np.array_equal(take.sampled.array, frames(studio, 1))
    head = TalkingHead.load("moda-lite", "mesh", "cpu")
    alone = head.plan(head.portrait(astronaut), speech, take.settings)
    assert np.allclose(alone.sampled.array, take.sampled.array, atol=1e-3)
    apart = [np.abs(near - take.sampled.array).mean() for near in (between[1], before[1])]
    assert apart[0] < apart[1]  # nearer to it than where the slider came from
    page.locator("moda-lanes .undo").click()  # what was done before can still be taken back
    page.wait_for_function("document.querySelectorAll('moda-lanes')[0].edits.length === 0")


def test_keys_move_a_strength_and_what_cannot_be_sampled_goes_back(studio: Any, astronaut: Path, speech: Path) -> None:
    page = studio.page
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    page.click("#pose > button")
    page.click("#control-pose_prior input")
    page.click("[role=option]:has-text('lively')")
    studio.preview()
    studio.wait_motion()
    page.evaluate(f"{STAGE}.pause()")
    version = page.get_attribute("moda-stage", "data-version")
    page.focus("#control-pose_strength input[type=range]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(old) => {STAGE}.dataset.version !== old && {MARK} === ''", arg=version)
    assert saved(studio, "pose_strength", 0.65).settings.pose_strength == pytest.approx(0.65)
    kept, version = frames(studio, 0), page.get_attribute("moda-stage", "data-version")
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('strength-set', {detail: {name: 'pose_strength', value: 7}}))"
    )
    studio.see("#motion-say .error:has-text('pose_strength must be 0 to 1')")
    assert page.get_attribute("moda-stage", "data-version") == version
    assert np.array_equal(frames(studio, 0), kept)
