"""03_quantize: from values to int8 codes; the order of rounding, adding, clamping and casting matters."""

import torch

from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def quantize(x, scale, zero_point, quant_min, quant_max):
    """The codes of x: an int8 tensor of the same shape."""
    # BEGIN SOLUTION
    codes = torch.round(x / scale) + zero_point
    return torch.clamp(codes, quant_min, quant_max).to(torch.int8)
    # END SOLUTION


def clamp_first(x, scale, zero_point, quant_min, quant_max):
    steps = torch.clamp(x / scale, quant_min - zero_point, quant_max - zero_point)
    return (steps.round() + zero_point).to(torch.int8)


def in_place(x, scale, zero_point, quant_min, quant_max):
    return x.div_(scale).round_().add_(zero_point).clamp_(quant_min, quant_max).to(torch.int8)


def one_by_one(x, scale, zero_point, quant_min, quant_max):
    codes = [max(quant_min, min(quant_max, round(v / scale) + zero_point)) for v in x.flatten().tolist()]
    return torch.tensor(codes, dtype=torch.int8).reshape(x.shape)


def no_clamp(x, scale, zero_point, quant_min, quant_max):
    return (torch.round(x / scale) + zero_point).to(torch.int32).to(torch.int8)


def int8_too_early(x, scale, zero_point, quant_min, quant_max):
    steps = torch.round(x / scale).to(torch.int32).to(torch.int8)
    return torch.clamp(steps + zero_point, quant_min, quant_max)


def truncated(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(x / scale + zero_point, quant_min, quant_max).to(torch.int8)


def truncated_steps(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp((x / scale).to(torch.int32) + zero_point, quant_min, quant_max).to(torch.int8)


def floored(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.floor(x / scale) + zero_point, quant_min, quant_max).to(torch.int8)


def half_up(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.floor(x / scale + 0.5) + zero_point, quant_min, quant_max).to(torch.int8)


def rounded_last(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale + zero_point), quant_min, quant_max).to(torch.int8)


def clamped_before_zero_point(x, scale, zero_point, quant_min, quant_max):
    return (torch.clamp(torch.round(x / scale), quant_min, quant_max) + zero_point).to(torch.int8)


def multiplied(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x * scale) + zero_point, quant_min, quant_max).to(torch.int8)


def zero_point_subtracted(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) - zero_point, quant_min, quant_max).to(torch.int8)


def limits_of_int8(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) + zero_point, -128, 127).to(torch.int8)


def limits_swapped(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) + zero_point, quant_max, quant_min).to(torch.int8)


def upper_limit_only(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) + zero_point, max=quant_max).to(torch.int8)


def lower_limit_only(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) + zero_point, min=quant_min).to(torch.int8)


def dequantized(x, scale, zero_point, quant_min, quant_max):
    codes = torch.clamp(torch.round(x / scale) + zero_point, quant_min, quant_max)
    return (codes - zero_point) * scale


def left_as_float(x, scale, zero_point, quant_min, quant_max):
    return torch.clamp(torch.round(x / scale) + zero_point, quant_min, quant_max)


def _cases():
    def normal(size, seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size

    return (
        Case((torch.tensor([0.0, 1.0, -1.2, 2.8]), 0.5, 0, -128, 127), "a few gaps"),
        Case((torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5]), 1.0, 0, -128, 127), "half-way values, even zero point"),
        Case((torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5]), 1.0, 3, -128, 127), "half-way values, odd zero point"),
        Case((torch.tensor([[300.0, -300.0], [100.0, 120.0]]), 1.0, 10, -128, 127), "beyond the range"),
        Case((torch.tensor([-4.0, 3.1, 9.7, 200.0]), 1.0, -2, -8, 7), "four bits, beyond the range"),
        Case((normal(200, 1, 4, 4), 3.1, 9, -128, 127), "random"),
        Case((normal(0.4, 10, 32, 33), 0.013, -31, -128, 127), "random, some beyond the range"),
        Case((normal(3, 3, 5, 2, 3), 0.7, 1, -8, 7), "random, four bits"),
        Case((torch.full((2, 3), 1.3), 0.5, 5, -128, 127), "constant"),
        Case((torch.zeros(4), 0.25, -7, -128, 127), "all zeros: they get the zero point"),
        Case((torch.tensor([2.2, 3.0, 7.9]), 0.031, -128, -128, 127), "all positive"),
        Case((torch.tensor([-2.2, -3.0, -7.9]), 0.031, 127, -128, 127), "all negative"),
        Case((torch.tensor(1.7), 0.5, 1, -128, 127), "one number, no axes"),
        Case((torch.tensor([[4.2]]), 0.1, -128, -128, 127), "one element"),
        Case((torch.tensor([1e6, -1e6]), 1.0, 0, -128, 127), "huge values"),
        Case((torch.tensor([1e-30, -3e-30]), 1e-30, 20, -128, 127), "tiny scale"),
    )


_NO_ROUNDING = (
    "A cast to an integer type cuts the fraction off; it does not round. The error grows from half a gap to a "
    "whole one. Use torch.round before the cast."
)
_ONE_LIMIT = (
    "The codes are clamped on one side only. Beyond the other side they wrap around when they are cast: "
    "torch.clamp takes both quant_min and quant_max."
)

QUANTIZE = Exercise(
    id="03_quantize",
    title="Quantize",
    points=3,
    prompt=(
        "Return the codes of x as int8, in the shape of x: divide by the scale, round half to even, add the zero "
        "point, clamp to quant_min and quant_max. quant_min and quant_max may be narrower than int8."
    ),
    reference=quantize,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "Take one number by hand: which code has x = 2.8 when the scale is 0.5 and the zero point 10? And x = 300?",
        "An int8 holds -128 to 127 and wraps around beyond. So stay in float until all codes are inside.",
        "torch.round rounds half to even. Round x / scale, add zero_point, torch.clamp, and .to(torch.int8) last.",
    ),
    wrong_answers=(
        WrongAnswer(
            "int8_too_early",
            int8_too_early,
            "The cast to int8 comes before the clamp, so what does not fit wraps around: 300 becomes 44 (and "
            "44 + 10 = 54), and then clamping is too late. Add the zero point and clamp first, cast last.",
        ),
        WrongAnswer(
            "no_clamp",
            no_clamp,
            "There is no clamp. A value beyond the range should get the last code, and a cast to int8 wraps it "
            "around to the other end instead.",
        ),
        WrongAnswer("truncated", truncated, _NO_ROUNDING),
        WrongAnswer("truncated_steps", truncated_steps, _NO_ROUNDING),
        WrongAnswer(
            "floored",
            floored,
            "torch.floor and `//` always go down, so the error is up to a whole gap and the result is too small on "
            "average. Use torch.round(x / scale).",
        ),
        WrongAnswer(
            "clamped_before_zero_point",
            clamped_before_zero_point,
            "The clamp comes before the zero point is added, which moves codes out of the range again. It is the "
            "code that must lie in quant_min to quant_max: add first, then clamp.",
        ),
        WrongAnswer(
            "multiplied",
            multiplied,
            "This multiplies by the scale. The scale is the distance between two codes, so x / scale says how many "
            "of them x is away from 0.",
        ),
        WrongAnswer(
            "zero_point_subtracted",
            zero_point_subtracted,
            "The zero point is added here: the value 0 must get the code zero_point. It is subtracted on the way "
            "back.",
        ),
        WrongAnswer(
            "limits_of_int8",
            limits_of_int8,
            "The limits -128 and 127 are written into the code. Clamp to quant_min and quant_max, which are -8 and "
            "7 for four bits.",
        ),
        WrongAnswer(
            "limits_swapped",
            limits_swapped,
            "The limits are swapped, and then torch.clamp returns its last argument everywhere. It is "
            "torch.clamp(codes, quant_min, quant_max).",
        ),
        WrongAnswer("upper_limit_only", upper_limit_only, _ONE_LIMIT),
        WrongAnswer("lower_limit_only", lower_limit_only, _ONE_LIMIT),
        WrongAnswer(
            "dequantized",
            dequantized,
            "These are the values that the codes stand for, not the codes. A cast does not mend it: return what "
            "you had before you took the zero point away and multiplied by the scale.",
        ),
        WrongAnswer(
            "half_up",
            half_up,
            "floor(x + 0.5) sends every half-way value up, which shifts the average. torch.round sends it to the "
            "even neighbor: 0.5 to 0, 1.5 to 2, 2.5 to 2.",
        ),
        WrongAnswer(
            "rounded_last",
            rounded_last,
            "Rounding after the zero point is added sends half-way values the other way when the zero point is "
            "odd. torch.quantize_per_tensor does so; here, as in fake quantization, round x / scale first.",
        ),
        WrongAnswer(
            "left_as_float",
            left_as_float,
            "The numbers are right, but the tensor still takes four bytes each. Cast them with .to(torch.int8).",
        ),
    ),
    alternatives=(clamp_first, in_place, one_by_one),
)
