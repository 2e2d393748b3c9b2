"""Lesson 03's exercises: find scale and zero point, quantize, dequantize, then two on choosing the range."""

from qlab.exercises.lesson03.dequantizing import DEQUANTIZE
from qlab.exercises.lesson03.leaving_out_zero import LEAVE_OUT_ZERO
from qlab.exercises.lesson03.qparams import SCALE_AND_ZERO_POINT
from qlab.exercises.lesson03.quantizing import QUANTIZE
from qlab.exercises.lesson03.saturating import SATURATE_OR_ROUND

TITLE = "Affine quantization"

EXERCISES = (SCALE_AND_ZERO_POINT, QUANTIZE, DEQUANTIZE, SATURATE_OR_ROUND, LEAVE_OUT_ZERO)
