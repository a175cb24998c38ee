from __future__ import annotations

import numpy as np
import pytest

from moda.evaluate.measures.intervals import bootstrap_interval, paired_p


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    """300 sets of 25 skewed values (gamma, mean 2): a 95 % interval holds the mean in 92 to 98 % of them."""
    rng = np.random.default_rng(1)
    inside = 0
    for k in range(300):
        low, high = bootstrap_interval(rng.gamma(2.0, 1.0, 25), resamples=500, seed=k)
        inside += low <= 2.0 <= high
    assert 0.90 <= inside / 300 <= 0.985


def test_paired_tests_find_a_difference_and_no_other() -> None:
    rng = np.random.default_rng(2)
    clip = rng.normal(0, 5, 30)  # what clips differ by, which pairing removes
    a, b = clip + rng.normal(0, 1, 30), clip + 1.5 + rng.normal(0, 1, 30)
    assert paired_p(a, b) < 0.005
    nothing = [paired_p(clip + rng.normal(0, 1, 12), clip + rng.normal(0, 1, 12), 400, k) for k, clip in
               enumerate(rng.normal(0, 5, (200, 12)))]  # fmt: skip
    assert 0.01 < np.mean(np.array(nothing) < 0.05) < 0.10


def test_few_or_missing_values_give_no_number() -> None:
    assert all(np.isnan(bootstrap_interval([1.0, np.nan, 2.0])))
    assert bootstrap_interval([3.0, 3.0, 3.0]) == (3.0, 3.0)
    assert np.isnan(paired_p([1, 2, 3, 4], [2, 3, 4, 5]))
    assert paired_p([1, 2, 3, 4, 5, np.nan], [2, 3, 4, 5, 6, 9]) == pytest.approx(2 / 32)
    with pytest.raises(ValueError, match="one shape"):
        paired_p([1.0], [1.0, 2.0])
