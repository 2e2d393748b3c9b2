"""The gallery and the first minutes: pages that name each picture there is, small enough for a repository."""

import re
from pathlib import Path

import gallery
import pytest
import screenshots

from qlab import explore

DOCS = Path(__file__).parents[1] / "docs"
PAGES = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("gallery.md", "first_minutes.md"))
SHOWN = re.findall(r"\]\((images/\S+)\)", PAGES)


def test_the_page_is_what_the_script_writes():
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == screenshots.written()


def test_every_picture_is_shown_and_there():
    assert set(SHOWN) == {f"images/{path.name}" for path in (DOCS / "images").glob("*.png")}
    assert sum(path.stat().st_size for path in (DOCS / "images").iterdir()) < 6_000_000


@pytest.mark.parametrize("name", explore.__all__)
def test_every_explorer_is_in_it(name):
    assert any(call.startswith(f"explore.{name}(") for call, _ in gallery.EXPLORERS.values())
