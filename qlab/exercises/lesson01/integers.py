"""01_decode_integer: the two's complement integer that a string of bits stands for."""

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def decode_integer(bits):
    """The signed integer that a string of bits stands for, in two's complement."""
    # BEGIN SOLUTION
    unsigned = int(bits, 2)
    return unsigned - 2 ** len(bits) if bits[0] == "1" else unsigned
    # END SOLUTION


def weights_added(bits):
    total = -int(bits[0]) * 2 ** (len(bits) - 1)
    for place, bit in enumerate(reversed(bits[1:])):
        total += int(bit) << place
    return total


def wrapped(bits):
    half = 2 ** (len(bits) - 1)
    return (int(bits, 2) + half) % (2 * half) - half


def unsigned(bits):
    return int(bits, 2)


def signed_magnitude(bits):
    size = int(bits[1:], 2)
    return -size if bits[0] == "1" else size


def ones_complement(bits):
    code = int(bits, 2)
    return code - (2 ** len(bits) - 1) if bits[0] == "1" else code


def half_subtracted(bits):
    code = int(bits, 2)
    return code - 2 ** (len(bits) - 1) if bits[0] == "1" else code


def always_subtracted(bits):
    return int(bits, 2) - 2 ** len(bits)


def eight_bits(bits):
    code = int(bits, 2)
    return code - 256 if bits[0] == "1" else code


def above_127(bits):
    code = int(bits, 2)
    return code - 256 if code > 127 else code


def middle_left_positive(bits):
    code = int(bits, 2)
    return code - 2 ** len(bits) if code > 2 ** (len(bits) - 1) else code


def weights_backwards(bits):
    return sum(int(bit) << place for place, bit in enumerate(bits[1:])) - int(bits[0]) * 2 ** (len(bits) - 1)


def read_backwards(bits):
    return decode_integer(bits[::-1])


DECODE_INTEGER = Exercise(
    id="01_decode_integer",
    title="Read an integer",
    points=1,
    prompt="Return the integer that the string of bits stands for, in two's complement, in as many bits as it has.",
    reference=decode_integer,
    cases=(
        Case(("00000101",), "positive"),
        Case(("11111111",), "all ones"),
        Case(("10011100",), "negative"),
        Case(("10000000",), "the smallest int8"),
        Case(("01111111",), "the largest int8"),
        Case(("1000",), "four bits"),
        Case(("1011",), "four bits, negative"),
        Case(("0110",), "four bits, positive"),
        Case(("10",), "two bits"),
        Case(("00000000",), "zero"),
        Case(("1111111111111011",), "16 bits"),
        Case(("1" + "0" * 31,), "the smallest int32"),
    ),
    compare=whole_number,
    hints=(
        "Only the first bit is special: it counts −128 in 8 bits, where an unsigned number counts +128.",
        "int(bits, 2) reads the bits as an unsigned number. By how much is that too large if the first bit is 1?",
        "By twice 128 in 8 bits: subtract 2 ** len(bits) from int(bits, 2) where bits[0] is '1'.",
    ),
    wrong_answers=(
        WrongAnswer(
            "unsigned",
            unsigned,
            "This reads the bits as an unsigned number. In two's complement the first bit counts negative: −128 in "
            "8 bits.",
        ),
        WrongAnswer(
            "signed_magnitude",
            signed_magnitude,
            "This takes the first bit for a minus sign before the rest. Floats do it so; an integer's first bit is "
            "worth −128 (in 8 bits), and the rest is added to that: 11111111 is −128 + 127 = −1.",
        ),
        WrongAnswer(
            "ones_complement",
            ones_complement,
            "Negative numbers are one too large, as if −x were x with its bits inverted; it is that plus 1. "
            "Subtract 2 ** len(bits), not one less.",
        ),
        WrongAnswer(
            "half_subtracted",
            half_subtracted,
            "The first bit was counted as +2 ** (len(bits) - 1), and this only takes that away. It must become "
            "negative: subtract it twice, 2 ** len(bits).",
        ),
        WrongAnswer(
            "always_subtracted",
            always_subtracted,
            "This subtracts 2 ** len(bits) from every number. A number whose first bit is 0 is what it is.",
        ),
        WrongAnswer(
            "eight_bits",
            eight_bits,
            "256 is written in, which is right for 8 bits alone. The string may be longer or shorter: subtract "
            "2 ** len(bits).",
        ),
        WrongAnswer(
            "above_127",
            above_127,
            "127 and 256 are those of 8 bits. The string may be longer or shorter: what counts is whether its "
            "first bit is 1, and then subtract 2 ** len(bits).",
        ),
        WrongAnswer(
            "middle_left_positive",
            middle_left_positive,
            "A 1 and then only zeros has its first bit set too: it is the smallest number, not a positive one. "
            "Ask for bits[0], or compare with >=.",
        ),
        WrongAnswer(
            "weights_backwards",
            weights_backwards,
            "The first bit is right, but the others are weighed from the wrong end: the last one counts 1, the one "
            "before it 2.",
        ),
        WrongAnswer(
            "read_backwards",
            read_backwards,
            "The bits are read from the wrong end. The first character is the most significant bit.",
        ),
    ),
    alternatives=(weights_added, wrapped),
)
