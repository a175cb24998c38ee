"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real portraits, speech, videos and motion that are not ours to ship; tests skip without it."""
    shared = Path(os.environ.get("MODA_SHARED", REPOSITORY.parent / "shared"))
    data = shared / "data"
    if not data.is_dir():
        pytest.skip(f"real test data is absent (set MODA_SHARED; looked in {data.name}/ beside the repository)")
    return data
