"""Lessons 00 and 03 as a learner meets them: progress outlives kernel and page, and all can be run again."""

import shutil

import pytest
from cells import Cells
from lab import replace_notebook, run_notebook

START, AFFINE = "00_start_here.ipynb", "03_affine_quantization.ipynb"


@pytest.mark.parametrize("name", [START, AFFINE])
def test_restarted_and_run_twice_a_lesson_shows_the_same(lab, page, name):
    again = f"again_{name}"  # the lesson itself may be open in another process, with a kernel that both would use
    shutil.copy(lab.folder / name, lab.folder / again)
    replace_notebook(page, lab.url, again)
    first = Cells(page, name).restart_and_run_all()
    assert Cells(page, name).restart_and_run_all() == first
    assert len(first) > 4 and not page.problems


def test_progress_outlives_the_kernel_and_the_page(lab, page):
    run_notebook(page, lab.url, START)
    cells = Cells(page, START)
    answer, check, progress = map(cells.number, ("def number_of_codes", "ql.check", "ql.progress"))
    cells.run(answer, "def number_of_codes(bits):\n    return 2**bits - 1")
    assert "not yet" in (card := cells.run(check)) and "largest unsigned code" in card
    assert "hint" in cells.run(cells.number("ql.hint"), 'ql.hint("00_bits_to_codes")')
    cells.run(answer, "def number_of_codes(bits):\n    return 2**bits")
    assert "pass" in cells.run(check)
    cells.restart_and_run_all()
    assert "1 of 1 exercises passed" in cells.output(progress).text_content()
    run_notebook(page, lab.url, START)
    assert "not attempted" in cells.output(check).text_content()
    assert "1 of 1 exercises passed" in cells.output(progress).text_content()
    assert not page.problems
