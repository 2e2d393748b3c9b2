"""Lesson 05's exercises: scales per channel, then per group, what they cost, what to choose, and which axis."""

from qlab.exercises.lesson05.axes import ROWS_OR_COLUMNS
from qlab.exercises.lesson05.channels import CHANNEL_SCALES
from qlab.exercises.lesson05.choices import CHEAPEST
from qlab.exercises.lesson05.costs import BITS_PER_WEIGHT
from qlab.exercises.lesson05.groups import THROUGH_GROUPS

TITLE = "Granularity"

EXERCISES = (CHANNEL_SCALES, THROUGH_GROUPS, BITS_PER_WEIGHT, CHEAPEST, ROWS_OR_COLUMNS)
