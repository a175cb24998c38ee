"""Trims on the stage: the browser's are Python's, and the face follows without another word from the server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moda.motion.actions import INDEX, change_actions
from moda.motion.editing import apply_edits
from moda.motion.edits import gesture
from moda.motion.space import Motion
from moda.motion.trims import TRIMS, blink_shape, trim
from moda.settings import Settings
from tests.stage.sitters import Sitter, Stage

pytestmark = pytest.mark.browser


def trims(**given: float) -> dict[str, float]:
    return {name: float(getattr(Settings(), name)) for name in TRIMS} | given


@pytest.fixture(scope="module")
def lively(hopper: Sitter) -> Motion:
    """Fourteen seconds with a wandering head and five blinks."""
    array = np.resize(hopper.take.sampled.array, (350, 70)).copy()
    at = np.arange(350)
    changes = np.zeros((350, len(INDEX)))
    for first in (20, 70, 160, 171, 300):
        changes[first : first + 7, [INDEX["blink_left"], INDEX["blink_right"]]] = blink_shape(25)[:7, None]
    changes[:, INDEX["gaze_x"]] = 0.4 * np.sin(at / 9)
    array[:, :63] = change_actions(array[:, :63], changes)
    array[:, 63] *= 1 + 0.2 * np.sin(at / 40)
    array[:, 64:67] += 0.2 * np.sin(at / 30)[:, None]
    return hopper.take.sampled.with_array(array)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"drift_guard": 0}, {"drift_guard": 1}, {"expression": 0.4}, {"expression": 2}, {"gaze": 0}, {"gaze": 1.8},
        {"head_motion": 0}, {"head_motion": 1.7}, {"smoothing": 0.25}, {"smoothing": 5}, {"blink": 0}, {"blink": 0.4},
        {"blink": 1.5}, {"blink": 2},
        {"expression": 1.3, "gaze": 0.5, "head_motion": 1.4, "smoothing": 2, "blink": 1.6, "drift_guard": 0.8},
    ],
)  # fmt: skip
def test_trims_in_the_browser_are_those_of_python(
    stage: Stage, hopper: Sitter, lively: Motion, given: dict[str, float]
) -> None:
    stage.rig(hopper.rig)
    stage.takes(lively, trims=trims(**given))
    wanted = trim(lively, Settings(**given)).array
    rows = "Array.from({ length: motion.frames }, (_, i) => Array.from(motion.frame(i)))"
    found = stage.call(
        f"const motion = stage.takes[0].motion; await stage.setTrims(0, given); return {rows}", trims(**given)
    )
    away = np.abs(np.array(found, np.float32) - wanted)
    assert away[:, :67].max() < 1e-4 and away[:, 67:].max() < 1e-3
    if not {"blink", "smoothing"} & set(given):  # of each frame by itself, before anything wanted all of them
        stage.takes(lively, trims=trims(**given))
        alone = stage.call(f"const motion = stage.takes[0].motion; return motion.shaped ? null : {rows}")
        assert np.abs(np.array(alone, np.float32) - wanted).max() < 1e-3


def test_edits_lie_over_trims_and_stay_when_those_change(stage: Stage, hopper: Sitter, lively: Motion) -> None:
    edits = [gesture("nod", 1.0), gesture("blink", 3.0)]
    stage.rig(hopper.rig)
    stage.takes(lively, trims=trims())
    stage.call("await stage.setEdits(0, given)", [edit.as_dict() for edit in edits])
    for given in ({"head_motion": 0.3}, {"blink": 0, "expression": 1.5}):
        found = stage.call(
            "await stage.setTrims(0, given); return Array.from(stage.takes[0].motion.shaped)", trims(**given)
        )
        wanted = apply_edits(trim(lively, Settings(**given)), edits).array
        assert np.abs(np.array(found, np.float32).reshape(-1, 70) - wanted).max() < 2e-3


def test_a_long_take_is_not_fetched_for_what_each_frame_has_by_itself(stage: Stage, hopper: Sitter) -> None:
    long = hopper.take.sampled.with_array(np.resize(hopper.take.sampled.array, (2_000, 70)))
    stage.rig(hopper.rig)
    asked = stage.pieces_of(long)
    take = "{ motion: { fetch: async (k) => bytes(await giveChunk(k)) }, trims: given }"
    stage.call(f"await stage.setTakes([{take}])", trims())
    first = "const row = () => Array.from(stage.takes[0].motion.frame(100));"
    shown: Any = stage.call(f"{first} await stage.setTrims(0, given); return row()", trims(head_motion=0))
    assert asked == [0]
    assert np.allclose(shown, trim(long, Settings(head_motion=0)).array[100], atol=1e-4)
    shown = stage.call(f"{first} await stage.setTrims(0, given); return row()", trims(smoothing=3))
    assert sorted(asked) == list(range(8))
    assert np.allclose(shown, trim(long, Settings(smoothing=3)).array[100], atol=1e-3)
