"""Lesson 10's exercises: an SQNR, the weights to compare, whose error it is, and which layers to leave in float."""

from qlab.exercises.lesson10.budgets import LEAVE_IN_FLOAT
from qlab.exercises.lesson10.errors import TWO_ERRORS
from qlab.exercises.lesson10.folds import FOLDED_SQNR
from qlab.exercises.lesson10.ratios import DECIBELS

TITLE = "Numerical debugging"

EXERCISES = (DECIBELS, FOLDED_SQNR, TWO_ERRORS, LEAVE_IN_FLOAT)
