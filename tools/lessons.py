"""Build lessons/ from solutions/, check that the two agree, and run solutions anew.

    python tools/lessons.py build        normalize the solutions, build the lessons that changed and run those
    python tools/lessons.py check        run nothing; fail on any difference, with a line for each
    python tools/lessons.py execute 03   run solutions/03_*.ipynb and its lesson anew (no number: all of them)

A lesson is its solution with every marked region stubbed (qlab.exercises.stub), and with the outputs of a
run in which nothing is solved. Whoever edits, edits solutions/.
"""

import argparse
import re
import sys
from pathlib import Path

import notebooks
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode, from_dict

from qlab.exercises.stub import STUB, strip_solution

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"\d\d_[a-z0-9_]+\.ipynb")
MARKER = re.compile(r"#\s*(begin|end)\s+solution", re.IGNORECASE)


def solutions(root: Path) -> list[Path]:
    return sorted((root / "solutions").glob("*.ipynb"))


def lesson_of(solution: Path) -> Path:
    return solution.parents[1] / "lessons" / solution.name


def stubbed(solution: NotebookNode) -> NotebookNode:
    """The lesson, not yet run. ValueError, with the cell, where the markers are wrong."""
    lesson = from_dict(solution)
    for number, cell in enumerate(lesson.cells, start=1):
        where = f"cell {number} ({cell.get('id')})"
        if cell.cell_type == "code":
            try:
                cell.source = strip_solution(cell.source)
            except ValueError as error:
                raise ValueError(f"{where}, {error}") from None
            cell.outputs, cell.execution_count = [], None
        if stray := MARKER.search(cell.source):
            raise ValueError(
                f"{where}: {stray.group()!r} is no marker here: a marker is a whole line of a code cell"
            )
    return lesson


def skeleton(notebook: NotebookNode) -> list[tuple]:
    """All of a notebook but its outputs."""
    return [(cell.cell_type, cell.get("id"), cell.metadata, cell.source) for cell in notebook.cells]


def build(solution_path: Path, anew: bool = False) -> None:
    """Normalize one solution and build its lesson; run what is out of date, or both `anew`."""
    solution, lesson_path = notebooks.read(solution_path), lesson_of(solution_path)
    stubbed(solution)  # wrong markers show before anything runs
    if anew or not notebooks.run_in_order(solution):
        print(f"running solutions/{solution_path.name}", flush=True)
        notebooks.execute(solution, solution_path.parent)
    notebooks.normalize(solution)
    notebooks.write(solution_path, solution)
    if anew or lesson_problems(solution_path):
        print(f"running lessons/{lesson_path.name}", flush=True)
        lesson_path.parent.mkdir(exist_ok=True)
        lesson = stubbed(solution)
        notebooks.execute(lesson, lesson_path.parent)
        notebooks.normalize(lesson)
        set_answers_aside(solution, lesson_path)
        notebooks.write(lesson_path, lesson)


def set_answers_aside(solution: NotebookNode, lesson_path: Path) -> None:
    """Move a lesson in which somebody has solved an exercise to answers/: what a learner typed is never lost."""
    if not lesson_path.exists():
        return
    exercises = {cell.id for cell in solution.cells if cell.cell_type == "code" and MARKER.search(cell.source)}
    cells = notebooks.read(lesson_path).cells
    if not any(cell.get("id") in exercises and STUB not in cell.source for cell in cells):
        return
    folder, number = lesson_path.parents[1] / "answers", 1
    folder.mkdir(exist_ok=True)
    while (aside := folder / f"{lesson_path.stem}-{number}.ipynb").exists():
        number += 1
    lesson_path.rename(aside)
    print(f"lessons/{lesson_path.name} held answers: it is kept as answers/{aside.name}")


def lesson_problems(solution_path: Path) -> list[str]:
    """What is wrong with the lesson of a solution."""
    lesson_path = lesson_of(solution_path)
    if not lesson_path.exists():
        return ["it has not been built"]
    found = notebooks.problems(lesson_path)
    if skeleton(notebooks.read(lesson_path)) != skeleton(stubbed(notebooks.read(solution_path))):
        found.append("its cells are not those its solution builds")
    return found


def check(root: Path) -> list[str]:
    """Every defect of every notebook, as `folder/name: what`."""
    found = [f"lessons/{p.name}: it has no solution" for p in orphans(root)]
    for path in solutions(root):
        if not NAME.fullmatch(path.name):
            found.append(f"solutions/{path.name}: its name is not of the form 03_a_few_words.ipynb")
        found += [f"solutions/{path.name}: {problem}" for problem in notebooks.problems(path)]
        try:
            found += [f"lessons/{path.name}: {problem}" for problem in lesson_problems(path)]
        except ValueError as error:
            found.append(f"solutions/{path.name}: {error}")
    return found


def orphans(root: Path) -> list[Path]:
    built = {lesson_of(path) for path in solutions(root)}
    return sorted(set((root / "lessons").glob("*.ipynb")) - built)


def selected(root: Path, numbers: list[str]) -> list[Path]:
    """The solutions whose names start as given, all when nothing is given."""
    chosen = [path for path in solutions(root) if not numbers or path.name.startswith(tuple(numbers))]
    if numbers and not chosen:
        sys.exit(f"no solution starts with {', '.join(numbers)}; there are {[p.stem for p in solutions(root)]}")
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["build", "check", "execute"])
    parser.add_argument("numbers", nargs="*", help="lessons to take, all if none is given (03, or 03_affine)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder that holds solutions/ and lessons/")
    options = parser.parse_args()
    if options.command != "check":
        for path in selected(options.root, options.numbers):
            try:
                build(path, anew=options.command == "execute")
            except (ValueError, CellExecutionError) as error:
                sys.exit(f"solutions/{path.name}: {error}")
    found = check(options.root)
    print(
        "\n".join(found) if found else f"lessons: {len(solutions(options.root))} sound, built from their solutions"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
