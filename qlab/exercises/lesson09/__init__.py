"""Lesson 09's exercises: a dynamic layer by hand, the bytes of a file, and the integers behind a printed tensor."""

from qlab.exercises.lesson09.files import FILE_BYTES
from qlab.exercises.lesson09.forwards import DYNAMIC_LINEAR
from qlab.exercises.lesson09.integers import INTEGERS

TITLE = "Dynamic quantization"

EXERCISES = (DYNAMIC_LINEAR, FILE_BYTES, INTEGERS)
