"""Lesson 00's one exercise: small enough to meet `check`, `hint` and `solution` on."""

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer

TITLE = "Start here"


def number_of_codes(bits):
    """How many different codes can be written in `bits` bits?"""
    # BEGIN SOLUTION
    return 2**bits
    # END SOLUTION


def by_shifting(bits):
    return 1 << bits


def by_doubling(bits):
    codes = 1
    for _ in range(bits):
        codes *= 2
    return codes


def xor_for_power(bits):
    return 2 ^ bits


def largest_code(bits):
    return 2**bits - 1


def square_of_bits(bits):
    return bits**2


def two_a_bit(bits):
    return bits * 2


def one_bit_fewer(bits):
    return 2 ** (bits - 1)


BITS_TO_CODES = Exercise(
    id="00_bits_to_codes",
    title="Count the codes",
    points=1,
    prompt="Return how many different codes fit in `bits` bits. One bit has two: 0 and 1.",
    reference=number_of_codes,
    cases=(*(Case((bits,)) for bits in (1, 2, 3, 4, 8, 16, 32)), Case((0,), "no bits at all")),
    compare=whole_number,
    hints=(
        "Write down all codes of one bit, then all codes of two bits. What happens to the count?",
        "Every further bit doubles the count: each old code can be followed by a 0 or by a 1.",
        "Doubling `bits` times from 1 is a power of two; Python writes powers with `**`.",
    ),
    wrong_answers=(
        WrongAnswer(
            "xor_for_power",
            xor_for_power,
            "In Python `^` is exclusive or on bits, not a power: 2 ^ 3 is 1. Powers are written `**`.",
        ),
        WrongAnswer(
            "largest_code",
            largest_code,
            "This is the largest unsigned code. The codes start at 0, so there is one more of them than that.",
        ),
        WrongAnswer(
            "square_of_bits",
            square_of_bits,
            "This is bits to the power of two. It should be two to the power of bits: each bit doubles the count.",
        ),
        WrongAnswer(
            "two_a_bit",
            two_a_bit,
            "bits * 2 adds two codes for every bit. Each further bit doubles the count: 2, 4, 8, 16.",
        ),
        WrongAnswer(
            "one_bit_fewer",
            one_bit_fewer,
            "This is half of the count. Each of the bits doubles it, the first one too: one bit has two codes.",
        ),
    ),
    alternatives=(by_shifting, by_doubling),
)

EXERCISES = (BITS_TO_CODES,)
