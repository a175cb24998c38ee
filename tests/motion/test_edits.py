"""Edits change what they name, where they say, as people move, and can be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.errors import BadMotionFile, BadSetting
from moda.motion.actions import ACTIONS, INDEX, read_actions, write_actions
from moda.motion.editing import apply_edits
from moda.motion.edits import GESTURES, KINDS, Edit, EditRules, gesture, read_edits
from moda.motion.lanes import COLUMN, LANES, RANGES, lane_parts
from moda.motion.space import PITCH, ROLL, ROTATION, TRANSLATION, YAW, Motion, neutral_reference
from moda.motion.takes import Take
from moda.motion.trims import trim
from moda.settings import Settings

FREE = EditRules(limits=False)


def talk(frames: int = 100) -> Motion:
    """Four seconds with a moving jaw and a swaying head."""
    at = np.arange(frames)
    values = np.zeros((frames, len(ACTIONS)))
    values[:, INDEX["jaw_open"]] = 0.3 + 0.3 * np.sin(at / 2.5)
    values[:, INDEX["smile"]] = 0.2
    array = np.tile(neutral_reference(2, 5, 0), (frames, 1))
    array[:, :63] = write_actions(values)
    array[:, YAW] += 6 * np.sin(at / 25)
    return Motion(array, reference=neutral_reference(2, 5, 0))


def curves(motion: Motion) -> np.ndarray:
    return np.concatenate([read_actions(motion.expression, motion.neutral), motion.array[:, ROTATION]], axis=1)


@st.composite
def any_edit(draw: st.DrawFn) -> Edit:
    kind = draw(st.sampled_from(sorted(KINDS)))
    lane = draw(st.sampled_from(KINDS[kind].lanes))
    _, low, high = KINDS[kind].amount
    if kind in ("shift", "look") or draw(st.booleans()):
        lane = f"{lane}.{draw(st.sampled_from(lane_parts(lane)))}"
    start = draw(st.floats(0, 3.5))
    size = draw(st.floats(max(low, -3.0), min(high, 3.0)))
    return Edit(lane, kind, start, draw(st.floats(0.04, 4.4 - start)), size)


def test_every_action_is_in_one_lane() -> None:
    listed = [name for lane, group in LANES.items() for name in group if lane != "head"]
    assert sorted(listed) == sorted(ACTIONS)
    assert set(RANGES) == set(COLUMN)


def test_a_shift_lifts_the_middle_and_leaves_the_rest_to_the_bit() -> None:
    motion = talk()
    edited = apply_edits(motion, [Edit("smile", "shift", 1.0, 2.0, 0.4)])
    rise = (curves(edited) - curves(motion))[:, COLUMN["smile"]]
    assert np.allclose(rise[35:65], 0.4, atol=1e-5) and abs(rise[25]) < 1e-6
    assert np.array_equal(edited.array[:26], motion.array[:26])
    assert np.array_equal(edited.array[75:], motion.array[75:])
    others = [k for name, k in COLUMN.items() if name != "smile"]
    assert np.abs((curves(edited) - curves(motion))[:, others]).max() < 1e-5


@pytest.mark.parametrize(
    ("edit", "name", "extreme"),
    [
        (gesture("nod", 1.0), "pitch", 8.0),
        (gesture("shake", 1.0), "yaw", 9.0),
        (gesture("tilt left", 1.0), "roll", -7.0),
        (gesture("look left", 1.0), "gaze_x", -0.6),
        (gesture("look up", 1.0), "gaze_y", 0.6),
        (gesture("brow raise", 1.0), "brow_raise", 0.6),
        (gesture("frown", 1.0), "frown", 0.6),
    ],
)
def test_gestures_reach_their_amount(edit: Edit, name: str, extreme: float) -> None:
    change = (curves(apply_edits(talk(), [edit])) - curves(talk()))[:, COLUMN[name]]
    reached = change[np.abs(change).argmax()] if name != "yaw" else np.abs(change).max()
    assert 0.8 < reached / extreme <= 1.01


def test_lids_meet_in_a_blink_and_one_of_them_in_a_wink() -> None:
    blink = curves(apply_edits(talk(), [gesture("blink", 2.0)]))
    assert blink[:, COLUMN["blink_left"]].max() > 0.9 and blink[:, COLUMN["blink_right"]].max() > 0.9
    wink = curves(apply_edits(talk(), [gesture("wink right", 2.0)]))
    assert wink[:, COLUMN["blink_right"]].max() > 0.9 and wink[:, COLUMN["blink_left"]].max() < 0.05


def test_a_turned_head_moves_about_its_neck() -> None:
    motion = talk()
    edited = apply_edits(motion, [Edit("head.pitch", "shift", 1.0, 2.0, 10.0)])
    assert edited.array[50, PITCH] == pytest.approx(12.0, abs=0.01)
    moved = edited.array[50, TRANSLATION] - motion.array[50, TRANSLATION]
    assert moved[1] == pytest.approx(0.45 * (np.sin(np.radians(12)) - np.sin(np.radians(2))), abs=1e-4)


def test_scale_hold_and_smooth() -> None:
    motion = talk()
    jaw = curves(motion)[:, COLUMN["jaw_open"]]
    doubled = curves(apply_edits(motion, [Edit("mouth", "scale", 0.5, 3.0, 2.0)], FREE))[:, COLUMN["jaw_open"]]
    assert np.allclose(doubled[25:75], 2 * jaw[25:75], atol=1e-4)
    held = curves(apply_edits(motion, [Edit("mouth.jaw_open", "hold", 1.0, 2.0, 1.0)], FREE))[:, COLUMN["jaw_open"]]
    assert np.allclose(held[33:67], jaw[25], atol=1e-4)
    calm = curves(apply_edits(motion, [Edit("mouth.jaw_open", "smooth", 0.5, 3.0, 0.2)], FREE))[:, COLUMN["jaw_open"]]
    assert calm[25:75].std() < 0.2 * jaw[25:75].std()


def test_overlaps_take_the_order_of_the_list() -> None:
    lift, double = Edit("smile", "shift", 1.0, 2.0, 0.2), Edit("smile.smile", "scale", 1.0, 2.0, 2.0)
    first = curves(apply_edits(talk(), [lift, double]))[50, COLUMN["smile"]]
    second = curves(apply_edits(talk(), [double, lift]))[50, COLUMN["smile"]]
    assert first == pytest.approx(0.8, abs=1e-4) and second == pytest.approx(0.6, abs=1e-4)


def test_locked_lips_stay_true() -> None:
    edits = [Edit("mouth", "scale", 0.5, 3.0, 2.0), Edit("smile", "smile", 0.5, 3.0, 0.5)]
    motion = talk()
    locked = curves(apply_edits(motion, edits, EditRules(lock_lips=True)))
    mouth = [COLUMN[name] for name in LANES["mouth"]]
    assert np.abs(locked[:, mouth] - curves(motion)[:, mouth]).max() < 1e-5
    assert locked[50, COLUMN["smile"]] > 0.6


@settings(max_examples=60)
@given(st.lists(any_edit(), min_size=1, max_size=5))
def test_people_neither_jump_nor_leave_their_range(edits: list[Edit]) -> None:
    motion = talk()
    edited = apply_edits(motion, edits)
    change = curves(edited).astype(np.float64) - curves(motion)
    for name, column in COLUMN.items():
        usual = RANGES[name]
        tolerance = 2e-4 * (1 + abs(usual.high))
        assert np.abs(np.diff(change[:, column])).max() <= 2 * usual.speed / motion.fps + tolerance
        middle = motion.reference[ROTATION][column - len(ACTIONS)] if column >= len(ACTIONS) else 0.0
        high = np.maximum(curves(motion)[:, column], middle + usual.high)
        assert (curves(edited)[:, column] <= high + tolerance).all()


@settings(max_examples=60)
@given(st.lists(any_edit(), min_size=1, max_size=4), st.booleans())
def test_outside_of_their_stretches_nothing_changes(edits: list[Edit], limits: bool) -> None:
    motion = talk()
    edited = apply_edits(motion, edits, EditRules(limits=limits))
    times = np.arange(len(motion)) / motion.fps
    outside = np.ones(len(motion), bool)
    for edit in edits:
        outside &= (times < edit.start - 1e-5) | (times > edit.end + 1e-5)
    assert np.array_equal(edited.array[outside], motion.array[outside])
    assert np.isfinite(edited.array).all() and np.array_equal(motion.array, talk().array)


@settings(max_examples=30)
@given(st.lists(any_edit(), max_size=4), any_edit())
def test_taking_the_last_edit_off_is_undo(edits: list[Edit], last: Edit) -> None:
    motion = talk()
    take = Take(motion, trim(motion, Settings()), Settings(), "moda-lite").edited(edits)
    undone = take.edited([*edits, last]).edited(edits)
    assert np.array_equal(undone.motion.array, take.motion.array) and undone.edits == tuple(edits)
    assert np.array_equal(take.edited([]).motion.array, trim(motion, Settings()).array)


def test_a_take_keeps_its_edits_in_its_file(tmp_path: Path) -> None:
    motion, chosen = talk(), Settings(expression=0.8)
    take = Take(motion, trim(motion, chosen), chosen, "moda-lite")
    take = take.edited([gesture("nod", 1), Edit("mouth", "scale", 0, 2, 1.5)], limits=False, lock_lips=True)
    back = Take.load(take.save(tmp_path / "t.npz"))
    assert back.edits == take.edits and back.rules == EditRules(limits=False, lock_lips=True)
    assert np.array_equal(back.motion.array, take.motion.array)
    again = back.trimmed(chosen.changed(head_motion=0.5))
    assert again.edits == take.edits and not np.array_equal(again.motion.array, back.motion.array)
    assert np.array_equal(again.edited([]).motion.array, trim(motion, chosen.changed(head_motion=0.5)).array)


def test_a_file_of_edits(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(json.dumps([{"lane": "head", "kind": "nod", "start": 1}]))
    assert read_edits(path) == ((Edit("head", "nod", 1.0, 0.7, 8.0),), EditRules())
    path.write_text(json.dumps({"edits": [Edit("smile", "smile", 0, 1, 0.5).as_dict()], "lock_lips": True}))
    edits, rules = read_edits(path)
    assert edits == (Edit("smile", "smile", 0, 1, 0.5),) and rules == EditRules(lock_lips=True)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"lane": "ears", "kind": "nod", "start": 1}, "no lane called 'ears'; lanes are mouth"),
        ({"lane": "head", "kind": "wag", "start": 1}, "no edit called 'wag'; kinds are shift"),
        ({"lane": "mouth", "kind": "nod", "start": 1}, "nod belongs to the lane head, not to mouth"),
        ({"lane": "head", "kind": "shift", "start": 1}, "head.pitch or head.yaw or head.roll"),
        ({"lane": "gaze", "kind": "look", "start": 1}, "gaze.x or gaze.y"),
        ({"lane": "head.ear", "kind": "shift", "start": 1}, "no part called 'ear'"),
        ({"lane": "head", "kind": "nod", "start": -1}, "begins before the take"),
        ({"lane": "head", "kind": "nod", "start": "soon"}, "start of nod must be a number"),
        ({"lane": "head", "kind": "nod", "start": float("nan")}, "must be a number"),
        ({"lane": "head", "kind": "nod", "start": 10**400}, "must be a number"),
        ({"lane": "head", "kind": "nod", "start": 1, "amount": 400}, "must be -30 to 30, not 400"),
        ({"lane": "head", "kind": "nod", "start": 1, "length": 0}, "at least 0.04 s"),
        ({"lane": "head", "kind": "nod"}, "lacks its start"),
        ({"lane": "head", "kind": "nod", "start": 1, "size": 2}, "no field called 'size'"),
        ({"lane": 3, "kind": "nod", "start": 1}, "must be names"),
        ("nod", "must be an object"),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(values: object, sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence) as told:
        read_edits([values])
    assert "\n" not in str(told.value) and len(str(told.value)) < 260


def test_edits_outside_of_the_take() -> None:
    with pytest.raises(BadSetting, match=r"nod from 5 to 5.7 s is outside of the take, which lasts 4.00 s"):
        apply_edits(talk(), [gesture("nod", 5.0)])
    with pytest.raises(BadSetting, match="outside of the take"):
        apply_edits(talk(), [Edit("smile", "smile", 1.0, 30.0, 0.5)])
    assert len(apply_edits(talk(), [gesture("nod", 3.8)])) == 100  # a little over the end is cut


@pytest.mark.parametrize("text", ["{", "3", '"nod"', '{"edit": []}', '{"edits": 3}', '{"limits": 1}', "[" * 5000])
def test_files_that_hold_no_edits(text: str, tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text(text)
    with pytest.raises(BadSetting):
        read_edits(path)
    with pytest.raises(BadSetting, match="cannot be read"):
        read_edits(tmp_path / "absent.json")


def test_a_take_with_damaged_edits_is_refused(tmp_path: Path) -> None:
    motion = talk()
    take = Take(motion, motion, Settings(), "moda-lite").edited([gesture("nod", 1)])
    path = take.save(tmp_path / "t.npz")
    with np.load(path) as held:
        parts = {name: held[name] for name in held.files}
    meta = json.loads(str(parts["meta"]))
    meta["edits"]["edits"][0]["kind"] = "wag"
    parts["meta"] = np.array(json.dumps(meta))
    np.savez(path, **parts)
    with pytest.raises(BadMotionFile, match="does not know"):
        Take.load(path)


@pytest.mark.parametrize("name", sorted(GESTURES))
def test_every_gesture_has_an_edit(name: str) -> None:
    edit = gesture(name, 1.0)
    assert not np.array_equal(apply_edits(talk(), [edit]).array, talk().array)


def test_unknown_gesture() -> None:
    with pytest.raises(BadSetting, match="no gesture called 'sneeze'"):
        gesture("sneeze", 0.0)


def test_roll_is_limited_like_a_neck() -> None:
    edited = apply_edits(talk(), [Edit("head.roll", "shift", 0.5, 3.0, 60.0)])
    assert edited.array[:, ROLL].max() == pytest.approx(RANGES["roll"].high, abs=0.01)
    free = apply_edits(talk(), [Edit("head.roll", "shift", 0.5, 3.0, 60.0)], FREE)
    assert free.array[:, ROLL].max() == pytest.approx(60.0, abs=0.01)
