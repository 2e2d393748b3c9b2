"""The explorer of lesson 06 in JupyterLab: keys change pixels, numbers and the table, and the numbers are right."""

from lab import run_notebook
from test_explore_affine import handle, pixels, settled_call, shown_numbers

from qlab import explore


def expected_numbers(state) -> dict[str, str]:
    return {number.label: number.text for number in state.numbers.values()}


def test_keys_and_lists_change_pixels_numbers_and_the_table(page, lab):
    run_notebook(page, lab.url, lab.write("sums.ipynb", "from qlab import explore", "explore.integer_matmul()"))
    explorer = page.locator(".qlab-explorer")
    assert shown_numbers(explorer) == expected_numbers(explore.integer_matmul().current)
    plot = explorer.locator(".growth")
    before = pixels(page, plot)
    length = handle(explorer, "K, the products in a sum")
    length.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    settled_call(page, "k=1024")
    assert length.get_attribute("aria-valuetext") == "1,024"
    assert pixels(page, plot) != before

    explorer.get_by_label("signed", exact=True).select_option("neither")
    explorer.get_by_label("sum in", exact=True).select_option("float32")
    handle(explorer, "zero point of x, in codes").focus()
    page.keyboard.press("ArrowRight")
    call = settled_call(page, "x_zero=1")
    state = eval(call).current
    assert shown_numbers(explorer) == expected_numbers(state)
    assert state.numbers["wrong"].value > 0
    chosen = explorer.locator(".comparison .chosen td").all_text_contents()
    assert chosen == [cell.text for cell in state.table.rows[state.table.chosen]]
    assert not page.problems


def test_lesson_06_runs_and_its_explorer_moves(page, lab):
    run_notebook(page, lab.url, "06_integer_matmul.ipynb")
    settled_call(page)
    handle(page.locator(".qlab-explorer"), "bits of a code of x").focus()
    page.keyboard.press("ArrowLeft")
    settled_call(page, "x_bits=7")
    expected = expected_numbers(explore.integer_matmul(x_bits=7).current)
    assert shown_numbers(page.locator(".qlab-explorer")) == expected
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems
