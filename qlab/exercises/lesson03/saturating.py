"""03_saturate_or_round: which range costs least, found by computing what each one costs."""

import torch

from qlab.exercises.comparing import as_number, kind, within_ulps
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
    number = as_number(got)
    if number is None:
        return f"Expected one of the limits, a number, got {kind(got)}."
    if within_ulps(expected, number):
        return None
    if not any(within_ulps(limit, number) for limit in case.args[1]):
        return f"{show(number)} is not one of the limits."
    return f"The limit with the smallest mean squared error is {show(expected)}; this is {show(number)}."


def saturated_before_rounding(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return (x.clamp(max=limit).div(scale).round() * scale - x).square().sum()

    return min(limits, key=error)


def _errors(x, limits, quant_max):
    for limit in limits:
        scale = limit / quant_max
        yield torch.mean((torch.clamp(torch.round(x / scale), 0, quant_max) * scale - x) ** 2).item()


def widest_range(x, limits, quant_max):
    return max(limits)


def largest_value(x, limits, quant_max):
    return x.max()


def first_limit(x, limits, quant_max):
    for limit in limits:
        scale = limit / quant_max
        codes = torch.clamp(torch.round(x / scale), 0, quant_max)
        error, smallest = torch.mean((codes * scale - x) ** 2), float("inf")
        if error < smallest:
            smallest, best = error, limit
        return best


def index_returned(x, limits, quant_max):
    errors = list(_errors(x, limits, quant_max))
    return errors.index(min(errors))


def error_returned(x, limits, quant_max):
    return min(_errors(x, limits, quant_max))


def absolute_error(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return (torch.clamp(torch.round(x / scale), 0, quant_max) * scale - x).abs().mean()

    return min(limits, key=error)


def compared_with_codes(x, limits, quant_max):
    def error(limit):
        codes = torch.clamp(torch.round(x / (limit / quant_max)), 0, quant_max)
        return torch.mean((codes - x) ** 2)

    return min(limits, key=error)


def no_clamp(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return torch.mean((torch.round(x / scale) * scale - x) ** 2).item()

    return min(limits, key=error)


def clamped_to_255(x, limits, quant_max):
    def error(limit):
        scale = limit / quant_max
        return torch.mean((torch.clamp(torch.round(x / scale), 0, 255) * scale - x) ** 2).item()

    return min(limits, key=error)


def quant_max_255(x, limits, quant_max):
    def error(limit):
        scale = limit / 255
        return torch.mean((torch.clamp(torch.round(x / scale), 0, 255) * scale - x) ** 2).item()

    return min(limits, key=error)


def codes_counted(x, limits, quant_max):
    def error(limit):
        scale = limit / (quant_max + 1)
        return torch.mean((torch.clamp(torch.round(x / scale), 0, quant_max) * scale - x) ** 2).item()

    return min(limits, key=error)


def _limit_cases():
    def relu_outputs(seed, size=256):
        return torch.randn(size, generator=torch.Generator().manual_seed(seed)).relu()

    outlier = torch.cat([relu_outputs(4, 2000), torch.tensor([9.0])])
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
        "A narrow range saturates: large values all become the limit. A wide range has wide gaps. Measure both.",
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
            "Without the clamp no value saturates, so a narrow range seems to cost nothing. Clamp the codes to "
            "0 and quant_max before you measure.",
        ),
        WrongAnswer(
            "clamped_to_255",
            clamped_to_255,
            "The codes are clamped to 255 (the largest of uint8), but the largest code is quant_max, 3 for two "
            "bits. With a larger one next to nothing saturates.",
        ),
        WrongAnswer(
            "quant_max_255",
            quant_max_255,
            "This measures eight bits in every call: 255 stands where quant_max belongs, both in the scale and in "
            "the clamp.",
        ),
        WrongAnswer(
            "codes_counted",
            codes_counted,
            "The scale is limit / (quant_max + 1) here. The codes 0 to quant_max have quant_max gaps between them, "
            "so the last code falls short of the limit.",
        ),
        WrongAnswer(
            "compared_with_codes",
            compared_with_codes,
            "The codes are compared with x. Compare what they stand for, codes * scale.",
        ),
        WrongAnswer(
            "absolute_error",
            absolute_error,
            "This limit has the smallest mean absolute error. Square the differences: the mean squared error is "
            "asked for, and it weighs the few large errors of saturated values more.",
        ),
        WrongAnswer(
            "largest_value",
            largest_value,
            "This is the largest value of x. Nothing saturates then, but it need not be one of the limits, nor the "
            "best range.",
        ),
        WrongAnswer(
            "first_limit",
            first_limit,
            "This is always the first limit: is the `return` inside the loop? Dedent it, so that every limit is "
            "measured first.",
        ),
        WrongAnswer(
            "index_returned",
            index_returned,
            "This is the position of the best limit in the list. Return the limit itself: limits[position].",
        ),
        WrongAnswer(
            "error_returned",
            error_returned,
            "This is the smallest error. Return the limit that it belongs to.",
        ),
    ),
    alternatives=(saturated_before_rounding,),
)
