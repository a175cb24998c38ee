"""Finished videos as a browser shows them: colours, transparency, captions."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.media.video import VideoWriter, probe

pytestmark = pytest.mark.browser

TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}
PATCHES = [
    (200, 30, 60), (30, 160, 60), (40, 60, 190), (224, 172, 140), (141, 85, 60), (255, 255, 255), (128, 128, 128),
    (20, 20, 20), (250, 220, 40), (60, 190, 200), (160, 60, 170), (240, 200, 180), (96, 60, 44), (10, 120, 10),
    (220, 120, 20), (180, 190, 210),
]  # fmt: skip
SHOW = """
async ([source, x, y]) => {
  const video = document.createElement('video');
  video.muted = true; video.src = source;
  await new Promise((done, fail) => {
    video.oncanplaythrough = done; video.onerror = () => fail(new Error('cannot be played'));
  });
  video.currentTime = 0.2;
  await new Promise(done => { video.onseeked = done; });
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext('2d');
  // A busy browser may say that it has sought before it has a picture; an untouched canvas is empty everywhere.
  let data;
  for (let tries = 0; tries < 200; tries++) {
    pen.drawImage(video, 0, 0);
    data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    if (data.some(value => value)) break;
    await new Promise(done => setTimeout(done, 50));
  }
  const places = x.map((across, k) => 4 * (y[k] * canvas.width + across));
  return places.map(place => Array.from(data.slice(place, place + 4)));
}
"""


def seen(chromium: Any, path: Path, points: list[tuple[int, int]]) -> np.ndarray:
    """RGBA of some pixels of a video's picture, as drawn by the browser onto an empty canvas."""
    page = chromium.new_page()
    try:
        page.set_content("<p>video</p>")
        source = f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
        xs, ys = zip(*points)
        return np.array(page.evaluate(SHOW, [source, list(xs), list(ys)]))
    finally:
        page.close()


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
@pytest.mark.parametrize("size", [256, 512, 1080])
def test_colours_are_those_that_were_written(ending: str, size: int, chromium: Any, tmp_path: Path) -> None:
    """Untagged, a player guesses the matrix by the height: red was 15 levels off at the default size."""
    step = size // 4
    frame = np.zeros((size, size, 3), np.uint8)
    for number, colour in enumerate(PATCHES):
        y, x = number // 4 * step, number % 4 * step
        frame[y : y + step, x : x + step] = colour
    with VideoWriter(tmp_path / f"a{ending}", 25, (size, size), preset="ultrafast", crf=10) as video:
        for _ in range(10):
            video.write(frame)
    middles = [(k % 4 * step + step // 2, k // 4 * step + step // 2) for k in range(16)]
    found = seen(chromium, tmp_path / f"a{ending}", middles)
    assert np.abs(found[:, :3] - np.array(PATCHES)).max() <= 3, np.abs(found[:, :3] - np.array(PATCHES)).max(axis=1)
    assert (found[:, 3] == 255).all()


def test_a_transparent_webm_is_transparent(chromium: Any, tmp_path: Path) -> None:
    frame = np.zeros((128, 256, 4), np.uint8)
    frame[..., :3] = (200, 60, 40)
    frame[..., 3] = np.repeat(np.array([0, 64, 160, 255], np.uint8), 64)[None]
    with VideoWriter(tmp_path / "a.webm", 25, (256, 128), alpha=True, crf=10) as video:
        for _ in range(10):
            video.write(frame)
    found = seen(chromium, tmp_path / "a.webm", [(32, 64), (96, 64), (160, 64), (224, 64)])
    assert np.abs(found[:, 3] - [0, 64, 160, 255]).max() <= 3
    assert np.abs(found[2:, :3] - [200, 60, 40]).max() <= 4


def test_reported_patches_come_out_as_they_are(chromium: Any, shared_data: Path, tmp_path: Path) -> None:
    """A whole picture with 16 patches beside the person, all the way through."""
    from PIL import Image

    from moda import Settings, TalkingHead

    head = TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")
    reports = shared_data / "reports"
    portrait, speech = head.portrait(reports / "colour_patches.png"), head.speech(reports / "speech_2.6s.wav")
    take = head.plan(portrait, speech.trim(0, 0.5), Settings(steps=1, frame="whole"))
    head.render(portrait, take, speech.trim(0, 0.5), tmp_path / "a.mp4")
    with Image.open(reports / "colour_patches.png") as image:
        source = np.asarray(image.convert("RGB"))
    middles = [(552 + 68 * (k % 4) + 30, 40 + 130 * (k // 4) + 30) for k in range(16)]
    width, height = source.shape[1] - source.shape[1] % 2, source.shape[0] - source.shape[0] % 2
    shown = seen(chromium, tmp_path / "a.mp4", middles)
    assert (width, height) == probe(tmp_path / "a.mp4").size
    wanted = np.array([source[y, x] for x, y in middles]).astype(int)
    assert np.abs(shown[:, :3] - wanted).max() <= 3, shown[:, :3] - wanted
