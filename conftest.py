"""For every test, doctest and notebook: a new folder for the learner's progress, one for each file."""

import os
import re
import tempfile

import pytest

DATA = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config):
    config.stash[DATA] = tempfile.TemporaryDirectory(prefix="qlab-test-", ignore_cleanup_errors=True)
    os.environ["QLAB_DATA_DIR"] = config.stash[DATA].name


def pytest_unconfigure(config):
    config.stash[DATA].cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Runs before the file's own set-up, so that a notebook's kernel inherits the folder."""
    name = re.sub(r"\W", "_", str(item.path.relative_to(item.config.rootpath)))
    os.environ["QLAB_DATA_DIR"] = os.path.join(item.config.stash[DATA].name, name)
