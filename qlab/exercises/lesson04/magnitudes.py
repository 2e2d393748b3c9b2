"""04_largest_magnitude: int8 has one negative number without a positive twin, and abs gives it back unchanged."""

import torch

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def largest_magnitude(codes):
    """The largest distance from 0 among int8 codes, as an int."""
    # BEGIN SOLUTION
    return codes.to(torch.int32).abs().max().item()
    # END SOLUTION


def both_ends(codes):
    return max(int(codes.max()), -int(codes.min()))


def in_float(codes):
    return codes.float().abs().max()


def abs_in_int8(codes):
    return codes.abs().max().item()


def largest_code(codes):
    return codes.max().item()


def negated_in_int8(codes):
    return max(codes.max(), -codes.min())


def clamped(codes):
    return codes.clamp(min=-127).abs().max().item()


def smallest_turned(codes):
    return -int(codes.min())


def _cases():
    def random_codes(seed, *shape):
        return torch.randint(-128, 128, shape, generator=torch.Generator().manual_seed(seed)).to(torch.int8)

    def of(*codes):
        return torch.tensor(codes, dtype=torch.int8)

    return (
        Case((of(3, -7, 2),), "the largest is negative"),
        Case((of(3, -2, 5),), "the largest is positive"),
        Case((of(-128, 5, 100),), "-128 among others"),
        Case((of(-128, -5),), "all negative"),
        Case((of(-128),), "-128 alone"),
        Case((of(-128, 127),), "both ends"),
        Case((of(-127, 127),), "without -128"),
        Case((random_codes(1, 4, 4),), "random"),
        Case((random_codes(2, 64, 64),), "random, every code occurs"),
        Case((random_codes(3, 2, 3, 4).clamp(-60, 50),), "random, within -60 to 50"),
        Case((torch.zeros(3, dtype=torch.int8),), "all zeros"),
    )


_WRAPS = (
    "In int8 there is no 128, so abs(-128) and -(-128) are -128 again, and lose against every other code. Widen "
    "the codes first: codes.to(torch.int32)."
)

LARGEST_MAGNITUDE = Exercise(
    id="04_largest_magnitude",
    title="The largest magnitude",
    points=1,
    prompt="Return the largest distance from 0 among the int8 codes, as an int. All codes may occur.",
    reference=largest_magnitude,
    cases=_cases(),
    compare=whole_number,
    hints=(
        "Which codes of an int8 have no twin on the other side of 0?",
        "Run torch.tensor([-128], dtype=torch.int8).abs() in a cell of its own.",
        "Make the codes wider before you take magnitudes: codes.to(torch.int32).abs().max().item().",
    ),
    wrong_answers=(
        WrongAnswer("abs_in_int8", abs_in_int8, _WRAPS),
        WrongAnswer("negated_in_int8", negated_in_int8, _WRAPS),
        WrongAnswer(
            "largest_code", largest_code, "This is the largest code. One far below 0 can have a larger magnitude."
        ),
        WrongAnswer(
            "smallest_turned",
            smallest_turned,
            "This looks at the smallest code only. The largest one can be farther from 0.",
        ),
        WrongAnswer(
            "clamped",
            clamped,
            "Clamping to -127 avoids the overflow and gives 127 where the answer is 128. Widen the codes instead.",
        ),
    ),
    alternatives=(both_ends, in_float),
)
