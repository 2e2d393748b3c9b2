"""01_decode_float: the number that sign, exponent and fraction stand for, subnormal ones included."""

from qlab.exercises.comparing import as_number, kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def decode_float(bits, exponent_bits, bias):
    """The number that a float's bits stand for: sign, exponent, fraction."""
    # BEGIN SOLUTION
    sign = -1 if bits[0] == "1" else 1
    exponent = int(bits[1 : 1 + exponent_bits], 2)
    fraction = bits[1 + exponent_bits :]
    part = int(fraction, 2) / 2 ** len(fraction)
    if exponent == 0:
        return sign * part * 2.0 ** (1 - bias)
    return sign * (1 + part) * 2.0 ** (exponent - bias)
    # END SOLUTION


def same_number(expected, got, case):
    """The same number: every value of a small float is exact in Python's."""
    number = as_number(got)
    if number is None:
        return f"Expected one number, got {kind(got)}."
    return None if number == expected else f"Expected {show(expected)}, got {show(number)}."


def _parts(bits, exponent_bits):
    """Sign, exponent, the fraction as an integer, and its number of bits."""
    sign = -1 if bits[0] == "1" else 1
    fraction = bits[1 + exponent_bits :]
    return sign, int(bits[1 : 1 + exponent_bits], 2), int(fraction, 2), len(fraction)


def in_integers(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    significand = fraction + (2**length if exponent else 0)
    return sign * significand * 2.0 ** (max(exponent, 1) - bias - length)


def bit_by_bit(bits, exponent_bits, bias):
    exponent = int(bits[1 : 1 + exponent_bits], 2)
    value, weight = float(exponent > 0), 1.0
    for bit in bits[1 + exponent_bits :]:
        weight /= 2
        value += weight * int(bit)
    value *= 2.0 ** (max(1, exponent) - bias)
    return -value if bits[0] == "1" else value


def implicit_one_forgotten(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    return sign * fraction / 2**length * 2.0 ** (max(exponent, 1) - bias)


def implicit_one_forgotten_no_subnormals(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    return sign * fraction / 2**length * 2.0 ** (exponent - bias)


def no_subnormals(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    return sign * (1 + fraction / 2**length) * 2.0 ** (exponent - bias)


def subnormal_exponent_too_low(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    return sign * ((exponent > 0) + fraction / 2**length) * 2.0 ** (exponent - bias)


def subnormals_to_zero(bits, exponent_bits, bias):
    sign, exponent, fraction, length = _parts(bits, exponent_bits)
    return sign * (1 + fraction / 2**length) * 2.0 ** (exponent - bias) if exponent else 0.0


def bias_added(bits, exponent_bits, bias):
    return decode_float(bits, exponent_bits, -bias)


def no_bias(bits, exponent_bits, bias):
    return decode_float(bits, exponent_bits, 0)


def bias_worked_out(bits, exponent_bits, bias):
    return decode_float(bits, exponent_bits, 2 ** (exponent_bits - 1) - 1)


def bias_one_too_large(bits, exponent_bits, bias):
    return decode_float(bits, exponent_bits, 2 ** (exponent_bits - 1))


def sign_forgotten(bits, exponent_bits, bias):
    return abs(decode_float(bits, exponent_bits, bias))


def _divided_by(whole, bits, exponent_bits, bias):
    sign, exponent, fraction, _ = _parts(bits, exponent_bits)
    return sign * ((exponent > 0) + fraction / whole) * 2.0 ** (max(exponent, 1) - bias)


def fraction_not_divided(bits, exponent_bits, bias):
    return _divided_by(1, bits, exponent_bits, bias)


def fraction_of_1024(bits, exponent_bits, bias):
    return _divided_by(1024, bits, exponent_bits, bias)


def all_ones_are_one(bits, exponent_bits, bias):
    return _divided_by(2 ** (len(bits) - 1 - exponent_bits) - 1, bits, exponent_bits, bias)


def only_zero_excepted(bits, exponent_bits, bias):
    return no_subnormals(bits, exponent_bits, bias) if "1" in bits[1:] else 0.0


DECODE_FLOAT = Exercise(
    id="01_decode_float",
    title="Read a float",
    points=3,
    prompt=(
        "Return the number that the bits stand for: one sign bit, exponent_bits for the exponent, all others for "
        "the fraction. Subnormal numbers count; infinity and NaN are not asked for."
    ),
    reference=decode_float,
    cases=(
        Case(("0011000100000000", 5, 15), "float16"),
        Case(("1100000000000000", 5, 15), "float16, negative"),
        Case(("00111000", 4, 7), "float8_e4m3fn: one"),
        Case(("01111110", 4, 7), "float8_e4m3fn: its largest"),
        Case(("00000011", 4, 7), "float8_e4m3fn, subnormal"),
        Case(("0101", 2, 1), "float4_e2m1fn"),
        Case(("0001", 2, 1), "float4_e2m1fn, subnormal"),
        Case(("1001", 2, 1), "float4_e2m1fn, subnormal and negative"),
        Case(("0000000000000001", 5, 15), "the smallest float16"),
        Case(("0000010000000000", 5, 15), "the smallest normal float16"),
        Case(("0011111010101011", 8, 127), "bfloat16, near 1/3"),
        Case(("00000000", 4, 7), "zero"),
        Case(("01000100", 4, 8), "another bias, as AMD's float8_e4m3fnuz has"),
        Case(("10000111", 4, 8), "another bias, subnormal"),
        Case(("0" + "10000000" + "10010010000111111011011", 8, 127), "float32, near pi"),
    ),
    compare=same_number,
    hints=(
        "Cut the string into three: bits[0], then exponent_bits of them, then the rest. What does each say?",
        "The fraction of m bits counts halves, quarters, ...: int(fraction, 2) / 2**m. A 1 stands before it, "
        "unless all bits of the exponent are 0.",
        "Return sign * (1 + part) * 2.0 ** (exponent - bias), but sign * part * 2.0 ** (1 - bias) where exponent "
        "is 0.",
    ),
    wrong_answers=(
        WrongAnswer(
            "implicit_one_forgotten",
            implicit_one_forgotten,
            "The 1 before the fraction is missing. It is never stored, because every normal number has it.",
        ),
        WrongAnswer(
            "implicit_one_forgotten_no_subnormals",
            implicit_one_forgotten_no_subnormals,
            "The 1 before the fraction is missing in normal numbers, and subnormal ones have the exponent "
            "1 - bias.",
        ),
        WrongAnswer(
            "no_subnormals",
            no_subnormals,
            "This is right until the exponent bits are all 0. Then no 1 stands before the fraction, and the "
            "exponent is 1 - bias: without that rule a format could not hold 0.",
        ),
        WrongAnswer(
            "subnormal_exponent_too_low",
            subnormal_exponent_too_low,
            "Subnormal numbers come out half as large as they are. Their exponent is 1 - bias, the same as that of "
            "the smallest normal numbers, so that the steps go on evenly down to 0.",
        ),
        WrongAnswer(
            "subnormals_to_zero",
            subnormals_to_zero,
            "Exponent bits of 0 do not mean zero: the fraction still counts, with exponent 1 - bias and no 1 "
            "before it. Only if the fraction is 0 too is the number 0.",
        ),
        WrongAnswer(
            "bias_added",
            bias_added,
            "The bias is added. It was added when the number was stored, so that no exponent is negative there: "
            "subtract it to read.",
        ),
        WrongAnswer(
            "no_bias",
            no_bias,
            "The bias is not subtracted. The stored exponent is never negative; what counts is exponent - bias.",
        ),
        WrongAnswer(
            "bias_worked_out",
            bias_worked_out,
            "This works the bias out from the number of exponent bits. Most formats follow that rule, but not all: "
            "use the bias you are given.",
        ),
        WrongAnswer(
            "bias_one_too_large",
            bias_one_too_large,
            "The bias is not 2 ** (exponent_bits - 1): most formats have one less than that. Use the bias you are "
            "given.",
        ),
        WrongAnswer(
            "sign_forgotten",
            sign_forgotten,
            "The sign is missing: if the first bit is 1 the number is negative.",
        ),
        WrongAnswer(
            "fraction_not_divided",
            fraction_not_divided,
            "The fraction is read as a whole number. Its m bits count halves, quarters and so on: divide by "
            "2 ** m.",
        ),
        WrongAnswer(
            "only_zero_excepted",
            only_zero_excepted,
            "0 is right, but it is not the only exception: wherever the exponent bits are all 0, no 1 stands "
            "before the fraction, and the exponent is 1 - bias.",
        ),
        WrongAnswer(
            "fraction_of_1024",
            fraction_of_1024,
            "1024 is 2 ** 10, for the ten bits of fraction of float16. Count the bits that are left: "
            "2 ** len(fraction).",
        ),
        WrongAnswer(
            "all_ones_are_one",
            all_ones_are_one,
            "The fraction is divided by 2 ** m - 1, as if all ones were 1. They are one step less than 1: divide "
            "by 2 ** m.",
        ),
    ),
    alternatives=(in_integers, bit_by_bit),
)
