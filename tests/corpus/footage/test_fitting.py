"""Landmarks to motion: what moved a face is read off it again, and a person's build is not."""

from __future__ import annotations

import numpy as np
import pytest

from moda.evaluate.measures.signals import signals_of_motion, signals_of_track
from moda.motion.actions import INDEX, read_actions
from moda.motion.space import Motion
from moda.performance.fitting import (
    FITTED,
    Rest,
    action_values,
    gap_row,
    motion_of,
    pose_values,
    read_face,
    solve_actions,
)
from moda.portrait.canonical import canonical_face
from moda.portrait.track import Track, track_video
from moda.renderer.mesh.analysis.deform import action_fields
from tests.corpus.footage.conftest import Talk


@pytest.fixture(scope="module")
def track(talk: Talk) -> Track:
    return track_video(talk.path)


def r(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_what_was_done_is_read_off_the_pixels(talk: Talk, track: Track) -> None:
    reading = read_face(track.landmarks)
    motion = motion_of(reading, Rest.of([reading]))
    count = min(len(motion), len(talk.values))
    values = read_actions(motion[:count, :63])
    truth = talk.values[:count]

    def of(name: str) -> float:
        return r(values[:, INDEX[name]], truth[:, INDEX[name]])

    assert of("jaw_open") > 0.9
    assert of("brow_raise") > 0.8
    assert of("gaze_x") > 0.7
    closed = truth[:, INDEX["blink_left"]] > 0.8
    if closed.any():
        assert values[closed, INDEX["blink_left"]].mean() > 0.5
    assert values[~closed, INDEX["blink_left"]].mean() < 0.25
    for axis in (4, 5, 6):
        assert r(motion[:count, 63 + axis], talk.pose[:count, axis]) > 0.9


def test_motion_measures_as_the_track_it_was_read_from(track: Track) -> None:
    reading = read_face(track.landmarks)
    ours = signals_of_motion(Motion(motion_of(reading, Rest.of([reading]))))
    real = signals_of_track(track)[0]
    assert r(ours.opening, real.opening) > 0.97
    assert np.abs(ours.opening - real.opening).mean() < 0.02
    assert r(ours.brows.mean(1), real.brows.mean(1)) > 0.9
    assert r(ours.eyes.mean(1), real.eyes.mean(1)) > 0.97
    assert np.abs(ours.rotation - real.rotation).max() < 3.0


def face(**actions: float) -> np.ndarray:
    """Landmarks (478, 3) px of the mean face with these actions."""
    points = canonical_face().astype(np.float64)
    fields = action_fields(points)
    for name, value in actions.items():
        points = points + value * fields[name]
    irises = np.concatenate([np.tile(points[(a, b), :].mean(0), (5, 1)) for a, b in ((33, 133), (362, 263))])
    return (np.concatenate([points, irises]) * 100 + 300).astype(np.float32)


@pytest.mark.parametrize("name", ["pucker", "smile", "stretch", "mouth_left", "jaw_open", "frown", "upper_lip_raise",
                                  "lower_lip_depress"])  # fmt: skip
def test_an_action_is_told_from_the_others(name: str) -> None:
    reading = read_face(np.stack([face(), face(**{name: 0.6})]))
    moved = solve_actions(reading.pulls - reading.pulls[0], reading.gap)[1]
    assert FITTED[int(np.abs(moved).argmax())] == name
    assert 0.45 < moved[FITTED.index(name)] < 0.7


def test_every_shape_of_the_lips_is_kept() -> None:
    """Random mouths, as quick as frames allow: outlines, openings and their number of shapes come back."""
    rng = np.random.default_rng(4)
    ranges = {"jaw_open": (0.0, 0.7), "pucker": (-0.2, 0.8), "smile": (-0.2, 0.5), "stretch": (-0.2, 0.5),
              "upper_lip_raise": (0.0, 0.4)}  # fmt: skip
    truth = {name: rng.uniform(low, high, 60) for name, (low, high) in ranges.items()}
    for values in truth.values():
        values[:20] = 0.0  # at rest
    landmarks = np.stack([face(**{name: values[t] for name, values in truth.items()}) for t in range(60)])
    reading = read_face(landmarks)
    found = action_values(reading, Rest.of([reading]))
    for name, values in truth.items():
        assert r(found[:, INDEX[name]], values) > 0.9, name
    drawn = found[:, [INDEX[name] for name in FITTED]] @ gap_row()
    assert np.abs(drawn - (reading.gap - reading.gap[:20].mean()))[20:].max() < 0.01
    assert found.max() <= 1.4 and found[:, INDEX["lips_press"]].min() >= 0.0


def test_what_is_fitted_stays_within_what_a_face_can_do() -> None:
    wild = face()[None].repeat(4, 0)
    wild[1:, [61, 291, 0, 17, 13, 14], :2] += np.random.default_rng(1).normal(0, 40, (3, 6, 2))
    reading = read_face(wild)
    values = solve_actions(reading.pulls - reading.pulls[0], reading.gap)
    from moda.performance.fitting import LIMITS

    for column, name in enumerate(FITTED):
        low, high = LIMITS[name]
        assert low - 1e-9 <= values[:, column].min() and values[:, column].max() <= high + 1e-9


def test_build_is_no_expression() -> None:
    plain = np.stack([face(jaw_open=v) for v in (0, 0, 0, 0.2, 0.5, 0.8, 0.5, 0.2, 0, 0)])
    wide = plain.copy()
    wide[:, [61, 291, 0, 17, 105, 334], :2] += np.array([[-3, 2], [3, 2], [0, -2], [0, 3], [0, -3], [0, -3]])
    values = []
    for landmarks in (plain, wide):
        reading = read_face(landmarks)
        values.append(action_values(reading, Rest.of([reading])))
    assert np.abs(values[0] - values[1]).max() < 0.12


def test_pose_starts_in_the_middle_and_turning_is_no_shift() -> None:
    from moda.motion.space import rotation_matrix
    from moda.performance.fitting import PIVOT

    still = (face() - 300) / 100
    turned, shifted = [], []
    for k in range(20):
        rotation = rotation_matrix(0.0, k, 0.0).T
        points = (still - PIVOT) @ rotation.T + PIVOT
        turned.append(points * 100 + 300)
        shifted.append(points * 100 + 300 + np.array([2.0 * k, 0, 0]))
    pose = pose_values(read_face(np.stack(turned).astype(np.float32)))
    assert np.abs(pose[:, 1:4]).max() < 0.01
    assert pose[0, 1] == pose[0, 2] == 0.0
    assert pose[-1, 5] - pose[0, 5] == pytest.approx(19, abs=1.5)
    moved = pose_values(read_face(np.stack(shifted).astype(np.float32)))
    assert moved[-1, 1] == pytest.approx(0.38 * 0.23 * moved[0, 0], rel=0.15), "38 px of 100 px an IOD"


def test_size_is_scale() -> None:
    sizes = np.interp(np.arange(100), [30, 60], [1.0, 1.1])
    pose = pose_values(read_face(np.stack([(face() - 300) * size + 300 for size in sizes])))
    assert pose[-1, 0] / pose[0, 0] == pytest.approx(1.1, abs=0.01)
