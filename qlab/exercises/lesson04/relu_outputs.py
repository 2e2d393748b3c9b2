"""04_relu_codes: values that are never negative need no codes for negative ones, and no zero point either."""

import torch

from qlab.exercises.lesson04.pairs import EPSILON, codes_and_scale
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def relu_codes(x, bits):
    """Unsigned codes of x, which is never negative, as uint8, and their scale."""
    # BEGIN SOLUTION
    quant_max = 2**bits - 1
    scale = x.max().item() / quant_max
    if scale == 0:
        scale = 1.0
    return torch.round(x / scale).to(torch.uint8), scale
    # END SOLUTION


def in_torch(x, bits):
    largest = x.amax()
    scale = torch.where(largest > 0, largest / (2**bits - 1), 1.0)
    return (x / scale).round().clamp(0, 2**bits - 1).to(torch.uint8), scale


def _scale(x, steps):
    return x.max().item() / steps or 1.0


def signed_int8(x, bits):
    scale = _scale(x, 2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.int8), scale


def signed_scale(x, bits):
    scale = _scale(x, 2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.uint8), scale


def zero_in_the_middle(x, bits):
    codes, scale = signed_scale(x, bits)
    return codes + 2 ** (bits - 1), scale


def zero_in_the_middle_of_the_width(x, bits):
    scale = _scale(x, 2 ** (bits - 1) - 0.5)
    return torch.clamp(torch.round(x / scale) + 2 ** (bits - 1), 0, 2**bits - 1).to(torch.uint8), scale


def codes_counted(x, bits):
    scale = _scale(x, 2**bits)
    return torch.round(x / scale).to(torch.uint8), scale


def codes_counted_clamped(x, bits):
    scale = _scale(x, 2**bits)
    return torch.clamp(torch.round(x / scale), 0, 2**bits - 1).to(torch.uint8), scale


def cast_to_int8(x, bits):
    scale = _scale(x, 2**bits - 1)
    return torch.round(x / scale).to(torch.int8), scale


def always_eight_bits(x, bits):
    scale = _scale(x, 255)
    return torch.round(x / scale).to(torch.uint8), scale


def minimum_subtracted(x, bits):
    scale = (x.max() - x.min()).item() / (2**bits - 1) or 1.0
    return torch.round((x - x.min()) / scale).to(torch.uint8), scale


def minimum_left_out(x, bits):
    scale = (x.max() - x.min()).item() / (2**bits - 1) or 1.0
    return torch.clamp(torch.round(x / scale), 0, 2**bits - 1).to(torch.uint8), scale


def no_guard(x, bits):
    scale = x.max() / (2**bits - 1)
    return torch.round(x / scale).to(torch.uint8), scale


def guarded_too_early(x, bits):
    scale = (x.max().item() or 1.0) / (2**bits - 1)
    return torch.round(x / scale).to(torch.uint8), scale


def epsilon(x, bits):
    scale = x.max().clamp(min=1e-8) / (2**bits - 1)
    return torch.round(x / scale).to(torch.uint8), scale


def truncated(x, bits):
    scale = _scale(x, 2**bits - 1)
    return (x / scale).to(torch.uint8), scale


def _cases():
    def relu(size, seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).relu() * size

    return (
        Case((torch.tensor([0.0, 1.0, 6.2, 15.0]), 4), "four bits: codes 0 to 15"),
        Case((torch.tensor([[0.0, 2.55], [1.28, 0.3]]), 8), "eight bits: codes 0 to 255"),
        Case((relu(2, 1, 4, 4), 8), "random"),
        Case((relu(0.3, 2, 8, 16), 4), "random, four bits"),
        Case((relu(5, 3, 2, 3, 5), 2), "random, two bits"),
        Case((relu(1, 4, 20) + 3, 8), "all far from 0, and yet 0 must have a code"),
        Case((torch.tensor([4.0]), 8), "one element"),
        Case((torch.zeros(2, 3), 8), "all zeros: a ReLU that never fires"),
        Case((relu(1e30, 5, 6), 8), "huge"),
        Case((relu(1e-30, 6, 6), 8), "tiny"),
    )


_SIGNED = (
    "This scale leaves room for negative numbers that do not occur: half of the codes are wasted, which is one "
    "bit or 6 dB. The largest value can have the code 2 ** bits - 1."
)
_MIDDLE = (
    "This puts 0 in the middle of the codes, as torch does for unsigned ones: a zero point, and the lower half is "
    "wasted. Here the code 0 stands for 0.0, and the largest value has the code 2 ** bits - 1."
)
_COUNTED = (
    "This divides by the number of codes, 16 in 4 bits and 256 in 8. They have one gap fewer between them, so the "
    "largest value would need a code more than there are: it is clamped, or in uint8 wraps around to 0."
)
_MINIMUM = (
    "The range is taken from the smallest to the largest value. Without a zero point the code 0 always stands for "
    "0.0, so the range starts there: the scale is x.max() over the largest code."
)

RELU_CODES = Exercise(
    id="04_relu_codes",
    title="Outputs of a ReLU",
    points=2,
    prompt=(
        "x is never negative. Return (codes, scale) with codes from 0 to the largest that fits in `bits` bits "
        "without a sign, as uint8 in the shape of x. The code 0 stands for 0.0; a tensor of zeros has scale 1."
    ),
    reference=relu_codes,
    cases=_cases(),
    compare=codes_and_scale,
    hints=(
        "How many codes of an int8 would such a tensor never get?",
        "Without a sign, 4 bits hold 0 to 15 and 8 bits 0 to 255. The largest value gets the largest code.",
        "scale = x.max().item() / (2**bits - 1), or 1.0 where that is 0. The codes are torch.round(x / scale), "
        "cast to torch.uint8 last.",
    ),
    wrong_answers=(
        WrongAnswer("signed_int8", signed_int8, _SIGNED),
        WrongAnswer("signed_scale", signed_scale, _SIGNED),
        WrongAnswer("zero_in_the_middle", zero_in_the_middle, _MIDDLE),
        WrongAnswer("zero_in_the_middle_of_the_width", zero_in_the_middle_of_the_width, _MIDDLE),
        WrongAnswer("codes_counted", codes_counted, _COUNTED),
        WrongAnswer("codes_counted_clamped", codes_counted_clamped, _COUNTED),
        WrongAnswer(
            "cast_to_int8",
            cast_to_int8,
            "The scale is right, but an int8 ends at 127: 255 wraps around to -1. Cast to torch.uint8.",
        ),
        WrongAnswer(
            "always_eight_bits",
            always_eight_bits,
            "255 is written into the code. It is the largest code of 8 bits; for `bits` bits it is 2**bits - 1.",
        ),
        WrongAnswer("minimum_subtracted", minimum_subtracted, _MINIMUM),
        WrongAnswer("minimum_left_out", minimum_left_out, _MINIMUM),
        WrongAnswer(
            "no_guard",
            no_guard,
            "A tensor of zeros gets the scale 0, and 0 / 0 is NaN. A ReLU that never fires gives such tensors; "
            "give them the scale 1.",
        ),
        WrongAnswer(
            "guarded_too_early",
            guarded_too_early,
            "For a tensor of zeros this takes 1 as the largest value and then divides it by the largest code. The "
            "scale of such a tensor should be 1 itself: put the test after the division.",
        ),
        WrongAnswer("epsilon", epsilon, EPSILON),
        WrongAnswer(
            "truncated",
            truncated,
            "A cast to an integer type cuts the fraction off; it does not round. Use torch.round before the cast.",
        ),
    ),
    alternatives=(in_torch,),
)
