"""The explorer of quantized layers in JupyterLab: lists, boxes and keys change the scene, pixels and numbers."""

import pytest
from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab.explore import lesson07


@pytest.fixture
def explorer(lab, page):
    """The explorer alone in a notebook."""
    run_notebook(page, lab.url, lab.write("layers.ipynb", "from qlab import explore", "explore.layers(scene=3)"))
    return page.locator(".qlab-explorer")


def expected_numbers(state) -> dict[str, str]:
    return {number.label: number.text for number in state.numbers.values()}


def test_lists_boxes_and_keys_change_scenes_pixels_and_numbers(page, explorer):
    assert shown_numbers(explorer) == expected_numbers(lesson07.state(scene=3))
    settled_call(page)
    found = explorer.locator(".scenes svg").nth(2)
    before, words = pixels(page, found), found.get_attribute("aria-label")
    assert words == lesson07.state(scene=3).lead.text.splitlines()[2]

    explorer.get_by_label("format", exact=True).select_option("W2A16")
    explorer.get_by_label("scales", exact=True).select_option("per tensor")
    settled_call(page, "per tensor")
    assert pixels(page, found) != before and found.get_attribute("aria-label") != words

    explorer.get_by_label("q (2)", exact=True).focus()
    page.keyboard.press("Space")
    settled_call(page, "exclude=['q', ")
    handle(explorer, "number of the scene").focus()
    page.keyboard.press("ArrowRight")
    call = settled_call(page, "scene=4")
    state = eval(call.replace("explore.layers", "lesson07.state"))
    assert shown_numbers(explorer) == expected_numbers(state)
    assert shown_numbers(explorer)["layers swapped"] == "10 of 14"
    assert not page.problems
