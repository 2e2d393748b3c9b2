"""The explorer of lesson 04 in JupyterLab: keys change pixels, numbers and the table, and the numbers are right."""

import pytest
from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab.explore import lesson04


@pytest.fixture
def explorer(lab, page):
    """An explorer over a ReLU's outputs, alone in a notebook."""
    cell = "explore.symmetric('relu1 outputs')"
    run_notebook(page, lab.url, lab.write("symmetric.ipynb", "from qlab import explore", cell))
    return page.locator(".qlab-explorer")


def expected_numbers(state) -> dict[str, str]:
    return {number.label: number.text for number in state.numbers.values()}


def test_keys_and_lists_change_pixels_numbers_and_the_table(page, explorer):
    assert shown_numbers(explorer) == expected_numbers(lesson04.state("relu1 outputs"))
    settled_call(page)
    rulers = explorer.locator(".rulers svg")
    before = pixels(page, rulers)

    bits = handle(explorer, "bits of a code")
    bits.focus()
    page.keyboard.press("ArrowRight")
    settled_call(page, "bits=5")
    assert shown_numbers(explorer)["symmetric wasted"] == "16 of 32 codes"
    finer = pixels(page, rulers)
    assert finer != before

    explorer.get_by_label("codes", exact=True).select_option("unsigned")
    settled_call(page, "codes='unsigned'")
    assert shown_numbers(explorer)["symmetric wasted"] == "0 of 32 codes"
    assert pixels(page, rulers) != finer

    explorer.get_by_label("data", exact=True).select_option("bell curve")
    skew = handle(explorer, "percent by which negative values are shrunk")
    skew.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    call = settled_call(page, "skew=10")
    assert skew.get_attribute("aria-valuetext") == "10 %"
    state = eval(call.replace("explore.symmetric", "lesson04.state"))
    assert shown_numbers(explorer) == expected_numbers(state)
    row = explorer.locator(".comparison .chosen td").all_text_contents()
    assert row == [cell.text for cell in state.table.rows[state.table.chosen]]
    assert not page.problems


def test_panels_stand_in_columns_and_nothing_sticks_out(explorer):
    for width, columns in ((842, 3), (500, 2), (380, 2), (332, 2)):
        explorer.evaluate("(pane, width) => pane.style.width = `${width}px`", width)
        pane = explorer.bounding_box()
        boxes = [figure.bounding_box() for figure in explorer.locator("figure").all()]
        assert len({round(box["x"]) for box in boxes}) == columns
        assert len({round(box["y"] + box["height"]) for box in boxes}) == 6 / columns
        for part in explorer.locator("figure img, .comparison, .figures").all():
            box = part.bounding_box()
            assert pane["x"] <= box["x"] and box["x"] + box["width"] <= pane["x"] + pane["width"] + 0.5


def test_lesson_04_runs_and_its_explorer_moves(lab, page):
    run_notebook(page, lab.url, "04_symmetric_quantization.ipynb")
    explorer = page.locator(".qlab-explorer")
    settled_call(page)
    before = explorer.locator(".comparison .chosen").text_content()
    bits = handle(explorer, "bits of a code")
    bits.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("text => document.querySelector('.comparison .chosen').textContent != text", arg=before)
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems
