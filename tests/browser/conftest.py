"""One JupyterLab and one page for all browser tests."""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("driving", "cells")
from lab import browser_page, running_lab, write_notebook  # noqa: E402


class Lab:
    """A running JupyterLab: its URL, and the folder it shows, which starts as a copy of lessons/."""

    def __init__(self, url: str, folder: Path):
        self.url, self.folder = url, folder

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook of code cells into the folder; returns its name."""
        write_notebook(self.folder / name, *cells)
        return name


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The server."""
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(folder) as url:
        yield Lab(url, folder / "work")


@pytest.fixture(scope="session")
def shared_page(lab, chromium):
    """The page."""
    with browser_page(chromium, height=1400) as page:
        yield page


@pytest.fixture
def page(shared_page):
    """The page, with no problems recorded yet."""
    shared_page.problems.clear()
    return shared_page
