"""04_to_uint8: the same values in unsigned codes. A cast alone gives other values without a word."""

import torch

from qlab.exercises.comparing import as_number, first_difference, tensor_form
from qlab.exercises.lesson04.pairs import pair_form
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def to_uint8(codes, zero_point):
    """uint8 codes and a zero point that stand for the same values."""
    # BEGIN SOLUTION
    shifted = codes.to(torch.int32) + 128
    return shifted.to(torch.uint8), zero_point + 128
    # END SOLUTION


def _compare(expected, got, case):
    told = pair_form(got, "codes, zero_point")
    if told:
        return told
    told = tensor_form(expected[0], got[0])
    if told:
        return f"Codes: {told[0].lower()}{told[1:]}"
    zero_point = as_number(got[1])
    if zero_point is None or zero_point != int(zero_point):
        return "The zero point should be one whole number."
    wanted = expected[0].int() - int(as_number(expected[1]))
    told = first_difference(wanted, got[0].int() - int(zero_point), wanted != got[0].int() - int(zero_point))
    if told:
        return f"codes - zero_point must stay the same, since it is what the scale multiplies. {told}"
    if not 0 <= zero_point <= 255 and 0 <= as_number(expected[1]) <= 255:
        return f"The zero point {show(int(zero_point))} is not a uint8 code, 0 to 255."
    return None


def flipped_sign_bit(codes, zero_point):
    return (codes ^ -128).view(torch.uint8), zero_point + 128


def wrapped_twice(codes, zero_point):
    return (codes + 128).to(torch.uint8), zero_point + 128


def cast_alone(codes, zero_point):
    return codes.to(torch.uint8), zero_point


def cast_codes(codes, zero_point):
    return codes.to(torch.uint8), zero_point + 128


def zero_point_kept(codes, zero_point):
    return (codes.int() + 128).to(torch.uint8), zero_point


def zero_point_other_way(codes, zero_point):
    return (codes.int() + 128).to(torch.uint8), zero_point - 128


def shifted_by_127(codes, zero_point):
    return (codes.int() + 127).to(torch.uint8), zero_point + 127


def left_in_int8(codes, zero_point):
    return codes + 128, zero_point + 128


def negatives_cut_off(codes, zero_point):
    return codes.clamp(min=0).to(torch.uint8), max(zero_point, 0)


def magnitudes(codes, zero_point):
    return codes.abs().to(torch.uint8), abs(zero_point)


def zero_point_taken_away(codes, zero_point):
    return (codes.int() - zero_point).to(torch.uint8), 0


def from_the_smallest(codes, zero_point):
    smallest = int(codes.min())
    return (codes.int() - smallest).to(torch.uint8), zero_point - smallest


def _cases():
    def random_codes(seed, *shape):
        return torch.randint(-128, 128, shape, generator=torch.Generator().manual_seed(seed)).to(torch.int8)

    def of(*codes):
        return torch.tensor(codes, dtype=torch.int8)

    return (
        Case((of(-3, 0, 5), 0), "around zero"),
        Case((of(-128, -1, 127), -100), "both ends"),
        Case((of(10, 20, 127), 15), "no negative code"),
        Case((random_codes(1, 4, 4), 17), "random"),
        Case((random_codes(2, 2, 3, 5), -128), "random, zero point at the low end"),
        Case((random_codes(3, 30), 127), "random, zero point at the high end"),
        Case((of(100, 127), -128), "far from the zero point"),
        Case((torch.full((2, 2), -128, dtype=torch.int8), -128), "nothing but zeros"),
        Case((torch.tensor(-7, dtype=torch.int8), 3), "one number, no axes"),
    )


_CAST = (
    "A cast keeps the eight bits and reads them anew: negative codes become 128 and more, the others stay. So -1 "
    "lands above 127. Add 128 to every code, in a wider type, before you cast."
)
_CUT = "Codes below 0 stand for values too: without them different values fall together. Shift all codes by 128."

TO_UINT8 = Exercise(
    id="04_to_uint8",
    title="From int8 to uint8",
    points=2,
    prompt=(
        "codes are affine int8 codes with this zero_point. Return (codes, zero_point) as uint8 and an int from 0 "
        "to 255 that stand for exactly the same values at the same scale."
    ),
    reference=to_uint8,
    cases=_cases(),
    compare=_compare,
    hints=(
        "A code stands for (code - zero_point) * scale. What may you do to both numbers without changing that?",
        "Add the same number to all codes and to the zero point. Which one takes -128 ... 127 to 0 ... 255?",
        "codes.to(torch.int32) + 128, then .to(torch.uint8); and zero_point + 128. In int8 itself the sum would "
        "wrap.",
    ),
    wrong_answers=(
        WrongAnswer("cast_alone", cast_alone, _CAST),
        WrongAnswer("cast_codes", cast_codes, _CAST),
        WrongAnswer(
            "zero_point_kept",
            zero_point_kept,
            "The codes have moved, the zero point has not, so every value has grown by 128 * scale. The zero "
            "point is a code: it moves with them.",
        ),
        WrongAnswer(
            "zero_point_other_way",
            zero_point_other_way,
            "The zero point moved the other way. It is one of the codes: what is added to them is added to it.",
        ),
        WrongAnswer(
            "shifted_by_127",
            shifted_by_127,
            "This shifts by 127. The smallest int8 is -128, so -128 becomes -1 and wraps around to 255. Shift by "
            "128.",
        ),
        WrongAnswer(
            "left_in_int8",
            left_in_int8,
            "The sum is still an int8 and has wrapped around. Widen the codes first, and cast to torch.uint8 "
            "after.",
        ),
        WrongAnswer("negatives_cut_off", negatives_cut_off, _CUT),
        WrongAnswer("magnitudes", magnitudes, _CUT),
        WrongAnswer(
            "zero_point_taken_away",
            zero_point_taken_away,
            "codes - zero_point can be negative and reach from -255 to 255: it does not fit in a uint8 and wraps "
            "around. Keep a zero point, and shift both by 128.",
        ),
        WrongAnswer(
            "from_the_smallest",
            from_the_smallest,
            "This shift depends on the codes that happen to occur, and the zero point can leave 0 to 255. A "
            "shift by 128 fits every int8.",
        ),
    ),
    alternatives=(flipped_sign_bit, wrapped_twice),
)
