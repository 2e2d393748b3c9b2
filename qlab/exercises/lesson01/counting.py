"""01_counts_to: where adding 1 stops to have an effect."""

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def counts_to(fraction_bits):
    """Where a counter sticks that adds 1.0 in a float with so many bits of fraction."""
    # BEGIN SOLUTION
    significant_bits = fraction_bits + 1  # the 1 before the fraction is a bit too
    return 2**significant_bits
    # END SOLUTION


def from_eps(fraction_bits):
    eps = 2.0**-fraction_bits
    return 2 / eps


def step_by_step(fraction_bits):
    power = 0
    while power - fraction_bits < 1:  # from 2**power on, values are 2**(power - fraction_bits) apart
        power += 1
    return 2**power


def one_over_eps(fraction_bits):
    return 2**fraction_bits


def first_missing(fraction_bits):
    return 2 ** (fraction_bits + 1) + 1


def all_ones(fraction_bits):
    return 2 ** (fraction_bits + 1) - 1


def one_power_more(fraction_bits):
    return 2 ** (fraction_bits + 2)


def power_itself(fraction_bits):
    return fraction_bits + 1


def xor_for_power(fraction_bits):
    return 2 ^ (fraction_bits + 1)


COUNTS_TO = Exercise(
    id="01_counts_to",
    title="Count until it sticks",
    points=1,
    prompt=(
        "A counter starts at 0, adds 1.0 again and again, and is kept in a float format with fraction_bits bits of "
        "fraction and enough exponents. Return the number at which it sticks. A loop would take years for float64."
    ),
    reference=counts_to,
    cases=(
        Case((7,), "bfloat16"),
        Case((10,), "float16"),
        Case((3,), "float8_e4m3fn"),
        Case((2,), "float8_e5m2"),
        Case((1,), "one bit of fraction"),
        Case((23,), "float32"),
        Case((52,), "float64"),
    ),
    compare=whole_number,
    hints=(
        "The counter sticks where the next whole number is not in the format any more, and the sum rounds back.",
        "From 2**p on, values are 2**(p - fraction_bits) apart. Where does that become 2?",
        "At p = fraction_bits + 1. There, adding 1 is a tie, and the even code is the one you are on.",
    ),
    wrong_answers=(
        WrongAnswer(
            "one_over_eps",
            one_over_eps,
            "From here to twice as far, the step is exactly 1, so counting still works. The 1 before the fraction "
            "is a bit too: there is one significant bit more than fraction_bits.",
        ),
        WrongAnswer(
            "first_missing",
            first_missing,
            "This is the first whole number that the format does not hold. The counter never gets there: it sticks "
            "one before.",
        ),
        WrongAnswer(
            "all_ones",
            all_ones,
            "This is the number whose significant bits are all ones. The next one is a power of two, which every "
            "float holds: the counter gets one further.",
        ),
        WrongAnswer(
            "one_power_more",
            one_power_more,
            "The step is 2 before that already: at half of this, adding 1 is a tie and rounds back.",
        ),
        WrongAnswer(
            "power_itself",
            power_itself,
            "This is the number of significant bits, and so the power of two. Return the number itself: 2 ** that.",
        ),
        WrongAnswer(
            "xor_for_power",
            xor_for_power,
            "In Python `^` is exclusive or on bits, not a power. Powers are written `**`.",
        ),
    ),
    alternatives=(from_eps, step_by_step),
)
