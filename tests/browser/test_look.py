"""No sideways scroll on a phone, no accessibility violation that matters, and pictures for people to look at."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REPOSITORY = Path(__file__).resolve().parents[2]
TABS = ("Make", "Live", "Compare", "Models", "About")


def show(studio: Any, tab: str) -> None:
    """Opens a tab, on a narrow page through the menu that holds what does not fit."""
    button = studio.page.locator(f"#tabs [role=tablist] button[role=tab]:has-text('{tab}')")
    if not button.first.is_visible():
        studio.page.click("#tabs .overflow-menu > button")
        studio.page.click(f"#tabs .overflow-dropdown button:has-text('{tab}')")
    else:
        button.first.click()
    studio.page.wait_for_timeout(300)


def overflow(studio: Any) -> float:
    return float(studio.page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth"))


def swipe(studio: Any, where: Any, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """A finger goes from one place on an element to another; shares of its width and height."""
    finger, box = studio.page.context.new_cdp_session(studio.page), where.bounding_box()
    for k in range(7):
        u, v = (a + (b - a) * min(k, 5) / 5 for a, b in zip(begin, end))
        at = [{"x": box["x"] + u * box["width"], "y": box["y"] + v * box["height"]}] if k < 6 else []
        kind = ("touchStart", *["touchMove"] * 5, "touchEnd")[k]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})


@pytest.mark.parametrize("width", [390, 768])
def test_no_sideways_scroll_and_fingers_shape_a_take(
    open_studio: Any, width: int, astronaut: Path, speech: Path
) -> None:
    studio = open_studio(width, 844, touch=width == 390)
    for tab in TABS:
        show(studio, tab)
        assert overflow(studio) <= 0, tab
    if width == 390:
        show(studio, "Make")
        studio.add_portrait(astronaut)
        studio.add_speech(speech)
        studio.preview()
        studio.wait_motion()
        assert overflow(studio) <= 0
        lanes = "document.querySelector('moda-lanes')"
        smile = studio.page.locator("moda-lanes .lanes canvas").nth(1)
        smile.scroll_into_view_if_needed()
        swipe(studio, smile, (0.2, 0.5), (0.7, 0.5))
        studio.page.wait_for_function(f"{lanes}.chosen?.row.lane === 'smile'")
        swipe(studio, smile, (0.4, 0.7), (0.4, 0.3))
        studio.page.wait_for_function(f"{lanes}.edits.length === 1 && {lanes}.edits[0].amount > 0.1")
        studio.page.locator("#stage-box moda-stage .play").tap()
        studio.page.wait_for_function("document.querySelector('moda-stage').drawn.seconds > 0")
        assert overflow(studio) <= 0 and studio.faults == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, fetched by npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so axe-core cannot be fetched")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "axe-core@4.10.3"],
        cwd=folder, capture_output=True, timeout=120,
    )  # fmt: skip
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if done.returncode or not script.is_file():
        pytest.skip("npm could not fetch axe-core (no network?)")
    return script.read_text(encoding="utf-8")


def violations(studio: Any, axe: str) -> list[str]:
    studio.page.evaluate(axe)
    found = studio.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:4]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(open_studio: Any, axe: str, scheme: str, astronaut: Path, speech: Path) -> None:
    studio = open_studio(scheme=scheme)
    faults = []
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    studio.page.click("#render")
    studio.video("#final-video")
    for button in ("#typed > button", "#guidance > button", "#pose > button", "#sampling > button"):
        studio.page.click(button)
    for tab in TABS:
        show(studio, tab)
        if tab == "Compare":
            studio.page.click("#compare")
            studio.see("#compare-say .good")
            studio.see("#grid video")
        faults += [f"{tab}: {fault}" for fault in violations(studio, axe)]
    assert not faults, "\n".join(faults)


def test_everything_is_reached_and_started_from_the_keyboard(open_studio: Any, astronaut: Path, speech: Path) -> None:
    studio = open_studio()
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    wanted = {
        "portrait", "example-portraits", "speech", "typed", "control-emotion", "control-seed", "dice", "takes",
        "guidance", "pose", "sampling", "plan", "renderer", "control-frame", "control-background_still",
        "control-mark", "render", "restore-box",
    }  # fmt: skip
    where = """all => { let e = document.activeElement;
        while (e && !all.includes(e.id)) e = e.parentElement; return e ? e.id : null }"""
    reached: list[str] = []
    studio.page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    for _ in range(220):
        studio.page.keyboard.press("Tab")
        at = studio.page.evaluate(where, sorted(wanted))
        if at and at not in reached:
            reached.append(at)
        if wanted <= set(reached):
            break
        if at == "plan" and "plan" in reached and not studio.page.query_selector("#figures strong"):
            studio.page.keyboard.press("Enter")
            studio.see("#figures strong")
            studio.wait_motion()
            wanted |= {"control-head_motion", "stage-box", "lanes-box", "save_take"}
    assert wanted - set(reached) == set()
    assert (
        reached.index("portrait") < reached.index("control-emotion") < reached.index("plan") < reached.index("render")
    )
