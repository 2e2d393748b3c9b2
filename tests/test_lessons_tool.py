"""Lessons from solutions: what is built, what the check refuses, and that comparing stored numbers bites."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import notebooks
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import lessons

ROOT = Path(__file__).resolve().parents[1]
EXERCISE = "def double(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"
STUBBED = "def double(x):\n    ...  # your code here"
WIDGET = "from ipywidgets import IntSlider\nIntSlider()"
OWN_PLOT = "import torch\nfrom qlab import plots\nplots.heatmap(torch.ones(1))"
PLOT = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"


def cells(*sources):
    return [new_code_cell(source, id=f"id-{k}") for k, source in enumerate(sources)]


def save(path, *sources, ran=True):
    """A normalized notebook of these code cells, as if they had printed nothing (or had never been run)."""
    path.parent.mkdir(exist_ok=True)
    notebook = new_notebook(cells=[new_markdown_cell("# Title", id="title"), *cells(*sources)])
    if ran:
        notebooks.normalize(notebook)
    notebooks.write(path, notebook)
    return path


@pytest.fixture
def course(tmp_path):
    """A solution and its lesson, sound."""
    save(tmp_path / "solutions" / "01_try.ipynb", EXERCISE, "x = 1")
    save(tmp_path / "lessons" / "01_try.ipynb", STUBBED, "x = 1")
    return tmp_path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course of one notebook with an exercise, a widget and a picture, built by running it."""
    root = tmp_path_factory.mktemp("course")
    sources = EXERCISE, "print(double(21))", WIDGET, PLOT, "object()", OWN_PLOT
    save(root / "solutions" / "01_try.ipynb", *sources, ran=False)
    lessons.build(root / "solutions" / "01_try.ipynb")
    return root


def stored_text(notebook):
    return [o.get("text") or o.data.get("text/plain") for c in notebooks.code_cells(notebook) for o in c.outputs]


def test_lesson_stores_the_outputs_of_its_own_run(built):
    solution, lesson = (notebooks.read(built / name / "01_try.ipynb") for name in ("solutions", "lessons"))
    shared = ["IntSlider(value=0)", "<Figure size WxH with 1 Axes>", "<object at 0xADDRESS>"]
    shared += ["<Picture: Heatmap: values 1.00.>"]
    assert stored_text(solution) == ["42\n", *shared]
    assert stored_text(lesson) == ["None\n", *shared]
    assert notebooks.code_cells(lesson)[0].source == STUBBED
    assert lessons.check(built) == []


def test_no_live_widget_and_no_widget_state_is_stored(built):
    for path in built.glob("*/*.ipynb"):
        assert "widget-view" not in path.read_text() and "widget-state" not in path.read_text()


def test_building_again_runs_nothing_and_executing_again_gives_the_same_bytes(built, capsys):
    before = {path: path.read_bytes() for path in built.glob("*/*.ipynb")}
    lessons.build(built / "solutions" / "01_try.ipynb")
    assert "running" not in capsys.readouterr().out
    lessons.build(built / "solutions" / "01_try.ipynb", anew=True)
    assert "running solutions" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in built.glob("*/*.ipynb")} == before


def test_a_lesson_with_answers_is_set_aside_not_overwritten(course, capsys):
    answered = "def double(x):\n    return x + x"
    for number in (1, 2):
        lesson = save(course / "lessons" / "01_try.ipynb", answered, "x = 1")
        lessons.build(course / "solutions" / "01_try.ipynb")
        kept = course / "answers" / f"01_try-{number}.ipynb"
        assert notebooks.code_cells(notebooks.read(kept))[0].source == answered
        assert f"answers/{kept.name}" in capsys.readouterr().out
        assert notebooks.code_cells(notebooks.read(lesson))[0].source == STUBBED
    assert lessons.check(course) == []


def test_nbval_compares_stored_numbers_and_not_pictures(built, tmp_path):
    """The sound notebook passes though its picture was altered; one wrong stored digit fails its cell alone."""
    notebook = notebooks.read(built / "solutions" / "01_try.ipynb")
    printed, picture = notebook.cells[2].outputs[0], notebook.cells[4].outputs[0]
    picture.data["image/png"] = "iVBORw0KGgo="
    own = notebook.cells[6].outputs[0]
    assert own.data["text/html"].startswith('<img alt="Heatmap: values 1.00." ')
    assert len(own.data["text/html"]) > 1000
    own.data["text/html"] = '<img alt="Heatmap: 1" width="9" src="data:image/png;base64,iVBOR">'
    own.data["text/plain"] = "<Picture: Heatmap: 1>"
    nbformat.write(notebook, tmp_path / "sound.ipynb")
    assert printed.text == "42\n"
    printed.text = "43\n"
    nbformat.write(notebook, tmp_path / "wrong.ipynb")
    options = ["--nbval", f"--nbval-sanitize-with={ROOT}/tools/nbval.cfg", "-p", "no:xdist", "-rA", "--color=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "."], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 1, run.stdout
    assert "FAILED wrong.ipynb::Cell 1" in run.stdout
    assert "1 failed, 11 passed" in run.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells[1].update(execution_count=None), "not all run from top to bottom"),
        (lambda nb: nb.cells.reverse(), "not all run from top to bottom"),
        (lambda nb: nb.cells[1].update(execution_count=7), "not all run from top to bottom"),
        (lambda nb: nb.cells[2].update(execution_count=7), "not in its stored form"),
        (lambda nb: nb.cells[1].update(id=nb.cells[2].id), "not in its stored form"),
        (
            lambda nb: nb.cells[1].metadata.update(execution={"shell.execute_reply": "now"}),
            "not in its stored form",
        ),
        (lambda nb: nb.metadata.update(widgets={}), "not in its stored form"),
        (lambda nb: nb.cells[2].update(source="x = 1\n" * 26), "has 26 lines, 25 at most"),
        (lambda nb: nb.cells[2].update(source=" "), "is empty"),
        (lambda nb: nb.cells[2].update(source="f(x);"), "ends with ';'"),
        (lambda nb: nb.cells[2].outputs.append(new_output("stream", name="stderr", text="oh")), "wrote to stderr"),
        (lambda nb: nb.cells[2].outputs.append(new_output("error", ename="KeyError", evalue="k")), "KeyError: k"),
    ],
    ids=[
        *("unrun", "reordered", "count-after", "counts", "id", "timing"),
        *("widgets", "long", "empty", "semicolon", "stderr", "error"),
    ],
)
@pytest.mark.parametrize("folder", ["solutions", "lessons"])
def test_check_refuses_an_unsound_notebook(course, folder, change, message):
    path = course / folder / "01_try.ipynb"
    notebook = notebooks.read(path)
    change(notebook)
    notebooks.write(path, notebook)
    assert any(found.startswith(f"{folder}/01_try.ipynb: ") and message in found for found in lessons.check(course))


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: nb.cells[2].update(source="x = 2"),
        lambda nb: nb.cells[0].update(source="# Other title"),
        lambda nb: nb.cells[2].update(id="other"),
        lambda nb: nb.cells[2].metadata.update(tags=["other"]),
        lambda nb: nb.cells[1].update(source=EXERCISE.replace("# BEGIN", "# begin")),
        lambda nb: nb.cells.pop(),
    ],
    ids=["source", "prose", "id", "tags", "markers", "missing-cell"],
)
def test_check_refuses_a_lesson_that_drifted(course, change):
    path = course / "lessons" / "01_try.ipynb"
    notebook = notebooks.read(path)
    change(notebook)
    notebooks.write(path, notebook)
    assert lessons.check(course) == ["lessons/01_try.ipynb: its cells are not those its solution builds"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# BEGIN SOLUTION\nx = 1", "never closed"),
        ("x = 1\n# END SOLUTION", "closes nothing"),
        ("#begin solution\nx = 1", "is no marker here"),
        ("x = 1  # BEGIN SOLUTION", "is no marker here"),
    ],
    ids=["unclosed", "stray", "misspelled", "behind-code"],
)
def test_wrong_markers_are_refused(course, source, message):
    save(course / "solutions" / "01_try.ipynb", source)
    assert message in lessons.check(course)[0]
    with pytest.raises(ValueError, match=message):
        lessons.build(course / "solutions" / "01_try.ipynb")


def test_a_lesson_without_solution_a_solution_without_lesson_and_a_wrong_name_are_refused(course):
    save(course / "lessons" / "02_left.ipynb", "x = 1")
    save(course / "solutions" / "Third.ipynb", "x = 1")
    assert lessons.check(course) == [
        "lessons/02_left.ipynb: it has no solution",
        "solutions/Third.ipynb: its name is not of the form 03_a_few_words.ipynb",
        "lessons/Third.ipynb: it has not been built",
    ]


def test_ids_are_kept_and_missing_ones_do_not_change_from_build_to_build(tmp_path):
    path = save(tmp_path / "solutions" / "01_try.ipynb", "x = 1", "y = 2")
    raw = json.loads(path.read_text())
    del raw["cells"][1]["id"]
    path.write_text(json.dumps(raw))
    first, second = notebooks.read(path), notebooks.read(path)
    notebooks.normalize(first)
    notebooks.normalize(second)
    assert [c.id for c in first.cells] == [c.id for c in second.cells] == ["title", "cell-2-of-3", "id-1"]
    nbformat.validate(first)


def test_split_streams_are_joined():
    parts = [new_output("stream", name="stdout", text=text) for text in ("1\n", "2\n")]
    assert [output.text for output in notebooks.stored_outputs(parts, 1)] == ["1\n2\n"]


def test_the_command_line_fails_on_drift(course):
    command = [sys.executable, str(ROOT / "tools" / "lessons.py"), "check", "--root", str(course)]
    assert subprocess.run(command, env=os.environ, capture_output=True).returncode == 0
    save(course / "lessons" / "01_try.ipynb", EXERCISE, "x = 1")
    run = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert run.returncode == 1
    assert "its cells are not those its solution builds" in run.stdout
