"""The notebooks and the exercises say the same: stubs in lessons/, references that pass in solutions/."""

import inspect
from pathlib import Path

import nbformat
import pytest

from qlab.exercises.registry import EXERCISES, LESSONS

ROOT = Path(__file__).parents[1]


def notebook(folder, number):
    (path,) = (ROOT / folder).glob(f"{number}_*.ipynb")
    return nbformat.read(path, as_version=4)


def code(folder, number):
    return [cell for cell in notebook(folder, number).cells if cell.cell_type == "code"]


def shown(cell):
    return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in cell.outputs)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_stands_in_its_lesson_as_a_stub_and_in_its_solution_solved(name):
    exercise = EXERCISES[name]
    assert [cell.source.rstrip() for cell in code("lessons", exercise.lesson)].count(exercise.stub.rstrip()) == 1
    reference = inspect.getsource(exercise.reference).rstrip()
    sources = [cell.source.rstrip() for cell in code("solutions", exercise.lesson)]
    assert sources.count(reference) == 1, f"{name}: copy the reference from qlab/exercises into the notebook"
    check = f'ql.check("{name}", {exercise.name})'
    (solved,) = [cell for cell in code("solutions", exercise.lesson) if check in cell.source]
    (unsolved,) = [cell for cell in code("lessons", exercise.lesson) if check in cell.source]
    assert shown(solved).startswith(f"{name}: pass")
    assert shown(unsolved).startswith(f"{name}: not attempted")


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_has_its_parts_in_order(number):
    text = "\n".join(cell.source for cell in notebook("lessons", number).cells if cell.cell_type == "markdown")
    parts = ["# " + number, "## Predict", "## The idea", "## Explore", "## Exercises"]
    parts += ["## What the libraries do", "## Questions people ask"] if number != "00" else []
    places = [text.find(part) for part in [*parts, "## Recap"]]
    assert -1 not in places and places == sorted(places)
    sources = [cell.source for cell in code("lessons", number)]
    for call in ("ql.predict(", "guess.reveal(", "explore.", "ql.check(", "ql.progress("):
        assert any(call in source for source in sources), call
