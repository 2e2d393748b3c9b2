"""The wrong answers to 03_scale_and_zero_point that people give, and what to tell them."""

import torch

from qlab.exercises.spec import WrongAnswer


def _ends(x):
    return min(0.0, x.min().item()), max(0.0, x.max().item())


def _low_and_scale(x, quant_min, quant_max):
    low, high = _ends(x)
    return low, (high - low) / (quant_max - quant_min) or 1.0


def zero_point_clamped(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min) if high > low else 1.0
    return scale, min(max(quant_min - round(low / scale), quant_min), quant_max)


def zero_point_clamped_no_guard(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min)
    return scale, min(max(quant_min - round(low / scale), quant_min), quant_max)


def range_not_widened(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min) if high > low else 1.0
    return scale, quant_min - round(low / scale)


def range_not_widened_no_guard(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


def range_not_widened_zeros_right(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


def constant_taken_for_zeros(x, quant_min, quant_max):
    if x.min() == x.max():
        return 1.0, quant_min
    low, high = _ends(x)
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


def codes_counted(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min + 1)
    return scale, quant_min - round(low / scale)


def zero_point_cut(x, quant_min, quant_max):
    low, scale = _low_and_scale(x, quant_min, quant_max)
    return scale, quant_min - int(low / scale)


def zero_point_cut_last(x, quant_min, quant_max):
    low, scale = _low_and_scale(x, quant_min, quant_max)
    return scale, int(quant_min - low / scale)


def half_added_and_cut(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, int(quant_min - low / scale + 0.5)


def half_added_and_cut_first(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - int(low / scale + 0.5)


def zero_point_floored(x, quant_min, quant_max):
    low, scale = _low_and_scale(x, quant_min, quant_max)
    return scale, quant_min - low // scale


def zero_point_not_rounded(x, quant_min, quant_max):
    low, scale = _low_and_scale(x, quant_min, quant_max)
    return scale, quant_min - low / scale


def sign_of_zero_point(x, quant_min, quant_max):
    low, scale = _low_and_scale(x, quant_min, quant_max)
    return scale, quant_min + round(low / scale)


def quant_min_forgotten(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, -round(low / scale)


def swapped(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return quant_min, 1.0
    scale = (high - low) / (quant_max - quant_min)
    return quant_min - round(low / scale), scale


def scale_cut(x, quant_min, quant_max):
    low, high = _ends(x)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) // (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


def scale_cut_in_torch(x, quant_min, quant_max):
    zero = torch.zeros((), dtype=x.dtype)
    low, high = torch.minimum(x.min(), zero), torch.maximum(x.max(), zero)
    if low == high:
        return 1.0, quant_min
    scale = (high - low) // (quant_max - quant_min)
    return scale, quant_min - torch.round(low / scale)


def symmetric(x, quant_min, quant_max):
    return x.abs().max() / quant_max, 0


def symmetric_zeros_right(x, quant_min, quant_max):
    largest = x.abs().max()
    return (largest / quant_max, 0) if largest > 0 else (1.0, quant_min)


def zero_over_zero(x, quant_min, quant_max):
    zero = torch.zeros((), dtype=x.dtype)
    low, high = torch.minimum(x.min(), zero), torch.maximum(x.max(), zero)
    scale = (high - low) / (quant_max - quant_min)
    return scale, (quant_min - torch.round(low / scale)).to(torch.int32)


def zero_over_zero_to_int(x, quant_min, quant_max):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / (quant_max - quant_min)
    return scale.item(), quant_min - int(torch.round(low / scale))


def division_by_zero(x, quant_min, quant_max):
    low, high = _ends(x)
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


SWAPPED = "You returned (zero_point, scale): the scale comes first, `return scale, zero_point`."
NO_GUARD = (
    "The range of an all-zero tensor is 0, so the scale is 0 and low / scale is 0 / 0. "
    "Give such a tensor the scale 1 before you divide; its codes are the zero point whatever the scale."
)
_CLAMPED = (
    "The zero point is clamped, but the range was not widened to hold 0. When all values have one sign, a part of "
    "them has no code: [2, 3, 5] come back as [2, 3, 3]. Widen the range first."
)
_NOT_WIDENED = (
    "The range does not hold 0 when all values have one sign. The zero point is then no code at all, and 0 "
    "(padding, ReLU) cannot be represented. Take min(0, smallest) and max(0, largest)."
)
_CUT = (
    "int() cuts the fraction off and does not round, so the zero point is off by one half of the time. Use round()."
)
_HALF_ADDED = (
    "int() cuts toward 0, so int(v + 0.5) rounds positive numbers only; below 0 it is one too large. Use round()."
)
_SCALE_CUT = "`//` cuts the scale down to a whole number, here often 0. Divide with `/`: a scale is rarely whole."
_SYMMETRIC = (
    "This is symmetric quantization, which lesson 04 is about: largest magnitude over quant_max, zero point 0. "
    "Here the gap is the whole range, high - low, over quant_max - quant_min."
)

_TOLD = {
    zero_point_clamped: _CLAMPED,
    zero_point_clamped_no_guard: _CLAMPED,
    range_not_widened: _NOT_WIDENED,
    range_not_widened_no_guard: _NOT_WIDENED,
    range_not_widened_zeros_right: _NOT_WIDENED,
    constant_taken_for_zeros: "Only all zeros are special. Equal values have a range too, with 0 at one end: that "
    "of [4.0] is 0 to 4. Widen the range before you test whether it is empty.",
    codes_counted: "The range was divided by the number of codes. Between 256 codes lie 255 gaps, so the scale is "
    "too small and the largest value needs a code beyond quant_max.",
    zero_point_cut: _CUT,
    zero_point_cut_last: _CUT,
    half_added_and_cut: _HALF_ADDED,
    half_added_and_cut_first: _HALF_ADDED,
    zero_point_floored: "`//` and math.floor go down, not to the nearest whole number, so the zero point is one "
    "too large half of the time. Use round(low / scale).",
    zero_point_not_rounded: "The zero point must be a code, a whole number. With a fraction in it the value 0 "
    "falls between two codes and does not come back as 0.",
    sign_of_zero_point: "The sign is wrong: low is negative, so low / scale must be subtracted to move up from "
    "quant_min. Check it: low should get the code quant_min.",
    quant_min_forgotten: "quant_min is left out. This counts the gaps from low to 0, but low has the code "
    "quant_min, not 0: start from quant_min.",
    swapped: SWAPPED,
    scale_cut: _SCALE_CUT,
    scale_cut_in_torch: _SCALE_CUT,
    symmetric: _SYMMETRIC,
    symmetric_zeros_right: _SYMMETRIC,
    zero_over_zero: NO_GUARD,
    zero_over_zero_to_int: NO_GUARD,
    division_by_zero: NO_GUARD,
}
WRONG_ANSWERS = tuple(WrongAnswer(function.__name__, function, told) for function, told in _TOLD.items())
