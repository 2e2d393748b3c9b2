"""Lesson 07's exercises: a weight-only layer by hand, its bytes, and what an exclusion means."""

from qlab.exercises.lesson07.footprints import LAYER_BYTES
from qlab.exercises.lesson07.forwards import WEIGHT_ONLY
from qlab.exercises.lesson07.names import REPLACED_NAMES

TITLE = "Quantized layers"

EXERCISES = (WEIGHT_ONLY, LAYER_BYTES, REPLACED_NAMES)
