"""The bit inspector in JupyterLab: keys and clicks change bits, numbers and lines, and all of them agree."""

import pytest
from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab.explore import lesson01


@pytest.fixture
def explorer(lab, page):
    """An explorer alone in a notebook."""
    cell = "explore.formats(format='float16', value=1.5)"
    run_notebook(page, lab.url, lab.write("formats.ipynb", "from qlab import explore", cell))
    return page.locator(".qlab-explorer")


def expect_state(page, explorer, text: str):
    """The state that the printed call gives; what is on the page agrees with it."""
    state = eval(settled_call(page, text).replace("explore.formats", "lesson01.state"), {"lesson01": lesson01})
    assert shown_numbers(explorer) == {number.label: number.text for number in state.numbers.values()}
    toggles = explorer.locator(".qlab-bits button").all_text_contents()
    assert "".join(toggles) == "".join(field.bits for field in state.lead.code.fields)
    assert explorer.locator(".fields code").all_text_contents() == [f.bits for f in state.lead.code.fields]
    return state


def test_clicks_and_keys_change_bits_numbers_and_lines(page, explorer):
    expect_state(page, explorer, "value=1.5")
    line = explorer.locator(".lines")
    before = pixels(page, line)

    top = explorer.get_by_role("button", name="bit 14, exponent")
    assert top.get_attribute("aria-label") == "bit 14, exponent: 0"
    top.click()
    assert expect_state(page, explorer, "bits=").numbers["stored"].text == "NaN"
    explorer.get_by_role("button", name="bit 13, exponent").focus()
    page.keyboard.press("Space")
    assert expect_state(page, explorer, "value=384.0").numbers["step"].value == 0.25
    assert explorer.get_by_label("exactly").input_value() == "384"
    assert pixels(page, line) != before

    slider = handle(explorer, "the number to store")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect_state(page, explorer, "value=400.0")

    exactly = explorer.get_by_label("exactly")
    exactly.fill("65520")
    exactly.press("Enter")
    assert expect_state(page, explorer, "value=65520.0").numbers["stored"].text == "inf"
    assert slider.get_attribute("aria-valuetext") == "65520"
    explorer.get_by_label("format", exact=True).select_option("float4_e2m1fn")
    assert expect_state(page, explorer, "float4_e2m1fn").numbers["stored"].text == "6"
    assert explorer.locator(".qlab-bits button").count() == 4
    assert not page.problems


def test_lesson_01_runs_and_its_explorer_moves(lab, page):
    run_notebook(page, lab.url, "01_number_formats.ipynb")
    explorer = page.locator(".qlab-explorer")
    expect_state(page, explorer, "value=0.15625")
    explorer.get_by_role("button", name="bit 10, exponent").click()
    assert expect_state(page, explorer, "value=0.3125").numbers["error"].value == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems
