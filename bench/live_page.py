"""The Live tab's delay in pixels: from a sound at Chromium's fake microphone to the mouth that opens on the canvas.

    python -m bench.live_page [--bursts 8] [--picture docs/studio-live.png] [--frames FOLDER] [--out FILE.json]

The fake microphone plays bursts of speech between silences. The page's own stream of it, listened to a second time,
says when each burst began (another stream would begin the bursts anew); small copies of the canvas, one a drawn frame,
say when a third of what the mouth shows of its dark inside in that burst was seen. It needs a quiet machine: below 15
drawn frames a second the figures say nothing.
--picture keeps a picture of the page, --frames the canvas of every drawn frame of two seconds.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import busy, tell
from moda.assets import asset
from moda.media.audio import Speech, load_speech
from moda.media.output import write_wav
from tests.browser import test_live
from tests.browser.conftest import Studio, chromium_program, serving
from tests.browser.test_look import show

QUIET, BURST = 1.4, 0.5  # seconds
DARK = 60  # of 255
STAGE = "document.querySelector('#live-box moda-stage')"
KEEP = """() => {
    const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => (window.microphone = await ask(wanted));
}"""
WATCH = """async () => {
    const stage = document.querySelector('#live-box moda-stage'), small = document.createElement('canvas');
    small.width = small.height = 96;
    const pen = small.getContext('2d', { willReadFrequently: true });
    window.seen = [];
    window.sounds = [];
    stage.addEventListener('stage-frame', () => {
        pen.drawImage(stage.canvas, 0, 0, 96, 96);
        const mouth = pen.getImageData(34, 54, 30, 24).data;
        seen.push([performance.now(), Array.from(mouth).filter((_, k) => k % 4 === 1)]);
    });
    const context = new AudioContext({ sampleRate: 16000 });
    const worklet = `registerProcessor('level', class extends AudioWorkletProcessor {
        process([[one]]) { if (one) this.port.postMessage(Math.hypot(...one)); return true; } });`;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(context, 'level');
    node.port.onmessage = ({ data }) => sounds.push([performance.now(), data]);
    context.createMediaStreamSource(microphone).connect(node);
}"""


def bursts() -> np.ndarray:
    """A vowel of the example between silences, to be played in a circle."""
    sound = np.asarray(load_speech(str(asset("examples/welcome.wav"))).waveform, np.float32)
    begins = int(np.flatnonzero(np.abs(sound) > 0.05)[0])
    burst = sound[begins : begins + round(16_000 * BURST)]
    return np.concatenate([np.zeros(round(16_000 * QUIET), np.float32), burst / np.abs(burst).max() * 0.8])


def delays(sounds: list[Any], seen: list[Any]) -> list[float]:
    """Milliseconds from each burst to the mouth's answer."""
    at, level = np.array([t for t, _ in sounds]), np.array([value for _, value in sounds])
    times = np.array([t for t, _ in seen])
    dark = np.array([(np.array(mouth) < DARK).sum() for _, mouth in seen], np.float64)  # what an open mouth shows
    found, last = [], -1e9
    for t in at[level > 0.15 * level.max()]:
        if t - last > 800 * QUIET and times[0] < t - 300 and times[-1] > t + 1300:
            still = np.median(dark[(times > t - 150) & (times < t + 60)])
            after = (times > t) & (times < t + 1300)
            opened = dark[after] - still
            found.append(float(times[after][np.argmax(opened > opened.max() / 3)] - t))
        last = t
    return found


def typed(studio: Studio) -> dict[str, float]:
    """A typed text: from its first sentence's sound to the first frame that opens the mouth, and how far lips and voice
    are apart."""
    studio.page.click("#live-stop")
    studio.page.check("#live-microphone input[value=off]")
    studio.page.evaluate(test_live.WATCH)
    test_live.started(studio)
    studio.page.wait_for_timeout(2000)
    studio.page.fill(
        "#live-text textarea", "Anna ate an apple, and then another one, until none of them was left at all."
    )
    studio.page.click("#live-speak")
    studio.page.wait_for_function(
        "voices.length && performance.now() > voices.at(-1)[0] + voices.at(-1)[1].length / 16"
    )
    late = test_live.lips_against_voice(studio)
    said, shown = float(studio.page.evaluate("said")), np.array(studio.page.evaluate("shown"))
    after = shown[:, 0] > said
    opened = shown[after, 0][shown[after, 2] > 0.3 * shown[after, 2].max()]
    return {
        "typed_to_lips_ms": float(opened[0] - said),
        "lips_late_ms_median": float(np.median(late)),
        "lips_apart_ms_p95": float(np.percentile(np.abs(late), 95)),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bursts", type=int, default=8)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    import skimage
    from playwright.sync_api import sync_playwright

    found: dict[str, Any] = {"busy_cores_before": round(busy(), 2)}
    with (
        tempfile.TemporaryDirectory() as cache,
        serving(Path(cache), MODA_LIVE_PATIENCE_SECONDS="1") as address,
        sync_playwright() as play,
    ):
        voice = write_wav(Speech.of(bursts()), Path(cache) / "bursts.wav")
        browser = play.chromium.launch(
            executable_path=chromium_program(),
            args=[
                "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={voice}",
            ],
        )  # fmt: skip
        context = browser.new_context(viewport={"width": 1280, "height": 860}, permissions=["microphone"])
        studio = Studio(context.new_page(), address)
        studio.add_portrait(Path(skimage.__file__).parent / "data" / "astronaut.png")
        show(studio, "Live")
        studio.see("#live-box.there")
        studio.page.evaluate(KEEP)
        studio.page.click("#live-start")
        studio.page.wait_for_function(f"{STAGE}.live?.last > 100")  # the machine has settled
        studio.page.evaluate(WATCH)
        studio.page.wait_for_timeout(1000 * (QUIET + BURST) * (args.bursts + 1))
        sounds, seen = studio.page.evaluate("[sounds, seen]")
        found["shown_ms"] = float(studio.page.evaluate(f"Number({STAGE}.dataset.delay)"))
        measured = delays(sounds, seen)
        found |= {
            "bursts": len(measured),
            "pixels_ms_median": float(np.median(measured)),
            "pixels_ms_p95": float(np.percentile(measured, 95)),
            "drawn_fps": 1000 * len(seen) / (seen[-1][0] - seen[0][0]),
        }
        found |= typed(studio)
        if args.picture:
            studio.page.wait_for_timeout(600)  # the last burst ends in a blink
            studio.page.screenshot(path=args.picture)
        if args.frames:
            args.frames.mkdir(parents=True, exist_ok=True)
            studio.page.evaluate(
                f"() => {{ window.kept = []; {STAGE}.addEventListener('stage-frame', () => {{ if (kept.length < 60)"
                f" kept.push({STAGE}.canvas.toDataURL('image/jpeg', 0.8)); }}); }}"
            )
            studio.page.wait_for_function("kept.length >= 60")
            for number, picture in enumerate(studio.page.evaluate("kept")):
                data = base64.b64decode(picture.partition(",")[2])
                (args.frames / f"{number:03}.jpg").write_bytes(data)
        browser.close()
    tell(found, args.out)


if __name__ == "__main__":
    main()
