"""How long people wait for the studio: start, page, preview, trims, in a real browser.

    python -m bench.studio [--seconds 10] [--out FILE.json]

up           from `python app.py` to the first answer of the server (the disk is warm: it is started twice)
page         from opening it until it is drawn; then from a click on a portrait example to its answer
preview      from pressing Preview motion to the new summary and the face on the stage; the first in the
             life of the server, some ten seconds after it came up, and the median of those after it
trim         from a new value of a trim to the face that has it, and to the summary it gives, medians
render       from pressing Render video to a video that the browser can play

Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.endtoend import materials, told
from bench.machine import tell
from tests.browser.conftest import chromium_program, serving

WAIT = 120_000
OLD = """() => {
    document.querySelectorAll('#figures strong').forEach(e => e.classList.add('old'));
    window.oldVersion = document.querySelector('moda-stage')?.dataset.version;
    window.oldChanges = document.querySelector('moda-stage')?.dataset.changes;
}"""
"""Remembers what the page shows, to tell what comes from what is there."""


class Clock:
    """Seconds of named waits, several of a name."""

    def __init__(self, page: Any) -> None:
        self.page, self.found = page, {}  # type: ignore[var-annotated]

    def wait(self, name: str, act: Any, *until: str) -> None:
        """Do `act`, then note the time at which each JavaScript condition first holds, as name, name 2, ..."""
        started = time.perf_counter()
        act()
        for k, condition in enumerate(until):
            self.page.wait_for_function(condition, timeout=WAIT, polling=20)
            self.found.setdefault(name + (f" {k + 1}" if k else ""), []).append(time.perf_counter() - started)


def visit(page: Any, address: str, speech: Path, clock: Clock) -> None:
    """One visitor's way."""
    heard = "document.querySelector('#portrait-say')?.innerText.includes('pixels wide')"

    def open_page() -> None:
        page.goto(address, timeout=WAIT)
        page.wait_for_selector("#example-portraits button", timeout=WAIT)

    clock.wait("page drawn", open_page, "true")
    clock.wait("portrait example", lambda: page.click("#example-portraits button >> nth=0"), heard)
    page.set_input_files("#speech input[type=file]", str(speech))
    page.wait_for_function("document.querySelector('#speech-say')?.innerText.includes(' s of')", timeout=WAIT)
    page.wait_for_timeout(6000)  # nobody is quicker; the server loads the model meanwhile
    fresh = "!!document.querySelector('#figures strong:not(.old)')"
    stage = "document.querySelector('moda-stage')?.dataset"
    moving = f"({stage}.version || window.oldVersion) !== window.oldVersion"
    changed = f"{stage}.changes !== window.oldChanges"
    for seed, turn in enumerate(("first preview", "preview", "preview", "preview"), 1):
        page.fill("#control-seed input", str(seed))  # another each time: what stays the same is not drawn again
        page.keyboard.press("Tab")
        page.evaluate(OLD)
        clock.wait(turn, lambda: page.click("#plan"), fresh, moving)
        page.wait_for_timeout(500)
    for value in ("0.5", "1.5", "0", "1"):
        page.evaluate(OLD)
        field = page.locator("#control-head_motion input[type=number]")
        field.fill(value)
        clock.wait("trim", lambda field=field: field.press("Enter"), changed, fresh)
        page.wait_for_timeout(4000)
    playable = "document.querySelector('#final-video video')?.readyState >= 2"
    clock.wait("render", lambda: page.click("#render"), playable)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        _, speeches = materials(folder, [options.seconds])
        told("studio")
        with serving(folder):
            pass
        started = time.perf_counter()
        with serving(folder) as address:
            up = time.perf_counter() - started
            browser = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox", "--disable-gpu"])
            clock = Clock(browser.new_page(viewport={"width": 1280, "height": 900}))
            visit(clock.page, address, speeches[options.seconds], clock)
            browser.close()
    report = {"seconds": options.seconds, "up": round(up, 2)}
    report |= {name: round(statistics.median(values), 3) for name, values in clock.found.items()}
    tell(report, options.out)


if __name__ == "__main__":
    main()
