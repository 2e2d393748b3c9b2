"""Time every explorer in JupyterLab in a headless Chromium and write the table into UI.md: `make bench-ui`.

With words, as in `make bench-ui ARGS="formats layers"`, only the lines that have one of them are taken anew.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.__main__ import with_table
from benchmarks.ui_page import STOPWATCH
from benchmarks.ui_table import figures, row, table_head
from benchmarks.ui_views import VIEWS, View, cells_of, timed_on

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from lab import browser_page, run_notebook, running_lab, write_notebook  # noqa: E402

from conftest import find_chromium  # noqa: E402

PAGE = Path(__file__).with_name("UI.md")
ROUNDS, DRAGS = 60, 7
UNCOUNTED = 10  # one in so many steps is the warm-up
NAIVE_EVERY = 3  # rounds and drags: the naive form is slow
SIZE = 1280, 2400  # pixels: a whole explorer is on the screen


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = {line[2:].partition(" |")[0]: line for line in text.splitlines() if line.startswith("| lesson")}
    words = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place, opened(Path(place)) as (page, url):
        for view in VIEWS:
            if not words or any(word in view.name for word in words):
                rows[view.name] = row(view, figures(measure(page, url, Path(place), view)))
                print(rows[view.name], flush=True)
    table = "\n".join([*table_head(), *(rows[view.name] for view in VIEWS)])
    PAGE.write_text(with_table(text, table), encoding="utf-8")


@contextmanager
def opened(place: Path) -> Iterator[tuple[Page, str]]:
    """A browser's page and the URL of a JupyterLab that works in `place`."""
    with running_lab(place) as url, browser_page(find_chromium(), *SIZE) as page:
        yield page, url


def measure(page: Page, url: str, place: Path, view: View, rounds: int = ROUNDS, drags: int = DRAGS) -> dict:
    """Time a view, an empty round trip and, if there is one, the naive form: by turns, in one notebook."""
    write_notebook(place / "work" / "timed.ipynb", *cells_of(view))
    run_notebook(page, url, "timed.ipynb")
    page.evaluate(STOPWATCH)
    found = timed_on(page, view)
    for number in range(rounds):
        for name, timed in found.items():
            if name != "naive" or number % NAIVE_EVERY == 0:
                timed.step()
    for name, timed in found.items():
        del timed.steps[: len(timed.steps) // UNCOUNTED]  # only now, for their number chooses the next box
        for _ in range(0, 0 if view.limit else drags, NAIVE_EVERY if name == "naive" else 1):
            timed.drag()
    page.request.delete(f"{url}/api/sessions/{page.request.get(f'{url}/api/sessions').json()[0]['id']}")
    return found


if __name__ == "__main__":
    main()
