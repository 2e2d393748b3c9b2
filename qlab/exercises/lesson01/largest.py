"""01_largest_value: where a float format ends, from its counts of bits."""

from qlab.exercises.lesson01.floats import same_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def largest_value(exponent_bits, fraction_bits, has_infinity):
    """The largest finite value; the bias is 2 ** (exponent_bits - 1) - 1."""
    # BEGIN SOLUTION
    bias = 2 ** (exponent_bits - 1) - 1
    top = 2**exponent_bits - 1  # all ones
    if has_infinity:  # that one stands for infinity and NaN
        top = top - 1
    return (2 - 2.0**-fraction_bits) * 2.0 ** (top - bias)
    # END SOLUTION


def from_bias(exponent_bits, fraction_bits, has_infinity):
    bias = 2 ** (exponent_bits - 1) - 1
    ones = 2 ** (fraction_bits + 1) - 1
    return ones * 2.0 ** (bias + (not has_infinity) - fraction_bits)


def decoded(exponent_bits, fraction_bits, has_infinity):
    from qlab.exercises.lesson01.floats import decode_float

    exponent = "1" * (exponent_bits - 1) + ("0" if has_infinity else "1")
    return decode_float("0" + exponent + "1" * fraction_bits, exponent_bits, 2 ** (exponent_bits - 1) - 1)


def infinity_counted(exponent_bits, fraction_bits, has_infinity):
    bias = 2 ** (exponent_bits - 1) - 1
    return (1 + (1 - 2.0**-fraction_bits)) * 2.0 ** (2**exponent_bits - 1 - bias)


def always_reserved(exponent_bits, fraction_bits, has_infinity):
    return (2 - 2.0**-fraction_bits) * 2.0 ** (2 ** (exponent_bits - 1) - 1)


def next_power(exponent_bits, fraction_bits, has_infinity):
    return 2.0 ** (2 ** (exponent_bits - 1) - 1 + (not has_infinity)) * 2


def fraction_zero(exponent_bits, fraction_bits, has_infinity):
    return 2.0 ** (2 ** (exponent_bits - 1) - 1 + (not has_infinity))


def implicit_one_forgotten(exponent_bits, fraction_bits, has_infinity):
    return (1 - 2.0**-fraction_bits) * 2.0 ** (2 ** (exponent_bits - 1) - 1 + (not has_infinity))


def as_integer(exponent_bits, fraction_bits, has_infinity):
    return 2 ** (exponent_bits + fraction_bits) - 1


def bias_one_too_large(exponent_bits, fraction_bits, has_infinity):
    top = 2**exponent_bits - 1 - has_infinity
    return (2 - 2.0**-fraction_bits) * 2.0 ** (top - 2 ** (exponent_bits - 1))


LARGEST_VALUE = Exercise(
    id="01_largest_value",
    title="Where a format ends",
    points=2,
    prompt=(
        "Return the largest finite value of a float format whose bias is 2 ** (exponent_bits - 1) - 1. With "
        "has_infinity, the exponent of all ones stands for infinity and NaN; without, it is one like the others."
    ),
    reference=largest_value,
    cases=(
        Case((5, 10, True), "float16"),
        Case((8, 7, True), "bfloat16"),
        Case((5, 2, True), "float8_e5m2"),
        Case((2, 1, False), "float4_e2m1fn"),
        Case((3, 2, False), "float6_e3m2fn"),
        Case((2, 3, False), "float6_e2m3fn"),
        Case((8, 23, True), "float32"),
        Case((4, 3, True), "4 and 3 bits, with infinity"),
        Case((4, 3, False), "4 and 3 bits, without"),
        Case((8, 10, True), "TF32"),
        Case((10, 4, True), "ten bits of exponent"),
    ),
    compare=same_number,
    hints=(
        "Which bits does the largest number have? Write down its exponent and its fraction, then read them.",
        "The fraction is all ones. The exponent is all ones too, or one below that if all ones mean infinity.",
        "A fraction of m ones with the 1 before it is 2 - 2.0**-m. Multiply by 2.0 ** (top - bias), where top is "
        "2**exponent_bits - 1, minus 1 if has_infinity.",
    ),
    wrong_answers=(
        WrongAnswer(
            "infinity_counted",
            infinity_counted,
            "This takes the exponent of all ones for a number in every format. Where has_infinity holds it stands "
            "for infinity and NaN, so the largest exponent is one lower, and the largest value half of yours.",
        ),
        WrongAnswer(
            "always_reserved",
            always_reserved,
            "This keeps the exponent of all ones free in every format. Without infinity it is a number like the "
            "others: that doubles the range, which is why formats of a few bits do without.",
        ),
        WrongAnswer(
            "next_power",
            next_power,
            "This is the power of two that comes next. The significand ends just below 2: 1.111... in binary is "
            "2 - 2 ** -fraction_bits.",
        ),
        WrongAnswer(
            "fraction_zero",
            fraction_zero,
            "This is the largest power of two in the format. The fraction can still be all ones: multiply by "
            "2 - 2 ** -fraction_bits.",
        ),
        WrongAnswer(
            "implicit_one_forgotten",
            implicit_one_forgotten,
            "The fraction of all ones is right, but the 1 before it is missing: 1 + (1 - 2 ** -fraction_bits).",
        ),
        WrongAnswer(
            "as_integer",
            as_integer,
            "2 ** bits - 1 is how integers end. A float's exponent bits are the power of two, not digits.",
        ),
        WrongAnswer(
            "bias_one_too_large",
            bias_one_too_large,
            "Half of what it should be: the bias is 2 ** (exponent_bits - 1) - 1, so 15 for five bits, not 16.",
        ),
    ),
    alternatives=(from_bias, decoded),
)
