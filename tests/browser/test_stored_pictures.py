"""A notebook that somebody else saved, opened without running it: its explorers are still pictures."""

import nbformat
from accessible import assert_pictures_have_words
from lab import LESSONS

WIDGET = {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}
PICTURES = ".jp-OutputArea-output img"
LOADED = f"[...document.querySelectorAll('{PICTURES}')].every(image => image.naturalWidth > 0)"


def test_untrusted_a_lesson_shows_its_pictures(lab, page):
    notebook = nbformat.read(LESSONS / "03_affine_quantization.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "<img" in output.get("data", {}).get("text/html", "")]
    for output in pictures:  # as JupyterLab saves them: with a live widget that is no more
        output.data["application/vnd.jupyter.widget-view+json"] = WIDGET
    nbformat.write(notebook, lab.folder / "from_elsewhere.ipynb")
    page.goto(f"{lab.url}/lab/tree/from_elsewhere.ipynb?reset")
    page.locator(PICTURES).nth(len(pictures) - 1).wait_for(state="attached", timeout=60_000)
    page.wait_for_function(LOADED)
    assert page.locator(PICTURES).count() == len(pictures) > 1
    assert page.locator(".jupyter-widgets").count() == 0
    assert_pictures_have_words(page, len(pictures))
    assert not page.problems
