"""Training in JupyterLab: progress is seen while it runs, and the page answers meanwhile."""

import re

import pytest
from driving import shown_numbers
from lab import choose_to_run, replace_notebook

STEP = "explorer => parseInt(explorer.querySelector('.figures b').textContent)"


@pytest.fixture
def explorer(lab, page):
    name = lab.write("training_live.ipynb", "from qlab import explore\nexplore.training(granularity='per tensor')")
    replace_notebook(page, lab.url, name)
    choose_to_run(page)
    return page.locator(".qlab-explorer")


def wait_for(page, explorer, condition):
    page.wait_for_function(f"explorer => {condition}", arg=explorer.element_handle(), timeout=30_000)


def test_it_trains_stops_and_begins_anew(page, explorer):
    train = explorer.get_by_role("button", name="train", exact=True)
    train.click()
    wait_for(page, explorer, f"({STEP})(explorer) > 0")
    explorer.get_by_role("button", name="stop", exact=True).click()
    train.wait_for()
    stopped = shown_numbers(explorer)["step"]
    assert 0 < int(stopped.split()[0]) < 60
    page.wait_for_timeout(1000)
    assert shown_numbers(explorer)["step"] == stopped

    train.click()  # goes on; meanwhile another seed is chosen, which stops it
    explorer.get_by_role("button", name="stop", exact=True).wait_for()
    explorer.get_by_role("slider", name=re.compile("seed")).press("ArrowRight")
    wait_for(page, explorer, f"({STEP})(explorer) == 0")
    train.wait_for()
    assert "seed=1, step=0" in explorer.locator(".call").text_content()
    assert not page.problems
