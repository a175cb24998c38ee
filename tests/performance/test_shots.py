"""Cuts are found while frames go by; moving heads and pans are none."""

from __future__ import annotations

import numpy as np
import pytest

from moda.performance.shots import Shots
from moda.portrait.portrait import Portrait


def swaying(image: np.ndarray, count: int) -> list[np.ndarray]:
    return [np.roll(image, int(12 * np.sin(k / 3)), axis=1) for k in range(count)]


@pytest.fixture(scope="module")
def scenes(sitter: Portrait) -> list[np.ndarray]:
    one = sitter.image[:300, 100:400]
    other = np.ascontiguousarray(sitter.image[200:500, 200:500])
    return [*swaying(one, 30), *swaying(other, 20), *swaying(one, 25)]


def test_cuts_are_found_and_nothing_else(scenes: list[np.ndarray]) -> None:
    shots = Shots(scenes, 25.0)
    found = [(first, sum(1 for _ in frames)) for first, frames in shots]
    assert found == [(0, 30), (30, 20), (50, 25)]
    assert shots.frames == 75


def test_what_is_left_unread_is_passed_over(scenes: list[np.ndarray]) -> None:
    firsts = []
    for first, frames in Shots(scenes, 25.0):
        firsts.append(first)
        assert np.array_equal(next(frames), scenes[first])
    assert firsts == [0, 30, 50]


def test_long_shots_are_parted(scenes: list[np.ndarray]) -> None:
    found = [(first, sum(1 for _ in frames)) for first, frames in Shots(scenes[:30], 25.0, longest=0.48)]
    assert found == [(0, 12), (12, 12), (24, 6)]


def test_no_frames_no_shots() -> None:
    assert list(Shots([], 25.0)) == []
