"""Path, schedules and solvers: the published scheduler's numbers, and orders of convergence."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moda.errors import BadSetting
from moda.generator.flow import (
    SOLVERS,
    between,
    clean_estimate,
    euler,
    evaluations,
    schedule,
    training_times,
)
from tests.generator.inputs import named
from tests.parity import fixture

EXPECTED = fixture("scheduler")


@pytest.mark.parametrize("steps", [4, 10, 25])
def test_reference_schedule_and_euler(steps: int) -> None:
    path = schedule("reference", steps)
    times = torch.tensor(path[:-1]) * 1000
    assert (times - torch.from_numpy(EXPECTED[f"timesteps/{steps}"])).abs().max() < 1e-3
    velocities = named(f"scheduler/velocity/{steps}", (steps, 1, 4, 3))
    x, seen = named("scheduler/x", (1, 4, 3)), []

    def velocity(x: torch.Tensor, s: float) -> torch.Tensor:
        v = velocities[len(seen)]
        seen.append((x, clean_estimate(x, v, s)))
        return v

    last = euler(velocity, x, path)
    after = [*[pair[0] for pair in seen[1:]], last]
    for i in range(steps):
        assert (after[i] - torch.from_numpy(EXPECTED[f"euler/{steps}/x"][i])).abs().max() < 1e-5
        assert (seen[i][1] - torch.from_numpy(EXPECTED[f"euler/{steps}/x0"][i])).abs().max() < 1e-5


def test_path_between_data_and_noise() -> None:
    clean = named("scheduler/clean", (3, 4, 3))
    noise = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(11))
    assert torch.equal(noise, torch.from_numpy(EXPECTED["add_noise/noise"]))
    s = torch.from_numpy(EXPECTED["add_noise/timesteps"]).float() / 1000
    x = between(clean, noise, s)
    assert (x - torch.from_numpy(EXPECTED["add_noise/noisy"])).abs().max() < 1e-6
    assert (noise - clean - torch.from_numpy(EXPECTED["add_noise/target"])).abs().max() < 1e-6
    assert (clean_estimate(x, noise - clean, s) - clean).abs().max() < 1e-5


@given(st.integers(1, 50), st.sampled_from(["full", "reference"]))
def test_schedules_fall_from_one_to_zero(steps: int, name: str) -> None:
    path = schedule(name, steps)
    assert len(path) == steps + 1 and path[0] == 1.0 and path[-1] == 0.0
    assert all(a > b for a, b in pairwise(path))
    if name == "full":
        assert max(a - b for a, b in pairwise(path)) < 1 / steps + 1e-9


@given(st.sampled_from(sorted(SOLVERS)), st.integers(1, 50), st.sampled_from(["full", "reference"]))
def test_straight_paths_are_exact_at_any_number_of_steps(name: str, steps: int, kind: str) -> None:
    """v constant along the path: every solver lands on the data, and asks as often as it says."""
    data, noise = torch.tensor([1.5, -2.0], dtype=torch.float64), torch.tensor([0.3, 0.7], dtype=torch.float64)
    asked, done = [], []

    def velocity(x: torch.Tensor, s: float) -> torch.Tensor:
        asked.append(s)
        return noise - data

    out = SOLVERS[name](velocity, noise, schedule(kind, steps), lambda step: done.append((step.index + 1, step.total)))
    assert (out - data).abs().max() < 1e-12
    assert len(asked) == evaluations(name, steps)
    assert done == [(i + 1, steps) for i in range(steps)]


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("ab2", 2)])
def test_order_of_convergence(name: str, order: int) -> None:
    """dx/ds = x cos(3 s): halving the step divides the error by about 2^order."""

    def error(steps: int) -> float:
        out = SOLVERS[name](
            lambda x, s: x * math.cos(3 * s), torch.ones(1, dtype=torch.float64), schedule("full", steps)
        )
        return abs(float(out) - math.exp(-math.sin(3) / 3))

    ratio = error(20) / error(40)
    assert 0.8 * 2**order < ratio < 1.3 * 2**order


@pytest.mark.parametrize("steps", [0, 51, 2.5, -1])
def test_steps_out_of_range_are_refused(steps: object) -> None:
    with pytest.raises(BadSetting, match="1 to 50"):
        schedule("full", steps)  # type: ignore[arg-type]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BadSetting, match="full"):
        schedule("cosine", 5)
    with pytest.raises(BadSetting, match="euler"):
        evaluations("rk9", 5)


def test_training_times_cover_the_path_and_follow_the_generator() -> None:
    s = training_times(4000, torch.Generator().manual_seed(1))
    assert torch.equal(s, training_times(4000, torch.Generator().manual_seed(1)))
    assert s.min() >= 0.001 and s.max() <= 1.0
    # Stratified: no stretch of the path is left out by chance, as plain draws would.
    assert torch.histc(s, bins=500, min=0.0, max=1.0).min() >= 7


@given(st.integers(2, 50), st.floats(0.2, 5.0))
def test_a_warped_schedule_is_longer_where_it_says(steps: int, warp: float) -> None:
    path = schedule("full", steps, warp)
    assert path[0] == 1.0 and path[-1] == 0.0 and all(a > b for a, b in pairwise(path))
    first, last = path[0] - path[1], path[-2] - path[-1]
    assert (first < last) == (warp < 1) or abs(first - last) < 1e-6


def test_a_warp_out_of_range_is_refused() -> None:
    for warp in (0.1, 6.0, float("nan")):
        with pytest.raises(BadSetting, match="warp"):
            schedule("full", 5, warp)
