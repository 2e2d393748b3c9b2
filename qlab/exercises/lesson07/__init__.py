"""Lesson 07's exercises: a weight-only layer by hand, its bytes, what an exclusion means, and what to keep."""

from qlab.exercises.lesson07.budgets import KEEP_IN_FLOAT
from qlab.exercises.lesson07.footprints import LAYER_BYTES
from qlab.exercises.lesson07.forwards import WEIGHT_ONLY
from qlab.exercises.lesson07.names import REPLACED_NAMES

TITLE = "Quantized layers"

EXERCISES = (WEIGHT_ONLY, LAYER_BYTES, REPLACED_NAMES, KEEP_IN_FLOAT)
