"""Where a lesson is only read, its explorers are pictures and text: stored in the notebook, and in HTML."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from qlab import explore

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("lessons/*.ipynb")) + sorted(ROOT.glob("solutions/*.ipynb"))


def explorers(notebook):
    """(source, data of the output) for each cell that ends in an explorer."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and re.match(r"explore\.\w+\(", cell.source.splitlines()[-1]):
            (shown,) = (output.data for output in cell.outputs if output.output_type == "execute_result")
            yield cell.source, shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem[:2]}")
def test_explorers_are_stored_as_pictures_and_text(path):
    notebook = nbformat.read(path, as_version=4)
    for source, shown in explorers(notebook):
        name = re.search(r"explore\.\w+\(", source.splitlines()[-1])[0]
        assert shown["text/plain"].startswith(name)
        assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG") and len(shown["image/png"]) > 10_000
        assert "application/vnd.jupyter.widget-view+json" not in shown


@pytest.mark.parametrize("name", explore.__all__)
def test_every_explorer_is_in_a_lesson(name):
    shown = [s for path in NOTEBOOKS for s, _ in explorers(nbformat.read(path, as_version=4))]
    assert any(f"explore.{name}(" in source.splitlines()[-1] for source in shown)


@pytest.mark.parametrize("path", NOTEBOOKS[: len(NOTEBOOKS) // 2], ids=lambda path: path.stem[:2])
def test_as_html_a_lesson_shows_its_pictures(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    stored = [data["image/png"] for data in outputs if "image/png" in data]
    html, _ = HTMLExporter().from_notebook_node(notebook)
    shown = re.findall(r'<img[^>]*src="data:image/png;base64,([^"]*)"', html)
    assert [s.replace("\n", "") for s in shown] == [s.replace("\n", "") for s in stored] and stored
