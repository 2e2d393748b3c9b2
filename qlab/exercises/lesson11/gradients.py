"""11_gradient: the straight-through estimator by hand, with a zero point and both ends clamped."""

import torch

from qlab.exercises.comparing import tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def through_rounding(gradient, x, scale, zero_point, quant_min, quant_max):
    """The gradient that reaches x, from the one that reached fake_quantize(x)."""
    # BEGIN SOLUTION
    codes = torch.round(x / scale) + zero_point
    inside = (codes >= quant_min) & (codes <= quant_max)
    return gradient * inside
    # END SOLUTION


def compare(expected, got, case):
    """Within a few units in the last place: every mistake is larger by far."""
    return tensor_within(expected, got, 1e-5 * max(1.0, expected.abs().max().item()))


def by_autograd(gradient, x, scale, zero_point, quant_min, quant_max):
    x = x.clone().requires_grad_()
    low, high = (quant_min - zero_point) * scale, (quant_max - zero_point) * scale
    x.clamp(low, high).backward(gradient)
    return x.grad


def rounding_detached(gradient, x, scale, zero_point, quant_min, quant_max):
    x = x.clone().requires_grad_()
    ratio = x / scale
    codes = ratio + (torch.round(ratio) - ratio).detach() + zero_point
    ((torch.clamp(codes, quant_min, quant_max) - zero_point) * scale).backward(gradient)
    return x.grad


def true_slope(gradient, x, scale, zero_point, quant_min, quant_max):
    return torch.zeros_like(x)


def no_mask(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient.clone()


def mask_alone(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x / scale) + zero_point
    return ((codes >= quant_min) & (codes <= quant_max)).float()


def scale_forgotten(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x) + zero_point
    return gradient * ((codes >= quant_min) & (codes <= quant_max))


def zero_point_forgotten(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x / scale)
    return gradient * ((codes >= quant_min) & (codes <= quant_max))


def zero_point_subtracted(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x / scale) - zero_point
    return gradient * ((codes >= quant_min) & (codes <= quant_max))


def scaled_once(gradient, x, scale, zero_point, quant_min, quant_max):
    return through_rounding(gradient, x, scale, zero_point, quant_min, quant_max) / scale


def scaled_back(gradient, x, scale, zero_point, quant_min, quant_max):
    return through_rounding(gradient, x, scale, zero_point, quant_min, quant_max) * scale


def ends_left_out(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x / scale) + zero_point
    return gradient * ((codes > quant_min) & (codes < quant_max))


def ends_unscaled(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * ((x >= quant_min) & (x <= quant_max))


def zero_point_before(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round((x + zero_point) / scale)
    return gradient * ((codes >= quant_min) & (codes <= quant_max))


def magnitudes(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * ((torch.round(x / scale) + zero_point).abs() <= quant_max)


def lower_end(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * (torch.round(x / scale) + zero_point >= quant_min)


def one_end(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * (torch.round(x / scale) + zero_point <= quant_max)


def inverted(gradient, x, scale, zero_point, quant_min, quant_max):
    codes = torch.round(x / scale) + zero_point
    return gradient * ((codes < quant_min) | (codes > quant_max))


def _cases():
    """No x lies in the half step beyond the last codes, where published definitions differ."""
    small = torch.tensor([0.4, -0.7, 1.4, -1.9, 3.0, -3.2])
    ones = torch.ones(6)
    spread = torch.tensor([[-8.0, -5.6, -4.2, -2.0, -0.4], [0.9, 2.1, 3.3, 5.7, 7.0]])
    upstream = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
    return (
        Case((ones, small, 0.5, 0, -4, 3), "no zero point"),
        Case((torch.tensor([2.0, -1.0, 0.5, 3.0, -2.0, 1.0]), small, 0.5, 0, -4, 3), "another gradient arrives"),
        Case((ones, small, 0.5, 3, 0, 7), "a zero point of 3"),
        Case((ones, small.abs(), 0.25, 0, 0, 15), "nothing is clamped"),
        Case((torch.ones(2), torch.tensor([-1.5, 4.5]), 0.5, 3, 0, 12), "the first and the last code"),
        Case((upstream, spread, 1.5, -1, -4, 3), "steps wider than 1"),
    )


GRADIENT = Exercise(
    id="11_gradient",
    title="A gradient through a rounding",
    points=2,
    prompt=(
        "Return the gradient for x by the straight-through estimator: `gradient` is the one that arrived at "
        "fake_quantize(x), of the same shape; scale is a number, zero_point a whole one."
    ),
    reference=through_rounding,
    cases=_cases(),
    compare=compare,
    hints=(
        "Two things were done to x: it was rounded, and some of it was clamped. Which of them does the estimator "
        "pretend away?",
        "The gradient passes as it is where the code was not clamped, and is 0 elsewhere. So the code is needed, "
        "before the clamp, with the zero point added.",
        "codes = torch.round(x / scale) + zero_point; multiply the gradient by "
        "(codes >= quant_min) & (codes <= quant_max).",
    ),
    wrong_answers=(
        WrongAnswer(
            "true_slope",
            true_slope,
            "This is the slope that rounding really has: 0 wherever it has one. With it no weight ever learns. The "
            "estimator takes 1 where nothing was clamped.",
        ),
        WrongAnswer(
            "no_mask",
            no_mask,
            "The gradient passes where x was clamped, too. There the result does not move with x: it stays at the "
            "last code. Those elements get 0.",
        ),
        WrongAnswer(
            "mask_alone",
            mask_alone,
            "These are the slopes, 1 and 0. The gradient is what arrives, times the slope.",
        ),
        WrongAnswer(
            "scale_forgotten",
            scale_forgotten,
            "x itself is compared with the codes. A code is x / scale, rounded, plus the zero point.",
        ),
        WrongAnswer(
            "zero_point_forgotten",
            zero_point_forgotten,
            "The zero point is missing: quant_min and quant_max limit the code after it was added.",
        ),
        WrongAnswer(
            "zero_point_subtracted",
            zero_point_subtracted,
            "The zero point is subtracted. Quantizing adds it to round(x / scale); dequantizing takes it off.",
        ),
        WrongAnswer(
            "scaled_once",
            scaled_once,
            "The gradient is divided by the scale. Dividing by it comes before the rounding and multiplying after: "
            "their slopes 1 / scale and scale cancel.",
        ),
        WrongAnswer(
            "scaled_back",
            scaled_back,
            "The gradient is multiplied by the scale. Dequantizing does that, but quantizing divided by it before: "
            "the two slopes cancel.",
        ),
        WrongAnswer(
            "ends_left_out",
            ends_left_out,
            "quant_min and quant_max are codes as the others are: where x has one of them, nothing was clamped.",
        ),
        WrongAnswer(
            "ends_unscaled",
            ends_unscaled,
            "x itself is compared with quant_min and quant_max, which are codes. Take the code of x: x / scale, "
            "rounded, plus the zero point.",
        ),
        WrongAnswer(
            "zero_point_before",
            zero_point_before,
            "The zero point is a code, not a value: add it after the division by the scale.",
        ),
        WrongAnswer(
            "magnitudes",
            magnitudes,
            "The magnitude of the code is compared with quant_max. The lower end is quant_min; the two need not "
            "mirror each other.",
        ),
        WrongAnswer(
            "lower_end", lower_end, "Only the lower end is looked at. Codes are clamped at quant_max as well."
        ),
        WrongAnswer("one_end", one_end, "Only the upper end is looked at. Codes are clamped at quant_min as well."),
        WrongAnswer(
            "inverted",
            inverted,
            "The two sides are exchanged: this passes what was clamped, and stops the rest.",
        ),
    ),
    alternatives=(by_autograd, rounding_detached),
)
