"""The way a person takes: portrait, speech, motion, video; and every other way to give speech."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.media.audio import load_speech
from tests.browser.conftest import SPEECH
from tests.sounds import write_wav

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_from_upload_to_a_playing_video_and_back(
    studio: Any, open_studio: Any, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    seconds = load_speech(speech).seconds
    assert "pixels wide" in studio.add_portrait(astronaut)
    assert f"{seconds:.1f} s" in studio.add_speech(speech)
    studio.page.fill("#control-seed input", "11")
    said = studio.preview()
    assert "blinks a minute" in said and "lip sync" in said
    studio.page.click("#all-trajectories > button")
    studio.see("#plot .js-plotly-plot")
    studio.wait_motion()

    studio.set_number("head_motion", "0")
    studio.page.wait_for_function("document.querySelector('#figures').innerText.includes('0.0° 0.0° 0.0°')")
    trims = "document.querySelector('moda-stage').takes[0].trims.head_motion"
    assert studio.page.evaluate(trims) == 0
    studio.page.click("#control-head_motion .reset-button")
    studio.page.wait_for_function(f"{trims} === 1")
    studio.page.wait_for_function("!document.querySelector('#figures').innerText.includes('0.0° 0.0° 0.0°')")
    studio.set_number("head_motion", "0")
    studio.page.wait_for_function("document.querySelector('#figures').innerText.includes('0.0° 0.0° 0.0°')")

    studio.page.click("#render")
    studio.see("#final-video video, #video-say .error")
    facts = studio.video("#final-video")
    assert facts["duration"] == pytest.approx(seconds, abs=0.1)
    assert (facts["width"], facts["height"]) == (512, 512)
    assert facts["played"] >= 0.3
    assert "times real time" in studio.text("#video-say")

    files = {}
    for button, name in (
        ("save_take", "take.npz"), ("save_table", "trajectories.csv"), ("save_video", "x.mp4"),
        ("save_settings", "settings.json"),
    ):  # fmt: skip
        with studio.page.expect_download() as waiting:
            studio.page.click(f"#{button}")
        files[name] = tmp_path / name
        waiting.value.save_as(files[name])
        assert files[name].stat().st_size > 300

    other = open_studio()
    other.page.click("#restore-box button")
    other.page.set_input_files("#restore input[type=file]", str(files["take.npz"]))
    assert "seed 11" in other.said("#restore-say")
    assert other.page.input_value("#control-seed input") == "11"
    assert other.page.input_value("#control-head_motion input[type=number]") == "0"
    assert not other.page.query_selector("moda-stage[data-takes]")
    other.add_portrait(astronaut)
    other.add_speech(speech)
    other.wait_motion()
    other.page.click("#render")
    assert other.video("#final-video")["duration"] == pytest.approx(seconds, abs=0.1)

    third = open_studio()
    third.add_portrait(astronaut)
    third.add_speech(speech)
    third.page.click("#restore-box button")
    third.page.set_input_files("#restore input[type=file]", str(files["settings.json"]))
    assert "settings are restored" in third.said("#restore-say")
    assert third.page.input_value("#control-seed input") == "11"
    assert "0.0° 0.0° 0.0°" in third.preview()
    third.wait_motion()


def test_a_restored_take_gets_its_clip_where_portrait_and_speech_are(
    studio: Any, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    from moda import Settings, TalkingHead

    head = TalkingHead.load("moda-lite", "mesh", "cpu")
    file = tmp_path / "take.npz"
    head.plan(head.portrait(astronaut), speech, Settings(seed=4, steps=1)).save(file)
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.page.click("#restore-box button")
    studio.page.set_input_files("#restore input[type=file]", str(file))
    assert "seed 4" in studio.said("#restore-say")
    studio.wait_motion()


def test_the_playhead_runs_with_the_stage_and_a_click_on_the_plot_seeks(
    studio: Any, astronaut: Path, speech: Path
) -> None:
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    studio.page.click("#all-trajectories > button")
    studio.see("#plot .nsewdrag")
    at = "document.querySelector('#playhead').getBoundingClientRect().left"
    studio.page.evaluate("document.querySelector('moda-stage').play()")
    studio.page.wait_for_selector("#playhead", state="attached")
    before = studio.page.evaluate(at)
    studio.page.wait_for_function(f"Math.abs({at} - {before}) > 2")
    studio.page.evaluate("document.querySelector('moda-stage').pause()")
    studio.page.locator("#plot .nsewdrag").first.scroll_into_view_if_needed()
    lane = studio.page.locator("#plot .nsewdrag").first.bounding_box()
    studio.page.mouse.click(lane["x"] + 0.75 * lane["width"], lane["y"] + lane["height"] / 2)
    studio.page.wait_for_function(f"Math.abs({at} - {lane['x'] + 0.75 * lane['width']}) < 3")
    seconds = studio.page.evaluate("document.querySelector('moda-stage').position")
    assert seconds == pytest.approx(0.75 * load_speech(speech).seconds, abs=0.1)


def test_a_preview_moves_and_the_face_follows_a_slider_in_the_page(studio: Any, astronaut: Path, speech: Path) -> None:
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    studio.page.wait_for_function("document.querySelector('moda-stage').drawn.seconds > 0.1")  # it speaks by itself
    studio.page.evaluate("document.querySelector('moda-stage').pause()")
    studio.page.context.set_offline(True)  # nobody is asked
    yaw = "Array.from(document.querySelector('moda-stage').takes[0].motion.frame(60)).slice(67)"
    moved = studio.page.evaluate(yaw)
    studio.page.locator("#control-head_motion input[type=range]").evaluate(
        "e => { e.value = 0; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    studio.page.wait_for_function(f"JSON.stringify({yaw}) !== '{json.dumps(moved, separators=(',', ':'))}'")
    still = studio.page.evaluate(yaw)
    assert still == studio.page.evaluate(yaw.replace("frame(60)", "frame(10)")) != moved
    studio.page.context.set_offline(False)


def test_a_lost_context_comes_back_in_the_page(studio: Any, astronaut: Path, speech: Path) -> None:
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    stage = "document.querySelector('moda-stage')"
    studio.page.evaluate(f"{stage}.pause(); {stage}.seek(1).then(() => {stage}.paint())")
    picture = f"{stage}.canvas.toDataURL()"
    before = studio.page.evaluate(picture)
    studio.page.evaluate(f"window.lose = {stage}.painter.gl.getExtension('WEBGL_lose_context'); lose.loseContext()")
    studio.page.wait_for_function(f"{stage}.lost === true")
    studio.page.locator("moda-lanes .add").click()  # shaping goes on meanwhile
    studio.page.locator("moda-lanes .undo").click()
    studio.page.evaluate("lose.restoreContext()")
    studio.page.wait_for_function(f"{stage}.lost === false && {picture} === '{before}'")
    assert studio.page.locator("moda-stage[data-takes='1']").is_visible()


def test_where_webgl_is_missing_a_clip_is_shown(open_studio: Any, astronaut: Path, speech: Path) -> None:
    studio = open_studio()
    studio.page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext = "
        "function (kind, ...more) { return kind === 'webgl2' ? null : real.call(this, kind, ...more); };"
    )
    studio.page.goto("about:blank")
    studio.page.goto(studio.address)
    studio.see("#plan")
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    assert studio.video("#quick-clip")["duration"] == pytest.approx(load_speech(speech).seconds, abs=0.2)
    assert not studio.page.query_selector("moda-stage[data-takes]")


LANES = "document.querySelector('moda-lanes')"


def dragged(studio: Any, lane: int, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """The mouse from one place of a lane (0 mouth, 1 smile, ... 5 head) to another, as shares of its size."""
    canvas = studio.page.locator("moda-lanes .lanes canvas").nth(lane)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    (ax, ay), (bx, by) = ((box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (begin, end))
    studio.page.mouse.move(ax, ay)
    studio.page.mouse.down()
    studio.page.mouse.move(bx, by, steps=5)
    studio.page.mouse.up()


def test_what_is_shaped_in_the_lanes_is_saved_and_exported(studio: Any, astronaut: Path, speech: Path) -> None:
    from moda.motion.takes import Take

    studio.page.emulate_media(reduced_motion="reduce")  # who wants no motion presses Play
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.preview()
    studio.wait_motion()
    page, lanes = studio.page, studio.page.locator("moda-lanes")
    page.wait_for_timeout(300)
    assert not page.evaluate("document.querySelector('moda-stage').playing")
    gestures = lanes.locator(".gesture option").all_inner_texts()
    assert {"nod", "shake", "tilt left", "blink", "wink left", "smile", "brow raise", "look up"} < set(gestures)
    for count, name in enumerate(gestures, 1):  # all of them are dropped, and taken back
        lanes.locator(".gesture").select_option(name)
        lanes.locator(".add").click()
        page.wait_for_function(f"{LANES}.edits.length === {count}")
    for count in range(len(gestures), 0, -1):
        lanes.locator(".undo").click()
        page.wait_for_function(f"{LANES}.edits.length === {count - 1}")
    before = studio.text("#figures")
    lanes.locator(".redo").click()
    page.wait_for_function(f"{LANES}.edits.length === 1")
    dragged(studio, 1, (0.2, 0.5), (0.6, 0.5))
    dragged(studio, 1, (0.4, 0.8), (0.4, 0.3))
    page.wait_for_function(f"{LANES}.edits.length === 2")
    lanes.locator(".chips [data-edit='1']").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{LANES}.edits[1].start > {0.2 * load_speech(speech).seconds}")
    page.wait_for_function("before => document.querySelector('#figures').innerText !== before", arg=before)
    edits, shown = page.evaluate(
        f"[{LANES}.edits, Array.from(document.querySelector('moda-stage').takes[0].motion.shaped)]"
    )
    for _ in range(100):  # the file is written a moment after the last edit
        with page.expect_download() as waiting:
            page.click("#save_take")
        take = Take.load(waiting.value.path())
        if [edit.as_dict() for edit in take.edits] == edits:
            break
        page.wait_for_timeout(300)
    assert [edit.as_dict() for edit in take.edits] == edits
    page.click("#export-box button")
    for ending, begins in ((".csv", b"Timecode"), (".html", b"<!doctype html>"), (".glb", b"glTF")):
        page.click(f"#export-{ending[1:]}")
        studio.see(f"#exported:visible:has-text('talking-head{ending}')")
        with page.expect_download() as waiting:
            page.click("#exported")
        assert Path(waiting.value.path()).read_bytes().startswith(begins)
    away = np.abs(np.array(shown, np.float32).reshape(-1, 70) - take.motion.array)
    assert away[:, :67].max() < 2e-4 and away[:, 67:].max() < 2e-3  # what is rendered is what was shown


def test_examples_switches_and_the_whole_picture(studio: Any) -> None:
    studio.page.click("#example-portraits button >> nth=1")
    assert "pixels wide" in studio.said("#portrait-say")
    studio.page.click("#example-speech button:has-text('Bonjour')")
    assert "s of speech" in studio.said("#speech-say")
    studio.preview()
    studio.page.locator("#control-background_still input").uncheck()
    studio.page.locator("#control-mark input").check()
    studio.page.click("#control-frame input")
    studio.page.click("[role=option]:has-text('whole')")
    studio.page.click("#render")
    facts = studio.video("#final-video")
    assert facts["height"] > facts["width"] > 400
    with studio.page.expect_download() as waiting:
        studio.page.click("#save_settings")
    saved = json.loads(Path(waiting.value.path()).read_text())
    assert (saved["background_still"], saved["mark"], saved["frame"]) == (False, True, "whole")


def test_speech_from_a_text(studio: Any) -> None:
    studio.page.click("#typed button")
    studio.page.fill("#speech-text textarea", "Good morning to all of you.")
    studio.page.fill("#voice input", "English (Great Britain) · en-gb+f2")
    studio.page.keyboard.press("Enter")
    studio.page.click("#speak")
    assert "s of speech" in studio.said("#speech-say")


def test_a_typed_script_is_played(studio: Any, astronaut: Path) -> None:
    """From the text to the take, as a visitor without the internet sees it."""
    studio.add_portrait(astronaut)
    studio.page.click("#typed > button")
    studio.page.fill("#speech-text textarea", "Hello [smyle] there")
    studio.see("#script-read .error")
    assert "did you mean [smile]?" in studio.text("#script-read")
    text = "Hello [smile] there. [pause 0.5] [look left] Over there. [a bit worried] Is it [smile 0.5 for 1s] safe?"
    studio.page.fill("#speech-text textarea", text)
    studio.see("#script-read li >> nth=4")
    for meaning in ("a pause of 0.5 s", "fear", "smile at 0.5 for 1 s"):
        assert meaning in studio.text("#script-read")
    studio.page.focus("#speech-text textarea")
    studio.page.keyboard.press("End")
    studio.page.click("#typed [data-cue=nod]")
    assert studio.page.input_value("#speech-text textarea").endswith("safe? [nod] ")
    # An earlier text may have shown already that the online voices are out of reach: then joe comes first.
    assert re.search("(Spoken|without the internet) by joe", studio.text("#cast"))
    studio.page.fill("#voice input", "English (America) · joe")
    studio.page.keyboard.press("Enter")
    studio.page.click("#speak")
    said = studio.said("#speech-say")
    assert "spoken by joe, a neural voice" in said and "[smile] at 0." in said
    studio.page.wait_for_function("document.querySelector('#control-emotion input, #control-emotion textarea').value")
    studio.preview()
    studio.wait_motion()
    page = studio.page
    page.wait_for_function(f"{LANES}.shadowRoot.querySelectorAll('.chips li').length === 4")
    page.evaluate("document.querySelector('moda-stage').pause()")
    told = float(re.search(r"\[look left\] at ([\d.]+) s", said)[1])  # type: ignore[index]
    kinds, look = page.evaluate(f"[{LANES}.edits.map((e) => e.kind), {LANES}.edits[1]]")
    assert kinds == ["smile", "look", "smile", "nod"] and look["start"] == pytest.approx(told, abs=0.02)
    # A cue is moved by hand: its bar lies at the foot of the lane.
    seconds = page.evaluate(f"{LANES}.seconds")
    middle = (look["start"] + look["length"] / 2) / seconds
    dragged(studio, 4, (middle, 0.95), (middle - 0.2, 0.95))
    page.wait_for_function(f"{LANES}.edits[1].start < {look['start'] - 0.1}")


def test_a_recording_gets_its_words_and_cues(studio: Any, astronaut: Path, tmp_path: Path) -> None:
    """What is said in it is heard, cues are written between the words, and land on them."""
    from moda.media import transcript
    from moda.media.speak import speak

    said = speak("Good morning to all of you, and welcome to the museum.", "en-us+f2", offline=True)
    studio.add_portrait(astronaut)
    studio.add_speech(write_wav(tmp_path / "recording.wav", said.waveform))  # samples alone: it knows no words
    page = studio.page
    page.click("#recorded > button")
    if transcript.available():
        page.click("#hear")
        page.wait_for_function(
            "document.querySelector('#speech-words textarea').value.toLowerCase().includes('morning')"
        )
    page.fill("#speech-words textarea", "Good morning [nod] to all of you, and [smile] welcome to the museum.")
    page.click("#use-words")
    page.wait_for_function("document.querySelector('#speech-say').innerText.includes('[smile] at')")
    studio.preview()
    studio.wait_motion()
    page.wait_for_function(f"{LANES}.edits.length === 2 && {LANES}.words.length === 11")
    starts = dict(page.evaluate(f"{LANES}.edits.map((edit) => [edit.kind, edit.start])"))
    times = {word.text.strip(",."): word.start for word in said.words[2:8]}
    assert starts["nod"] == pytest.approx(times["to"], abs=0.1)
    assert starts["smile"] == pytest.approx(times["welcome"], abs=0.1)


def test_what_a_file_says_of_itself(studio: Any) -> None:
    studio.page.click("button[role=tab]:has-text('About')")
    studio.page.set_input_files("#verify input[type=file]", str(SPEECH.parents[2] / "docs" / "sample.mp4"))
    assert "AI-generated with" in studio.said("#verify-say")


def test_speech_from_the_microphone(studio: Any) -> None:
    studio.page.click("#speech [aria-label='Record audio']")
    studio.page.click("#speech .record-button")
    studio.page.wait_for_timeout(2500)
    studio.page.click("#speech .stop-button")
    assert "s of speech" in studio.said("#speech-say")


def test_a_portrait_from_the_webcam(studio: Any) -> None:
    studio.page.click("#portrait [aria-label='Capture from camera']")
    studio.page.click("#portrait button:has-text('Click to Access Webcam')")
    studio.page.wait_for_function("(document.querySelector('#portrait video') || {}).videoWidth > 0")
    studio.page.wait_for_function("document.querySelector('#portrait video').currentTime > 0")
    studio.page.click("#portrait [aria-label='capture photo']")
    assert "No face was found" in studio.said("#portrait-say")  # the browser's test picture has none


def test_a_portrait_from_the_clipboard(studio: Any, astronaut: Path) -> None:
    picture = base64.b64encode(astronaut.read_bytes()).decode()
    studio.page.evaluate(
        """async data => {
            const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
            await navigator.clipboard.write([new ClipboardItem({"image/png": new Blob([bytes], {type: "image/png"})})]);
        }""",
        picture,
    )
    studio.page.click("#portrait [aria-label='Paste from clipboard']")
    assert "pixels wide" in studio.said("#portrait-say")


def test_several_faces_are_offered_and_can_be_clicked(studio: Any, two_people: Path) -> None:
    assert "2 faces" in studio.add_portrait(two_people)
    studio.see("#faces img")
    studio.see("#face input")
    assert studio.page.locator("#face input").count() == 2
    crop = studio.page.get_attribute("#crop img", "src")
    box = studio.page.locator("#faces img").bounding_box()
    chosen = studio.page.evaluate("[...document.querySelectorAll('#face input')].findIndex(e => e.checked)")
    assert chosen in (0, 1)
    # A click on each half: one of them is the other person.
    for share in (0.25, 0.75):
        marks = "#portrait-say .good"
        studio.page.evaluate("all => document.querySelectorAll(all).forEach(e => e.classList.add('old'))", marks)
        studio.page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.35 * box["height"])
        studio.see(f"{marks}:not(.old)")
        if studio.page.get_attribute("#crop img", "src") != crop:
            break
    assert studio.page.get_attribute("#crop img", "src") != crop
    studio.page.locator("#face input").nth(chosen).check()
    studio.page.wait_for_function(
        "n => [...document.querySelectorAll('#face input')].findIndex(e => e.checked) === n", arg=chosen
    )


def test_takes_can_be_compared_and_chosen(studio: Any, astronaut: Path, speech: Path) -> None:
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.page.locator("#takes label").nth(2).click()
    first = studio.preview()
    studio.wait_motion(3)
    assert studio.page.locator("#choose input").count() == 3
    studio.page.locator("#choose input").nth(1).check()
    studio.page.wait_for_function("before => document.querySelector('#figures').innerText !== before", arg=first)
    studio.page.click("#all-trajectories > button")
    studio.page.locator("#overlay input").check()
    studio.page.wait_for_function("document.querySelector('#plot')?.textContent.includes('take 2')")


def test_emotion_text_is_understood_while_typing(studio: Any) -> None:
    studio.page.fill("#control-emotion textarea, #control-emotion input", "very happy")
    studio.see("#understood .bar")
    assert "happiness" in studio.text("#understood")


def test_compare_shares_the_portrait_and_speech_of_the_make_tab(studio: Any, astronaut: Path, speech: Path) -> None:
    studio.add_portrait(astronaut)
    studio.add_speech(speech)
    studio.page.click("#tabs [role=tablist] button[role=tab]:has-text('Compare')")
    values = studio.page.locator("#values textarea, #values input")
    values.wait_for()  # a tab is built when it is first shown
    studio.page.wait_for_function("document.querySelector('#values textarea, #values input').value === '1, 2, 3'")
    values.fill("1, one")
    studio.page.click("#compare")
    studio.see("#compare-say .error")
    assert "seed must be a whole number" in studio.text("#compare-say")
    studio.page.fill("#values textarea, #values input", "1, 2")
    studio.page.click("#compare")
    studio.see("#compare-say .good")
    assert "2 variants" in studio.text("#compare-say")
    assert studio.video("#grid")["duration"] > 3
    assert "seed 2" in studio.text("#compare-table")
