"""A portrait or speech that is replaced while something is made of the one before: nothing of that stays on the page.

MODA_REPLACEMENTS sets how many times in a row this is tried (50 before a release), MODA_SIBLINGS_SEED in which order.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from tests.siblings import SEED
from tests.sounds import write_wav

from .conftest import hum

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TIMES = int(os.environ.get("MODA_REPLACEMENTS", "2"))
RESULTS = (
    "#figures strong",
    "moda-stage[data-takes]",
    "#quick-clip video",
    "#plot .js-plotly-plot",
    "#final-video video",
)
FAULTS = "#motion-say .error, #video-say .error, #portrait-say .error, #speech-say .error, .toast-body"
HEARD = "length => document.querySelector('#speech-say').innerText.includes(length + ' s of')"
SEEN = "document.querySelector('#portrait-say').innerText.includes('pixels wide')"
CALM = "![...document.querySelectorAll('.pending, .generating, .progress-text')].some(e => e.offsetParent !== null)"


def test_what_is_replaced_leaves_nothing(studio: Any, astronaut: Path, speech: Path, tmp_path: Path) -> None:
    page, draw = studio.page, random.Random(7 + SEED)
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    speeches = [(speech, 3.4), (write_wav(tmp_path / "long.wav", hum(20)), 20.0)]
    faces = [astronaut, hopper]
    studio.add_portrait(faces[0])
    studio.add_speech(speeches[0][0])

    def put(where: str, file: Path) -> None:
        page.click(f"{where} [aria-label='Clear'], {where} [aria-label='Remove Image']")
        page.wait_for_selector(f"{where} input[type=file]", state="attached")
        page.set_input_files(f"{where} input[type=file]", str(file))

    for time in range(TIMES):
        during = draw.choice(["plan", "plan", "render"])
        what = draw.choice([("speech",), ("speech",), ("portrait",), ("portrait", "speech")]) if time else ("speech",)
        pause = draw.choice([0, 50, 300, 800, 1600])
        case = f"{time}: {' and '.join(what)} replaced {pause} ms into {during}"
        page.click("#plan")
        if during == "render":
            studio.see("#figures strong")
            page.click("#render")
        page.wait_for_timeout(pause)
        if "speech" in what:
            speeches.reverse()
            put("#speech", speeches[0][0])
        if "portrait" in what:
            faces.reverse()
            put("#portrait", faces[0])
        page.wait_for_function(HEARD, arg=f"{speeches[0][1]:.1f}")
        page.wait_for_function(SEEN)
        page.wait_for_function(CALM)
        page.wait_for_timeout(500)
        page.wait_for_function(CALM)
        for result in RESULTS:
            found = page.query_selector(result)
            assert found is None or not found.is_visible(), f"{case}: {result}"
        assert not [one.inner_text() for one in page.query_selector_all(FAULTS) if one.is_visible()], case
        assert "blinks a minute" in studio.preview(), case
        studio.wait_motion()
        shown = page.evaluate("document.querySelector('moda-stage').duration")
        assert shown == pytest.approx(speeches[0][1], abs=0.1), case
