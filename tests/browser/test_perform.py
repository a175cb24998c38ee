"""Somebody's own face moves the portrait: a webcam's film, an uploaded one, and those that cannot be followed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.media.ffmpeg import executable
from moda.media.footage import read_frames
from moda.media.video import VideoWriter
from tests.browser.conftest import PERMISSIONS, Studio, chromium_program
from tests.conftest import BROWSER_ARGUMENTS
from tests.corpus.footage.conftest import Talk, sitter, talk

__all__ = ["sitter", "talk"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def jaws(studio: Studio) -> float:
    """How far the jaw travels in the take on the stage."""
    found: float = studio.page.evaluate(
        """() => {
            const stage = document.querySelector('moda-stage'), { motion } = stage.takes[0], { puppet } = stage.painter;
            const jaw = Array.from({ length: motion.frames },
                (_, i) => puppet.read(motion.frame(i), motion.neutral)[puppet.index.jaw_open]);
            return Math.max(...jaw) - Math.min(...jaw);
        }"""
    )
    return found


def test_the_webcam_performs(chromium: Any, server: str, hopper_file: Path, talk: Talk, tmp_path: Path) -> None:
    camera = tmp_path / "camera.mjpeg"
    scaled = ["-vf", "scale=320:240:force_original_aspect_ratio=increase,crop=320:240", "-q:v", "3"]
    subprocess.run([executable(), "-loglevel", "error", "-i", str(talk.path), *scaled, str(camera)], check=True)
    arguments = [*BROWSER_ARGUMENTS, f"--use-file-for-fake-video-capture={camera}"]
    browser = chromium.browser_type.launch(executable_path=chromium_program(), args=arguments)
    try:
        studio = Studio(browser.new_context(permissions=PERMISSIONS).new_page(), server)
        page = studio.page
        assert "pixels wide" in studio.add_portrait(hopper_file)
        page.click("#performance > button")
        page.click("#film-of-face [aria-label='Capture from camera']")
        page.click("#film-of-face button:has-text('Click to Access Webcam')")
        page.wait_for_function("document.querySelector('#film-of-face video')?.currentTime > 0")
        page.click("#film-of-face .capture-button:has-text('Record')")
        page.wait_for_timeout(3000)
        page.click("#film-of-face .capture-button:has-text('Stop')")
        page.wait_for_function("document.querySelector('#film-of-face video')?.src.includes('file=')")
        page.click("#perform")
        page.wait_for_selector("moda-stage[data-takes='1'], #motion-say .error")
        assert page.query_selector("moda-stage[data-takes='1']"), studio.text("#motion-say")
        assert jaws(studio) > 0.15
        assert studio.faults == []
    finally:
        browser.close()


def test_films_that_cannot_be_followed_leave_the_take_that_is_there(
    studio: Studio, hopper_file: Path, speech: Path, talk: Talk, tmp_path: Path
) -> None:
    empty, cut = tmp_path / "empty.mp4", tmp_path / "cut.mp4"
    frames = [frame for frame, _ in zip(read_frames(talk.path), range(50))]
    with VideoWriter(empty, 25.0, (160, 160), None, frames=30) as video:
        for k in range(30):
            video.write(np.full((160, 160, 3), 100 + k, np.uint8))
    with VideoWriter(cut, 25.0, (320, 320), None, frames=50) as video:
        for k, frame in enumerate(frames):
            video.write(frame if k < 25 else np.ascontiguousarray(255 - frame[::-1]))
    studio.add_portrait(hopper_file)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    page = studio.page
    page.click("#performance > button")
    page.check("#lips input")
    version = page.get_attribute("moda-stage", "data-version")
    for path, sentence in ((empty, "shows no face"), (cut, "has a cut at 1")):
        page.set_input_files("#film-of-face input[type=file]", str(path))
        page.wait_for_function(
            "name => document.querySelector('#film-of-face video')?.src.includes(name)", arg=path.stem
        )
        page.click("#perform")
        studio.see(f"#motion-say .error:has-text('{sentence}')")
        assert page.get_attribute("moda-stage", "data-version") == version
        assert page.locator("moda-stage[data-takes='1']").is_visible()
        page.click("#film-of-face [aria-label='Clear'], #film-of-face [aria-label='Remove Video']")
    page.set_input_files("#film-of-face input[type=file]", str(talk.path))
    page.wait_for_function("document.querySelector('#film-of-face video')?.src.includes('talk')")
    page.click("#perform")
    page.wait_for_function("v => document.querySelector('moda-stage').dataset.version !== v", arg=version)
    assert studio.page.query_selector("#motion-say .error") is None
