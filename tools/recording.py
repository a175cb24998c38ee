"""A short recording of the stage and its lanes being shaped by hand: `python -m tools.recording docs/lanes.webp`.

A real page in Chromium: a take is made of the astronaut (NASA, public domain), a stretch of the smile is chosen and
lifted, a nod is dropped, and the result plays. Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser.conftest import SPEECH, Studio, chromium_program, serving

WIDTH, MILLISECONDS = 600, 90
LANES = "document.querySelector('#lanes-box moda-lanes')"
STAGE = "document.querySelector('#stage-box moda-stage')"


class Camera:
    """Pictures of a part of the page, one after the other."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        boxes = [page.locator(name).bounding_box() for name in ("#stage-box moda-stage", "#lanes-box moda-lanes")]
        left, top = min(b["x"] for b in boxes), min(b["y"] for b in boxes)
        right, bottom = (max(b[at] + b[size] for b in boxes) for at, size in (("x", "width"), ("y", "height")))
        top, bottom = (y + page.evaluate("scrollY") for y in (top, bottom))
        self.clip = {"x": left - 8, "y": top - 8, "width": right - left + 16, "height": bottom - top + 64}

    def shoot(self, times: int = 1) -> None:
        """One picture, shown for so many frames."""
        picture = Image.open(io.BytesIO(self.page.screenshot(clip=self.clip, full_page=True))).convert("RGB")
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        self.frames += [picture.resize(size, Image.Resampling.LANCZOS)] * times

    def save(self, path: Path) -> None:
        """As an animated WebP that goes round."""
        self.frames[0].save(
            path, save_all=True, append_images=self.frames[1:], duration=MILLISECONDS, loop=0, quality=60, method=4
        )


def shape(page: Any, camera: Camera) -> None:
    """The smile is lifted, a nod dropped, and the take plays."""
    canvas = page.locator("#lanes-box moda-lanes .lanes canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.evaluate(f"{STAGE}.seek(1.6)")
    camera.shoot(6)

    def go(u: float, v: float) -> None:
        page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
        page.wait_for_timeout(60)
        camera.shoot()

    go(0.18, 0.6)
    page.mouse.down()
    for step in range(1, 6):
        go(0.18 + 0.07 * step, 0.6)
    page.mouse.up()
    go(0.34, 0.8)
    page.mouse.down()
    for step in range(1, 9):
        go(0.34, 0.8 - 0.07 * step)
    page.mouse.up()
    page.wait_for_timeout(200)
    camera.shoot(5)
    page.evaluate(f"{STAGE}.seek(3.0)")
    page.select_option("#lanes-box moda-lanes .gesture", "nod")
    page.click("#lanes-box moda-lanes .add")
    page.wait_for_timeout(300)
    camera.shoot(5)
    for step in range(45):
        page.evaluate(f"{STAGE}.seek({0.4 + 0.08 * step})")
        page.wait_for_timeout(40)
        camera.shoot()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    import skimage
    from playwright.sync_api import sync_playwright

    out = parser.parse_args().out
    portrait = Path(skimage.__file__).parent / "data" / "astronaut.png"
    with tempfile.TemporaryDirectory() as cache, serving(Path(cache)) as address, sync_playwright() as play:
        browser: Any = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1300, "height": 1500}, reduced_motion="reduce").new_page()
        studio = Studio(page, address)
        studio.add_portrait(portrait)
        studio.add_speech(SPEECH)
        studio.preview()
        studio.wait_motion()
        page.wait_for_function(f"() => {LANES}?.curves")
        page.wait_for_timeout(500)
        camera = Camera(page)
        shape(page, camera)
        camera.save(out)
        browser.close()


if __name__ == "__main__":
    main()
