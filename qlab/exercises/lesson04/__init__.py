"""Lesson 04's exercises: symmetric codes, signed and unsigned, and whether a zero point pays."""

from qlab.exercises.lesson04.quantizing import SYMMETRIC_QUANTIZE
from qlab.exercises.lesson04.relu_outputs import RELU_CODES
from qlab.exercises.lesson04.schemes import CHEAPEST_SCHEME

TITLE = "Symmetric quantization"

EXERCISES = (SYMMETRIC_QUANTIZE, RELU_CODES, CHEAPEST_SCHEME)
