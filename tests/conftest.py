"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]  # fmt: skip


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real portraits, speech, videos and motion that are not ours to ship; tests skip without it."""
    shared = Path(os.environ.get("MODA_SHARED", REPOSITORY.parent / "shared"))
    data = shared / "data"
    if not data.is_dir():
        pytest.skip(f"real test data is absent (set MODA_SHARED; looked in {data.name}/ beside the repository)")
    return data


@pytest.fixture(scope="session")
def parity_folder() -> Path:
    """Expected numbers of the published reference on seeded weights (see README.md there)."""
    return REPOSITORY / "tests" / "fixtures" / "parity"


@pytest.fixture(scope="session")
def parity(parity_folder: Path):  # type: ignore[no-untyped-def]
    """Loads one fixture file as a dict of arrays: parity("motion.npz")["rotation/out"]."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(parity_folder / name, allow_pickle=False) as content:
            return {key: content[key] for key in content.files}

    return load


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, one for the whole suite: Playwright does not start a second time beside itself.

    Tests skip where Chromium or Playwright is not installed.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()
