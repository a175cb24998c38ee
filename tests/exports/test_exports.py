"""Exports leave whole: a page that plays offline, a valid rigged face, curves that come back."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.errors import BadMotionFile, BadSetting
from moda.motion.actions import ACTIONS, read_actions
from moda.motion.arkit import BLENDSHAPES, COLUMNS, drivers, read_csv, write_csv
from moda.motion.space import ROTATION
from moda.motion.takes import Take
from moda.pipeline import TalkingHead
from moda.renderer.mesh.drawing.rig import TABLE_ACTIONS
from tests.stage.sitters import SPEECH, Sitter

PACKAGES = ("gltf-validator@2.0.0-dev.3.10", "three@0.170.0")
VALIDATE = """
const validator = require('gltf-validator');
validator.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[2])))
  .then((report) => console.log(JSON.stringify(report.issues)));
"""
LOAD = """
import fs from 'fs';
globalThis.self = globalThis;
console.error = () => {};  // pictures cannot be decoded outside of a browser
const { AnimationMixer } = await import('three');
const { GLTFLoader } = await import('three/examples/jsm/loaders/GLTFLoader.js');
const data = fs.readFileSync(process.argv[2]);
new GLTFLoader().parse(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength), '', (face) => {
  let mesh = null;
  face.scene.traverse((part) => { if (part.isSkinnedMesh && !mesh) mesh = part; });
  const mixer = new AnimationMixer(face.scene);
  mixer.clipAction(face.animations[0]).play();
  mixer.setTime(Number(process.argv[3]));
  console.log(JSON.stringify({ targets: mesh.morphTargetDictionary, weights: mesh.morphTargetInfluences,
    bones: mesh.skeleton.bones.map((bone) => bone.name), seconds: face.animations[0].duration,
    turn: mesh.skeleton.bones[1].quaternion.toArray() }));
});
"""


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds Khronos' validator and three.js."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node on this machine")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode:
        pytest.skip(f"npm could not install the validator: {done.stderr.strip().splitlines()[-1][:120]}")
    (folder / "validate.cjs").write_text(VALIDATE)
    (folder / "load.mjs").write_text(LOAD)
    return folder


def run(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def exported(hopper: Sitter, head: TalkingHead, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    return {
        ending: head.export(hopper.portrait, hopper.take, SPEECH, folder / f"out{ending}")
        for ending in (".html", ".glb", ".csv")
    }


def test_the_face_is_valid_gltf(node: Path, exported: dict[str, Path]) -> None:
    issues = run(node, "validate.cjs", str(exported[".glb"]))
    assert issues["numErrors"] == 0 and issues["numWarnings"] == 0, issues["messages"][:5]


def test_three_js_loads_and_plays_it(node: Path, exported: dict[str, Path], hopper: Sitter) -> None:
    take = hopper.take
    loudest = int(read_actions(take.motion.expression, take.motion.neutral)[:, ACTIONS.index("jaw_open")].argmax())
    face = run(node, "load.mjs", str(exported[".glb"]), str(loudest / take.motion.fps))
    assert set(face["targets"]) <= set(BLENDSHAPES) and {"jawOpen", "eyeBlinkLeft"} <= set(face["targets"])
    assert face["bones"] == ["body", "head"]
    assert face["seconds"] == pytest.approx((len(take.motion) - 1) / take.motion.fps, abs=1e-3)
    assert face["weights"][face["targets"]["jawOpen"]] > 0.3
    assert np.linalg.norm(face["turn"]) == pytest.approx(1, abs=1e-5)


def test_morph_targets_of_both_sides_make_up_the_action(exported: dict[str, Path], hopper: Sitter) -> None:
    data = exported[".glb"].read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]
    names = document["meshes"][0]["extras"]["targetNames"]
    moved = {}
    for name, target in zip(names, document["meshes"][0]["primitives"][0]["targets"]):
        accessor = document["accessors"][target["POSITION"]]
        view = document["bufferViews"][accessor["bufferView"]]
        part = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        moved[name] = np.frombuffer(part, "<f4").reshape(-1, 3)
    rig = hopper.prepared.rig
    row = TABLE_ACTIONS.index("smile")
    wanted = rig.basis[row].reshape(-1, 3) * np.array([1, -1, -1]) * 0.063 / float(rig.head.scale)
    assert np.abs(moved["mouthSmileLeft"] + moved["mouthSmileRight"] - wanted).max() < 1e-5
    left = rig.mesh.position[61]  # the picture's left corner is the person's right
    assert left[0] < rig.mesh.position[291][0]
    assert np.linalg.norm(moved["mouthSmileRight"][61]) > 5 * np.linalg.norm(moved["mouthSmileLeft"][61])


@pytest.mark.browser
def test_the_page_plays_by_itself_offline(chromium: Any, exported: dict[str, Path], hopper: Sitter) -> None:
    path = exported[".html"]
    assert path.stat().st_size < 4_000_000
    text = path.read_text(encoding="utf-8")
    assert "AI-generated" in text and '"ai_generated": true' in text
    context = chromium.new_context(viewport={"width": 700, "height": 820}, offline=True)
    page = context.new_page()
    faults: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=true]", timeout=60_000)
    page.click("moda-stage .play")
    page.wait_for_function("() => document.querySelector('moda-stage').position > 0.4", timeout=60_000)
    state = page.evaluate(
        "() => { const s = document.querySelector('moda-stage'); return { sound: s.clock.buffer.duration, "
        "seconds: s.duration, frames: s.drawn.frames }; }"
    )
    context.close()
    assert faults == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked), asked
    assert state["sound"] == pytest.approx(hopper.take.motion.seconds, abs=0.1) and state["frames"] > 1


def test_curves_come_back(exported: dict[str, Path], hopper: Sitter) -> None:
    motion = hopper.take.motion
    back = Take.load(exported[".csv"]).motion
    assert len(back) == len(motion) and back.fps == motion.fps
    given, found = (read_actions(m.expression, m.neutral) for m in (motion, back))
    assert np.abs(given - found).max() < 0.02
    turned = motion.array[:, ROTATION] - motion.reference[ROTATION]
    assert np.abs(turned - (back.array[:, ROTATION] - back.reference[ROTATION])).max() < 0.02


def test_the_table_is_laid_out_as_livelink_face_does(exported: dict[str, Path]) -> None:
    head, first = exported[".csv"].read_text().splitlines()[:2]
    assert len(COLUMNS) == 61 and head.startswith("Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft")
    assert head.endswith("RightEyeYaw,RightEyePitch,RightEyeRoll") and first.startswith("00:00:00:00.000,61,")


def test_every_action_reaches_a_blendshape() -> None:
    assert {action for action, _ in drivers().values()} == set(ACTIONS)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text.replace("JawOpen,", ""), "lacks the column jawOpen"),
        (lambda text: text.splitlines()[0], "holds no frames"),
        (lambda text: text.replace("00:00:00:03.000,61,", "00:00:00:03.000,61,much"), "no number in line 5"),
        (lambda text: "\x00\x01", "holds no frames|not a table"),
        (lambda text: "\n".join(line.rsplit(",", 40)[0] for line in text.splitlines()), "lacks the column"),
    ],
)
def test_damaged_tables_are_refused(damage: Any, sentence: str, hopper: Sitter) -> None:
    with pytest.raises(BadMotionFile, match=sentence):
        read_csv(damage(write_csv(hopper.take.motion)), "curves.csv")


def test_other_endings_are_refused(head: TalkingHead, hopper: Sitter, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"An export ends in .html"):
        head.export(hopper.portrait, hopper.take, SPEECH, tmp_path / "out.fbx")
    short = SPEECH.with_name("weather.wav")
    with pytest.raises(BadMotionFile, match="use the speech that the take was planned for"):
        head.export(hopper.portrait, hopper.take, short, tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []
