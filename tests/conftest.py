"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parents[1]
BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]  # fmt: skip

Parity = Callable[[str], dict[str, np.ndarray]]
PRIVATE = "not run without private data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses `shared_data` carries the marker, so that `-m "not private_data"` and the count below know it.

    A test that drives the real browser is tried a second time if it fails, as a busy machine may starve one of the two
    processes; pytest's last line counts these reruns, and each is worth a look.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("private_data")


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Tests skipped for want of private data are counted by themselves, in pytest's last line."""
    if report.skipped and "private_data" in report.keywords and "real test data is absent" in str(report.longrepr):
        return PRIVATE, "p", "NO PRIVATE DATA"
    return None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    count = len(terminalreporter.stats.get(PRIVATE, ()))
    if count:
        terminalreporter.write_line(f"{count} tests need data that is not ours to ship: set MODA_SHARED to its folder.")


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
def parity(parity_folder: Path) -> Parity:
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
