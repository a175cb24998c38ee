"""The rig bundle and motion chunks: small, complete, and refused when they are damaged."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.motion.actions import ACTIONS
from moda.motion.edits import KINDS
from moda.stage.bundle import MAGIC, VERSION, rig_bytes
from moda.stage.chunks import FRAMES, chunk_bytes, motion_bytes
from moda.stage.script import FOLDER, MODULES, script
from tests.containers import unpack
from tests.pieces import read_motion
from tests.stage.sitters import Sitter


def test_a_rig_is_small_and_holds_what_the_renderer_learnt(astronaut: Sitter) -> None:
    header, parts = unpack(astronaut.rig, MAGIC, VERSION)
    assert len(astronaut.rig) < 1_500_000
    rig = astronaut.prepared.rig
    assert np.array_equal(parts["position"], rig.mesh.position.astype(np.float32))
    basis = parts["basis"].reshape(len(rig.basis), -1)
    assert np.abs(basis - rig.basis).max() <= np.abs(rig.basis).max() / 32767
    assert header["actions"] == list(ACTIONS) and len(header["basis"]) == len(rig.basis)
    assert set(header["editing"]["kinds"]) == set(KINDS)
    sheet = parts["eye_seen_left"]
    seen = astronaut.prepared.eyes[0].seen
    assert np.array_equal(sheet[: len(sheet) // 2], seen[..., :3])
    assert np.array_equal(sheet[len(sheet) // 2 :, :, 0], seen[..., 3])


def test_the_same_portrait_makes_the_same_bytes(astronaut: Sitter) -> None:
    assert rig_bytes(astronaut.prepared) == astronaut.rig


@pytest.mark.parametrize("name", ["s9.jpg", "full_body_1.png", "art_20.jpg", "happy1.png"])
def test_large_pictures_make_small_rigs_too(name: str, sit: Any, shared_data: Path) -> None:
    assert len(sit(shared_data / "portraits" / name).rig) < 1_500_000


def test_damaged_rigs_are_refused(hopper: Sitter) -> None:
    with pytest.raises(ValueError, match="another kind"):
        unpack(b"PNG" + hopper.rig, MAGIC, VERSION)
    with pytest.raises(ValueError, match="damaged or cut off"):
        unpack(hopper.rig[:-5000], MAGIC, VERSION)
    with pytest.raises(ValueError, match="has version 9"):
        unpack(MAGIC + struct.pack("<I", 9) + hopper.rig[12:], MAGIC, VERSION)


def test_the_header_is_plain_json(hopper: Sitter) -> None:
    length = struct.unpack_from("<I", hopper.rig, 12)[0]
    header = json.loads(hopper.rig[16 : 16 + length])
    assert all(section["offset"] % 4 == 0 for section in header["sections"].values())
    assert (16 + length) % 4 == 0


def test_chunks_make_up_the_motion(hopper: Sitter) -> None:
    motion = hopper.take.motion
    long = motion.with_array(np.concatenate([motion.array] * 6))
    count = -(-len(long) // FRAMES)
    pieces = [read_motion(chunk_bytes(long, k)) for k in range(count)]
    assert [start for start, _ in pieces] == [k * FRAMES for k in range(count)]
    assert np.array_equal(np.concatenate([piece.array for _, piece in pieces]), long.array)
    start, whole = read_motion(motion_bytes(motion))
    assert start == 0 and np.array_equal(whole.array, motion.array)
    assert np.array_equal(whole.reference, motion.reference) and np.array_equal(whole.neutral, motion.neutral)


def test_the_script_stands_alone() -> None:
    text = script()
    assert "import " not in "".join(line for line in text.splitlines() if line.startswith("import "))
    assert "\nexport " not in text and "</script" not in text and "http" not in text.replace("http-equiv", "")
    assert {path.stem for path in (FOLDER / "js").iterdir()} == set(MODULES)
