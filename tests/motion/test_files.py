"""Motion files: what is written comes back, and nothing but numbers is ever read."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moda.errors import BadMotionFile, BadSetting, OutputFailed
from moda.motion.files import load_motion, save_motion
from moda.motion.space import SCALE, Motion, rotation_matrix
from moda.motion.takes import Take
from moda.motion.trims import trim
from moda.settings import Settings


def some_motion() -> Motion:
    rng = np.random.default_rng(1)
    array, reference = rng.normal(size=(7, 70)).astype(np.float32), rng.normal(size=70)
    array[:, SCALE], reference[SCALE] = 1.2, 1.1
    return Motion(array, 25.0, "made here", reference=reference)


@pytest.mark.parametrize("part", ["array", "reference"])
@pytest.mark.parametrize("scale", [0.0, -1.0, 1e-9])
def test_a_head_without_size_is_refused(part: str, scale: float, tmp_path: Path) -> None:
    """The trims divide by it, and no renderer could draw it."""
    motion = some_motion()
    getattr(motion, part)[..., SCALE] = scale
    with pytest.raises(BadMotionFile, match="smaller than anything"):
        load_motion(save_motion(motion, tmp_path / "m.npz"))


def test_motion_comes_back_to_the_bit(tmp_path: Path) -> None:
    motion = some_motion()
    back = load_motion(save_motion(motion, tmp_path / "deep" / "m.npz"))
    assert np.array_equal(back.array, motion.array) and back.fps == motion.fps and back.origin == "made here"
    assert np.array_equal(back.reference, motion.reference) and np.array_equal(back.neutral, motion.neutral)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["m.npz"]


def test_a_take_restores_every_setting_and_can_be_trimmed_again(tmp_path: Path) -> None:
    settings = Settings(seed=7, emotion="wry", expression=0.6, head_motion=1.5, size=640)
    sampled = some_motion()
    take = Take(sampled, trim(sampled, settings), settings, "moda-lite", notes=("a note",), speech="ab", portrait="cd")
    back = Take.load(take.save(tmp_path / "t.npz"))
    assert back.settings == settings and back.model == "moda-lite" and back.notes == ("a note",)
    assert np.array_equal(back.motion.array, take.motion.array)
    again = back.trimmed(settings.changed(expression=1.0))
    assert np.array_equal(again.motion.array, take.trimmed(settings.changed(expression=1.0)).motion.array)
    with pytest.raises(BadSetting, match="plan a new take"):
        back.trimmed(settings.changed(seed=8))


def template(frames: int = 3) -> dict:
    rng = np.random.default_rng(2)
    return {
        "n_frames": frames,
        "output_fps": 25,
        "motion": [
            {
                "exp": rng.normal(0, 0.01, (1, 21, 3)).astype(np.float32),
                "scale": np.array([[1.3]], dtype=np.float32),
                "t": np.array([[0.1, 0.2, 0.0]], dtype=np.float32),
                "R": rotation_matrix(5, -10, 2)[None].astype(np.float32),
            }
            for _ in range(frames)
        ],
    }


def test_a_livepotrait_template_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "driving.pkl"
    content = template()
    path.write_bytes(pickle.dumps(content))
    motion = load_motion(path)
    assert len(motion) == 3 and motion.fps == 25
    assert np.allclose(motion.rotation[0], (5, -10, 2), atol=1e-4)
    assert np.array_equal(motion.expression[1], content["motion"][1]["exp"][0])


class _Evil:
    def __reduce__(self) -> Any:
        return (Path.write_text, (Path("/tmp/moda-was-here"), "x"))


def test_a_template_that_names_anything_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"motion": [_Evil()]}))
    with pytest.raises(BadMotionFile, match="plain arrays"):
        load_motion(path)
    assert not Path("/tmp/moda-was-here").exists()


def test_object_arrays_are_refused_in_npz_and_template(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", motion=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "o.pkl").write_bytes(pickle.dumps({"motion": np.array([{"exp": 1}], dtype=object)}))
    for name in ("o.npz", "o.pkl"):
        with pytest.raises(BadMotionFile):
            load_motion(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged or not a motion file"),
        (b"PK\x03\x04 broken", "damaged or not a motion file"),
        (b"plain text", "damaged or not a motion file"),
    ],
)
def test_damaged_files_get_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(BadMotionFile, match=words):
        load_motion(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"other": np.zeros(3)},
        {"motion": np.zeros((3, 71), np.float32)},
        {"motion": np.full((3, 70), np.inf, np.float32)},
        {"motion": np.zeros((3, 70), np.float32), "fps": np.float64(-1)},
        {"motion": np.zeros((3, 70), np.float32), "meta": np.array("[1]")},
        {"motion": np.zeros((3, 70), np.float32), "reference": np.zeros(3)},
    ],
    ids=lambda a: "+".join(a),
)
def test_wrong_contents_are_refused(tmp_path: Path, arrays: dict) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BadMotionFile):
        load_motion(tmp_path / "x.npz")


def test_missing_files_and_unwritable_folders(tmp_path: Path) -> None:
    with pytest.raises(BadMotionFile, match="cannot be read"):
        load_motion(tmp_path / "none.npz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputFailed):
        save_motion(some_motion(), tmp_path / "file" / "m.npz")
