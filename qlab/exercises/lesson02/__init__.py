"""Lesson 02's exercises: count a model's bytes, round to bfloat16 by hand, keep sums wide, collapse values."""

from qlab.exercises.lesson02.collapsing import COLLAPSE
from qlab.exercises.lesson02.footprints import FOOTPRINT
from qlab.exercises.lesson02.rounding import NEAREST_BFLOAT16
from qlab.exercises.lesson02.squares import ROOT_MEAN_SQUARE

TITLE = "Downcasting"

EXERCISES = (FOOTPRINT, NEAREST_BFLOAT16, ROOT_MEAN_SQUARE, COLLAPSE)
