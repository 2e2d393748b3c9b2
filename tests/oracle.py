"""The obvious, slow specification: one element at a time, in Python loops. The library is tested against it."""

import itertools
import math

import numpy as np


def round_half_even(x):
    """Python's own round is half to even; numpy scalars go through float64, which holds float32 exactly."""
    return round(float(x))


def blocks_of(shape, granularity):
    """A dict from the index of a scale to the indices of the elements that share it."""
    kind = type(granularity).__name__
    blocks = {}
    for index in itertools.product(*map(range, shape)):
        if kind == "PerTensor":
            key = ()
        else:
            axis = granularity.axis % len(shape)
            if kind == "PerAxis":
                key = tuple(i if a == axis else 0 for a, i in enumerate(index))
            else:
                key = tuple(i // granularity.group_size if a == axis else i for a, i in enumerate(index))
        blocks.setdefault(key, []).append(index)
    return blocks


def choose(elements, quant_min, quant_max, scheme, real=np.float32):
    """Scale and zero point for a list of numbers, in the arithmetic of `real`."""
    elements = [real(e) for e in elements]
    if scheme == "symmetric":
        largest = max(abs(e) for e in elements)
        return (real(1) if largest == 0 else real(largest / real(quant_max))), 0
    lo, hi = min(real(0), *elements), max(real(0), *elements)
    scale = real(1) if lo == hi else real((hi - lo) / real(quant_max - quant_min))
    return scale, min(max(quant_min - round_half_even(lo / scale), quant_min), quant_max)


def quantize(x, scale, zero_point, quant_min, quant_max, real=np.float32):
    """The code of one number."""
    ratio = real(x) / real(scale)
    if math.isinf(ratio):  # a huge number over a tiny scale: past the end of the range
        return quant_max if ratio > 0 else quant_min
    return min(max(round_half_even(ratio) + int(zero_point), quant_min), quant_max)


def dequantize(q, scale, zero_point, real=np.float32):
    """The number that one code stands for."""
    return real(int(q) - int(zero_point)) * real(scale)
