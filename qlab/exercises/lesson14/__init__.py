"""Lesson 14's exercises: codes from one convention to another, and a low-rank update merged into a weight."""

from qlab.exercises.lesson14.half_steps import HALF_STEP_CODES
from qlab.exercises.lesson14.merging import MERGED_WEIGHT
from qlab.exercises.lesson14.signs import SIGNED_CODES

TITLE = "Real libraries"

EXERCISES = (SIGNED_CODES, HALF_STEP_CODES, MERGED_WEIGHT)
