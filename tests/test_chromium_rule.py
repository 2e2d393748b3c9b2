"""Without Chromium a learner's run skips the browser tests and says so; CI fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(params=[(), ("-p", "xdist", "--numprocesses=2")], ids=["one process", "two"])
def run(request, tmp_path):
    """Run pytest on one browser test and one other, under the project's conftest.py."""
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path / "tests")
    (tmp_path / "tests" / "test_plain.py").write_text("def test_plain():\n    assert True\n")
    (tmp_path / "tests" / "browser" / "test_page.py").write_text("def test_page(chromium):\n    assert chromium\n")

    def run_pytest(**environment):
        command = [sys.executable, "-m", "pytest", "--color=no", *request.param, "tests"]
        environment = os.environ | environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run_pytest


def test_missing_chromium_is_said_loudly(run):
    result = run(CHROMIUM="no-such-browser", CI="")
    assert result.returncode == 0
    assert "NOT TESTED: the explorers in a browser" in result.stdout
    assert "1 browser tests were skipped, because Chromium is missing." in result.stdout
    assert "1 passed, 1 skipped" in result.stdout


def test_missing_chromium_fails_ci(run):
    result = run(CHROMIUM="no-such-browser", CI="true")
    assert result.returncode != 0
    assert "Chromium is missing and CI=true" in result.stdout + result.stderr
    assert "skipped" not in result.stdout


def test_with_chromium_nothing_is_skipped(run):
    result = run(CHROMIUM=sys.executable, CI="true")
    assert "2 passed" in result.stdout
    assert "NOT TESTED" not in result.stdout
