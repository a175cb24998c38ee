"""Pictures of the studio's page, for people to look at: `python -m tools.screenshots FOLDER`.

Every state of the Make tab and the other tabs, at phone, laptop and desktop width, light and dark.
Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.conftest import SPEECH, Studio, chromium_program, serving
from tests.browser.test_look import TABS, show


def shoot(studio: Studio, folder: Path, name: str, portrait: Path, tabs: tuple[str, ...]) -> None:
    """One visitor's way, a picture of each state."""
    page = studio.page

    def picture(state: str) -> None:
        page.wait_for_timeout(800)
        page.screenshot(path=folder / f"{state}-{name}.png", full_page=True)

    picture("empty")
    studio.preview()
    picture("error")
    studio.add_portrait(portrait)
    studio.add_speech(SPEECH)
    page.fill("#control-emotion textarea, #control-emotion input", "quietly amused, a bit nervous")
    studio.preview()
    studio.wait_motion()
    picture("planned")
    page.click("#render")
    page.wait_for_function("document.querySelector('#video-say').innerText.includes('frames')")
    picture("rendering")
    studio.video("#final-video")
    picture("made")
    for tab in tabs:
        show(studio, tab)
        picture(tab.lower())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[390, 1280, 1920])
    options = parser.parse_args()
    import skimage
    from playwright.sync_api import sync_playwright

    options.folder.mkdir(parents=True, exist_ok=True)
    portrait = Path(skimage.__file__).parent / "data" / "astronaut.png"
    with tempfile.TemporaryDirectory() as cache, serving(Path(cache)) as address, sync_playwright() as play:
        browser: Any = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        for width in options.widths:
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                shoot(Studio(context.new_page(), address), options.folder, f"{width}-{scheme}", portrait, TABS[1:])
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
