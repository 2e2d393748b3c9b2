"""For every test, doctest and notebook: a new folder for the learner's progress, one for each file."""

import os
import re
import tempfile

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

DATA = pytest.StashKey[tempfile.TemporaryDirectory]()


def pytest_configure(config):
    config.stash[DATA] = tempfile.TemporaryDirectory(prefix="qlab-test-", ignore_cleanup_errors=True)
    os.environ["QLAB_DATA_DIR"] = config.stash[DATA].name
    if os.name == "posix":
        _talk_by_socket_files(config.stash[DATA].name)


def _talk_by_socket_files(folder: str) -> None:
    """Let the kernels of notebook tests use files instead of TCP ports.

    A kernel's ports are chosen first and bound later. Where two processes choose the same one in between, one of
    their kernels dies or, if it is the port for outputs, never answers.
    """

    def manager(**settings) -> KernelManager:
        return KernelManager(transport="ipc", ip=os.path.join(tempfile.mkdtemp(dir=folder), "kernel"), **settings)

    nbval.kernel.KernelManager = manager


def pytest_unconfigure(config):
    config.stash[DATA].cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Runs before the file's own set-up, so that a notebook's kernel inherits the folder."""
    name = re.sub(r"\W", "_", str(item.path.relative_to(item.config.rootpath)))
    os.environ["QLAB_DATA_DIR"] = os.path.join(item.config.stash[DATA].name, name)
