"""The stage as a person uses it: play, scrub, loop, several takes, long takes, live frames, a lost context."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import pytest

from moda.media.audio import Speech
from moda.media.output import wav_bytes
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import Motion
from moda.stage.chunks import FRAMES, motion_bytes
from moda.stage.script import script
from tests.stage.sitters import Sitter, Stage, decoded, encoded
from tests.stage.test_drawing import faces

pytestmark = pytest.mark.browser
CLICKS = (0.5, 1.1, 1.9, 2.6, 3.3)
RATE = 16_000


def flaps(sitter: Sitter, seconds: float = 4.0) -> tuple[Motion, bytes]:
    """A take whose jaw flaps open at each click of its sound, and that sound."""
    times = (np.arange(round(seconds * 25)) + 0.5) / 25
    opening = np.max([np.clip(1 - np.abs(times - at) / 0.12, 0, 1) for at in CLICKS], axis=0)
    motion = faces(sitter, *({"jaw_open": float(v)} for v in opening))
    wave = np.zeros(round(seconds * RATE), np.float32)
    for at in CLICKS:
        wave[round(at * RATE) : round(at * RATE) + 24] = 0.9
    return motion, wav_bytes(Speech.of(wave))


def test_sound_and_lips_are_within_20_ms(stage: Stage, hopper: Sitter) -> None:
    motion, sound = flaps(hopper)
    stage.page.locator("moda-stage").evaluate("(e) => e.setAttribute('max-side', '96')")  # small, so often drawn
    stage.rig(hopper.rig)
    stage.takes(motion)
    stage.call("await stage.setSound(bytes(given))", encoded(sound))
    clicks = stage.call(
        """const { buffer } = stage.clock, wave = buffer.getChannelData(0), found = [];
        for (let i = 1; i < wave.length; i++) {
          if (Math.abs(wave[i]) > 0.4 && !(found.length && i / buffer.sampleRate - found.at(-1) < 0.1)) {
            found.push(i / buffer.sampleRate);
          }
        }
        return found;"""
    )
    assert np.allclose(clicks, CLICKS, atol=0.002)  # where they are in what is played
    # What is drawn (jaw) and which moment of the sound leaves the speakers then, frame by frame.
    stage.call(
        """window.jaws = [];
        const { clock, painter } = stage, draw = painter.draw.bind(painter), jaw = painter.puppet.index.jaw_open;
        painter.draw = (...parts) => {
          const actions = draw(...parts);
          if (clock.playing) jaws.push([clock.heard() - clock.since, actions[jaw]]);
          return actions;
        };"""
    )
    stage.page.click("moda-stage .play")
    stage.page.wait_for_function("() => told.some(([name]) => name === 'end')", timeout=60_000)
    times, drawn = np.array(stage.call("return jaws")).T
    at = np.arange(0, 4, 0.001)
    wanted = read_actions(motion.expression, motion.neutral)[:, INDEX["jaw_open"]]
    curve = np.maximum(np.interp(at, (np.arange(len(wanted)) + 0.5) / 25, wanted), 0.0)
    moving = np.interp(times, at, np.abs(np.gradient(curve))) > 1e-4
    assert moving.sum() >= 4, len(times)
    # By how much the drawn jaw is late: the shift at which it fits the sound's flaps best.
    shifts = np.arange(-0.1, 0.1005, 0.001)
    errors = [float(((drawn[moving] - np.interp(times[moving] - s, at, curve)) ** 2).sum()) for s in shifts]
    assert abs(shifts[int(np.argmin(errors))]) < 0.020


def test_the_picture_shows_the_moment_that_is_heard(stage: Stage, hopper: Sitter) -> None:
    """Frames are drawn from the sound's clock: position and what is heard agree while it plays."""
    motion, sound = flaps(hopper)
    stage.rig(hopper.rig)
    stage.takes(motion)
    stage.call("await stage.setSound(bytes(given))", encoded(sound))
    stage.page.click("moda-stage .play")
    apart = stage.call(
        """const found = [];
        for (let k = 0; k < 20; k++) {
          await new Promise((done) => requestAnimationFrame(done));
          found.push(stage.position - Math.max(stage.clock.heard() - stage.clock.since, 0));
        }
        return found;"""
    )
    assert np.abs(apart).max() < 0.005
    stage.page.click("moda-stage .play")
    assert stage.call("return stage.playing") is False


def test_scrub_loop_and_speed(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    seconds = hopper.take.motion.seconds
    stage.page.locator("moda-stage .scrub").fill("1.50")
    assert stage.call("return stage.position") == pytest.approx(1.5, abs=0.01)
    stage.page.focus("moda-stage .scrub")
    stage.page.keyboard.press("ArrowRight")
    assert stage.call("return stage.position") > 1.5
    stage.page.click("moda-stage .loop")
    stage.page.select_option("moda-stage .speed", "2")
    stage.call("await stage.seek(given)", seconds - 0.2)
    stage.page.click("moda-stage .play")
    stage.page.wait_for_function("() => document.querySelector('moda-stage').position < 1", timeout=30_000)
    assert stage.call("return stage.playing") is True
    stage.call("stage.pause()")


def test_a_seek_shows_that_frame(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    alone = stage.frame(40)
    stage.call("await stage.seek(given); stage.paint()", 40.5 / 25)
    assert np.abs(stage.picture().astype(int) - alone).max() <= 2


def test_several_takes_side_by_side(stage: Stage, hopper: Sitter) -> None:
    stage.page.set_viewport_size({"width": 800, "height": 700})
    stage.rig(hopper.rig)
    wide, shut = (faces(hopper, *[{"jaw_open": v}] * 50) for v in (1.0, 0.0))
    stage.takes(wide, shut, names=("seed 1", "seed 2"))
    stage.call("stage.paint()")
    picture = stage.picture().astype(int)
    assert picture.shape == (400, 800, 3)
    assert np.abs(picture[:, :400] - picture[:, 400:]).mean() > 0.5
    stage.page.get_by_role("button", name="seed 2").click()
    told = stage.page.evaluate("() => told.filter(([name]) => name === 'choose')")
    assert told == [["choose", {"take": 1}]]
    pressed = stage.page.locator("moda-stage .choices button").nth(1).get_attribute("aria-pressed")
    assert pressed == "true" and stage.call("return stage.chosen") == 1


def test_three_takes_leave_nothing_of_what_was_there_before(stage: Stage, hopper: Sitter) -> None:
    """Two by two on a narrow page: the fourth place is covered, whatever the canvas showed."""
    stage.page.set_viewport_size({"width": 400, "height": 700})
    stage.rig(hopper.rig)
    motion = faces(hopper, *[{"jaw_open": 0.5}] * 10)
    stage.takes(motion)
    stage.call("stage.paint()")
    stage.takes(motion, motion, motion)
    stage.call("stage.paint()")
    free = stage.page.locator("moda-stage .choices i").bounding_box()
    assert (free["x"], free["y"], free["width"]) == (200, 200, 200)
    shot = decoded(base64.b64encode(stage.page.screenshot()).decode())
    assert np.ptp(shot[210:380, 210:380].reshape(-1, 3), axis=0).max() == 0
    stage.page.set_viewport_size({"width": 800, "height": 700})
    stage.call("stage.paint()")
    assert stage.call("return [stage.canvas.width, stage.canvas.height]") == [798, 266]


def test_the_stage_fills_the_screen_and_comes_back(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    stage.page.get_by_role("button", name="Full screen").click()
    stage.page.wait_for_function("() => document.fullscreenElement?.localName === 'moda-stage'")
    stage.page.get_by_role("button", name="Full screen").click()
    stage.page.wait_for_function("() => !document.fullscreenElement")


def test_ten_minutes_are_fetched_piece_by_piece(stage: Stage, hopper: Sitter) -> None:
    piece = hopper.take.motion.array
    array = np.resize(piece, (15_000, 70))
    long = hopper.take.motion.with_array(array)
    stage.rig(hopper.rig)
    asked = stage.pieces_of(long)
    stage.call("await stage.setTakes([{ motion: { fetch: async (k) => bytes(await giveChunk(k)) } }]); stage.paint();")
    assert stage.call("return stage.duration") == pytest.approx(600.0) and asked == [0]
    number = 9_000
    stage.call("await stage.seek(given); stage.paint();", (number + 0.5) / 25)
    stage.page.wait_for_function(
        "(k) => document.querySelector('moda-stage').takes[0].motion.chunks.has(k)", arg=number // FRAMES
    )
    assert set(asked) <= {0, number // FRAMES, number // FRAMES + 1}
    vector = stage.call("return Array.from(stage.takes[0].motion.frame(given))", number)
    assert np.allclose(vector, array[number], atol=1e-6)
    stage.call(
        "for (let k = 0; k < 40; k++) { await stage.takes[0].motion.load(k); } return stage.takes[0].motion.chunks.size"
    )
    assert stage.call("return stage.takes[0].motion.chunks.size") <= 13


def test_live_frames(stage: Stage, hopper: Sitter) -> None:
    motion = faces(hopper, *[{"jaw_open": 1.0, "yaw": 8.0}] * 10)
    stage.rig(hopper.rig)
    stage.call(
        "stage.start(Float32Array.from(given[0]), Float32Array.from(given[1]))",
        [motion.reference.tolist(), motion.neutral.tolist()],
    )
    data = struct.pack("<I", 100) + motion.array.astype("<f2").tobytes()
    stage.call("stage.push(bytes(given)); stage.paint()", encoded(data))
    shown = stage.picture().astype(int)
    wanted = hopper.frames(0, motion=motion)[0].astype(int)
    assert np.abs(shown - wanted).mean() < 3.0


def test_a_lost_context_comes_back(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    before = stage.frame(30)
    stage.call("window.lose = stage.painter.gl.getExtension('WEBGL_lose_context'); lose.loseContext()")
    stage.page.wait_for_function("() => told.some(([name]) => name === 'lost')")
    stage.call("lose.restoreContext()")
    stage.page.wait_for_function("() => told.some(([name]) => name === 'restored')")
    assert np.array_equal(stage.frame(30), before)


def test_without_webgl_the_slot_is_shown(chromium: Any, hopper: Sitter) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext = "
        "function (kind, ...rest) { return kind === 'webgl2' ? null : get.call(this, kind, ...rest); }"
    )
    page.goto("data:text/html,<title>x</title>")
    stage = Stage(page)
    page.evaluate("() => { document.body.innerHTML = '<moda-stage><p>the clip</p></moda-stage>'; }")
    page.add_script_tag(content=script())
    page.evaluate("() => { window.told = []; addEventListener('stage-error', (e) => told.push(e.detail)); }")
    stage.rig(hopper.rig)
    assert page.evaluate("() => told[0].code") == "no-webgl"
    assert page.locator("p").is_visible() and not page.locator("moda-stage canvas").is_visible()
    context.close()


def test_what_is_no_rig_is_told(stage: Stage) -> None:
    stage.call("await stage.setRig(bytes(given))", encoded(b"not a rig at all, surely"))
    assert stage.page.inner_text("moda-stage .say") == "This is not a rig of MoDA Studio."


def test_the_stage_speaks_to_screen_readers(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    for name in ("Play", "Loop", "Full screen"):
        assert stage.page.get_by_role("button", name=name).is_visible()
    assert stage.page.get_by_label("Position in seconds").is_visible()
    assert stage.page.get_by_label("Speed").is_visible()


def test_the_portrait_is_shown_before_there_is_motion(stage: Stage, hopper: Sitter) -> None:
    stage.rig(hopper.rig)
    shown = stage.picture().astype(int)
    wanted = hopper.frames(0, motion=faces(hopper, {}))[0].astype(int)
    assert np.abs(shown - wanted).mean() < 2.0


def test_jaws_read_as_in_python(stage: Stage, hopper: Sitter) -> None:
    motion = hopper.take.motion
    stage.rig(hopper.rig)
    stage.takes(motion)
    found = stage.call(
        "const m = stage.takes[0].motion; return Array.from({ length: m.frames }, (_, i) => "
        "stage.painter.puppet.read(m.frame(i), m.neutral)[stage.painter.puppet.index.jaw_open])"
    )
    wanted = read_actions(motion.expression, motion.neutral)[:, INDEX["jaw_open"]]
    assert np.allclose(found, wanted, atol=1e-4)
    assert len(motion_bytes(motion)) < 400 * len(motion) + 4000


LIVE_PIECES = """
        stage.start(Float32Array.from(given[0]), Float32Array.from(given[1]));
        const live = stage.live, rows = Uint8Array.from(atob(given[2]), (one) => one.charCodeAt(0));
        const piece = (first) => { const made = new Uint8Array(4 + rows.length); made.set(rows, 4);
          new DataView(made.buffer).setUint32(0, first, true); return made.buffer; };
"""


def live(stage: Stage, sitter: Sitter, script: str) -> Any:
    """What a script returns in a live session of the stage, where `piece(n)` is three frames from n on."""
    motion = faces(sitter, *[{}] * 3)
    stage.rig(sitter.rig)
    rows = encoded(motion.array.astype("<f2").tobytes())
    return stage.call(LIVE_PIECES + script, [motion.reference.tolist(), motion.neutral.tolist(), rows])


def test_late_live_frames_are_waited_for_and_caught_up(stage: Stage, hopper: Sitter) -> None:
    """Pieces of three frames; one comes 300 ms late: nothing is skipped, and the delay shrinks again afterwards."""
    told = live(
        stage,
        hopper,
        """
        const began = [], seen = [];
        for (let k = 0; k < 200; k++) {
          const now = 1000 + 120 * k;
          live.push(piece(3 * k), now + (k === 20 ? 300 : 0));
          for (let at = 0; at < 120; at += 20) seen.push(live.at(now + at)[1]);
          began.push(live.began);
        }
        const held = live.steady = true;
        const before = live.began;
        for (let k = 200; k < 260; k++) { live.push(piece(3 * k), 1000 + 120 * k); live.at(1000 + 120 * k); }
        live.drop(3 * 259);
        return { began, seen, held, moved: live.began - before, last: live.last };
        """,
    )
    began, seen = np.array(told["began"]), np.array(told["seen"])
    assert (np.diff(began[:20]) <= 0).all() and 0 <= began[0] - began[19] < 30 and began[20] - began[19] > 250
    assert began[-1] - began[0] < 1 and (np.diff(began[21:]) <= 0).all()
    assert np.diff(seen).max() <= 2
    assert told["moved"] == 0 and told["last"] == 3 * 259 - 1


def test_the_delay_is_what_the_pieces_need(stage: Stage, hopper: Sitter) -> None:
    """One odd piece has its late frames left out; where many are late, the face waits for all of them but the odd ones;
    told to hasten, it is there sooner and goes through what lies between at twice the speed."""
    told = live(
        stage,
        hopper,
        """
        const began = [], waits = [], seen = [];
        const run = (first, last, late) => { for (let k = first; k < last; k++) {
          const now = 1000 + 120 * k;
          waits.push(live.push(piece(3 * k), now + late(k)));
          for (let at = late(k); at < 120; at += 10) seen.push(live.at(now + at)[1]);
          began.push(live.began);
        } };
        run(0, 60, (k) => (k === 40 ? 50 : 0));
        run(60, 100, (k) => 30 * (k % 2));
        const due = live.shownAt(1000);
        live.hasten(200);
        const sooner = due - live.shownAt(1000), here = seen.length;
        run(100, 104, () => -180);
        return { began, waits, seen, sooner, here };
        """,
    )
    began, waits, seen = (np.array(told[name]) for name in ("began", "waits", "seen"))
    assert waits[:60].max() == 0 and began[59] == 1012  # the first piece came at 1000: 12 ms are kept
    assert 0 < waits[60:100].sum() < 60 and 1030 <= began[99] < 1050
    assert told["sooner"] == 200 and np.diff(seen[: told["here"]]).max() <= 2
    assert 195 < began[99] - began[-1] < 230 and np.diff(seen[told["here"] :]).max() <= 2


def test_how_long_drawing_takes_is_learnt_from_frames_that_were_there(stage: Stage, hopper: Sitter) -> None:
    """Drawn 24 ms after they are due, but for frames that were themselves late, or not there yet."""
    told = live(
        stage,
        hopper,
        """
        for (let k = 0; k < 20; k++) live.push(piece(3 * k), 1000 + 120 * k);
        for (let k = 0; k < 50; k++) live.seen(k, live.shownAt(k) + 24);
        const lag = live.lag;
        live.seen(50, live.shownAt(50) + 500);
        live.seen(80, live.shownAt(80) + 40);
        return { lag, after: live.lag };
        """,
    )
    assert 23 < told["lag"] < 24 and told["after"] == told["lag"]


def test_frames_that_never_come_are_leapt_over_when_it_is_their_turn(stage: Stage, hopper: Sitter) -> None:
    """30 frames, a second left out, 30 more: nothing that was there is missed, and the delay is a second less."""
    told = live(
        stage,
        hopper,
        """
        const seen = [], leapt = [], began = [], shifts = [];
        for (let k = 0; k < 20; k++) {
          const now = 1000 + 120 * k;
          if (k === 9) live.skip(30, 25);
          shifts.push(live.push(piece(3 * k + (k < 10 ? 0 : 25)), now));
          for (let at = 0; at < 120; at += 20) { leapt.push(live.leap(now + at)); seen.push(live.at(now + at)[1]); }
          began.push(live.began);
        }
        return { seen, leapt, began, shifts };
        """,
    )
    seen, leapt = np.array(told["seen"]), np.array(told["leapt"])
    assert set(seen[seen >= 0]) == {*range(30), *range(55, 84)} or set(seen[seen >= 0]) == {*range(30), *range(55, 85)}
    assert leapt.sum() == 1000 and (leapt > 0).sum() == 1 and seen[int(np.argmax(leapt)) - 1] == 29
    assert 0 <= told["began"][0] - 1000 - told["began"][-1] < 30 and max(told["shifts"]) == 0
