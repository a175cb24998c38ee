"""What fixtures and tests agree on."""

from __future__ import annotations

from moda.settings import Settings

#: Seconds by which the other system's video starts to speak later than ours.
LATE = 0.37
BASE = Settings(size=256, seed=5)
