"""The stage in headless Chromium: how long a rig and a frame take, and how near its frames are to the mesh renderer's.

    python -m bench.stage [--frames 40] [--portraits FILE ...] [--out FILE.json]

rig     seconds from a prepared portrait to its bundle (median of five), and its bytes
frame   milliseconds of one frame at 512 px, drawn and read back, WebGL in software (median and 95th percentile)
near    PSNR on the face and SSIM of the frame against the mesh renderer, the worst of so many frames of a lively take
page    bytes of the exported web page, and of that a second of speech

Needs Chromium and playwright; the first portrait is scikit-image's, more may be named.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import tell
from moda import Settings, TalkingHead
from moda.stage.bundle import rig_bytes
from tests.browser.conftest import chromium_program
from tests.stage.sitters import Sitter, Stage
from tests.stage.test_drawing import face_of, psnr

SPEECH = Path(__file__).resolve().parents[1] / "assets" / "examples" / "welcome.wav"
TIMED = """
const { gl } = stage.painter, pixel = new Uint8Array(4), found = [];
for (let i = 0; i < given; i++) {
  const began = performance.now();
  stage.drawFrame(0, i);
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  found.push(performance.now() - began);
}
return found;
"""


def one(head: TalkingHead, source: Any, page: Any, frames: int) -> dict[str, Any]:
    """All numbers of one portrait."""
    from skimage.metrics import structural_similarity

    portrait = head.portrait(source)
    take = head.plan(portrait, SPEECH, Settings(seed=7, emotion="happy", pose_prior="lively"))
    prepared = head.renderer.prepare(portrait)
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        rig = rig_bytes(prepared)
        spent.append(time.perf_counter() - began)
    sitter = Sitter(portrait, prepared, take, rig, head)
    stage = Stage(page)
    stage.show()
    stage.rig(rig)
    stage.takes(take.motion)
    stage.call(TIMED, 10)  # shaders are compiled by now
    timed = stage.call(TIMED, min(len(take.motion), 100))
    numbers = [int(k) for k in np.linspace(0, len(take.motion) - 1, frames)]
    face, near = face_of(sitter), []
    for number, wanted in zip(numbers, sitter.frames(*numbers)):
        shown = stage.frame(number)
        near.append((psnr(shown[face], wanted[face]), structural_similarity(shown, wanted, channel_axis=2), number))
    with tempfile.TemporaryDirectory() as folder:
        size = head.export(portrait, take, SPEECH, Path(folder) / "out.html").stat().st_size
    return {
        "rig_seconds": round(statistics.median(spent), 3),
        "rig_bytes": len(rig),
        "frame_ms": round(statistics.median(timed), 2),
        "frame_ms_95": round(float(np.percentile(timed, 95)), 2),
        "psnr_worst": round(min(near)[0], 2),
        "ssim_worst": round(min(ssim for _, ssim, _ in near), 4),
        "worst_frame": min(near)[2],
        "page_bytes": size,
        "page_bytes_per_second": round((size - 4 / 3 * len(rig)) / take.motion.seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--portraits", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright
    from skimage import data

    head = TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")
    found: dict[str, Any] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_program(), args=["--no-sandbox", "--disable-gpu"])
        for source in ["astronaut", *options.portraits]:
            page = browser.new_page(viewport={"width": 512, "height": 700})
            picture = data.astronaut() if source == "astronaut" else source
            found[Path(source).name] = one(head, picture, page, options.frames)
            page.close()
        browser.close()
    tell(found, options.out)


if __name__ == "__main__":
    main()
