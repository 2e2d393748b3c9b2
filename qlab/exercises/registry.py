"""All exercises, by id. A lesson joins the course by one line here."""

import difflib

from qlab.exercises import (
    lesson00,
    lesson01,
    lesson02,
    lesson03,
    lesson04,
    lesson05,
    lesson06,
    lesson07,
    lesson08,
    lesson09,
    lesson10,
    lesson11,
    lesson14,
)
from qlab.exercises.spec import Exercise

LESSONS = {  # each has TITLE and EXERCISES
    "00": lesson00,
    "01": lesson01,
    "02": lesson02,
    "03": lesson03,
    "04": lesson04,
    "05": lesson05,
    "06": lesson06,
    "07": lesson07,
    "08": lesson08,
    "09": lesson09,
    "10": lesson10,
    "11": lesson11,
    "14": lesson14,
}

EXERCISES = {exercise.id: exercise for lesson in LESSONS.values() for exercise in lesson.EXERCISES}


class UnknownExercise(ValueError):
    """No exercise has that name."""


def find_exercise(name) -> Exercise:
    """The exercise of that id; UnknownExercise, with the nearest names, where there is none.

    >>> find_exercise("03_quantize").points
    3
    >>> find_exercise("03_quantise")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    qlab.exercises.registry.UnknownExercise: There is no exercise '03_quantise'. Did you mean '03_quantize' or ...
    """
    if type(name) is not str:
        raise UnknownExercise("The first argument is the exercise's name, a string such as '03_quantize'.")
    if name in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, n=2, cutoff=0.5)
    near = near or [known for known in EXERCISES if name and name in known][:2]
    ask = f"Did you mean {' or '.join(map(repr, near))}?" if near else "ql.progress() lists them all."
    raise UnknownExercise(f"There is no exercise {name[:80]!r}. {ask}")
