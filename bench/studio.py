"""How long people wait for the studio: start, page, preview, trims, in a real browser.

    python -m bench.studio [--seconds 10] [--out FILE.json]

up           from `python app.py` to the first answer of the server (the disk is warm: it is started twice)
interactive  from opening the page to a portrait example that has been clicked and answered
preview      from pressing Preview motion to the summary, the plot, and the clip beside it; the first in
             the life of the server, some ten seconds after it came up, and the median of those after it
trim         from a new value of a trim to the summary it gives, median
render       from pressing Render video to a video that the browser can play

Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.endtoend import REPOSITORY, materials, told

WAIT = 120_000
DRAWN = "#plot .js-plotly-plot"
SUMMARY = "#figures strong"


@contextmanager
def app(folder: Path) -> Iterator[tuple[str, float]]:
    """A running studio: its address, and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder),
        "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urllib.request.urlopen(address, timeout=60):
                    break
            except OSError:
                if process.poll() is not None or time.perf_counter() - started > 120:
                    raise RuntimeError("the studio did not start") from None
                time.sleep(0.05)
        yield address, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


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
    mark = "document.querySelectorAll('{0}').forEach(e => e.classList.add('old'))"
    new = "!!document.querySelector('{0}:not(.old)')"
    for turn in ("first preview", "preview", "preview", "preview"):
        page.fill("#control-seed input", str(len(clock.found.get("preview", []))))
        page.keyboard.press("Tab")
        for selector in (SUMMARY, DRAWN, "#quick-clip-1 video"):
            page.evaluate(mark.format(selector))
        source = page.evaluate("document.querySelector('#quick-clip-1 video')?.src || ''")
        clip = f"(document.querySelector('#quick-clip-1 video')?.src || '{source}') !== '{source}'"
        clock.wait(
            turn,
            lambda: page.click("#plan"),
            new.format(SUMMARY),
            f"!!document.querySelector('{DRAWN}')?.offsetParent",
            clip,
        )
        page.wait_for_timeout(500)
    for value in ("0.5", "1.5", "0", "1"):
        page.evaluate(mark.format(SUMMARY))
        field = page.locator("#control-head_motion input[type=number]")
        field.fill(value)
        clock.wait("trim", lambda field=field: field.press("Enter"), new.format(SUMMARY))
        page.wait_for_timeout(4000)
    playable = "document.querySelector('#final-video video')?.readyState >= 2"
    clock.wait("render", lambda: page.click("#render"), playable)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        _, speeches = materials(folder, [options.seconds])
        told("studio")
        with app(folder):
            pass
        with app(folder) as (address, up):
            browser = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            clock = Clock(browser.new_page(viewport={"width": 1280, "height": 900}))
            visit(clock.page, address, speeches[options.seconds], clock)
            browser.close()
    report = {"seconds": options.seconds, "up": round(up, 2)}
    report |= {name: round(statistics.median(values), 3) for name, values in clock.found.items()}
    text = json.dumps(report, indent=2)
    print(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
