"""03_scale_and_zero_point: from a tensor's range to the two numbers of affine quantization."""

import torch

from qlab.exercises.comparing import as_number, whole_number, within_ulps
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def scale_and_zero_point(x, quant_min, quant_max):
    """The scale and the zero point that spread the range of x over the codes."""
    # BEGIN SOLUTION
    low = min(0.0, x.min().item())
    high = max(0.0, x.max().item())
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    zero_point = quant_min - round(low / scale)
    return scale, zero_point
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, tuple) or len(got) != 2:
        return "Expected two values: `return scale, zero_point`."
    if not within_ulps(expected[0], got[0]):
        number = as_number(got[0])
        return f"The scale should be {show(expected[0])} and is {show(got[0] if number is None else number)}."
    told = whole_number(expected[1], got[1], case)
    return told and f"Zero point: {told[0].lower()}{told[1:]}"


def in_torch(x, quant_min, quant_max):
    zero = torch.zeros((), dtype=x.dtype)
    low, high = torch.minimum(x.min(), zero), torch.maximum(x.max(), zero)
    scale = (high - low) / (quant_max - quant_min)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    zero_point = torch.clamp(quant_min - torch.round(low / scale), quant_min, quant_max).to(torch.int32)
    return scale, zero_point


def from_the_top(x, quant_min, quant_max):
    low, high = min(0.0, float(x.min())), max(0.0, float(x.max()))
    scale = (high - low) / (quant_max - quant_min) or 1.0
    return scale, round(quant_max - high / scale) if high > low else quant_min


def zero_point_clamped(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min) if high > low else 1.0
    return scale, min(max(quant_min - round(low / scale), quant_min), quant_max)


def range_not_widened(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min) if high > low else 1.0
    return scale, quant_min - round(low / scale)


def steps_off_by_one(x, quant_min, quant_max):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min + 1)
    return scale, quant_min - round(low / scale)


def zero_point_truncated(x, quant_min, quant_max):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min + int(-low / scale)


def zero_point_not_rounded(x, quant_min, quant_max):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - low / scale


def sign_of_zero_point(x, quant_min, quant_max):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if low == high:
        return 1.0, quant_min
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min + round(low / scale)


def zero_over_zero(x, quant_min, quant_max):
    zero = torch.zeros((), dtype=x.dtype)
    low, high = torch.minimum(x.min(), zero), torch.maximum(x.max(), zero)
    scale = (high - low) / (quant_max - quant_min)
    return scale, torch.clamp(quant_min - torch.round(low / scale), quant_min, quant_max)


def division_by_zero(x, quant_min, quant_max):
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - round(low / scale)


def _cases():
    def uniform(low, high, seed, *shape):
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * (high - low) + low

    return (
        Case((torch.tensor([-1.0, 0.0, 2.0]), -128, 127), "both signs"),
        Case((torch.tensor([[-1.0, 0.5], [0.25, 1.6]]), 0, 15), "four bits, unsigned"),
        Case((torch.tensor([2.0, 3.0, 5.0]), -128, 127), "all positive: does the range hold 0?"),
        Case((torch.tensor([-5.0, -3.0, -2.0]), -128, 127), "all negative: does the range hold 0?"),
        Case((uniform(-1000, 700, 1, 4, 4), -128, 127), "random"),
        Case((uniform(-0.3, 0.9, 2, 64, 64), 0, 255), "random, unsigned"),
        Case((uniform(-2, 1.2, 3, 8, 3), -8, 7), "random, four bits"),
        Case((torch.tensor([10.5, 11.0, 14.0]), 0, 15), "far from 0"),
        Case((torch.tensor([[4.0]]), -128, 127), "one element"),
        Case((torch.full((3,), -0.5), 0, 255), "constant"),
        Case((torch.tensor([-1e30, 3e30]), -128, 127), "huge"),
        Case((torch.tensor([-1e-30, 3e-30]), -128, 127), "tiny"),
        Case((torch.zeros(2, 2), -128, 127), "all zeros"),
    )


_NO_GUARD = (
    "The range of an all-zero tensor is 0, so the scale is 0 and low / scale is 0 / 0. "
    "Give such a tensor the scale 1 before you divide; its codes are the zero point whatever the scale."
)

SCALE_AND_ZERO_POINT = Exercise(
    id="03_scale_and_zero_point",
    title="Scale and zero point",
    points=3,
    prompt=(
        "Return (scale, zero_point) for x and the codes quant_min to quant_max. Widen the range of x so that it "
        "holds 0. A tensor of zeros has scale 1 and zero point quant_min."
    ),
    reference=scale_and_zero_point,
    cases=_cases(),
    compare=_compare,
    hints=(
        "The smallest value should become quant_min, the largest quant_max. How many steps lie between?",
        "Take low = min(0, smallest) and high = max(0, largest). There are quant_max - quant_min steps, one fewer "
        "than codes. What is left to do when low and high are both 0?",
        "scale = (high - low) / (quant_max - quant_min). The value low is low / scale steps from 0 and has the "
        "code quant_min, so 0 has the code quant_min - round(low / scale).",
    ),
    wrong_answers=(
        WrongAnswer(
            "zero_point_clamped",
            zero_point_clamped,
            "The zero point is clamped, but the range was not widened to hold 0. When all values have one sign, "
            "they no longer fit the codes: [10.5, 11, 14] all come back as 3.5. Widen the range first.",
        ),
        WrongAnswer(
            "range_not_widened",
            range_not_widened,
            "The range does not hold 0 when all values have one sign. The zero point is then no code at all, "
            "and 0 (padding, ReLU) cannot be represented. Take min(0, smallest) and max(0, largest).",
        ),
        WrongAnswer(
            "steps_off_by_one",
            steps_off_by_one,
            "The range was divided by the number of codes. Between 256 codes lie 255 steps, so the scale is too "
            "small and the largest value needs a code beyond quant_max.",
        ),
        WrongAnswer(
            "zero_point_truncated",
            zero_point_truncated,
            "int() cuts the fraction off instead of rounding, so the zero point is one too small about half of the "
            "time, and the end of the range is off by up to a whole step. Use round().",
        ),
        WrongAnswer(
            "zero_point_not_rounded",
            zero_point_not_rounded,
            "The zero point must be a code, a whole number. With a fraction in it the value 0 falls between two "
            "codes and does not come back as 0.",
        ),
        WrongAnswer(
            "sign_of_zero_point",
            sign_of_zero_point,
            "The sign is wrong: low is negative, so low / scale must be subtracted to move up from quant_min. "
            "Check it: low should get the code quant_min.",
        ),
        WrongAnswer("zero_over_zero", zero_over_zero, _NO_GUARD),
        WrongAnswer("division_by_zero", division_by_zero, _NO_GUARD),
    ),
    alternatives=(in_torch, from_the_top),
)
