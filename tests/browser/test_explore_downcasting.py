"""The explorer of lesson 02 in JupyterLab: lists, keys and the button change pixels and numbers, rightly."""

import pytest
from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab.explore import lesson02


@pytest.fixture
def explorer(lab, page):
    """The explorer alone in a notebook."""
    run_notebook(page, lab.url, lab.write("down.ipynb", "from qlab import explore", "explore.downcasting()"))
    return page.locator(".qlab-explorer")


def expected_numbers(**settings) -> dict[str, str]:
    return {number.label: number.text for number in lesson02.state(**settings).numbers.values()}


def test_lists_keys_and_the_button_change_pixels_and_numbers(page, explorer):
    assert shown_numbers(explorer) == expected_numbers()
    settled_call(page)
    error_map = explorer.locator("figure img").nth(6)
    before = pixels(page, error_map)

    explorer.get_by_label("format", exact=True).select_option("float8_e5m2")
    settled_call(page, "float8_e5m2")
    assert pixels(page, error_map) != before

    next_changed = explorer.get_by_role("button", name="next changed prediction")
    next_changed.focus()
    page.keyboard.press("Enter")
    call = settled_call(page, "image=2")
    numbers = shown_numbers(explorer)
    assert numbers["float32 predicts"].split(",")[0] != numbers["float8_e5m2 predicts"]
    assert numbers == {
        n.label: n.text for n in eval(call.replace("explore.downcasting", "lesson02.state")).numbers.values()
    }

    image = handle(explorer, "number of the test image")
    first = int(image.get_attribute("aria-valuetext"))
    image.focus()
    page.keyboard.press("ArrowRight")
    settled_call(page, f"image={first + 1}")
    assert shown_numbers(explorer) == expected_numbers(dtype="float8_e5m2", image=first + 1)
    assert not page.problems


def test_lesson_02_runs_and_its_explorer_moves(lab, page):
    run_notebook(page, lab.url, "02_downcasting.ipynb")
    explorer = page.locator(".qlab-explorer")
    settled_call(page)
    explorer.get_by_label("show", exact=True).select_option("activations")
    assert "show='activations'" in settled_call(page, "activations")
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems
