"""The stage draws what the mesh renderer draws: same rig, same motion, same picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from moda.motion.actions import ACTIONS, INDEX, write_actions
from moda.motion.space import Motion, neutral_reference
from tests.stage.sitters import Sitter, Stage

pytestmark = pytest.mark.browser
FACE_MARGIN = 0.15
PORTRAITS = ("s9.jpg", "s12.jpg", "art_15.png", "art_13.png", "happy1.png", "full_body_1.png")


def face_of(sitter: Sitter) -> tuple[slice, slice]:
    """Rows and columns of the face in a frame of 512 px."""
    x, y, side = sitter.prepared.window
    points = (sitter.prepared.rig.mesh.position[:468, :2] - (x, y)) * 512 / side
    margin = FACE_MARGIN * sitter.prepared.rig.head.scale * 512 / side
    (x0, y0), (x1, y1) = (points.min(0) - margin).astype(int), (points.max(0) + margin).astype(int)
    return slice(max(y0, 0), min(y1, 512)), slice(max(x0, 0), min(x1, 512))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = ((a.astype(np.float64) - b) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def compare(stage: Stage, sitter: Sitter, motion: Motion, numbers: list[int]) -> list[tuple[float, float]]:
    """(PSNR on the face, SSIM of the frame) of each frame."""
    stage.rig(sitter.rig)
    stage.takes(motion)
    face = face_of(sitter)
    found = []
    for number, wanted in zip(numbers, sitter.frames(*numbers, motion=motion)):
        shown = stage.frame(number)
        assert shown.shape == wanted.shape
        found.append((psnr(shown[face], wanted[face]), structural_similarity(shown, wanted, channel_axis=2)))
    return found


def faces(sitter: Sitter, *wanted: dict[str, float]) -> Motion:
    """One frame per dict of action and relative pose values."""
    pose = {"pitch": 67, "yaw": 68, "roll": 69}
    rest = np.zeros(len(ACTIONS))
    rest[INDEX["jaw_open"]] = sitter.prepared.rig.gap / 0.30
    reference = neutral_reference(*sitter.portrait.pose)
    reference[:63] = write_actions(rest[None])[0]
    rows = []
    for values in wanted:
        actions, row = rest.copy(), reference.copy()
        for name, value in values.items():
            if name in pose:
                row[pose[name]] += value
            else:
                actions[INDEX[name]] = value
        row[:63] = write_actions(actions[None])[0]
        rows.append(row)
    return Motion(np.array(rows), reference=reference)


@pytest.mark.parametrize("who", ["astronaut", "hopper"])
def test_a_take_looks_the_same(stage: Stage, who: str, request: pytest.FixtureRequest) -> None:
    sitter: Sitter = request.getfixturevalue(who)
    numbers = list(range(0, len(sitter.take.motion), 12))
    found = compare(stage, sitter, sitter.take.motion, numbers)
    assert min(found)[0] >= 34.0, found
    assert min(ssim for _, ssim in found) >= 0.97, found


@pytest.mark.parametrize("who", ["astronaut", "hopper"])
def test_every_action_and_turn_looks_the_same(stage: Stage, who: str, request: pytest.FixtureRequest) -> None:
    sitter: Sitter = request.getfixturevalue(who)
    wanted = [{name: 0.9} for name in ACTIONS]
    wanted += [{"yaw": 14.0}, {"yaw": -14.0, "jaw_open": 0.8}, {"pitch": 10.0, "smile": 0.8}, {"roll": 9.0}, {}]
    wanted += [{"blink_left": 1.0, "blink_right": 1.0}, {"gaze_x": -0.8, "gaze_y": 0.5}, {"jaw_open": 0.0}]
    motion = faces(sitter, *wanted)
    found = compare(stage, sitter, motion, list(range(len(wanted))))
    for values, (of_face, ssim) in zip(wanted, found):
        assert of_face >= 34.0 and ssim >= 0.97, (values, of_face, ssim)


@pytest.mark.parametrize("name", PORTRAITS)
def test_shared_portraits_look_the_same(
    stage: Stage, name: str, sit: Callable[[Any], Sitter], shared_data: Path
) -> None:
    sitter = sit(shared_data / "portraits" / name)
    numbers = [int(k) for k in np.linspace(0, len(sitter.take.motion) - 1, 5)]
    found = compare(stage, sitter, sitter.take.motion, numbers)
    assert min(found)[0] >= 34.0, found
    assert min(ssim for _, ssim in found) >= 0.97, found


def test_a_closed_and_an_open_mouth_differ_on_the_stage(stage: Stage, hopper: Sitter) -> None:
    """So that the other tests cannot pass on a face that never moves."""
    motion = faces(hopper, {}, {"jaw_open": 1.0}, {"yaw": 12.0})
    stage.rig(hopper.rig)
    stage.takes(motion)
    rest, wide, turned = (stage.frame(k)[face_of(hopper)].astype(int) for k in range(3))
    assert np.abs(wide - rest).mean() > 2 and np.abs(turned - rest).mean() > 4


def test_larger_and_smaller_stages_show_the_same_face(stage: Stage, hopper: Sitter) -> None:
    motion = faces(hopper, {"jaw_open": 0.7, "yaw": 6.0})
    stage.rig(hopper.rig)
    stage.takes(motion)
    for width in (256, 768):
        stage.page.set_viewport_size({"width": width, "height": width + 100})
        stage.page.wait_for_function("() => document.querySelector('moda-stage').clientWidth === innerWidth")
        shown = stage.frame(0)
        wanted = next(iter(hopper.head.renderer.frames(hopper.prepared, motion, size=width)))
        assert shown.shape == wanted.shape == (width, width, 3)
        assert psnr(shown, wanted) >= 30.0
