"""14_signed_codes: uint8 codes and their zero point as int8 ones that stand for the same numbers."""

import torch

from qlab.exercises.comparing import as_number, exact_tensor, kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def signed_codes(codes, zero_point):
    """int8 codes and a zero point for the numbers of uint8 codes with zero_point."""
    # BEGIN SOLUTION
    return (codes.to(torch.int32) - 128).to(torch.int8), zero_point - 128
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (list, tuple)) or len(got) != 2:
        return f"Expected two things, codes and a zero point; got {kind(got)}."
    told = exact_tensor(expected[0], got[0], case)
    if told:
        return f"Codes: {told}"
    if as_number(got[1]) != expected[1]:
        return f"The codes are right. The zero point should be {expected[1]}, got {got[1]!r}."
    return None


def by_the_top_bit(codes, zero_point):
    return torch.bitwise_xor(codes, 128).view(torch.int8), zero_point - 128


def in_floats(codes, zero_point):
    return (codes.float() - 128).to(torch.int8), torch.tensor(zero_point - 128)


def cast(codes, zero_point):
    return codes.to(torch.int8), zero_point - 128


def cast_alone(codes, zero_point):
    return codes.to(torch.int8), zero_point


def clamped(codes, zero_point):
    return codes.clamp(max=127).to(torch.int8), min(zero_point, 127)


def zero_point_kept(codes, zero_point):
    return (codes.int() - 128).to(torch.int8), zero_point


def zero_point_zero(codes, zero_point):
    return (codes.int() - 128).to(torch.int8), 0


def zero_point_subtracted(codes, zero_point):
    return (codes.int() - zero_point).to(torch.int8), 0


def zero_point_subtracted_and_clamped(codes, zero_point):
    return (codes.int() - zero_point).clamp(-128, 127).to(torch.int8), 0


def by_127(codes, zero_point):
    return (codes.int() - 127).to(torch.int8), zero_point - 127


def by_127_and_clamped(codes, zero_point):
    return (codes.int() - 127).clamp(-128, 127).to(torch.int8), zero_point - 127


def halved(codes, zero_point):
    return (codes // 2).to(torch.int8), zero_point // 2


def still_unsigned(codes, zero_point):
    return codes - 128, zero_point - 128


def still_wide(codes, zero_point):
    return codes.int() - 128, zero_point - 128


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


def _cases():
    def codes(*values):
        return torch.tensor(values, dtype=torch.uint8)

    drawn = torch.randint(0, 256, (8, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return (
        Case((codes(128, 129, 127), 128), "0, one step up, one step down"),
        Case((codes(0, 1, 255), 128), "the ends"),
        Case((codes(0, 100, 200), 0), "a ReLU's output: zero point 0"),
        Case((codes(100, 90, 250), 100), "another zero point"),
        Case((codes(255, 200, 0), 255), "no positive number"),
        Case((drawn, 131), "a matrix"),
        Case((drawn[:1, :1], 7), "one code"),
    )


_CAST = (
    "Codes above 127 do not fit into int8: a cast turns 200 into −56. First bring 0..255 to −128..127, by "
    "subtracting the same number from all codes."
)

_CENTERED = (
    "codes - zero_point can need more than 8 bits: from −100 to 155 with zero point 100. Subtract 128, which "
    "always fits, and keep the rest as a zero point."
)

_BY_127 = "With 127 the code 255 becomes 128, which int8 does not have. −128 is a code too."

SIGNED_CODES = Exercise(
    id="14_signed_codes",
    title="From uint8 codes to int8 codes",
    points=2,
    prompt=(
        "codes is a uint8 tensor; a code q stands for scale * (q - zero_point). Return int8 codes of the same "
        "shape and a zero point that stand for the same numbers with the same scale."
    ),
    reference=signed_codes,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Only q - zero_point matters. What can you do to both without changing it?",
        "0..255 becomes −128..127 if the same number is subtracted from every code, and from the zero point too. "
        "In which type does the subtraction not wrap?",
        "(codes.to(torch.int32) - 128).to(torch.int8), and zero_point - 128.",
    ),
    wrong_answers=(
        _wrong(cast, _CAST),
        _wrong(cast_alone, _CAST),
        _wrong(
            clamped,
            "Clamping at 127 makes one code of all larger ones. All 256 codes have a place in int8: shift them.",
        ),
        _wrong(
            zero_point_kept,
            "The codes moved by 128 and the zero point did not, so every number moves by 128 steps. Shift both.",
        ),
        _wrong(
            zero_point_zero,
            "The zero point is 0 only if it was 128 before. It moves by 128, like every code.",
        ),
        _wrong(zero_point_subtracted, _CENTERED),
        _wrong(zero_point_subtracted_and_clamped, _CENTERED),
        _wrong(by_127, _BY_127),
        _wrong(by_127_and_clamped, _BY_127),
        _wrong(halved, "Halving makes one code of two. int8 has 256 codes as well: nothing need be lost."),
        _wrong(still_unsigned, "The codes are still uint8, where 127 - 128 wraps to 255. Convert to int8."),
        _wrong(still_wide, "The codes are right and of a wide type; convert them to int8, one byte each."),
    ),
    alternatives=(by_the_top_bit, in_floats),
)
