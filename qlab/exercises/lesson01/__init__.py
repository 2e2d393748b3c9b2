"""Lesson 01's exercises: read an integer and a float from its bits, round, count."""

from qlab.exercises.lesson01.counting import COUNTS_TO
from qlab.exercises.lesson01.floats import DECODE_FLOAT
from qlab.exercises.lesson01.integers import DECODE_INTEGER
from qlab.exercises.lesson01.ties import NEAREST_VALUE

TITLE = "Number formats"

EXERCISES = (DECODE_INTEGER, DECODE_FLOAT, NEAREST_VALUE, COUNTS_TO)
