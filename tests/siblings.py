"""How many inputs of each reported kind are drawn, and from which seed.

MODA_SIBLINGS sets how many of each kind (200 before a release), MODA_SIBLINGS_SEED draws others than last time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, seed, settings

COUNT = int(os.environ.get("MODA_SIBLINGS", "0"))
"""0: the few of every run."""
SEED = int(os.environ.get("MODA_SIBLINGS_SEED", "0"))
Test = TypeVar("Test", bound=Callable[..., Any])


def siblings(test: Test) -> Test:
    """A hypothesis test on so many siblings, the same ones on every machine."""
    fixtures = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    few = settings(max_examples=COUNT or 5, database=None, deadline=None, suppress_health_check=fixtures)
    return few(seed(SEED)(test))
