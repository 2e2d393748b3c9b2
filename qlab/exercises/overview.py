"""progress: the state of the course, as a table."""

import html
from dataclasses import dataclass

from qlab.exercises import store
from qlab.exercises.registry import LESSONS

_HEADER = ("exercise", "state", "points", "hints")
_CELL = "text-align:left;padding:2px 16px 2px 0"


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of text by lesson, a total, and a note when the progress file needs a word."""

    lessons: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]  # (heading, rows)
    total: str
    note: str = ""

    def __repr__(self):
        rows = [_HEADER, *(row for _, rows in self.lessons for row in rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [_line(_HEADER, widths)]
        for heading, rows in self.lessons:
            lines += [heading, *(_line(row, widths) for row in rows)]
        return "\n".join([*lines, self.total, *([self.note] if self.note else [])])

    def _repr_html_(self):
        body = _html_row("th", _HEADER)
        for heading, rows in self.lessons:
            body += f'<tr><th colspan="4" style="{_CELL}">{html.escape(heading)}</th></tr>'
            body += "".join(_html_row("td", row) for row in rows)
        end = f"<div>{html.escape(self.total)}</div><div>{html.escape(self.note)}</div>"
        return f'<table style="color:var(--jp-ui-font-color1, inherit)">{body}</table>{end}'


def _line(row, widths):
    return ("  " + "  ".join(map(str.ljust, row, widths))).rstrip()


def _html_row(tag, row):
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{html.escape(cell)}</{tag}>' for cell in row) + "</tr>"


def progress(lesson=None):
    """The exercises, passed, tried or open, with points and hints used: of one lesson, or of all. Never raises.

    >>> progress("00")
      exercise          state  points  hints
    00 Start here
      00_bits_to_codes  open   0 of 1  0
    0 of 1 exercises passed, 0 of 1 points.
    """
    records, note = store.read_records()
    chosen = {number: LESSONS[number] for number in LESSONS if lesson in (None, number)}
    if not chosen:
        note = f"There is no lesson {lesson!r}; there are {', '.join(LESSONS)}. {note}".strip()
        chosen = LESSONS
    lessons, points, passed = [], 0, 0
    for number, module in chosen.items():
        done = [_record(records, exercise) for exercise in module.EXERCISES]
        lessons.append((f"{number} {module.TITLE}", tuple(map(_row, module.EXERCISES, done))))
        passed += sum(record["passed"] for record in done)
        points += sum(e.points for e, record in zip(module.EXERCISES, done, strict=True) if record["passed"])
    exercises = [exercise for module in chosen.values() for exercise in module.EXERCISES]
    total = f"{passed} of {len(exercises)} exercises passed, {points} of {sum(e.points for e in exercises)} points."
    return Table(tuple(lessons), total, note)


def _record(records, exercise):
    return store.NEW_RECORD | records.get(exercise.id, {})


def _row(exercise, record):
    state = "passed" if record["passed"] else f"tried ({record['tries']})" if record["tries"] else "open"
    if record["solution_seen"]:
        state += ", solution seen"
    earned = exercise.points if record["passed"] else 0
    return exercise.id, state, f"{earned} of {exercise.points}", str(record["hints"])
