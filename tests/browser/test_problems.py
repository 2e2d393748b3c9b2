"""The browser tests themselves: what goes wrong in a kernel unseen would be noticed."""

import math

import pytest
from driving import says
from lab import choose_to_run, replace_notebook


def test_an_error_in_a_callback_would_be_noticed(lab, page):
    cells = ["import ipywidgets", "s = ipywidgets.IntSlider()\ns.observe(lambda change: 1 / 0, 'value')\ns"]
    replace_notebook(page, lab.url, lab.write("broken.ipynb", *cells))
    choose_to_run(page)
    assert not page.problems
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.widget-readout').textContent == '1'")
    for _ in range(50):
        if page.problems:
            break
        page.wait_for_timeout(100)
    assert any("ZeroDivisionError" in problem for problem in page.problems)


@pytest.mark.parametrize(
    ("text", "value", "agrees"),
    [
        ("−1.235e−07", -1.23456e-7, True),
        ("12.3 dB", 12.36, False),
        ("1,024 bytes", 1024, True),
        ("1,024 bytes", 1025, False),
        ("exact", math.inf, True),
        ("exact", 60.0, False),
        ("none", math.nan, True),
    ],
)
def test_a_figure_agrees_to_the_digits_it_shows(text, value, agrees):
    assert says(text, value) is agrees
