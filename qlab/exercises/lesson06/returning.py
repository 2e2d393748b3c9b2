"""06_relu_codes: from accumulators to the 8-bit codes of a ReLU's outputs, in integers. The ReLU's 0 is a code."""

import torch

from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def relu_codes(acc, multiplier, shift, zero_point):
    """The int8 codes of relu(acc * multiplier / 2**shift), rounded to the nearest."""
    # BEGIN SOLUTION
    half = 2 ** (shift - 1)
    steps = (acc.to(torch.int64) * multiplier + half) >> shift
    codes = torch.clamp(steps + zero_point, zero_point, 127)
    return codes.to(torch.int8)
    # END SOLUTION


def relu_of_the_steps(acc, multiplier, shift, zero_point):
    steps = torch.floor(acc.double() * multiplier / 2**shift + 0.5).relu()
    return (steps + zero_point).clamp(max=127).to(torch.int8)


def rounded_by_torch(acc, multiplier, shift, zero_point):
    codes = torch.round(acc.double() * (multiplier / 2**shift)) + zero_point
    return torch.where(codes < zero_point, zero_point, codes).clamp(-128, 127).to(torch.int8)


def relu_of_the_accumulators(acc, multiplier, shift, zero_point):
    return (_steps(acc.relu(), multiplier, shift) + zero_point).clamp(max=127).to(torch.int8)


def in_float32(acc, multiplier, shift, zero_point):
    return (torch.round(acc * (multiplier / 2**shift)) + zero_point).clamp(zero_point, 127).to(torch.int8)


def _steps(acc, multiplier, shift):
    return (acc.long() * multiplier + 2 ** (shift - 1)) >> shift


def not_rounded(acc, multiplier, shift, zero_point):
    return ((acc.long() * multiplier >> shift) + zero_point).clamp(zero_point, 127).to(torch.int8)


def product_in_32_bits(acc, multiplier, shift, zero_point):
    return (((acc * multiplier) >> shift) + zero_point).clamp(zero_point, 127).to(torch.int8)


def product_in_32_bits_rounded(acc, multiplier, shift, zero_point):
    steps = (acc * multiplier + 2 ** (shift - 1)) >> shift
    return (steps + zero_point).clamp(zero_point, 127).to(torch.int8)


def cut_off_at_code_0(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift) + zero_point).clamp(0, 127).to(torch.int8)


def negative_to_code_0(acc, multiplier, shift, zero_point):
    codes = (_steps(acc, multiplier, shift) + zero_point).clamp(zero_point, 127)
    return torch.where(acc < 0, 0, codes).to(torch.int8)


def relu_forgotten(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift) + zero_point).clamp(-128, 127).to(torch.int8)


def zero_point_forgotten(acc, multiplier, shift, zero_point):
    return _steps(acc, multiplier, shift).clamp(0, 127).to(torch.int8)


def zero_point_scaled(acc, multiplier, shift, zero_point):
    return _steps(acc.long() + zero_point, multiplier, shift).clamp(zero_point, 127).to(torch.int8)


def zero_point_last(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift).clamp(0, 127) + zero_point).to(torch.int8)


def not_clamped(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift).clamp(min=0) + zero_point).to(torch.int8)


def cast_before_the_clamp(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift) + zero_point).to(torch.int8).clamp(zero_point, 127)


def clamped_to_uint8(acc, multiplier, shift, zero_point):
    return (_steps(acc, multiplier, shift) + zero_point).clamp(zero_point, 255).to(torch.int8)


def multiplied_only(acc, multiplier, shift, zero_point):
    return (acc.long() * multiplier + zero_point).clamp(zero_point, 127).to(torch.int8)


def _cases():
    def accumulators(seed, *shape, size):
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(-size, size + 1, shape, generator=generator).to(torch.int32)

    def int32(*values):
        return torch.tensor(values, dtype=torch.int32)

    return (
        Case((int32(100, 250, 330), 5, 9, 0), "times 5 / 512, zero point 0"),
        Case((int32(-4000, 1200, 330), 5, 9, -60), "zero point -60"),
        Case((int32(-4000, 1200, 330), 5, 9, 40), "zero point 40"),
        Case((int32(30000, -30000, 8000), 5, 9, 40), "beyond the codes"),
        Case((int32(30000, 20000, 8000), 5, 9, -128), "all positive, the usual zero point of a ReLU"),
        Case((accumulators(1, 4, 5, size=20_000), 1_374_389_535, 37, -128), "random, a 31-bit multiplier"),
        Case((accumulators(2, 3, 4, size=200_000), 1_717_986_918, 41, -20), "random, large accumulators"),
        Case((accumulators(3, 2, 3, 4, size=300), 1_181_116_006, 33, 15), "random, three axes"),
        Case((int32(0), 1_374_389_535, 37, -7), "zero"),
        Case((int32(-1, -3, -301), 3, 3, 5), "all negative"),
        Case((int32(2**31 - 1, -(2**31)), 2**31 - 1, 55, -128), "the ends of int32"),
    )


_IN_32_BITS = (
    "acc * multiplier is computed in int32, the type of acc, where it wraps around. It needs 64 bits: "
    "acc.to(torch.int64) first."
)
RELU_CODES = Exercise(
    id="06_relu_codes",
    title="Back to 8 bits, with a ReLU",
    points=3,
    prompt=(
        "Return the int8 codes of relu(acc * multiplier / 2**shift), rounded to the nearest whole number, with the "
        "given zero point, clamped to what int8 holds. acc is an int32 tensor of any shape, multiplier and shift "
        "are integers of up to 31 bits and from 1 to 62, zero_point is -128 to 127. No accumulator lies on a tie."
    ),
    reference=relu_codes,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "Three things in their order: scale and round, add the zero point, clamp. Which code stands for the 0 of "
        "the ReLU?",
        "`>> shift` divides by 2**shift and rounds down. Add half of 2**shift before it, and it rounds to the "
        "nearest. A 32-bit number times a 31-bit number needs 64 bits.",
        "steps = (acc.to(torch.int64) * multiplier + 2 ** (shift - 1)) >> shift. Then steps + zero_point, clamped "
        "from zero_point, the code of 0, to 127.",
    ),
    wrong_answers=(
        WrongAnswer(
            "not_rounded",
            not_rounded,
            "`>>` rounds down, so the codes are half a step too low on average. Add 2 ** (shift - 1) before the "
            "shift.",
        ),
        WrongAnswer("product_in_32_bits", product_in_32_bits, _IN_32_BITS),
        WrongAnswer("product_in_32_bits_rounded", product_in_32_bits_rounded, _IN_32_BITS),
        WrongAnswer(
            "cut_off_at_code_0",
            cut_off_at_code_0,
            "The ReLU cuts off at the code 0. The value 0 has the code zero_point, and that is where a ReLU cuts: "
            "clamp from zero_point, not from 0.",
        ),
        WrongAnswer(
            "negative_to_code_0",
            negative_to_code_0,
            "Negative values get the code 0. The value 0 has the code zero_point, and that is what a ReLU gives.",
        ),
        WrongAnswer(
            "relu_forgotten",
            relu_forgotten,
            "The ReLU is missing: values below 0 have codes below zero_point. Clamp from zero_point, not -128.",
        ),
        WrongAnswer(
            "zero_point_forgotten",
            zero_point_forgotten,
            "The zero point is missing: the value 0 must come out as the code zero_point.",
        ),
        WrongAnswer(
            "zero_point_scaled",
            zero_point_scaled,
            "The zero point is added to the accumulators and scaled with them. It is a code of the output: scale "
            "and round first, then add it.",
        ),
        WrongAnswer(
            "zero_point_last",
            zero_point_last,
            "The clamp comes before the zero point is added, so the codes go up to 127 + zero_point. Add the zero "
            "point first, then clamp to zero_point and 127.",
        ),
        WrongAnswer(
            "not_clamped",
            not_clamped,
            "Without the clamp at 127, a large value wraps around when it is converted to int8 and comes out "
            "as a small or negative one.",
        ),
        WrongAnswer(
            "cast_before_the_clamp",
            cast_before_the_clamp,
            "The conversion to int8 comes before the clamp: what is beyond 127 has wrapped around by then. Clamp "
            "first, convert last.",
        ),
        WrongAnswer(
            "clamped_to_uint8",
            clamped_to_uint8,
            "The clamp ends at 255, where uint8 ends. int8 ends at 127, and codes beyond it wrap around.",
        ),
        WrongAnswer(
            "multiplied_only",
            multiplied_only,
            "The shift is missing: multiplier / 2**shift is the scale, the multiplier alone is far too large.",
        ),
    ),
    alternatives=(relu_of_the_steps, relu_of_the_accumulators, rounded_by_torch, in_float32),
)
