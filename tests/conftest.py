"""Chromium, for the tests in tests/browser: found, or skipped loudly, or (under CI=true) failed."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = "Chromium is missing"


def find_chromium() -> str | None:
    """The path in CHROMIUM if that variable is set, else the first of the usual names on PATH."""
    chosen = os.environ.get("CHROMIUM")
    return shutil.which(chosen) if chosen else next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser to drive; where there is none, no test that asks for it runs."""
    found = find_chromium()
    if not found and os.environ.get("CI") == "true":
        pytest.fail(f"{MISSING} and CI=true: install it, or set CHROMIUM to its path", pytrace=False)
    return found or pytest.skip(MISSING)


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if count := sum(MISSING in str(report.longrepr) for report in skipped):
        terminalreporter.section("NOT TESTED: the explorers in a browser", sep="!", red=True, bold=True)
        terminalreporter.line(f"{count} browser tests were skipped, because Chromium is missing.")
        terminalreporter.line(
            "Install it (Debian: apt-get install chromium), or set CHROMIUM to the path of Chrome."
        )
