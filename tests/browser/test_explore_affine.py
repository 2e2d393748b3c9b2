"""The explorer of lesson 03 in JupyterLab: keys and mouse change pixels and numbers, and the numbers are right."""

import pytest
from lab import run_notebook

from qlab.explore import lesson03
from qlab.explore.tensors import LAYERS, SAMPLE

LESSON = "03_affine_quantization.ipynb"


@pytest.fixture
def explorer(lab, page):
    """An explorer over a real layer, alone in a notebook."""
    cell = "explore.affine('conv2.weight', bits=8)"
    run_notebook(page, lab.url, lab.write("explorer.ipynb", "from qlab import explore", cell))
    return page.locator(".qlab-explorer")


def shown_numbers(explorer) -> dict[str, str]:
    labels, texts = (explorer.locator(f".figures {tag}").all_text_contents() for tag in ("span", "b"))
    return dict(zip(labels, texts, strict=True))


def expected_numbers(**settings) -> dict[str, str]:
    return {number.label: number.text for number in lesson03.state(**settings).numbers.values()}


def pixels(page, element) -> bytes:
    """A picture of an element as it is now."""
    return page.screenshot(clip=element.bounding_box())


def settled_call(page, text: str = "") -> str:
    """The call printed in the view, once it contains `text` and stands still."""
    printed = page.locator(".qlab-view .call code")
    printed.filter(has_text=text).wait_for(timeout=10_000)
    last = None
    while last != (last := printed.text_content()):
        page.wait_for_timeout(300)
    return last


def handle(explorer, name: str):
    return explorer.get_by_role("slider", name=name)


def test_keyboard_and_mouse_change_pixels_and_numbers(page, explorer):
    assert shown_numbers(explorer) == expected_numbers(tensor="conv2.weight")
    settled_call(page)
    error_map = explorer.locator("figure img").nth(6)
    before = pixels(page, error_map)

    bits = handle(explorer, "bits of a code")
    bits.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    settled_call(page, "bits=4")
    assert bits.get_attribute("aria-valuetext") == "4"
    assert shown_numbers(explorer) == expected_numbers(tensor="conv2.weight", bits=4)
    assert error_map.get_attribute("alt").startswith("error: 32 by 50 values from ")
    assert pixels(page, error_map) != before

    before = pixels(page, error_map)
    high = handle(explorer, "high end of the range")
    high.scroll_into_view_if_needed()
    box = high.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y, steps=8)
    page.mouse.up()
    call = settled_call(page, "high=")
    state = eval(call.replace("explore.affine", "lesson03.state"))
    assert state.numbers["saturated"].value > 0
    assert shown_numbers(explorer) == {number.label: number.text for number in state.numbers.values()}
    assert pixels(page, error_map) != before

    explorer.get_by_role("button", name="fit range to data").click()
    settled_call(page, "explore.affine('conv2.weight', bits=4, scheme='affine')")
    assert high.get_attribute("aria-valuetext") == "0.151 = max"
    assert not page.problems


def test_choosing_a_tensor_brings_its_own_range(page, explorer):
    tensor = explorer.get_by_label("tensor", exact=True)
    for name in [*LAYERS, SAMPLE]:
        tensor.select_option(name)
        state = lesson03.state(name)
        assert settled_call(page, state.call) == state.call
        assert shown_numbers(explorer) == {number.label: number.text for number in state.numbers.values()}
    codes = explorer.locator("table").nth(1).locator("td").all_text_contents()
    assert codes == [str(code).replace("-", "−") for code in state.panels[1].values.flatten()]
    assert not page.problems


def test_lesson_03_runs_and_its_explorer_moves(lab, page):
    run_notebook(page, lab.url, LESSON)
    explorer = page.locator(".qlab-explorer")
    before = shown_numbers(explorer)
    bits = handle(explorer, "bits of a code")
    bits.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "text => document.querySelector('.qlab-view .figures').textContent != text",
        arg="".join(label + text for label, text in before.items()),
    )
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not page.problems


def test_an_error_in_a_callback_would_be_noticed(lab, page):
    cells = ["import ipywidgets", "s = ipywidgets.IntSlider()\ns.observe(lambda change: 1 / 0, 'value')\ns"]
    run_notebook(page, lab.url, lab.write("broken.ipynb", *cells))
    assert not page.problems
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.widget-readout').textContent == '1'")
    for _ in range(50):
        if page.problems:
            break
        page.wait_for_timeout(100)
    assert any("ZeroDivisionError" in problem for problem in page.problems)
