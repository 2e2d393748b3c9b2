"""Chromium, for the tests in tests/browser: found, or skipped loudly, or (under CI=true) failed."""

import os
import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_TESTS = Path(__file__).with_name("browser")
SKIPPED = pytest.StashKey[int]()


def find_chromium() -> str | None:
    """The path in CHROMIUM if that variable is set, else the first of the usual names on PATH."""
    chosen = os.environ.get("CHROMIUM")
    return shutil.which(chosen) if chosen else next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser to drive; where there is none, no test that asks for it runs."""
    return find_chromium()


def pytest_collection_modifyitems(config, items):
    needing = [item for item in items if BROWSER_TESTS in item.path.parents]
    if not needing or find_chromium():
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError("Chromium is missing and CI=true: install it, or set CHROMIUM to its path")
    for item in needing:
        item.add_marker(pytest.mark.skip(reason="Chromium is missing"))
    config.stash[SKIPPED] = len(needing)


def pytest_terminal_summary(terminalreporter, config):
    if count := config.stash.get(SKIPPED, 0):
        terminalreporter.section("NOT TESTED: the explorers in a browser", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} browser tests were skipped, because Chromium is missing.")
        terminalreporter.line(
            "Install it (Debian: apt-get install chromium), or set CHROMIUM to the path of Chrome."
        )
