"""Lesson 08's exercises: fold a batch norm, quantize with a range seen before, choose where to clip."""

from qlab.exercises.lesson08.best import BEST_CLIP
from qlab.exercises.lesson08.fold import FOLD
from qlab.exercises.lesson08.static import STATIC_CODES

TITLE = "Static quantization"

EXERCISES = (FOLD, STATIC_CODES, BEST_CLIP)
