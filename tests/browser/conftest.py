"""One JupyterLab for all browser tests, and one page in each of the processes that share them out."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from xdist.scheduler import LoadFileScheduling

pytest.register_assert_rewrite("driving", "cells")
from lab import browser_page, running_lab, write_notebook  # noqa: E402

SERVED = pytest.StashKey[tuple[str, str]]()


class Lab:
    """A running JupyterLab: its URL, and the folder it shows, which starts as a copy of lessons/."""

    def __init__(self, url: str, folder: Path):
        self.url, self.folder = url, folder

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook of code cells into the folder; returns its name."""
        write_notebook(self.folder / name, *cells)
        return name


class ByLesson(LoadFileScheduling):
    """Shares tests out by file, and those of a lesson by lesson: its notebook stays open from one to the next."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, explorer = re.match(r"(.*?)::\w+(\[(\w+))?", nodeid).groups()
        return explorer if file.endswith("test_lessons.py") else file


def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # the order is that of the next function
    return ByLesson(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The lessons last: they take less than some of the files, so that the processes end at about the same time."""
    items.sort(key=lambda item: item.path.name == "test_lessons.py")


@contextmanager
def _served() -> Iterator[tuple[str, str]]:
    """A server's URL, and the folder that everything of it is in."""
    with TemporaryDirectory() as folder, running_lab(Path(folder)) as url:
        yield url, folder


def pytest_configure_node(node):
    """Tell a process that is about to be started where the server is, which stands in the one that starts them."""
    config = node.config
    if SERVED not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[SERVED] = stack.enter_context(_served())
    node.workerinput["lab"] = config.stash[SERVED]


@pytest.fixture(scope="session")
def lab(request, chromium):
    """The server; started here where all tests run in one process."""
    told = getattr(request.config, "workerinput", {}).get("lab")
    with nullcontext(told) if told else _served() as (url, folder):
        yield Lab(url, Path(folder) / "work")


@pytest.fixture(scope="session")
def shared_page(lab, chromium):
    """The page."""
    with browser_page(chromium, height=900) as page:
        yield page


@pytest.fixture
def page(shared_page):
    """The page, with no problems recorded yet."""
    shared_page.problems.clear()
    return shared_page
