"""What real people have: 10th, 50th and 90th percentile over clips of people talking. Figures only."""

from __future__ import annotations

REAL: dict[str, tuple[float, float, float]] = {}
