"""The page without a browser: what it is made of, what it says, and its errors."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from moda.errors import BadMotionFile, BadPicture, BadSetting, BadSpeech, Cancelled
from moda.motion.space import Motion
from moda.motion.takes import Take
from moda.motion.trims import TRIMS
from moda.settings import CONTROLS, Settings
from moda.studio import examples, messages, models
from moda.studio.components import settings_of
from moda.studio.events import OOPS, STOPPED, TICK, guarded, requires_consent
from moda.studio.service import Engine, Superseded, public, read_settings_or_take
from moda.studio.steps.portrait import CHOSEN, WIDEST, boxed, which


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    from moda.studio.page import build

    return build()


def test_endpoints_are_named_and_documented(page: gr.Blocks) -> None:
    named = page.get_api_info()["named_endpoints"]
    assert set(named) == {"/plan", "/render", "/speak", "/compare", "/export", "/perform"}
    for name, endpoint in named.items():
        assert endpoint["description"], name
    parameters = {p["parameter_name"]: p for p in named["/plan"]["parameters"]}
    assert {"portrait", "speech", "seed", "emotion", "head_motion"} <= set(parameters)
    assert "pose_prior" in parameters and "size" not in parameters
    assert CONTROLS["blink"].help.rstrip(".") in named["/plan"]["description"]


def test_heavy_work_goes_through_one_queue(page: gr.Blocks) -> None:
    heavy = [f for f in page.fns.values() if f.concurrency_id == "heavy"]
    assert len(heavy) >= 7 and all(f.concurrency_limit == 1 for f in heavy)
    names = {str(getattr(f.fn, "__name__", "")) for f in heavy}
    assert {"preview_motion", "render_video", "clip"} <= names
    stops = [f for f in page.fns.values() if getattr(f.fn, "__name__", "") == "stop"]
    assert len(stops) == 3 and not any(f.queue for f in stops)


def test_every_control_is_on_the_page_with_its_range(page: gr.Blocks) -> None:
    shown = {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}
    for name, control in CONTROLS.items():
        component = shown[f"control-{name}"]
        assert vars(component)["label"] == control.label
        if isinstance(component, gr.Slider):
            assert (component.minimum, component.maximum) == (control.minimum, control.maximum)
            assert component.value == control.default


def test_settings_read_from_the_page() -> None:
    assert settings_of({"seed": None, "emotion": "calm"}) == Settings(emotion="calm")
    with pytest.raises(BadSetting):
        settings_of({"steps": 500})


def test_everything_said_is_escaped() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    for text in (messages.error(nasty), messages.note(nasty), messages.good(nasty, [nasty])):
        assert "<img" not in text and "&lt;img" in text
    assert "<img" not in messages.stretches([nasty]) + messages.boxes([(nasty, nasty)]) + messages.step(1, nasty, nasty)


def test_what_changes_a_take_takes_its_files_back_until_they_are_written_anew(tmp_path: Path) -> None:
    from moda.studio.page import build

    engine = Engine(root=tmp_path)
    changing = {getattr(event.fn, "__name__", ""): event for event in build(engine).fns.values()}
    for name in ("retouch", "choose", "edit"):
        ids = {output.elem_id for output in changing[name].outputs}
        assert ids >= {"save_take", "save_table", "save_settings", "exported"}
    motion = Motion(np.tile(np.eye(70, dtype=np.float32)[63], (25, 1)))
    session = engine.visitors.session("one")
    session.hold([Take(motion, motion, Settings(), "moda-lite")])
    nod = {"lane": "head.pitch", "kind": "nod", "start": 0.2, "length": 0.4, "amount": 5.0}
    given = SimpleNamespace(_data={"take": 0, "edits": [nod], "rules": {}, "turn": 1})
    edit = changing["edit"].fn
    assert edit is not None
    said = {component.elem_id: update for component, update in edit(given, SimpleNamespace(session_hash="one")).items()}
    assert all(said[name]["interactive"] is False for name in ("save_take", "save_table", "save_settings"))
    assert said["exported"]["visible"] is False and len(session.takes[0].edits) == 1


def test_an_emotion_is_drawn_as_bars() -> None:
    from moda.conditions.emotion import understand

    drawn = messages.mixture(understand("happiness"))
    assert "happiness" in drawn and "100 %" in drawn and "anger" not in drawn


def test_errors_become_sentences_in_place(caplog: pytest.LogCaptureFixture) -> None:
    with gr.Blocks():
        say = gr.HTML()

    def run(fault: Exception) -> Any:
        @guarded(say)
        def event() -> None:
            raise fault

        return event()[say]

    assert "silent &lt;b&gt;" in run(BadSpeech("silent <b>"))
    assert STOPPED in run(Cancelled("x"))
    assert "replaced meanwhile" in run(Superseded())
    told = run(RuntimeError("/secret/path"))
    assert OOPS in told and "secret" not in told
    assert "secret" in caplog.text


def test_no_server_path_leaves_with_the_settings() -> None:
    assert public(Settings(pose_prior="/srv/upload.mp4")).pose_prior == "none"
    assert public(Settings(pose_prior="nod")).pose_prior == "nod"


def test_restore_settings_and_takes(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"seed": 4, "pose_prior": "/etc/passwd"}))
    assert read_settings_or_take(str(file)) == (Settings(seed=4), None)
    for text in ("[1]", "{", "[" * 100_000, '{"sead": 1}', "x" * 70_000):
        file.write_text(text)
        with pytest.raises((BadMotionFile, BadSetting)):
            read_settings_or_take(str(file))
    motion = Motion(np.zeros((50, 70), np.float32) + np.float32(0.1), 25.0, "test")
    Take(motion, motion, Settings(seed=9), "moda-lite").save(tmp_path / "take.npz")
    settings, take = read_settings_or_take(str(tmp_path / "take.npz"))
    assert settings.seed == 9 and take is not None and len(take.motion) == 50


def test_a_take_must_fit_the_speech(tmp_path: Path) -> None:
    from moda.media.audio import Speech

    engine = Engine(root=tmp_path)
    session = engine.visitors.session("one")
    motion = Motion(np.zeros((50, 70), np.float32) + np.float32(0.1), 25.0, "test")
    take = Take(motion, motion, Settings(), "moda-lite")
    session.speech = Speech.of(np.ones(16_000 * 4, np.float32) * 0.1)
    with pytest.raises(BadMotionFile, match=r"2\.0 s and the speech 4\.0 s"):
        engine.restore_take(session, take)
    session.speech = Speech.of(np.ones(16_000 * 2, np.float32) * 0.1)
    engine.restore_take(session, take)
    with pytest.raises(BadSetting, match="Add a portrait"):
        engine.render(session, Settings())


def test_a_restored_take_waits_for_its_portrait_and_speech(tmp_path: Path) -> None:
    import skimage

    engine = Engine(root=tmp_path)
    session = engine.visitors.session("one")
    motion = Motion(np.zeros((85, 70), np.float32) + np.float32(0.1), 25.0, "test")
    engine.restore_take(session, Take(motion, motion, Settings(), "moda-lite"))
    session.shown["takes"] = session.sampled
    with pytest.raises(BadPicture):
        engine.open_portrait(session, __file__)
    engine.open_portrait(session, str(Path(skimage.__file__).parent / "data" / "astronaut.png"))
    engine.open_speech(session, str(next(path for path in examples.speech_files() if "bonjour" in path.name)))
    assert len(session.takes) == 1 and not session.stale("takes")
    engine.forget_speech(session)
    assert not session.takes and session.stale("takes")


def test_what_was_taken_away_meanwhile_is_no_fault_of_ours(tmp_path: Path) -> None:
    engine = Engine(root=tmp_path)
    session = engine.visitors.session("one")
    for gone in (engine.rig, engine.heard, engine.shown_picture, engine.played_speech):
        with pytest.raises(Superseded):
            gone(session)
    assert engine.stage(session) == {}


def test_a_long_take_goes_to_the_page_in_pieces(tmp_path: Path) -> None:
    import skimage

    from moda.media.audio import Speech
    from moda.stage.chunks import FRAMES
    from tests.pieces import read_motion

    engine = Engine(root=tmp_path)
    session = engine.visitors.session("one")
    engine.open_portrait(session, str(Path(skimage.__file__).parent / "data" / "astronaut.png"))
    assert engine.ahead(session).keys() == {"rig", "early"}
    array = np.random.default_rng(0).normal(0, 0.1, (2_100, 70)).astype(np.float32)
    motion = Motion(array, 25.0, "test")
    session.speech = Speech.of(np.full(2_100 * 640, 0.01, np.float32))
    session.hold([Take(motion, motion, Settings(), "moda-lite")])
    shown = engine.stage(session)
    (take,) = shown["takes"]
    assert engine.ahead(session) == {"rig": shown["rig"], "sound": shown["sound"], "early": True}
    assert "data" not in take
    pieces = [Path(tmp_path / address.partition("file=")[2]) for address in take["pieces"]]
    assert len(pieces) == -(-2_100 // FRAMES)
    first, last = read_motion(pieces[-1].read_bytes())
    assert first == (len(pieces) - 1) * FRAMES and np.array_equal(last.array, array[first:])
    assert shown["trims"] == {name: getattr(Settings(), name) for name in TRIMS}


def test_faces_are_boxed_and_numbered() -> None:
    from skimage import data

    from moda.portrait.faces import find_faces

    image = np.concatenate([data.astronaut()] * 2, axis=1)
    faces = find_faces(image)
    assert len(faces) == 2
    drawn = boxed(image, faces, 0)
    assert drawn.shape[1] == WIDEST
    assert (drawn == CHOSEN).all(axis=2).any()
    assert [which(face.box, faces) for face in faces] == [0, 1]


def test_examples_and_models_are_there() -> None:
    assert len(examples.portrait_files()) == 2
    assert len(examples.speech_files()) == 3
    assert models.table().count("<section") == 5


def test_consent_is_asked_for_in_public(monkeypatch: pytest.MonkeyPatch) -> None:
    from moda.studio.page import build

    requires_consent(True)
    with pytest.raises(BadSetting, match="tick the consent line"):
        requires_consent(False)
    assert TICK.endswith("first.")
    monkeypatch.setenv("MODA_PUBLIC", "1")
    shown = [b for b in build().blocks.values() if getattr(b, "elem_id", None) == "consent"]
    assert shown[0].visible is True and vars(shown[0])["value"] is False
