"""Where a lesson is only read, its explorers are pictures and text: stored in the notebook, and in HTML."""

import base64
import html
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


def images(data):
    """(text alternative, base64) of the PNGs in the HTML of an output."""
    found = re.findall(r'<img alt="([^"]*)"[^>]*src="data:image/png;base64,([^"]*)"', data.get("text/html", ""))
    return [(html.unescape(alt), picture) for alt, picture in found]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem[:2]}")
def test_every_picture_is_stored_once_with_its_text_alternative(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for data in (output.get("data", {}) for output in cell.get("outputs", [])):
            assert not any(kind.startswith("image/") for kind in data), cell.source
            assert len(re.findall("<img", data.get("text/html", ""))) == len(images(data)) <= 1, cell.source
            assert all(re.search(r"\w.*\d", alt) and "\n" not in alt for alt, _ in images(data)), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem[:2]}")
def test_explorers_are_stored_as_pictures_and_text(path):
    notebook = nbformat.read(path, as_version=4)
    for source, shown in explorers(notebook):
        name = re.search(r"explore\.\w+\(", source.splitlines()[-1])[0]
        assert shown["text/plain"].startswith(name)
        ((alt, picture),) = images(shown)
        assert alt.startswith(f"{name}") and re.search(r"\d", alt)
        assert base64.b64decode(picture).startswith(b"\x89PNG") and len(picture) > 10_000
        assert "application/vnd.jupyter.widget-view+json" not in shown


@pytest.mark.parametrize("name", explore.__all__)
def test_every_explorer_is_in_a_lesson(name):
    shown = [s for path in NOTEBOOKS for s, _ in explorers(nbformat.read(path, as_version=4))]
    assert any(f"explore.{name}(" in source.splitlines()[-1] for source in shown)


@pytest.mark.parametrize("path", NOTEBOOKS[: len(NOTEBOOKS) // 2], ids=lambda path: path.stem[:2])
def test_as_html_a_lesson_shows_its_pictures(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    stored = [image for data in outputs for image in images(data)]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert images({"text/html": page}) == stored and stored
