"""The trajectories' page in a real browser, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.media.audio import Speech
from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from moda.preview.trajectories import write_html


def _take(jaw: float) -> Motion:
    values = np.zeros((50, len(ACTIONS)), np.float32)
    values[:, INDEX["jaw_open"]] = jaw
    reference = neutral_reference()
    array = np.tile(reference, (50, 1))
    array[:, :63] = write_actions(values)
    return Motion(array, reference=reference)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    opened = chromium.new_page(viewport={"width": 1200, "height": 900})
    yield opened
    opened.close()


@pytest.mark.browser
def test_values_under_the_pointer_and_the_legend(page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import TimeoutError as Late

    path = write_html(tmp_path / "a.html", [_take(0.25), _take(0.75)], Speech.of(np.zeros(32_000)), ["one", "two"])
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(path.as_uri())
    plot = page.locator(".plotly-graph-div")
    plot.wait_for()
    page.wait_for_selector(".legend3toggle")
    mouth = page.locator(".subplot.xy3 .plot, .nsewdrag[data-subplot='xy3']").last.bounding_box()
    assert mouth is not None
    # A plot that is still being laid out misses the first move; a person moves again.
    for attempt in range(20):
        page.mouse.move(mouth["x"] + mouth["width"] / 2 + attempt % 2, mouth["y"] + mouth["height"] / 2)
        with contextlib.suppress(Late):
            page.wait_for_selector(".hoverlayer .legendtext, .hoverlayer text", timeout=2000)
            break
    shown = page.locator(".hoverlayer").text_content() or ""
    assert "jaw open : 0.25 · one" in shown and "jaw open : 0.75 · two" in shown and "pitch" not in shown

    def visible() -> list[object]:
        script = "() => document.querySelector('.plotly-graph-div').data"
        script += ".filter(t => t.legendgroup === 'frown').map(t => t.visible)"
        return list(page.evaluate(script))

    assert visible() == ["legendonly", "legendonly"]
    names = page.locator(".legend3 .traces .legend3text, .legend3 .traces text").all_text_contents()
    page.locator(".legend3toggle").nth(names.index("frown")).click()
    page.wait_for_function(
        "() => document.querySelector('.plotly-graph-div').data"
        ".filter(t => t.legendgroup === 'frown').every(t => t.visible === true)"
    )
    assert asked == [path.as_uri()] and not faults
