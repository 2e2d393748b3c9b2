"""The explorer of lesson 05 in JupyterLab: keys change pixels, numbers and the table, and the numbers are right."""

import pytest
from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab import explore
from qlab.explore.tensors import names


@pytest.fixture
def explorer(lab, page):
    """An explorer over a real layer, alone in a notebook."""
    cell = "explore.granularity('fc1.weight')"
    run_notebook(page, lab.url, lab.write("granularity.ipynb", "from qlab import explore", cell))
    return page.locator(".qlab-explorer")


def expected_numbers(state) -> dict[str, str]:
    return {number.label: number.text for number in state.numbers.values()}


def chosen_row(explorer) -> list[str]:
    return explorer.locator(".comparison .chosen td").all_text_contents()


def test_keys_and_lists_change_pixels_numbers_and_the_table(page, explorer):
    assert shown_numbers(explorer) == expected_numbers(explore.granularity("fc1.weight").current)
    settled_call(page)
    error_map = explorer.locator("figure img").nth(6)
    before = pixels(page, error_map)

    outlier = handle(explorer, "outlier, in multiples of the largest magnitude")
    outlier.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    settled_call(page, "outlier=10")
    assert outlier.get_attribute("aria-valuetext") == "× 10"
    assert shown_numbers(explorer)["turned to 0"] == "99.1 %"
    spoiled = pixels(page, error_map)
    assert spoiled != before

    explorer.get_by_label("scales", exact=True).select_option("per group")
    group = handle(explorer, "group size, in elements of a row")
    group.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    call = settled_call(page, "group_size=32")
    state = eval(call).current
    assert shown_numbers(explorer) == expected_numbers(state)
    assert chosen_row(explorer) == [cell.text for cell in state.table.rows[state.table.chosen]]
    assert pixels(page, error_map) != spoiled
    assert not page.problems


def test_choosing_a_tensor_keeps_row_and_column_inside(page, explorer):
    column = handle(explorer, "column of the outlier")
    column.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    tensor = explorer.get_by_label("tensor", exact=True)
    for name in names():
        tensor.select_option(name)
        state = explore.granularity(name).current
        assert settled_call(page, state.call) == state.call
        assert shown_numbers(explorer) == expected_numbers(state)
    assert not page.problems


def test_lesson_05_runs_and_its_explorer_moves(lab, page):
    run_notebook(page, lab.url, "05_granularity.ipynb")
    explorer = page.locator(".qlab-explorer")
    settled_call(page)
    before = chosen_row(explorer)
    bits = handle(explorer, "bits of a code")
    bits.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "text => document.querySelector('.comparison .chosen').textContent != text", arg="".join(before)
    )
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems
