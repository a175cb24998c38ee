"""The pictures of README and docs/ that show what the weights do: `python -m tools.pictures docs`.

compare.webp, effects.png, solvers.png and studio-make.png, to be made again whenever weights, renderer or page change
(lanes.webp: tools.recording; sample.mp4: the command in README). Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import skimage
from PIL import Image

from moda.cli.app import run
from tests.browser.conftest import Studio, chromium_program, serving

PORTRAIT = Path(skimage.__file__).parent / "data" / "astronaut.png"
ASSETS = Path(__file__).resolve().parents[1] / "assets"
SPEECH, MODEL = ASSETS / "examples" / "welcome.wav", ASSETS / "moda-lite"
STRIP_WIDTH = 1400
PAGE_HEIGHT = 1790
"""Pixels of the page that are shown: portrait and speech, the take on the stage, the first lanes."""


def compare(folder: Path) -> None:
    """One seed, four emotions: the frame strip of `moda compare`."""
    with tempfile.TemporaryDirectory() as made:
        emotions = "emotion=neutral,delighted,sad,surprised"
        code = run(["compare", str(PORTRAIT), str(SPEECH), "--vary", emotions, "-o", made])
        assert code == 0, "moda compare failed"
        with Image.open(Path(made) / "strip.png") as strip:
            size = (STRIP_WIDTH, round(strip.height * STRIP_WIDTH / strip.width))
            strip.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(folder / "compare.webp", quality=85)


def effects(folder: Path) -> None:
    """What every control does."""
    with tempfile.TemporaryDirectory() as made:
        assert run(["evaluate", "controls", "-o", made]) == 0, "moda evaluate controls failed"
        shutil.move(Path(made) / "effects.png", folder / "effects.png")


def solvers(folder: Path) -> None:
    """Error against network calls."""
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, "-m", "bench.solvers", "--model", str(MODEL), "--out", made], check=True)
        shutil.move(Path(made) / "solvers.png", folder / "solvers.png")


def studio(folder: Path) -> None:
    """The Make tab with a take on the stage."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as cache, serving(Path(cache)) as address, sync_playwright() as play:
        browser: Any = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        visitor = Studio(browser.new_page(viewport={"width": 1280, "height": 900}), address)
        visitor.add_portrait(PORTRAIT)
        visitor.add_speech(SPEECH)
        visitor.page.fill("#control-emotion textarea, #control-emotion input", "quietly amused, a bit nervous")
        visitor.preview()
        visitor.wait_motion()
        visitor.page.evaluate("scrollTo(0, 0)")
        visitor.page.wait_for_timeout(9000)  # a preview plays once
        shown = {"x": 0, "y": 0, "width": 1280, "height": PAGE_HEIGHT}
        visitor.page.screenshot(path=folder / "studio-make.png", full_page=True, clip=shown)


PICTURES = {"compare": compare, "effects": effects, "solvers": solvers, "studio": studio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        PICTURES[name](options.folder)


if __name__ == "__main__":
    main()
