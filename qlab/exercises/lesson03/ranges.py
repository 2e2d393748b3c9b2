"""03_saturate_or_round and 03_leave_out_zero: what a range costs, judged by computing it."""

import torch

from qlab.exercises.comparing import as_number, within_ulps
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def best_limit(x, limits, quant_max):
    """The limit whose range [0, limit] gives the smallest MSE for x."""
    # BEGIN SOLUTION
    errors = []
    for limit in limits:
        scale = limit / quant_max
        codes = torch.clamp(torch.round(x / scale), 0, quant_max)
        errors.append(torch.mean((codes * scale - x) ** 2).item())
    return limits[errors.index(min(errors))]
    # END SOLUTION


def _compare_limit(expected, got, case):
    if as_number(got) is None:
        return "Expected one of the limits, a number."
    if not within_ulps(expected, got):
        return (
            f"The limit with the smallest mean squared error is {show(expected)}; this is {show(as_number(got))}."
        )
    return None


def saturated_before_rounding(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return (x.clamp(max=limit).div(scale).round() * scale - x).square().sum()

    return min(limits, key=error)


def widest_range(x, limits, quant_max):
    return max(limits)


def no_clamp(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return torch.mean((torch.round(x / scale) * scale - x) ** 2).item()

    return min(limits, key=error)


def _limit_cases():
    def relu_outputs(seed, size=256):
        return torch.randn(size, generator=torch.Generator().manual_seed(seed)).relu()

    outlier = torch.cat([relu_outputs(4, 4000), torch.tensor([9.0])])
    return (
        Case((torch.tensor([0.3, 0.3, 0.6, 0.6, 0.9, 0.9, 0.9, 1.2]), [0.6, 0.9, 1.2], 3), "two bits"),
        Case((torch.tensor([0.2, 0.7, 1.0, 3.0]), [1.0, 2.0, 3.0], 15), "four bits"),
        Case((relu_outputs(1), [0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 3), "random, two bits"),
        Case((relu_outputs(2), [0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 15), "random, four bits"),
        Case((relu_outputs(3), [1.0, 2.0, 3.0], 255), "random, eight bits"),
        Case((outlier, [1.0, 2.0, 3.0, 5.0, 9.0], 15), "random, an outlier at 9, four bits"),
        Case((outlier, [1.0, 2.0, 3.0, 5.0, 9.0], 255), "the same in eight bits"),
        Case((torch.full((4,), 2.0), [1.0, 3.0, 2.0], 7), "constant"),
        Case((torch.tensor([0.7]), [0.5, 0.7, 2.0], 3), "one element"),
        Case((relu_outputs(5) * 1e15, [1e15, 2e15, 3e15], 15), "huge"),
        Case((relu_outputs(5) * 1e-15, [1e-15, 2e-15, 3e-15], 15), "tiny"),
    )


SATURATE_OR_ROUND = Exercise(
    id="03_saturate_or_round",
    title="Saturate or round?",
    points=2,
    prompt=(
        "x holds no negative values (think of a ReLU's outputs), so its codes are 0 to quant_max and its zero "
        "point is 0. Return the one of `limits` whose range [0, limit] gives the smallest mean squared error."
    ),
    reference=best_limit,
    cases=_limit_cases(),
    compare=_compare_limit,
    hints=(
        "A narrow range saturates: large values all become the limit. A wide range has coarse steps. Measure both.",
        "For every limit: quantize x with it, dequantize, and take the mean of the squared difference from x.",
        "With scale = limit / quant_max, the codes are clamp(round(x / scale), 0, quant_max) and the values "
        "codes * scale. `min(limits, key=error)` picks the best.",
    ),
    wrong_answers=(
        WrongAnswer(
            "widest_range",
            widest_range,
            "The widest range saturates nothing, but it spends its codes on an outlier or two and rounds all "
            "other values coarsely. A narrower range can have the smaller error in sum.",
        ),
        WrongAnswer(
            "no_clamp",
            no_clamp,
            "Without the clamp no value saturates, so the narrowest range always seems best. Clamp the codes to "
            "0 and quant_max before you measure.",
        ),
    ),
    alternatives=(saturated_before_rounding,),
)


def collapsing_tensor():
    """Four different values that a range without 0 turns into one."""
    # BEGIN SOLUTION
    return torch.tensor([10.5, 11.0, 12.0, 14.0])
    # END SOLUTION


def clamped_zero_point_round_trip(x, quant_min=-128, quant_max=127):
    """The faulty recipe the exercise is about: the range is not widened, the zero point is clamped."""
    scale = (x.max() - x.min()) / (quant_max - quant_min)
    zero_point = torch.clamp(quant_min - torch.round(x.min() / scale), quant_min, quant_max)
    codes = torch.clamp(torch.round(x / scale) + zero_point, quant_min, quant_max)
    return (codes - zero_point) * scale


def _verify_collapse(got):
    if not isinstance(got, torch.Tensor) or got.shape != (4,) or not got.is_floating_point():
        return "Expected a float tensor of four values."
    x = got.float()
    if not x.isfinite().all() or len(x.unique()) < 4:
        return "The four values must be finite and different from each other."
    if x.min() <= 0 <= x.max():
        return f"{_HOLDS_ZERO} Its range is {show(x.min().item())} to {show(x.max().item())}."
    left = len(clamped_zero_point_round_trip(x).unique())
    return f"{_TOO_CLOSE} Here {left} different values come back." if left > 1 else None


def all_negative():
    return torch.tensor([-7.0, -5.0, -4.5, -4.0])


def holds_zero():
    return torch.tensor([-1.0, 0.0, 1.0, 2.0])


def too_close_to_zero():
    return torch.tensor([1.0, 2.0, 3.0, 4.0])


_HOLDS_ZERO = "This range holds 0, so the zero point is a code already and clamping it changes nothing."
_TOO_CLOSE = "The range leaves out 0 but begins too near to it, so a part of the values still fits the codes."

LEAVE_OUT_ZERO = Exercise(
    id="03_leave_out_zero",
    title="Leave out zero",
    points=1,
    prompt=(
        "A faulty library does not widen the range to hold 0; it clamps the zero point instead, with codes -128 to "
        "127. Return a tensor of four different float values that all come back as one and the same value."
    ),
    reference=collapsing_tensor,
    cases=(Case(),),
    verify=_verify_collapse,
    hints=(
        "The clamp of the zero point changes something only where the range does not hold 0.",
        "For values 2 to 5 the zero point would be -298 and is clamped to -128. Which codes do 2 and 5 get then?",
        "With the zero point at -128 the codes stand for 0 to (largest - smallest). All values must lie beyond: "
        "the smallest is at least as large as that difference.",
    ),
    wrong_answers=(
        WrongAnswer("holds_zero", holds_zero, _HOLDS_ZERO),
        WrongAnswer("too_close_to_zero", too_close_to_zero, _TOO_CLOSE),
    ),
    alternatives=(all_negative,),
)
