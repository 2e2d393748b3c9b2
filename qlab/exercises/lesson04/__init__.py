"""Lesson 04's exercises: symmetric codes, signed and unsigned, between int8 and uint8, a trap, and what pays."""

from qlab.exercises.lesson04.magnitudes import LARGEST_MAGNITUDE
from qlab.exercises.lesson04.quantizing import SYMMETRIC_QUANTIZE
from qlab.exercises.lesson04.relu_outputs import RELU_CODES
from qlab.exercises.lesson04.schemes import CHEAPEST_SCHEME
from qlab.exercises.lesson04.shifting import TO_UINT8

TITLE = "Symmetric quantization"

EXERCISES = (SYMMETRIC_QUANTIZE, RELU_CODES, TO_UINT8, LARGEST_MAGNITUDE, CHEAPEST_SCHEME)
