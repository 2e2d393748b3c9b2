"""Walk the first minutes of the course, and write docs/first_minutes.md: python tools/first_minutes.py

Each step is done in JupyterLab with mouse and keyboard, and ends in a picture of the whole window.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from cells import Cells, code_cells  # noqa: E402
from lab import BLANK, browser_page, open_notebook, running_lab, wait_idle  # noqa: E402
from playwright.sync_api import Page  # noqa: E402
from screenshots import IMAGES, save  # noqa: E402

from conftest import find_chromium  # noqa: E402

PAGE = ROOT / "docs" / "first_minutes.md"
START = "00_start_here.ipynb"
WRONG, RIGHT = "bits * 2", "2**bits"
ROOM = 90  # pixels left above a cell that is brought to the top: what says where it stands
SCROLL = "(cell, room) => { cell.scrollIntoView(); cell.closest('.jp-WindowedPanel-outer').scrollBy(0, -room); }"


class Walk:
    """A page in JupyterLab that shows lesson 00, its cells, and the pictures taken so far."""

    def __init__(self, page: Page):
        self.page, self.cells, self.captions = page, Cells(page, START), []

    def picture(self, caption: str, cell: str = "", room: int = ROOM) -> None:
        """The window with the cell that has this text at its top, or as it is."""
        if cell:
            self.cells.at(self.cells.number(cell)).evaluate(SCROLL, room)
        self.page.mouse.move(2, 500)  # no tool tip
        self.page.wait_for_timeout(1000)
        self.captions.append(caption)
        save(self.page.screenshot(), IMAGES / f"first_minutes_{len(self.captions)}.png")

    def run(self, cell: str, source: str | None = None) -> None:
        """Run the cell that has this text, as it is or with another source."""
        self.cells.run(self.cells.number(cell), source)


def predict_and_explore(walk: Walk) -> None:
    """The first half of lesson 00."""
    walk.picture("`make lab` opens lesson 00: click into the first cell and press Shift + Enter.")
    walk.page.evaluate(BLANK)
    for cell in ("import sys", "ql.predict"):
        walk.run(cell)
    walk.page.locator(".widget-radio-box label", has_text="about 10 points").click()
    walk.page.get_by_role("button", name="Commit my guess").click()
    walk.picture("A lesson opens with a question: you commit to a guess.", "ql.predict")
    for cell in ("ql.quantize", "guess.reveal"):
        walk.run(cell)
    walk.picture("Further down a trained network is quantized, and its answer stands beside yours.", "ql.quantize")
    walk.run("explore.affine")
    walk.page.locator(".qlab-explorer .noUi-handle").first.click()
    for _ in range(2):
        walk.page.keyboard.press("ArrowRight")
    walk.picture(
        "An explorer: 5 bits instead of 3 leave a quarter of the largest error.", "explore.affine", room=10
    )


def solve(walk: Walk) -> None:
    """The exercise: wrong, a hint, right."""
    stub, check, hint = "def number_of_codes", "ql.check", "# ql.hint"
    source = next(s for s in code_cells(ROOT / "lessons" / START) if stub in s)
    walk.run(stub, source.replace("...  # your code here", f"return {WRONG}"))
    walk.run(check)
    walk.picture("A wrong answer to an exercise: the check shows the first wrong call, and what went wrong.", stub)
    walk.run(hint, 'ql.hint("00_bits_to_codes")')
    walk.picture("Stuck? There are three hints, each says more than the last.", stub)
    walk.run(stub, source.replace("...  # your code here", f"return {RIGHT}"))
    walk.run(check)
    walk.picture("The right answer passes.", stub)
    walk.run("ql.progress")
    walk.picture("Your progress is kept on your computer; the map of the course follows.", "ql.progress")


def go_on(walk: Walk) -> None:
    """To lesson 01, by the link at the end of lesson 00."""
    walk.page.get_by_role("link", name="lesson 01, number formats").click()
    walk.page.get_by_role("heading", name="01 · Number formats").wait_for()
    wait_idle(walk.page)
    walk.picture("The last line of a lesson leads to the next.")


def written(captions: list[str]) -> str:
    """The page that shows all steps."""
    parts = ["# The first minutes", "Lesson 00, step by step. The pictures are taken by `tools/first_minutes.py`."]
    for number, caption in enumerate(captions, 1):
        parts.append(f"{number}. {caption}\n\n   ![{caption}](images/first_minutes_{number}.png)")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Walk, and write the page."""
    with (
        tempfile.TemporaryDirectory() as place,
        running_lab(Path(place)) as url,
        browser_page(find_chromium(), 1280, 800) as page,
    ):
        open_notebook(page, url, START)
        walk = Walk(page)
        for part in (predict_and_explore, solve, go_on):
            part(walk)
        if page.problems:
            raise RuntimeError("\n".join(page.problems))
    PAGE.write_text(written(walk.captions), encoding="utf-8")


if __name__ == "__main__":
    main()
