from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moda.conditions.pose import FARTHEST, FREEST, NATURAL, from_track, loop, pose_prior
from moda.errors import BadMotionFile, BadSetting, BadVideo
from moda.motion.files import save_motion
from moda.motion.space import Motion, neutral_reference
from moda.settings import POSE_PRIORS


def angles(name: str, frames: int = 1500, seed: int = 0, **more: object) -> np.ndarray:
    return pose_prior(name, frames, 25.0, rng=np.random.default_rng(seed), **more)[:, 4:7]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", POSE_PRIORS)
def test_shape_and_determinism(name: str) -> None:
    first, again = (pose_prior(name, 100, rng=np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (100, 7) and first.dtype == np.float32 and np.isfinite(first).all()
    assert np.array_equal(first, again)
    assert np.abs(first[0]).max() < 1e-6  # begins at the portrait's own pose
    other = pose_prior(name, 100, rng=np.random.default_rng(4))
    assert np.array_equal(first, other) == (name in ("none", "portrait"))
    assert np.array_equal(pose_prior(name, 40, rng=np.random.default_rng(3)), first[:40])


def test_names_differ_as_they_say() -> None:
    spread = {name: np.mean([angles(name, seed=seed).std(axis=0) for seed in range(6)], axis=0) for name in POSE_PRIORS}
    assert np.all(spread["portrait"] == 0) and np.all(spread["none"] == 0)
    assert np.all(spread["still"] < 0.15 * np.array(NATURAL)) and np.all(spread["still"] > 0.1)
    assert np.all(spread["gentle"] > 3 * spread["still"]) and np.all(spread["gentle"] < 0.7 * np.array(NATURAL))
    assert np.all(spread["lively"] > 1.8 * spread["gentle"]) and np.all(spread["lively"] < 1.6 * np.array(NATURAL))
    assert spread["nod"][0] > 1.5 * spread["nod"][1]


def test_nods_go_down_and_come_back() -> None:
    pitch = angles("nod")[:, 0]
    peaks = np.flatnonzero((pitch[1:-1] > pitch[:-2]) & (pitch[1:-1] >= pitch[2:]) & (pitch[1:-1] > 3.5)) + 1
    assert 12 <= len(peaks) <= 50  # in a minute
    assert abs(np.median(pitch)) < 2.0


@pytest.mark.parametrize("name", ["still", "gentle", "lively", "nod"])
def test_the_head_moves_smoothly(name: str) -> None:
    motion = angles(name)
    assert np.abs(np.diff(motion, axis=0)).max() < 2.5  # degrees a frame: 62 a second
    assert np.abs(np.diff(motion, n=2, axis=0)).max() < 1.0
    power = np.abs(np.fft.rfft(motion[:, 1] - motion[:, 1].mean())) ** 2
    hertz = np.fft.rfftfreq(len(motion), 1 / 25)
    assert power[hertz > 3.5].sum() < 0.005 * power.sum()


def test_the_frame_rate_changes_the_sampling_not_the_motion() -> None:
    slow = pose_prior("gentle", 100, 25.0, rng=np.random.default_rng(1))
    fast = pose_prior("gentle", 200, 50.0, rng=np.random.default_rng(1))
    assert np.abs(fast[::2] - slow).max() < 1e-4


def test_the_head_turns_about_its_neck() -> None:
    prior = pose_prior("lively", 500, rng=np.random.default_rng(0))
    pitch, yaw = prior[:, 4], prior[:, 5]
    assert np.corrcoef(prior[:, 2], pitch)[0, 1] > 0.999
    assert np.corrcoef(prior[:, 1], yaw)[0, 1] < -0.5
    assert np.all(prior[:, 3] == 0)
    assert np.abs(prior[:, 1:3]).max() < 0.2


@settings(max_examples=40)
@given(
    pitch=st.floats(-30, 30), yaw=st.floats(-45, 45), roll=st.floats(-40, 40),
    size=st.floats(0, 200), seed=st.integers(0, 50),
)  # fmt: skip
def test_limits_hold_for_any_portrait_and_take(pitch: float, yaw: float, roll: float, size: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = neutral_reference()
    array = np.tile(reference, (30, 1))
    array[:, 67:70] += size * rng.uniform(-1, 1, (30, 3))
    got = pose_prior(Motion(array, reference=reference), 50, 25.0, (pitch, yaw, roll))[:, 4:7]
    assert np.all(np.abs(got) <= np.array(FREEST) + 1e-4)
    own = np.array([pitch, yaw, roll])
    assert np.all(np.abs(own + got) <= np.maximum(np.array(FARTHEST), np.abs(own)) + 1e-3)


def test_small_offsets_are_followed_exactly() -> None:
    reference = neutral_reference(2.0, -3.0, 1.0)
    rng = np.random.default_rng(0)
    array = np.tile(reference, (80, 1))
    array[:, 63:70] += rng.uniform(-1, 1, (80, 7)) * (0.02, 0.02, 0.02, 0, 4, 6, 4)
    got = pose_prior(Motion(array, reference=reference), 60, 25.0, (0, 10, 0))
    assert np.abs(got - (array - reference)[:60, 63:70]).max() < 1e-4


def test_a_take_of_another_rate_is_resampled(tmp_path: Path) -> None:
    reference = neutral_reference()
    array = np.tile(reference, (120, 1))
    array[:, 68] += 8 * np.sin(2 * np.pi * np.arange(120) / 60)  # 1 Hz at 60 fps
    path = save_motion(Motion(array, fps=60.0, reference=reference), tmp_path / "take.npz")
    got = pose_prior(path, 50)[:, 5]
    expected = 8 * np.sin(2 * np.pi * ((np.arange(50) + 0.5) / 25 - 0.5 / 60))
    assert np.abs(got - expected).max() < 0.15
    assert np.array_equal(pose_prior(str(path), 50)[:, 5], got)


def wave(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kernel = np.hanning(25)
    noise = rng.standard_normal((count + 24, 7))
    return np.stack([np.convolve(noise[:, k], kernel / kernel.sum(), "valid") for k in range(7)], axis=1)


@pytest.mark.parametrize("count", [2, 3, 8, 25, 39, 40, 41, 60, 100, 250])
@pytest.mark.parametrize("seed", range(4))
def test_going_round_never_jumps(count: int, seed: int) -> None:
    source = wave(count, seed)
    got = loop(source, 700)
    assert got.shape == (700, 7)
    step = np.abs(np.diff(source, axis=0)).max()
    assert np.abs(np.diff(got, axis=0)).max() <= 1.35 * step + 1e-6
    assert np.abs(got).max() <= np.abs(source).max() * 1.2 + 1e-6
    if count >= 60:
        bend = np.abs(np.diff(source, n=2, axis=0)).max()
        assert np.abs(np.diff(got, n=2, axis=0)).max() <= 2.5 * bend
        assert np.allclose(got[: count // 2], source[: count // 2], atol=1e-6)


def test_a_longer_source_is_cut() -> None:
    source = wave(100, 0)
    assert np.allclose(loop(source, 60), source[:60], atol=1e-6)


@pytest.mark.parametrize("name", ["gentel", "", "x" * 500, "../nothing.mp4", "\x00"])
def test_unknown_names_list_the_known(name: str) -> None:
    with pytest.raises(BadSetting) as caught:
        pose_prior(name, 10)
    assert "gentle" in str(caught.value) and "portrait" in str(caught.value) and len(str(caught.value)) < 250


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "noise.npz").write_bytes(b"not a take")
    with pytest.raises(BadMotionFile):
        pose_prior(tmp_path / "noise.npz", 10)
    single = save_motion(Motion(neutral_reference()[None]), tmp_path / "one.npz")
    with pytest.raises(BadMotionFile, match="one frame"):
        pose_prior(single, 10)
    (tmp_path / "noise.mp4").write_bytes(b"not a video")
    with pytest.raises(BadVideo):
        pose_prior(tmp_path / "noise.mp4", 10)
    with pytest.raises(BadSetting):
        pose_prior("gentle", 0)


def test_videos_without_a_face_or_of_one_frame(tmp_path: Path) -> None:
    from moda.media.video import VideoWriter

    for name, count in (("wall.mp4", 30), ("one.mp4", 1)):
        with VideoWriter(tmp_path / name, 25, (128, 128)) as video:
            for _ in range(count):
                video.write(np.full((128, 128, 3), 90, np.uint8))
        with pytest.raises(BadVideo):
            pose_prior(tmp_path / name, 10)


@pytest.mark.slow
def test_the_head_motion_of_a_real_video(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from moda.portrait import track

    path = shared_data / "videos" / "grid_bbaf2n.mpg"
    tracked = track.track_video(path)
    prior = pose_prior(path, 300)
    offsets = from_track(tracked)
    expected = tracked.pose - np.median(tracked.pose, axis=0)
    assert np.abs(offsets[:, 1:] - expected).mean() < 0.3
    assert np.abs(prior[: len(offsets) // 2, 4:7] - offsets[: len(offsets) // 2, 1:]).max() < 0.5
    assert np.abs(np.diff(prior[:, 4:7], axis=0)).max() <= 1.35 * np.abs(np.diff(offsets[:, 1:], axis=0)).max()
    monkeypatch.setattr(track, "track_video", None)  # a second plan with the same video does not follow it again
    assert np.array_equal(pose_prior(path, 300), prior)
