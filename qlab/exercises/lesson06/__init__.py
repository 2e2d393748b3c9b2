"""Lesson 06's exercises: an integer product, how long a sum may be, the bias, and the way back to 8 bits."""

from qlab.exercises.lesson06.biases import BIAS_CODES
from qlab.exercises.lesson06.lengths import LONGEST_SUM
from qlab.exercises.lesson06.multiplying import INTEGER_PRODUCT
from qlab.exercises.lesson06.returning import RELU_CODES

TITLE = "Integer matmul"

EXERCISES = (INTEGER_PRODUCT, LONGEST_SUM, BIAS_CODES, RELU_CODES)
