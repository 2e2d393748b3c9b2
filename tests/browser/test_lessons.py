"""Each lesson in JupyterLab: its explorer's controls over their range, its exercises, and whom it leaves out."""

from importlib import import_module

import pytest
from accessible import CONTRAST, RULES, assert_every_focus_is_seen, assert_no_violations, change_theme
from cells import Cells, code_cells
from driving import Driver
from lab import LESSONS, choose_to_run, replace_notebook
from playwright.sync_api import expect

from qlab import explore
from qlab.exercises import registry

# What is known of each explorer; a new one needs a file in `explorers/`. Later lessons take longer: they begin.
KNOWN = {name: import_module(f"explorers.{name}") for name in explore.__all__}
IN_ORDER = sorted(KNOWN, key=lambda name: KNOWN[name].LESSON, reverse=True)

# All that a lesson can say to one who tries and asks for help, whatever has been asked before.
EVERY_CARD = """
from qlab.exercises import registry
for exercise in registry.LESSONS["{}"].EXERCISES:
    display(*(ql.hint(exercise.id) for _ in exercise.hints), ql.solution(exercise.id))
display(*(ql.check(exercise.id, answer) for answer in (exercise.wrong_answers[0].function, lambda *given: 1 / 0)))
"""


@pytest.fixture(scope="module", params=IN_ORDER)
def spec(request):
    """What is known of one explorer."""
    return KNOWN[request.param]


@pytest.fixture(scope="module")
def explorer(spec, lab, shared_page):
    """The explorer in its lesson, of which all cells have been run."""
    shared_page.problems.clear()
    replace_notebook(shared_page, lab.url, spec.LESSON)
    choose_to_run(shared_page)
    assert shared_page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
    assert not shared_page.problems
    return shared_page.locator(".qlab-explorer")


@pytest.fixture(scope="module")
def cards(explorer, spec, shared_page):
    """The outputs of the lesson's first guess, check and progress, and of every card."""
    cells, lesson = Cells(shared_page, spec.LESSON), spec.LESSON[:2]
    outputs = [cells.output(cells.number(f"ql.{call}(")) for call in ("predict", "check", "progress", "hint")]
    cells.run(cells.number("ql.hint("), EVERY_CARD.format(lesson))
    count = sum(len(exercise.hints) + 1 for exercise in registry.LESSONS[lesson].EXERCISES) + 2
    expect(outputs[-1].locator(".jp-OutputArea-output")).to_have_count(count)
    return outputs


def test_every_control_over_its_range(page, explorer, spec):
    settings = {name.lower(): getattr(spec, name) for name in ("GIVEN", "TYPED", "PLAIN") if hasattr(spec, name)}
    Driver(page, explorer, spec.start(), spec.numbers, **settings).over_every_control()


def test_every_answer_is_judged(page, explorer, spec):
    """A known mistake gets its diagnosis, the first hint comes, and the answer of `solutions/` passes."""
    cells = Cells(page, spec.LESSON)
    solved = code_cells(LESSONS.parent / "solutions" / spec.LESSON)
    for exercise in registry.LESSONS[spec.LESSON[:2]].EXERCISES:
        check, hint = (cells.number(f'ql.{call}("{exercise.id}"') for call in ("check", "hint"))
        answer = cells.number(f"def {exercise.name}(")
        known = f'registry.find_exercise("{exercise.id}").wrong_answers[0].function'
        cells.run(answer, f"from qlab.exercises import registry\n{exercise.name} = {known}")
        card = cells.run(check)
        assert "not yet" in card or "raised" in card, exercise.id
        assert _shown(exercise.wrong_answers[0].diagnosis) in card, exercise.id
        assert _shown(exercise.hints[0]) in cells.run(hint, f'ql.hint("{exercise.id}")')
        cells.run(answer, next(source for source in solved if f"def {exercise.name}(" in source))
        assert f"pass {exercise.id}" in cells.run(check)
    assert "def " in cells.run(hint, f'ql.solution("{exercise.id}")')
    count = len(registry.LESSONS[spec.LESSON[:2]].EXERCISES)
    assert f"{count} of {count} exercises passed" in cells.run(cells.number("ql.progress("))
    assert not page.problems


@pytest.mark.parametrize(("theme", "rules"), [("Dark", CONTRAST), ("Light", RULES)], ids=["Dark", "Light"])
def test_nobody_is_left_out(page, explorer, cards, theme, rules):
    change_theme(page, theme)
    assert_no_violations(page, explorer, *cards, rules=rules)
    assert_every_focus_is_seen(page, explorer)
    assert not page.problems


def _shown(sentence: str) -> str:
    """What a card says on the screen: what stands between backticks is set as code."""
    return sentence.replace("`", "")
