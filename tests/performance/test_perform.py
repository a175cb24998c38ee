"""A filmed face becomes a take: it moves as it did in the film, on another portrait."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from moda.errors import BadSetting, BadVideo, Cancelled
from moda.media.video import VideoWriter
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import ROTATION
from moda.motion.takes import Take
from moda.pipeline import TalkingHead
from moda.portrait.portrait import Portrait
from moda.settings import Settings
from tests.corpus.footage.conftest import Talk


@pytest.fixture(scope="module")
def head() -> TalkingHead:
    return TalkingHead.load(model="moda-lite", renderer="mesh", device="cpu")


@pytest.fixture(scope="module")
def hopper(head: TalkingHead) -> Portrait:
    return head.portrait(str(files("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"))


@pytest.fixture(scope="module")
def take(head: TalkingHead, hopper: Portrait, talk: Talk) -> Take:
    return head.perform(hopper, talk.path, Settings(drift_guard=0.0))


def r(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_another_face_does_what_was_filmed(take: Take, talk: Talk) -> None:
    count = min(len(take.motion), len(talk.values))
    values = read_actions(take.motion.expression, take.motion.neutral)[:count]
    assert r(values[:, INDEX["jaw_open"]], talk.values[:count, INDEX["jaw_open"]]) > 0.9
    assert r(values[:, INDEX["brow_raise"]], talk.values[:count, INDEX["brow_raise"]]) > 0.8
    for axis in range(3):
        assert r(take.motion.array[:count, 67 + axis], talk.pose[:count, 4 + axis]) > 0.9


def test_the_head_begins_at_the_portrait_own_pose(take: Take, hopper: Portrait) -> None:
    assert np.allclose(take.motion.reference[ROTATION], hopper.pose, atol=1e-4)
    assert np.abs(np.median(take.motion.array[:, ROTATION], axis=0) - hopper.pose).max() < 1.0


def test_a_performance_is_a_take_like_any_other(
    take: Take, head: TalkingHead, hopper: Portrait, talk: Talk, tmp_path: Path
) -> None:
    back = Take.load(take.save(tmp_path / "take.npz"))
    assert back.model == "performance" and np.array_equal(back.motion.array, take.motion.array)
    still = back.trimmed(back.settings.changed(head_motion=0.0))
    assert np.ptp(still.motion.array[:, ROTATION], axis=0).max() < 1e-4
    result = head.render(hopper, back, talk.path, tmp_path / "out.mp4")
    assert result.frames == len(take.motion) and result.output.stat().st_size > 10_000


def test_lips_of_the_speech_and_head_of_the_film(take: Take, head: TalkingHead, hopper: Portrait, talk: Talk) -> None:
    chosen = Settings(seed=3, drift_guard=0.0)
    both = head.perform(hopper, talk.path, chosen, speech=talk.speech)
    planned = head.plan(hopper, talk.speech, chosen)
    jaw = INDEX["jaw_open"]
    lips, wanted = (read_actions(m.expression, m.neutral)[:, jaw] for m in (both.sampled, planned.sampled))
    assert np.abs(lips - wanted).max() < 1e-4
    assert np.allclose(both.motion.array[:, ROTATION], take.motion.array[: len(both.motion), ROTATION], atol=1e-4)


def test_a_film_without_a_face(head: TalkingHead, hopper: Portrait, tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    with VideoWriter(path, 25.0, (160, 160), None, frames=30) as video:
        for k in range(30):
            video.write(np.full((160, 160, 3), 100 + k, np.uint8))
    with pytest.raises(BadVideo, match="shows no face"):
        head.perform(hopper, path)
    with pytest.raises(BadVideo):
        head.perform(hopper, tmp_path / "absent.mp4")


def test_a_film_with_a_cut(head: TalkingHead, hopper: Portrait, talk: Talk, tmp_path: Path) -> None:
    from moda.media.footage import read_frames

    path = tmp_path / "cut.mp4"
    with VideoWriter(path, 25.0, (320, 320), None, frames=60) as video:
        for k, frame in enumerate(read_frames(talk.path)):
            if k >= 60:
                break
            video.write(frame if k < 30 else np.ascontiguousarray(255 - frame[::-1]))
    with pytest.raises(BadVideo, match=r"'cut.mp4' has a cut at 1.2 s; give a film of one shot"):
        head.perform(hopper, path)


def test_following_can_be_stopped(head: TalkingHead, hopper: Portrait, talk: Talk) -> None:
    with pytest.raises(Cancelled):
        head.perform(hopper, talk.path, cancel=lambda: True)


def test_lips_of_speech_need_a_model(hopper: Portrait, talk: Talk) -> None:
    bare = TalkingHead.load(model=None, renderer="mesh", device="cpu")
    with pytest.raises(BadSetting, match="No motion model is loaded"):
        bare.perform(hopper, talk.path, speech=talk.speech)
