"""How long people wait for the studio: start, page, preview, trims, in a real browser.

    python -m bench.studio [--seconds 10] [--minutes 10] [--out FILE.json]

up           from `python app.py` to the first answer of the server (the disk is warm: it is started twice)
page         from opening it until it is drawn; then from a click on a portrait example to its answer
preview      from pressing Preview motion to the new summary and the face on the stage; the first in the
             life of the server, some ten seconds after it came up, and the median of those after it
trim         from a step of a trim's slider to the first frame that has it, and to the summary it gives, medians
strength     from taking the slider of the emotion's strength and moving it until the face does (first),
             from a step of it to the first frame that has it, and from letting go to the exact take
frame        one frame of the page's stage, drawn and read back, at the size it has there and at 512 px, milliseconds
render       from pressing Render video to a video that the browser can play
long         with so many minutes of motion (0: left out): preview until the face moves; a seek to a moment that was not
             there before until it is drawn; then, played and sought through, the page's memory in MB: what its process
             has to itself, and what JavaScript holds

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
from bench.stage import TIMED
from tests.browser.conftest import chromium_program, serving

WAIT = 600_000
STAGE = "document.querySelector('#stage-box moda-stage')"
SLIDE = f"""async ([name, value]) => {{
    const stage = {STAGE}, range = document.querySelector(`#control-${{name}} input[type=range]`);
    const drawn = new Promise((done) =>
        stage.addEventListener('stage-frame', () => done(performance.now()), {{once: true}}));
    const began = performance.now();
    range.value = value;
    range.dispatchEvent(new Event('input', {{bubbles: true}}));
    return await drawn - began;
}}"""
"""A step of a slider; milliseconds until the first frame drawn after it. Nothing else draws while the stage stands."""
SEEK = f"""async (seconds) => {{
    const stage = {STAGE}, began = performance.now();
    stage.seek(seconds);
    while (stage.drawn.seconds !== stage.position || !stage.takes[0].motion.at(seconds))
        await new Promise(requestAnimationFrame);
    return performance.now() - began;
}}"""
OLD = """() => {
    document.querySelectorAll('#figures strong').forEach(e => e.classList.add('old'));
    window.oldVersion = document.querySelector('moda-stage')?.dataset.version;
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
    moving = f"({stage}.version || window.oldVersion) !== window.oldVersion && {STAGE}.drawn.seconds > 0"
    for seed, turn in enumerate(("first preview", "preview", "preview", "preview"), 1):
        page.fill("#control-seed input", str(seed))  # another each time: what stays the same is not drawn again
        page.keyboard.press("Tab")
        page.evaluate(OLD)
        clock.wait(turn, lambda: page.click("#plan"), fresh, moving)
        page.wait_for_timeout(500)
    page.evaluate(f"{STAGE}.pause()")
    for value in (0.5, 1.5, 0, 1.2, 0.8, 1):
        page.evaluate(OLD)
        clock.found.setdefault("trim", []).append(page.evaluate(SLIDE, ["head_motion", value]) / 1000)
        clock.wait("trim, summary", lambda: None, fresh)
        page.wait_for_timeout(1000)
    strength(page, clock)
    for name, width in (("frame, ms", ""), ("frame at 512 px, ms", "512px")):
        page.evaluate("(width) => { document.querySelector('moda-stage').style.width = width; }", width)
        clock.found[name] = page.evaluate(f"async (given) => {{ const stage = {STAGE}; {TIMED} }}", 100)[20:]
    page.evaluate("() => { document.querySelector('moda-stage').style.width = ''; }")
    playable = "document.querySelector('#final-video video')?.readyState >= 2"
    clock.wait("render", lambda: page.click("#render"), playable)


def strength(page: Any, clock: Clock) -> None:
    """The strength of an emotion: its slider is taken and moved at once, moved on, and let go."""
    page.fill("#control-emotion textarea, #control-emotion input", "delighted")
    page.evaluate(OLD)
    page.click("#plan")
    page.wait_for_function(f"{STAGE}.dataset.version !== window.oldVersion", timeout=WAIT)
    page.evaluate(f"{STAGE}.pause()")
    page.wait_for_timeout(1000)
    track = page.locator("#control-emotion_strength input[type=range]")
    move = "e => { e.focus(); e.value = 1.3; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    clock.wait("strength, first", lambda: track.evaluate(move), f"{STAGE}.ui.mark.textContent !== ''")
    for value in (1.5, 0.4, 1.8, 0.7, 1.6):
        clock.found.setdefault("strength", []).append(page.evaluate(SLIDE, ["emotion_strength", value]) / 1000)
        page.wait_for_timeout(300)
    page.evaluate(OLD)
    let_go = "e => e.dispatchEvent(new Event('change', {bubbles: true}))"
    exact = f"{STAGE}.dataset.version !== window.oldVersion && {STAGE}.ui.mark.textContent === ''"
    clock.wait("strength, exact", lambda: track.evaluate(let_go), exact)


def long_take(page: Any, speech: Path, clock: Clock) -> None:
    """The same visitor with a long speech."""
    page.click("#speech [aria-label='Clear']")
    page.set_input_files("#speech input[type=file]", str(speech))
    page.wait_for_function("document.querySelector('#speech-say')?.innerText.includes(' s of')", timeout=WAIT)
    page.evaluate(OLD)
    moving = f"{STAGE}.dataset.version !== window.oldVersion && {STAGE}.drawn.seconds > 0"
    clock.wait("long: preview", lambda: page.click("#plan"), moving)
    page.evaluate(f"{STAGE}.pause()")
    seconds = page.evaluate(f"{STAGE}.duration")
    for share in (0.31, 0.77, 0.52, 0.95, 0.13):
        clock.found.setdefault("long: seek", []).append(page.evaluate(SEEK, share * seconds) / 1000)
    page.evaluate(f"{STAGE}.play()")
    page.wait_for_timeout(5000)
    page.evaluate(f"{STAGE}.pause()")
    clock.found |= {f"long: {name}, MB": [value] for name, value in memory(page).items()}


def memory(page: Any) -> dict[str, float]:
    """MB that the process of the page has to itself, and that JavaScript holds, after its rubbish was collected."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    held = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    everything = page.context.browser.new_browser_cdp_session()
    own = [
        one["id"] for one in everything.send("SystemInfo.getProcessInfo")["processInfo"] if one["type"] == "renderer"
    ]
    return {"process": max(private(process) for process in own), "JavaScript": held["JSHeapUsedSize"] / 1e6}


def private(process: int) -> float:
    """MB of a process that no other has; from /proc."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        _, speeches = materials(folder, [options.seconds, 60 * options.minutes])
        told("studio")
        with serving(folder):
            pass
        started = time.perf_counter()
        with serving(folder) as address:
            up = time.perf_counter() - started
            browser = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox", "--disable-gpu"])
            clock = Clock(browser.new_page(viewport={"width": 1280, "height": 900}))
            visit(clock.page, address, speeches[options.seconds], clock)
            if options.minutes:
                long_take(clock.page, speeches[60 * options.minutes], clock)
            browser.close()
    report = {"seconds": options.seconds, "up": round(up, 2)}
    report |= {name: round(statistics.median(values), 3) for name, values in clock.found.items()}
    tell(report, options.out)


if __name__ == "__main__":
    main()
