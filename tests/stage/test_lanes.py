"""Lanes under the stage: dragged with mouse and finger, worked with keys, undone; the browser's edits are Python's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from moda.motion.editing import apply_edits
from moda.motion.edits import GESTURES, KINDS, Edit, EditRules, gesture
from moda.motion.lanes import LANES
from tests.stage.sitters import Sitter, Stage
from tests.stage.test_drawing import faces

pytestmark = pytest.mark.browser
BODY = "<moda-stage></moda-stage><moda-lanes></moda-lanes>"


@pytest.fixture
def lanes(stage: Stage, hopper: Sitter) -> Callable[[str], Any]:
    """Stage and lanes with a take; runs JavaScript that knows `lanes`."""
    stage.page.set_viewport_size({"width": 700, "height": 1500})
    stage.show(BODY)
    stage.call(
        "const lanes = document.querySelector('moda-lanes'); lanes.stage = stage; window.changes = [];"
        "lanes.addEventListener('edits-change', (e) => changes.push(e.detail));"
    )
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').curves")

    def run(code: str) -> Any:
        return stage.call(f"const lanes = document.querySelector('moda-lanes'); {code}")

    return run


def edits_of(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.page.evaluate("() => document.querySelector('moda-lanes').edits")
    return found


def lane(stage: Stage, name: str) -> Any:
    return stage.page.locator("moda-lanes .lanes canvas").nth(list(LANES).index(name))


def wait_edits(stage: Stage, count: int) -> None:
    stage.page.wait_for_function("(n) => document.querySelector('moda-lanes').edits.length === n", arg=count)


def drag(stage: Stage, name: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of a lane to another, both as shares of its width and height."""
    box = lane(stage, name).bounding_box()
    (ax, ay), (bx, by) = ((box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (begin, end))
    mouse = stage.page.mouse
    mouse.move(ax, ay)
    mouse.down()
    mouse.move((ax + bx) / 2, (ay + by) / 2, steps=3)
    mouse.move(bx, by, steps=3)
    mouse.up()


@pytest.mark.parametrize("limits", [True, False])
def test_edits_in_the_browser_are_those_of_python(stage: Stage, hopper: Sitter, limits: bool) -> None:
    """Every kind on every lane it is for, and an overlap; to the float32 rounding of the motion."""
    motion = hopper.take.motion
    edits = [gesture(name, 0.2 + 0.11 * k) for k, name in enumerate(GESTURES)]
    for k, kind in enumerate(("shift", "scale", "hold", "smooth")):
        for j, name in enumerate(("mouth", "smile", "brows", "eyes", "gaze.x", "head.yaw")):
            edits.append(Edit(name, kind, 0.1 + 0.13 * j + 0.2 * k, 0.9, KINDS[kind].amount[0]))
    edits += [
        Edit("head", "nod", 0.4, 2.0, 12.0),
        Edit("head", "scale", 0.5, 2.0, 0.3),
        Edit("eyes", "blink", 1, 0.3, 1),
    ]
    rules = EditRules(limits=limits)
    stage.rig(hopper.rig)
    stage.takes(motion)
    for part in ([edit] for edit in edits), (edits,):
        for few in part:
            found = stage.call(
                "await stage.setEdits(0, given[0], given[1]); return Array.from(stage.takes[0].motion.shaped)",
                [[edit.as_dict() for edit in few], {"limits": limits, "lock_lips": False}],
            )
            wanted = apply_edits(motion, few, rules).array
            away = np.abs(np.array(found, np.float32).reshape(-1, 70) - wanted)
            assert away[:, :67].max() < 2e-4 and away[:, 67:].max() < 2e-3, [edit.as_dict() for edit in few][:2]


def test_a_stretch_is_selected_and_lifted_with_the_mouse(lanes: Any, stage: Stage, hopper: Sitter) -> None:
    lanes("lanes.rules = {limits: false}")  # how far the take smiles already is not the question
    drag(stage, "smile", (0.3, 0.5), (0.6, 0.5))
    assert edits_of(stage) == []
    drag(stage, "smile", (0.45, 0.6), (0.45, 0.3))
    wait_edits(stage, 1)
    (edit,) = edits_of(stage)
    assert edit["kind"] == "shift" and edit["lane"] == "smile" and edit["amount"] > 0.2
    seconds = hopper.take.motion.seconds
    assert edit["start"] == pytest.approx(0.3 * seconds, abs=0.06)
    assert edit["length"] == pytest.approx(0.3 * seconds, abs=0.08)
    assert stage.page.evaluate("() => changes.length") == 1
    total = "return lanes.curves.smile.reduce((sum, value) => sum + value, 0)"
    shown, before = lanes(total), lanes(f"await lanes.undo(); {total}")
    assert shown - before > 0.6 * edit["amount"] * edit["length"] * 25  # all of the stretch rose, its ends softly
    assert Edit.from_mapping(edit) == Edit(**edit)  # what the page says is what Python takes


def test_the_face_moves_while_a_stretch_is_dragged(lanes: Any, stage: Stage) -> None:
    drag(stage, "mouth", (0.2, 0.5), (0.8, 0.5))
    lanes("await stage.seek(stage.duration / 2); stage.paint()")
    before = stage.picture().astype(int)
    box = lane(stage, "mouth").bounding_box()
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"]
    stage.page.mouse.move(x, y)
    stage.page.mouse.down()
    stage.page.mouse.move(x, y - 40, steps=4)
    stage.page.wait_for_timeout(300)
    lanes("stage.paint()")
    assert np.abs(stage.picture().astype(int) - before).max() > 30
    assert stage.page.evaluate("() => changes.length") == 0  # nothing is told before the finger is lifted
    stage.page.mouse.up()
    wait_edits(stage, 1)


def test_gestures_chips_and_undo(lanes: Any, stage: Stage) -> None:
    lanes("await stage.seek(1)")
    stage.page.select_option("moda-lanes .gesture", "nod")
    stage.page.click("moda-lanes .add")
    wait_edits(stage, 1)
    box = lane(stage, "eyes").bounding_box()
    stage.page.mouse.dblclick(box["x"] + 0.7 * box["width"], box["y"] + 20)
    wait_edits(stage, 2)
    assert [edit["kind"] for edit in edits_of(stage)] == ["nod", "blink"]
    chips = stage.page.locator("moda-lanes .chips li")
    assert chips.count() == 2 and chips.nth(0).inner_text().startswith("nod 1.0 s")
    stage.page.click("moda-lanes .undo")
    wait_edits(stage, 1)
    stage.page.click("moda-lanes .redo")
    wait_edits(stage, 2)
    stage.page.get_by_role("button", name="Remove nod").click()
    wait_edits(stage, 1)
    stage.page.keyboard.press("Control+z")
    wait_edits(stage, 2)
    stage.page.keyboard.press("Control+Shift+z")
    wait_edits(stage, 1)


def test_everything_works_with_keys(lanes: Any, stage: Stage) -> None:
    lanes("await stage.seek(0.8)")
    lane(stage, "head").focus()
    for _ in range(4):
        stage.page.keyboard.press("Shift+ArrowRight")
    stage.page.keyboard.press("ArrowUp")
    wait_edits(stage, 1)
    stage.page.keyboard.press("ArrowUp")
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').edits[0].amount === 2")
    (edit,) = edits_of(stage)
    assert (edit["lane"], edit["kind"]) == ("head.pitch", "shift") and edit["length"] == pytest.approx(0.8, abs=0.03)
    stage.page.keyboard.press("h")
    wait_edits(stage, 2)
    stage.page.keyboard.press("Enter")
    wait_edits(stage, 3)
    chip = stage.page.locator("moda-lanes .chips [data-edit='2']")
    chip.focus()
    start = edits_of(stage)[2]["start"]
    stage.page.keyboard.press("Shift+ArrowRight")
    stage.page.wait_for_function("(s) => document.querySelector('moda-lanes').edits[2].start > s", arg=start + 0.1)
    stage.page.keyboard.press("ArrowUp")
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').edits[2].amount > 8")
    stage.page.keyboard.press("Delete")
    wait_edits(stage, 2)
    stage.page.keyboard.press("ArrowRight")


def test_fingers_drag_lanes(chromium: Any, hopper: Sitter) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 1200}, has_touch=True, is_mobile=True)
    stage = Stage(context.new_page())
    stage.show(BODY)
    stage.call("document.querySelector('moda-lanes').stage = stage")
    stage.rig(hopper.rig)
    stage.takes(hopper.take.motion)
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').curves")
    touch = context.new_cdp_session(stage.page)

    def swipe(begin: tuple[float, float], end: tuple[float, float]) -> None:
        box = lane(stage, "smile").bounding_box()
        spots = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (begin, end)]
        for k in range(6):
            x, y = (a + (b - a) * k / 5 for a, b in zip(*spots))
            kind = "touchStart" if k == 0 else "touchMove"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    lane(stage, "smile").scroll_into_view_if_needed()
    swipe((0.2, 0.5), (0.7, 0.5))
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').chosen")
    swipe((0.4, 0.7), (0.4, 0.3))
    wait_edits(stage, 1)
    assert edits_of(stage)[0]["kind"] == "shift" and edits_of(stage)[0]["amount"] > 0.1
    wide = stage.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390
    context.close()
    assert stage.faults == []


def test_locked_lips_and_limits_are_told(lanes: Any, stage: Stage) -> None:
    stage.page.check("moda-lanes .lips")
    stage.page.wait_for_function("() => changes.length === 1")
    stage.page.uncheck("moda-lanes .limits")
    stage.page.wait_for_function("() => changes.length === 2")
    assert stage.page.evaluate("() => changes[1].rules") == {"limits": False, "lock_lips": True}
    before = lanes("return Math.max(...lanes.curves.jaw_open)")
    drag(stage, "mouth", (0.1, 0.5), (0.9, 0.5))
    drag(stage, "mouth", (0.5, 0.8), (0.5, 0.2))
    wait_edits(stage, 1)
    assert lanes("return Math.max(...lanes.curves.jaw_open)") == pytest.approx(before)


def test_each_take_has_its_own_edits(stage: Stage, hopper: Sitter) -> None:
    stage.show(BODY)
    stage.call("document.querySelector('moda-lanes').stage = stage")
    stage.rig(hopper.rig)
    motion = faces(hopper, *[{"jaw_open": 0.4}] * 60)
    stage.takes(hopper.take.motion, motion, names=("a", "b"))
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').curves")
    stage.call("await document.querySelector('moda-lanes').addGesture('nod', 0.5)")
    stage.page.get_by_role("button", name="b", exact=True).click()
    wait_edits(stage, 0)
    stage.page.get_by_role("button", name="a", exact=True).click()
    wait_edits(stage, 1)


def test_words_stand_where_they_are_said_and_lead_there(lanes: Any, stage: Stage) -> None:
    assert stage.page.locator("moda-lanes .spoken").is_hidden()
    lanes(
        "lanes.words = [{start: 0.2, end: 0.5, text: 'good'}, {start: 0.5, end: 1.0, text: 'morning'}];"
        "await stage.seek(0.6); stage.paint(); lanes.draw()"
    )
    words = stage.page.locator("moda-lanes .words span")
    assert words.all_inner_texts() == ["good", "morning"]
    assert words.nth(1).get_attribute("aria-current") == "true" != words.nth(0).get_attribute("aria-current")
    row, first = stage.page.locator("moda-lanes .words").bounding_box(), words.nth(0).bounding_box()
    seconds = lanes("return lanes.view[1] - lanes.view[0]")
    assert (first["x"] - row["x"]) / row["width"] == pytest.approx(0.2 / seconds, abs=0.01)
    words.nth(0).click()
    assert lanes("return stage.position") == pytest.approx(0.2, abs=0.021)
    lanes("lanes.words = []")
    assert stage.page.locator("moda-lanes .spoken").is_hidden()


def test_an_edit_is_moved_by_its_bar(lanes: Any, stage: Stage) -> None:
    lanes("await lanes.addGesture('nod', 0.4)")
    seconds = lanes("return lanes.seconds")
    (edit,) = edits_of(stage)
    middle = (edit["start"] + edit["length"] / 2) / seconds
    drag(stage, "head", (middle, 0.95), (middle + 0.3, 0.95))
    stage.page.wait_for_function("(s) => document.querySelector('moda-lanes').edits[0].start > s", arg=0.5)
    (moved,) = edits_of(stage)
    assert moved["start"] == pytest.approx(edit["start"] + 0.3 * seconds, abs=0.06)
    assert {**moved, "start": 0} == {**edit, "start": 0}
    stage.page.click("moda-lanes .undo")
    stage.page.wait_for_function("(s) => document.querySelector('moda-lanes').edits[0].start === s", arg=edit["start"])
    lane(stage, "head").click(position={"x": middle * lane(stage, "head").bounding_box()["width"], "y": 54})
    assert stage.page.locator("moda-lanes .chips [data-edit='0']").get_attribute("aria-current") == "true"


def test_the_axis_leads_to_a_moment_and_zooms(lanes: Any, stage: Stage) -> None:
    assert lanes("return lanes.ticks[0]") == 0
    axis = stage.page.locator("moda-lanes .axis")
    box = axis.bounding_box()
    stage.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 10)
    stage.page.mouse.down()
    stage.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10, steps=3)
    stage.page.mouse.up()
    seconds = lanes("return lanes.seconds")
    assert lanes("return stage.position") == pytest.approx(0.5 * seconds, abs=0.03)
    far = lanes("return lanes.ticks[1] - lanes.ticks[0]")
    stage.page.get_by_role("button", name="Zoom in").click()
    near, view = lanes("return lanes.ticks[1] - lanes.ticks[0]"), lanes("return lanes.view")
    assert near <= far and view[1] - view[0] == pytest.approx(seconds / 2)


def test_curves_are_named(lanes: Any, stage: Stage) -> None:
    shown = stage.page.locator("moda-lanes .legend").all_inner_texts()
    assert shown[0].split() == ["jaw", "pucker", "press"]
    assert stage.page.get_by_label("Part of head that is moved").locator("option").all_inner_texts()[0] == "pitch (nod)"


def test_words_that_have_no_room_are_marks_until_they_are_said(lanes: Any, stage: Stage) -> None:
    lanes(
        "lanes.words = Array.from({length: 60}, (_, k) => ({start: k / 20, end: (k + 1) / 20, text: 'considerable'}));"
        "await stage.seek(1.525); stage.paint(); lanes.draw()"
    )
    boxes = stage.page.locator("moda-lanes .words span:not(.tick):not(.low)").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right])"
    )
    assert len(boxes) > 2 and all(a[1] <= b[0] + 0.5 for a, b in pairwise(boxes))
    said = stage.page.locator("moda-lanes .words [aria-current=true]")
    assert said.get_attribute("data-start") == "1.5" and said.bounding_box()["width"] > 40


def test_trims_move_the_curves(lanes: Any, stage: Stage, hopper: Sitter) -> None:
    stage.takes(
        hopper.take.sampled,
        trims={"expression": 1, "head_motion": 1, "blink": 1, "gaze": 1, "smoothing": 0, "drift_guard": 0.5},
    )
    stage.page.wait_for_function("() => document.querySelector('moda-lanes').curves.yaw.length")
    spread = "return Math.max(...lanes.curves.yaw) - Math.min(...lanes.curves.yaw)"
    before = lanes(spread)
    lanes("await stage.setTrims(0, {...stage.takes[0].trims, head_motion: 0.5})")
    assert lanes(spread) == pytest.approx(before / 2, rel=1e-3) and before > 1
