"""Lesson 11's exercises: a gradient through a rounding, one for the scale, what to round, and what to update."""

from qlab.exercises.lesson11.folded import ROUNDED_WEIGHT
from qlab.exercises.lesson11.gradients import GRADIENT
from qlab.exercises.lesson11.scales import SCALE_GRADIENT
from qlab.exercises.lesson11.updates import TRAIN

TITLE = "Quantization-aware training"

EXERCISES = (GRADIENT, SCALE_GRADIENT, ROUNDED_WEIGHT, TRAIN)
