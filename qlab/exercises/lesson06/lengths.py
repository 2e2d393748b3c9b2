"""06_longest_sum: how many products an accumulator takes, whatever the codes are. A float has a limit too."""

import torch

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def longest_sum(x_largest, w_largest, dtype):
    """The largest K for which any sum of K products is exact in dtype."""
    # BEGIN SOLUTION
    product = x_largest * w_largest
    if dtype.is_floating_point:
        return int(2 / torch.finfo(dtype).eps) // product  # 2**24 for float32
    return torch.iinfo(dtype).max // product
    # END SOLUTION


LIMITS = {torch.float16: 2**11, torch.bfloat16: 2**8, torch.float32: 2**24, torch.float64: 2**53}


def from_a_table(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype in LIMITS else 2 ** (8 * dtype.itemsize - 1) - 1
    return torch.tensor(limit // (x_largest * w_largest))


def searched(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else torch.iinfo(dtype).max
    low, high = 0, 2**62
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle * x_largest * w_largest <= limit else (low, middle - 1)
    return low


def largest_float(x_largest, w_largest, dtype):
    limit = torch.finfo(dtype).max if dtype.is_floating_point else torch.iinfo(dtype).max
    return int(limit // (x_largest * w_largest))


def every_float_as_float32(x_largest, w_largest, dtype):
    limit = 2**24 if dtype.is_floating_point else torch.iinfo(dtype).max
    return limit // (x_largest * w_largest)


def mantissa_without_leading_bit(x_largest, w_largest, dtype):
    limit = int(1 / torch.finfo(dtype).eps) if dtype.is_floating_point else torch.iinfo(dtype).max
    return limit // (x_largest * w_largest)


def float_limit_less_one(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] - 1 if dtype.is_floating_point else torch.iinfo(dtype).max
    return limit // (x_largest * w_largest)


def sign_ignored(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else 2 ** (8 * dtype.itemsize) - 1
    return limit // (x_largest * w_largest)


def one_too_many(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else torch.iinfo(dtype).max + 1
    return limit // (x_largest * w_largest)


def rounded_up(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else torch.iinfo(dtype).max
    return -(-limit // (x_largest * w_largest))


def not_rounded(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else torch.iinfo(dtype).max
    return limit / (x_largest * w_largest)


def at_least_one(x_largest, w_largest, dtype):
    return max(1, longest_sum(x_largest, w_largest, dtype))


def one_factor(x_largest, w_largest, dtype):
    limit = LIMITS[dtype] if dtype.is_floating_point else torch.iinfo(dtype).max
    return limit // x_largest


LONGEST_SUM = Exercise(
    id="06_longest_sum",
    title="How long may a sum be?",
    points=2,
    prompt=(
        "x_largest and w_largest are the largest magnitudes of the two factors, zero points removed. Return the "
        "largest K for which every sum of K such products comes out exactly when it is kept in dtype, an integer "
        "or a float type of torch; 0 if not even one product does."
    ),
    reference=longest_sum,
    cases=(
        Case((128, 128, torch.int32), "int8 by int8"),
        Case((127, 127, torch.int32), "int8 without its lowest code"),
        Case((255, 128, torch.int32), "uint8 by int8"),
        Case((128, 128, torch.int16), "in 16 bits"),
        Case((128, 128, torch.int8), "not even one"),
        Case((128, 128, torch.float32), "in float32"),
        Case((255, 255, torch.float32), "uint8 by uint8 in float32"),
        Case((8, 8, torch.int16), "int4 by int4 in 16 bits"),
        Case((8, 8, torch.float16), "int4 by int4 in float16"),
        Case((8, 8, torch.bfloat16), "in bfloat16"),
        Case((1, 1, torch.int16), "signs"),
        Case((1, 1, torch.float32), "signs in float32"),
        Case((255, 255, torch.float16), "one product is already too large"),
        Case((2, 64, torch.int8), "one product of 128"),
    ),
    compare=whole_number,
    hints=(
        "Take the worst case: all K products are as large as they can be. Up to which number does the type hold "
        "every whole number?",
        "torch.iinfo(dtype).max tells it for an integer type. A float type reaches much further, but from some "
        "number on it holds only every second whole number. For float32 that is 2**24.",
        "The limit of a float type is 2 / torch.finfo(dtype).eps. K is the limit divided by x_largest * w_largest, "
        "rounded down with //.",
    ),
    wrong_answers=(
        WrongAnswer(
            "largest_float",
            largest_float,
            "The largest float is not the limit. Beyond 2**24, float32 holds only every second whole number, then "
            "every fourth: sums are rounded long before they overflow. The limit is 2 / torch.finfo(dtype).eps.",
        ),
        WrongAnswer(
            "every_float_as_float32",
            every_float_as_float32,
            "2**24 is the limit of float32 alone. float16 and bfloat16 keep fewer digits: the limit of each is "
            "2 / torch.finfo(dtype).eps.",
        ),
        WrongAnswer(
            "mantissa_without_leading_bit",
            mantissa_without_leading_bit,
            "This counts the stored fraction bits, 23 for float32. The leading 1 is not stored but counts: whole "
            "numbers are exact up to 2**24, that is 2 / eps.",
        ),
        WrongAnswer(
            "float_limit_less_one",
            float_limit_less_one,
            "2**24 itself is a power of two, and a float32 holds it. The first whole number that it does not hold "
            "is 2**24 + 1.",
        ),
        WrongAnswer(
            "sign_ignored",
            sign_ignored,
            "One bit of an accumulator is its sign: int32 ends at 2**31 - 1, not at 2**32 - 1. Sums of codes can "
            "be negative.",
        ),
        WrongAnswer(
            "one_too_many",
            one_too_many,
            "The largest int32 is 2**31 - 1. A sum of exactly 2**31, such as 131,072 products of 128 * 128, is one "
            "too large and wraps around to -2**31.",
        ),
        WrongAnswer(
            "rounded_up",
            rounded_up,
            "K is rounded up, so the last product may be the one that does not fit. Round down.",
        ),
        WrongAnswer(
            "not_rounded",
            not_rounded,
            "K counts products, so it is a whole number: divide with //, which rounds down.",
        ),
        WrongAnswer(
            "at_least_one",
            at_least_one,
            "Where one product alone is beyond the limit, no sum is safe: the answer is 0.",
        ),
        WrongAnswer(
            "one_factor",
            one_factor,
            "Each term of the sum is a product of two codes: divide the limit by x_largest * w_largest.",
        ),
    ),
    alternatives=(from_a_table, searched),
)
