"""The Live tab with Chromium's fake microphone: the face listens, follows the voice, says a text, is recorded, ends."""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

from moda.live.presence import FASTEST

from .conftest import free_port, serving
from .test_look import show

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STAGE = "document.querySelector('#live-box moda-stage')"
FRAMES = f"Number({STAGE}.dataset.frames || 0)"


WATCH = """() => {
    window.sent = []; window.voices = []; window.shown = []; window.said = null;
    const send = WebSocket.prototype.send, start = AudioBufferSourceNode.prototype.start;
    WebSocket.prototype.send = function (data) {
        if (data instanceof ArrayBuffer) for (const value of new Int16Array(data)) sent.push(value);
        return send.call(this, data);
    };
    AudioBufferSourceNode.prototype.start = function (when = 0, offset = 0) {
        const stamp = this.context.getOutputTimestamp(), at = Math.max(when, this.context.currentTime);
        const heard = stamp.performanceTime > 0 ? stamp.performanceTime + 1000 * (at - stamp.contextTime)
            : performance.now() + 1000 * (at - this.context.currentTime);
        const sound = Array.from(this.buffer.getChannelData(0), (value) => Math.round(32767 * value));
        voices.push([heard - 1000 * offset, sound, performance.now()]);
        return start.call(this, when, offset);
    };
    const { say } = window.modaStudioLive;
    window.modaStudioLive.say = (wanted) => {
        if (wanted?.sound && said === null) said = performance.now();
        return say(wanted);
    };
    const stage = document.querySelector('#live-box moda-stage');
    stage.addEventListener('stage-frame', ({ detail }) => { const { live } = stage; if (live && live.began !== null) {
        const vector = live.frames.get(Math.min(stage.liveFrame, live.last));
        const jaw = vector ? stage.painter.puppet.read(vector, live.neutral)[stage.painter.puppet.index.jaw_open] : 0;
        shown.push([performance.now(), Math.min(stage.liveFrame, live.last), jaw, detail.at, stage.liveFrame]);
    } });
}"""
"""Keeps what goes to the server, when which sound is heard, and which frame is shown when."""


def lips_against_voice(studio: Any, chosen: bool = False) -> np.ndarray:
    """Milliseconds by which each frame that was drawn while a voice was heard was later than its sound.

    chosen: of the frame that was due when it was chosen, which a slow machine does not change; else of what had been
    drawn.
    `WATCH` must run before the session starts, and one sentence have been said.
    """
    heard, voice, since = studio.page.evaluate(
        "voices.at(-1)"
    )  # where it had to wait for the face, the last time counts
    sent, sound = np.array(studio.page.evaluate("sent"), np.float64), np.array(voice, np.float64)
    shown = np.array(studio.page.evaluate("shown"), np.float64)
    # The place of the voice in what was sent, whatever the page believes.
    loud = int(np.argmax(np.abs(sound) > 0.3 * np.abs(sound).max()))
    piece = sound[max(loud - 400, 0) : loud + 4000]
    fits = correlate(sent, piece, "valid", method="fft")
    start = int(np.argmax(fits)) - max(loud - 400, 0)
    times, frames = shown[:, 3 if chosen else 0], shown[:, 4 if chosen else 1]
    first, last = max(heard, since, times[0]), heard + len(sound) / 16
    if chosen:
        seen = times[(times >= first) & (times < last)]
    else:  # a frame is drawn once, and is seen until the next one is
        seen = np.arange(first, last, 5.0)
    frame = frames[np.searchsorted(times, seen, "right") - 1]
    return np.asarray((start + 16 * (seen - heard) - (640 * frame + 320)) / 16)


def drawn(studio: Any) -> str:
    """What is on the canvas, right after a frame was drawn."""
    return str(
        studio.page.evaluate(
            f"new Promise((done) => {STAGE}.addEventListener('stage-frame', "
            f"() => done({STAGE}.canvas.toDataURL()), {{ once: true }}))"
        )
    )


def ready(studio: Any, astronaut: Path) -> None:
    studio.add_portrait(astronaut)
    show(studio, "Live")
    studio.see("#live-box.there")


def started(studio: Any) -> None:
    before = studio.page.evaluate(f"Number({STAGE}.dataset.sessions || 0)")
    studio.page.click("#live-start")
    studio.page.wait_for_function(f"Number({STAGE}.dataset.sessions) > {before} && {STAGE}.live?.last > 10")


def test_the_face_follows_the_microphone_is_recorded_edited_and_rendered(studio: Any, astronaut: Path) -> None:
    show(studio, "Live")
    assert "Add a portrait" in studio.text("#live-box")
    studio.page.click("#live-start")
    studio.see("#live-say .error")
    assert "Add a portrait" in studio.text("#live-say")
    show(studio, "Make")
    studio.page.set_input_files("#portrait input[type=file]", str(astronaut))
    show(studio, "Live")  # while it is being read: the tab shows it when it is there
    studio.see("#live-box.there")
    first = drawn(studio)  # before Start it listens
    studio.page.wait_for_timeout(700)
    assert drawn(studio) != first and "Press Start" in studio.text("#live-status")
    started(studio)
    assert "follows the sound by" in studio.text("#live-status") and "ms" in studio.text("#live-status")
    studio.page.click("#live-record")
    said = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {said} + 60")
    studio.page.click("#live-record")
    studio.see("#live-say .good")
    assert "Recorded" in studio.text("#live-say")
    studio.page.click("#live-stop")
    studio.page.wait_for_function("document.querySelector('#live-status').textContent === 'Ended.'")
    ended = studio.page.evaluate(FRAMES)
    studio.page.wait_for_timeout(500)
    assert studio.page.evaluate(FRAMES) == ended
    show(studio, "Make")
    studio.wait_motion()
    assert "s of speech" in studio.text("#speech-say")
    seconds = studio.page.evaluate("document.querySelector('#stage-box moda-stage').duration")
    studio.page.locator("moda-lanes .gesture").select_option("smile")
    studio.page.locator("moda-lanes .add").click()
    studio.page.wait_for_function("document.querySelector('moda-lanes').edits.length === 1")
    studio.page.click("#render")
    studio.see("#final-video video, #video-say .error")
    assert studio.video("#final-video")["duration"] == pytest.approx(seconds, abs=0.1)


def last(action: str) -> str:
    """JavaScript that reads an action off the last frame that arrived."""
    read = f"{STAGE}.painter.puppet.read([...{STAGE}.live.frames.values()].at(-1), {STAGE}.live.neutral)"
    return f"{read}[{STAGE}.painter.puppet.index.{action}]"


def test_a_typed_text_is_said_and_an_interrupt_silences_it(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    started(studio)
    jaw = last("jaw_open")
    studio.page.fill("#live-text textarea", "Nice to meet you. This is a second sentence, which is much longer.")
    studio.page.click("#live-speak")
    studio.page.wait_for_function(f"{jaw} > 0.2")
    studio.page.click("#live-interrupt")
    quiet = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {quiet} + 40")
    assert studio.page.evaluate(jaw) < 0.2


def test_hold_to_talk_hears_nothing_before_it_is_held(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=push]")
    # What goes to the server, by its loudest sample.
    studio.page.evaluate(
        "() => { const send = WebSocket.prototype.send; loudest = 0; WebSocket.prototype.send = function (data) {"
        " if (data instanceof ArrayBuffer) loudest = Math.max(loudest, ...new Int16Array(data).map(Math.abs));"
        " return send.call(this, data); }; }"
    )
    started(studio)
    studio.page.wait_for_timeout(2500)
    assert studio.page.evaluate("loudest") == 0
    studio.page.hover("#live-hold")
    studio.page.mouse.down()
    studio.page.wait_for_function("loudest > 500")  # Chromium's beeps
    studio.page.mouse.up()


def test_an_assistant_speaks_through_the_page(studio: Any, astronaut: Path) -> None:
    import websockets

    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    started(studio)
    studio.page.click("#live-assistant button")
    studio.page.wait_for_function("document.querySelector('#live-key')?.innerText.includes('assistant.py')")
    *_, address, key = studio.text("#live-key").split()

    async def assistant() -> None:
        async with websockets.connect(address) as socket:
            await socket.send(json.dumps({"type": "join", "key": key}))
            assert json.loads(await socket.recv())["type"] == "joined"
            hum = 9000 * np.sin(np.arange(16_000) / 12)
            await socket.send(hum.astype("<i2").tobytes())
            await asyncio.sleep(1.0)

    # Playwright has a loop of its own running in this thread.
    import threading

    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(assistant())
        except BaseException as fault:
            failed.append(fault)

    thread = threading.Thread(target=run)
    studio.page.evaluate(
        "() => { window.heard = 0; const start = AudioBufferSourceNode.prototype.start;"
        " AudioBufferSourceNode.prototype.start = function (...at) { heard += this.buffer.length;"
        " return start.apply(this, at); }; }"
    )
    thread.start()
    studio.page.wait_for_function("heard >= 16000")
    thread.join()
    assert not failed, failed


def test_a_lost_connection_comes_back(studio: Any, astronaut: Path) -> None:
    """The socket breaks, and the page goes on with a new session by itself."""
    studio.page.evaluate(
        "() => { const Socket = WebSocket; window.sockets = []; window.WebSocket = class extends Socket {"
        " constructor(...all) { super(...all); sockets.push(this); } }; }"
    )
    ready(studio, astronaut)
    started(studio)
    sessions = studio.page.evaluate(f"Number({STAGE}.dataset.sessions)")
    studio.page.evaluate("() => { const broken = sockets.at(-1); broken.close(4000); }")
    studio.page.wait_for_function(f"Number({STAGE}.dataset.sessions) > {sessions} && {STAGE}.live?.last > 5")
    assert "Live." in studio.text("#live-status")


def test_a_server_that_was_started_anew_gets_the_portrait_again(
    open_studio: Any, two_people: Path, tmp_path: Path
) -> None:
    """The page waits, comes back by itself with the face that was chosen, and says why."""
    port = free_port()
    with serving(tmp_path / "first", port, MODA_PUBLIC="1") as address:
        studio = open_studio(address=address)
        studio.page.check("#consent input")
        studio.add_portrait(two_people)
        first = studio.page.get_attribute("#crop img", "src")
        studio.page.check("#face input >> nth=1")
        studio.page.wait_for_function(
            "(first) => document.querySelector('#crop img')?.getAttribute('src') !== first", arg=first
        )
        show(studio, "Live")
        studio.see("#live-box.there")
        started(studio)
        studio.page.wait_for_function("JSON.parse(sessionStorage.getItem('moda-live')).picture")
    studio.page.wait_for_function("document.querySelector('#live-status')?.innerText.includes('was lost')")
    with serving(tmp_path / "second", port, MODA_PUBLIC="1"):
        studio.page.wait_for_function("document.querySelector('#live-note')?.innerText.includes('started anew')")
        studio.page.wait_for_function("document.querySelector('#live-status')?.innerText.includes('is there again')")
        studio.page.wait_for_function(f"{STAGE}?.live?.last > 10")
        show(studio, "Make")
        assert studio.page.is_checked("#face input >> nth=1") and studio.page.is_checked("#consent input")


def test_the_voice_is_heard_when_its_lips_are_shown(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    studio.page.evaluate(WATCH)
    started(studio)
    studio.page.fill(
        "#live-text textarea", "One sentence that is long enough to be looked at from its start to its end."
    )
    studio.page.click("#live-speak")
    studio.page.wait_for_function(
        "voices.length && performance.now() > voices.at(-1)[0] + voices.at(-1)[1].length / 16"
    )
    late = lips_against_voice(studio, chosen=True)
    assert len(late) > 2 and abs(np.median(late)) < 40


def test_interrupts_at_random_moments(studio: Any, astronaut: Path) -> None:
    """Nothing that is drawn jumps, the session goes on, and the page reports no fault. MODA_INTERRUPTS: how many (200
    before a release)."""
    ready(studio, astronaut)
    started(studio)
    studio.page.evaluate(
        f"() => {{ window.turned = []; const stage = {STAGE}; stage.addEventListener('stage-frame', () => {{"
        " const number = Math.min(stage.liveFrame, stage.live.last), vector = stage.live.frames.get(number);"
        " if (vector) turned.push([number, ...vector.slice(67, 70)]); }); }"
    )
    sessions = studio.page.evaluate(f"Number({STAGE}.dataset.sessions)")
    draw = random.Random(5)
    for _ in range(int(os.environ.get("MODA_INTERRUPTS", "12"))):
        studio.page.wait_for_timeout(draw.choice([0, 20, 70, 150, 400]))
        studio.page.evaluate("window.modaStudioLive.interrupt()")
    shown = studio.page.evaluate(FRAMES)
    studio.page.wait_for_function(f"{FRAMES} > {shown} + 10")
    turned = np.array(studio.page.evaluate("turned"))
    frames, moved = np.diff(turned[:, 0]), np.abs(np.diff(turned[:, 1:], axis=0)).max(axis=1)
    assert frames.min() >= 0 and (frames > 0).sum() > 5  # it never goes back
    assert (moved <= np.maximum(frames, 0) / 25 * (FASTEST + 2)).all()
    assert studio.page.evaluate(f"Number({STAGE}.dataset.sessions)") == sessions
    assert "Live." in studio.text("#live-status")


def test_the_voice_is_played_back_as_late_as_the_face_and_only_when_asked(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.evaluate(
        "() => { for (const name of ['createDelay', 'createGain']) { const make = AudioContext.prototype[name];"
        " AudioContext.prototype[name] = function (...all) { return (window[name] = make.apply(this, all)); }; } }"
    )
    started(studio)
    assert studio.page.evaluate("createGain.gain.value") == 0
    studio.page.check("#live-echo input")
    studio.page.wait_for_function("createGain.gain.value === 1")
    late = f"Math.abs(createDelay.delayTime.value - Math.min(2, Number({STAGE}.dataset.delay) / 1000)) < 0.05"
    studio.page.wait_for_function(late)
    studio.page.check("#live-mine input[value=listen]")  # what is listened to is not said back
    studio.page.wait_for_function("createGain.gain.value === 0")


def test_settings_of_the_make_tab_act_while_it_talks(studio: Any, astronaut: Path) -> None:
    ready(studio, astronaut)
    studio.page.check("#live-microphone input[value=off]")
    started(studio)
    smile = last("smile")
    calm = studio.page.evaluate(smile)
    show(studio, "Make")
    studio.page.fill("#control-emotion textarea, #control-emotion input", "overjoyed")
    studio.page.wait_for_function(f"{smile} > {calm} + 0.1")
