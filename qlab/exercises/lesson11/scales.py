"""11_scale_gradient: the gradient of a learned scale, and what LSQ divides it by."""

import math

import torch

from qlab.exercises.comparing import as_number, kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def scale_gradient(gradient, weight, scale, quant_min, quant_max):
    """The gradient of the scale that all of weight shares, as LSQ has it."""
    # BEGIN SOLUTION
    ratio = weight / scale
    codes = torch.round(ratio).clamp(quant_min, quant_max)
    inside = (ratio >= quant_min) & (ratio <= quant_max)
    slope = torch.where(inside, codes - ratio, codes)
    return (gradient * slope).sum() / (weight.numel() * quant_max) ** 0.5
    # END SOLUTION


def _compare(expected, got, case):
    """One number, within a few roundings of the sum."""
    number, wanted = as_number(got), as_number(expected)
    if number is None:
        return f"Expected one number, the scale's gradient; got {kind(got)}."
    if not abs(number - wanted) <= 1e-4 * max(1e-2, abs(wanted)):
        return f"Expected {show(round(wanted, 5))}, got {show(round(number, 5))}."
    return None


def by_autograd(gradient, weight, scale, quant_min, quant_max):
    step = torch.tensor(float(scale), requires_grad=True)
    ratio = (weight / step).clamp(quant_min, quant_max)
    ((ratio + (ratio.round() - ratio).detach()) * step).backward(gradient)
    return step.grad / math.sqrt(weight.numel() * quant_max)


def one_at_a_time(gradient, weight, scale, quant_min, quant_max):
    total = 0.0
    for g, w in zip(gradient.flatten().tolist(), weight.flatten().tolist(), strict=True):
        steps = w / scale
        slope = quant_min if steps <= quant_min else quant_max if steps >= quant_max else round(steps) - steps
        total += g * slope
    return total / math.sqrt(weight.numel() * quant_max)


def _recipe(name, diagnosis, slope=None, gather=None, divisor=None):
    """A wrong answer: the recipe with one step replaced."""

    def right_slope(ratio, low, high):
        codes = torch.round(ratio).clamp(low, high)
        return torch.where((ratio >= low) & (ratio <= high), codes - ratio, codes)

    def right_sum(gradient, slope):
        return (gradient * slope).sum()

    def right_divisor(count, high):
        return math.sqrt(count * high)

    def answer(gradient, weight, scale, quant_min, quant_max):
        slopes = (slope or right_slope)(weight / scale, quant_min, quant_max)
        total = (gather or right_sum)(gradient, slopes)
        return total / (divisor or right_divisor)(weight.numel(), quant_max)

    answer.__name__ = name
    return WrongAnswer(name, answer, diagnosis)


def _flipped(ratio, low, high):
    codes = torch.round(ratio).clamp(low, high)
    return torch.where((ratio >= low) & (ratio <= high), ratio - codes, codes)


def _all_flipped(ratio, low, high):
    codes = torch.round(ratio).clamp(low, high)
    return torch.where((ratio >= low) & (ratio <= high), ratio - codes, -codes)


def _nothing_outside(ratio, low, high):
    inside = (ratio >= low) & (ratio <= high)
    return torch.where(inside, torch.round(ratio) - ratio, torch.zeros(()))


def _never_clamped(ratio, low, high):
    return torch.round(ratio) - ratio


def _error_everywhere(ratio, low, high):
    return torch.round(ratio).clamp(low, high) - ratio


def _codes_everywhere(ratio, low, high):
    return torch.round(ratio).clamp(low, high)


def _upper_end_for_both(ratio, low, high):
    inside = (ratio >= low) & (ratio <= high)
    return torch.where(inside, torch.round(ratio) - ratio, torch.tensor(float(high)))


def _magnitudes_at_the_ends(ratio, low, high):
    codes = torch.round(ratio).clamp(low, high)
    return torch.where((ratio >= low) & (ratio <= high), codes - ratio, codes.abs())


def rounding_in_values(gradient, weight, scale, quant_min, quant_max):
    codes = torch.round(weight / scale).clamp(quant_min, quant_max)
    inside = (weight >= quant_min * scale) & (weight <= quant_max * scale)
    slope = torch.where(inside, codes * scale - weight, codes)
    return (gradient * slope).sum() / math.sqrt(weight.numel() * quant_max)


def values_for_codes(gradient, weight, scale, quant_min, quant_max):
    return scale * scale_gradient(gradient, weight, scale, quant_min, quant_max)


def _cases():
    """No weight lies in the half step beyond the last codes, where published definitions differ."""
    generator = torch.Generator().manual_seed(2)

    def drawn(*shape):
        steps = 2.8 * torch.randn(shape, generator=generator)
        beyond = ((steps > 3) & (steps < 3.6)) | ((steps > -4.6) & (steps < -4))
        return 0.5 * torch.where(beyond, 2.2, steps)

    small = torch.tensor([[0.2, -0.6], [5.0, -7.0]])
    return (
        Case(
            (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), small, 0.5, -2, 1),
            "only 0.2 counts: 0.4 of a step, rounded down",
        ),
        Case((torch.tensor([[0.0, 1.0], [0.0, 0.0]]), small, 0.5, -2, 1), "only -0.6 counts"),
        Case((torch.tensor([[0.0, 0.0], [1.0, 0.0]]), small, 0.5, -2, 1), "only 5.0 counts: it is clamped"),
        Case(
            (torch.tensor([[0.0, 0.0], [0.0, 1.0]]), small, 0.5, -2, 1),
            "only -7.0 counts: clamped at the other end",
        ),
        Case((torch.ones(2, 2), small, 0.5, -2, 1), "all of them"),
        Case((torch.randn(6, 8, generator=generator), drawn(6, 8), 0.5, -4, 3), "48 weights in 3 bits"),
    )


SCALE_GRADIENT = Exercise(
    id="11_scale_gradient",
    title="A gradient for the scale",
    points=3,
    prompt=(
        "Return the gradient of a scale that is learned (LSQ): gradient, of weight's shape, arrived at the rounded "
        "weight; all of weight shares the scale. Add up over the elements and divide by sqrt(N * quant_max)."
    ),
    reference=scale_gradient,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Write the rounded weight as code times scale. Where the code is clamped, how fast does it grow with the "
        "scale? And elsewhere, where a larger scale also makes the code smaller?",
        "Clamped: the slope is the code at that end, quant_min or quant_max. Elsewhere it is round(w / s) - w / s. "
        "Multiply by the gradient that arrived, sum, and divide by the root of N * quant_max.",
        "torch.where(inside, codes - ratio, codes), with ratio = weight / scale and codes = "
        "torch.round(ratio).clamp(quant_min, quant_max); then (gradient * slope).sum() / "
        "(weight.numel() * quant_max) ** 0.5.",
    ),
    wrong_answers=(
        _recipe(
            "sign_flipped",
            "Between the ends the sign is turned: the slope is round(w / s) - w / s. A weight that was rounded up "
            "gets larger with the scale.",
            _flipped,
        ),
        _recipe("all_signs_flipped", "The sign is turned everywhere: the scale would walk uphill.", _all_flipped),
        _recipe(
            "nothing_outside",
            "Clamped weights give nothing here. They pull at the scale most: the result is quant_max * scale or "
            "quant_min * scale, so its slope is quant_max or quant_min.",
            _nothing_outside,
        ),
        _recipe(
            "never_clamped",
            "The codes are not clamped: beyond the ends the slope is the last code, not a rounding error.",
            _never_clamped,
        ),
        _recipe(
            "error_everywhere",
            "Beyond the ends w / s is subtracted as well. There the code does not move with the scale, and the "
            "slope is the code alone.",
            _error_everywhere,
        ),
        _recipe(
            "codes_everywhere",
            "This takes the codes for constants. Between the ends a larger scale makes w / s smaller, and with the "
            "straight-through estimator that counts: subtract w / s there.",
            _codes_everywhere,
        ),
        _recipe(
            "upper_end_for_both",
            "Weights clamped at the lower end get quant_max. Theirs is quant_min, which is negative.",
            _upper_end_for_both,
        ),
        _recipe(
            "magnitudes_at_the_ends",
            "A weight clamped at the lower end has the slope quant_min, with its sign: a larger scale moves the "
            "result down.",
            _magnitudes_at_the_ends,
        ),
        WrongAnswer(
            "values_for_codes",
            values_for_codes,
            "This is scale times what it should be. The slopes are counted in steps: codes, and w / s.",
        ),
        WrongAnswer(
            "rounding_in_values",
            rounding_in_values,
            "The rounding error is in the weight's unit. The slope is that error in steps: round(w / s) - w / s.",
        ),
        _recipe(
            "not_divided",
            "The sum is not divided. LSQ divides it by sqrt(N * quant_max), so that the scale's steps fit its "
            "size.",
            divisor=lambda count, high: 1.0,
        ),
        _recipe(
            "no_root",
            "The root is missing: divide by sqrt(N * quant_max).",
            divisor=lambda count, high: count * high,
        ),
        _recipe(
            "count_alone",
            "quant_max is missing under the root: sqrt(N * quant_max).",
            divisor=lambda count, high: math.sqrt(count),
        ),
        _recipe(
            "multiplied",
            "The sum is multiplied by sqrt(N * quant_max). It is divided by it.",
            divisor=lambda count, high: 1 / math.sqrt(count * high),
        ),
        _recipe(
            "averaged",
            "This averages over the elements and divides again. The gradient of a shared number is the sum.",
            gather=lambda gradient, slope: (gradient * slope).mean(),
        ),
        _recipe(
            "gradient_forgotten",
            "The gradient that arrived is missing: multiply each slope by it before you add up.",
            gather=lambda gradient, slope: slope.sum(),
        ),
    ),
    alternatives=(by_autograd, one_at_a_time),
)
