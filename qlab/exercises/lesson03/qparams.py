"""03_scale_and_zero_point: from a tensor's range to the two numbers of affine quantization."""

import torch

from qlab.exercises.comparing import as_number, kind, whole_number, within_ulps
from qlab.exercises.lesson03.qparams_mistakes import NO_GUARD, SWAPPED, WRONG_ANSWERS
from qlab.exercises.spec import Case, Exercise
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
    if not isinstance(got, (tuple, list)):
        return f"Expected two values, got {kind(got)}: `return scale, zero_point`."
    if len(got) != 2:
        return f"Expected two values, got {len(got)}: `return scale, zero_point`."
    if not within_ulps(expected[0], got[0]):
        if within_ulps(expected[0], got[1]) and whole_number(expected[1], got[0], case) is None:
            return SWAPPED
        if not case.args[0].any() and as_number(got[0]) == 0:
            return NO_GUARD
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
        "The smallest value should become quant_min, the largest quant_max. How many gaps lie between?",
        "Take low = min(0, smallest) and high = max(0, largest). There are quant_max - quant_min gaps, one fewer "
        "than codes. What happens when low and high are both 0?",
        "If low == high, return 1.0, quant_min. Else scale = (high - low) / (quant_max - quant_min); the value low "
        "is low / scale gaps from 0 and has the code quant_min, so 0 has the code quant_min - round(low / scale).",
    ),
    wrong_answers=WRONG_ANSWERS,
    alternatives=(in_torch, from_the_top),
)
