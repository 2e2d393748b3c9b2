"""docs/coverage.md says which cell shows which claim of the sources: each is there, and prints what it should."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
ROWS = [
    [part.strip() for part in line.strip("|\n").split("|")] for line in PAGE.splitlines() if line.startswith("|")
]
ROWS = [row for row in ROWS if row[0] not in ("claim or figure", "---")]


def printed(cell) -> str:
    parts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(parts)


def test_the_page_has_rows_of_every_source():
    assert PAGE.count("\n## ") == 5 and len(ROWS) > 30


@pytest.mark.parametrize(("claim", "lesson", "cell", "text"), ROWS, ids=[row[0] for row in ROWS])
def test_the_cell_prints_what_the_page_says(claim, lesson, cell, text):
    found = list((ROOT / "solutions").glob(f"{lesson}_*.ipynb"))
    if text == "in preparation":
        assert not found and not cell, f"lesson {lesson} exists: name its cell for {claim!r} in docs/coverage.md"
        return
    (path,) = found
    cells = {c.id: c for c in nbformat.read(path, as_version=4).cells}
    assert text.strip("`") in printed(cells[cell.strip("`")])
