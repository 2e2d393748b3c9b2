"""11_rounded_weight: which weight is rounded in training: the one that will be stored, batch norm folded in."""

import torch

from qlab.exercises.lesson11.gradients import compare
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def rounded_weight(weight, gain, var, eps, quant_max):
    """The weight that a layer computes with while it is trained to be quantized."""
    # BEGIN SOLUTION
    factor = gain / torch.sqrt(var + eps)
    folded = weight * factor.unsqueeze(1)
    scale = folded.abs().max() / quant_max
    return torch.round(folded / scale) * scale
    # END SOLUTION


def with_rsqrt(weight, gain, var, eps, quant_max):
    folded = weight * (gain * (var + eps).rsqrt())[:, None]
    scale = max(folded.max(), -folded.min()) / quant_max
    return torch.clamp(torch.round(folded / scale), -quant_max, quant_max) * scale


def in_float64(weight, gain, var, eps, quant_max):
    folded = torch.diag(gain.double() / (var.double() + eps).sqrt()) @ weight.double()
    scale = folded.abs().max() / quant_max
    return (torch.round(folded / scale) * scale).float()


def _rounded(x, quant_max):
    scale = x.abs().max() / quant_max
    return torch.round(x / scale) * scale


def not_folded(weight, gain, var, eps, quant_max):
    return _rounded(weight, quant_max)


def rounded_first(weight, gain, var, eps, quant_max):
    return _rounded(weight, quant_max) * (gain / torch.sqrt(var + eps)).unsqueeze(1)


def not_rounded(weight, gain, var, eps, quant_max):
    return weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)


def scale_of_the_unfolded(weight, gain, var, eps, quant_max):
    folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)
    scale = weight.abs().max() / quant_max
    return torch.round(folded / scale).clamp(-quant_max, quant_max) * scale


def largest_value(weight, gain, var, eps, quant_max):
    folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)
    scale = folded.max() / quant_max
    return torch.round(folded / scale).clamp(-quant_max, quant_max) * scale


def half_the_range(weight, gain, var, eps, quant_max):
    folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)
    scale = (folded.max() - folded.min()) / (2 * quant_max)
    return torch.round(folded / scale).clamp(-quant_max, quant_max) * scale


def upside_down(weight, gain, var, eps, quant_max):
    return _rounded(weight * (torch.sqrt(var + eps) / gain).unsqueeze(1), quant_max)


def variance_for_deviation(weight, gain, var, eps, quant_max):
    return _rounded(weight * (gain / (var + eps)).unsqueeze(1), quant_max)


def eps_forgotten(weight, gain, var, eps, quant_max):
    return _rounded(weight * (gain / torch.sqrt(var)).unsqueeze(1), quant_max)


def eps_outside(weight, gain, var, eps, quant_max):
    return _rounded(weight * (gain / (torch.sqrt(var) + eps)).unsqueeze(1), quant_max)


def gain_forgotten(weight, gain, var, eps, quant_max):
    return _rounded(weight / torch.sqrt(var + eps).unsqueeze(1), quant_max)


def inputs_folded(weight, gain, var, eps, quant_max):
    return _rounded(weight * (gain / torch.sqrt(var + eps)), quant_max)


def a_scale_a_row(weight, gain, var, eps, quant_max):
    folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)
    scale = folded.abs().amax(dim=1, keepdim=True) / quant_max
    return torch.round(folded / scale) * scale


def codes_alone(weight, gain, var, eps, quant_max):
    folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1)
    return torch.round(folded / (folded.abs().max() / quant_max))


def unfolded_again(weight, gain, var, eps, quant_max):
    factor = (gain / torch.sqrt(var + eps)).unsqueeze(1)
    return _rounded(weight * factor, quant_max) / factor


def _cases():
    def drawn(seed, eps, quant_max):
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(4, 4, generator=generator)
        gain = 0.5 + 2 * torch.rand(4, generator=generator)
        return weight, gain, 0.1 + 3 * torch.rand(4, generator=generator), eps, quant_max

    square = torch.tensor([[0.6, -0.4], [0.3, 0.8]])
    return (
        Case(
            (square, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.25]), 0.0, 7), "square: no shape tells the axes"
        ),
        Case(
            (square, torch.tensor([1.0, -2.0]), torch.tensor([3.0, 0.15]), 0.1, 7), "a large eps, a negative gain"
        ),
        Case(drawn(1, 1e-5, 7), "random, 4 bits"),
        Case(drawn(2, 0.5, 3), "random, 3 bits, a large eps"),
        Case(drawn(3, 1e-5, 127), "random, 8 bits"),
    )


ROUNDED_WEIGHT = Exercise(
    id="11_rounded_weight",
    title="What is rounded in training",
    points=2,
    prompt=(
        "weight is a float (outputs, inputs), followed by a batch norm with gain and var of shape (outputs,). "
        "Return the symmetric fake-quantized weight, one scale for all of it, that will be there once the norm is "
        "folded."
    ),
    reference=rounded_weight,
    cases=_cases(),
    compare=compare,
    hints=(
        "The quantized model has no batch norm. Which weight will it store?",
        "Fold first: multiply each row by its gain over the root of its variance plus eps. Round the result, with "
        "the scale of the result.",
        "folded = weight * (gain / torch.sqrt(var + eps)).unsqueeze(1); scale = folded.abs().max() / quant_max; "
        "return torch.round(folded / scale) * scale.",
    ),
    wrong_answers=(
        WrongAnswer(
            "not_folded",
            not_folded,
            "The norm is not folded: this rounds a weight that the quantized model will not have.",
        ),
        WrongAnswer(
            "rounded_first",
            rounded_first,
            "Rounded, then folded: the products are no longer codes times one scale, so they cannot be stored. "
            "Fold first. With a scale for each row, the order would not matter.",
        ),
        WrongAnswer("not_rounded", not_rounded, "The norm is folded, but nothing is rounded."),
        WrongAnswer(
            "scale_of_the_unfolded",
            scale_of_the_unfolded,
            "The scale is that of the weight before folding. Take the largest magnitude of what is rounded.",
        ),
        WrongAnswer(
            "largest_value",
            largest_value,
            "The scale is made from the largest value. Take the largest magnitude: a negative weight can be the "
            "one that is farthest out.",
        ),
        WrongAnswer(
            "half_the_range",
            half_the_range,
            "The scale is that of the range from the smallest to the largest value, which needs a zero point. "
            "Symmetric: the largest magnitude over quant_max.",
        ),
        WrongAnswer(
            "upside_down", upside_down, "The factor is upside down: a row is multiplied by gain / sqrt(var + eps)."
        ),
        WrongAnswer(
            "variance_for_deviation",
            variance_for_deviation,
            "This divides by the variance. A batch norm divides by its root, the standard deviation.",
        ),
        WrongAnswer("eps_forgotten", eps_forgotten, "eps is missing: a batch norm divides by sqrt(var + eps)."),
        WrongAnswer("eps_outside", eps_outside, "eps is added to the root. It stands under it: sqrt(var + eps)."),
        WrongAnswer(
            "gain_forgotten", gain_forgotten, "The gain is missing: the factor of a row is gain / sqrt(var + eps)."
        ),
        WrongAnswer(
            "inputs_folded",
            inputs_folded,
            "The factors multiply the columns, the inputs. A norm behind a layer acts on outputs, the rows: "
            "unsqueeze(1). A square weight hides it.",
        ),
        WrongAnswer(
            "a_scale_a_row", a_scale_a_row, "There is a scale for each row here. One for all is asked for."
        ),
        WrongAnswer(
            "codes_alone", codes_alone, "These are codes. Fake quantization multiplies by the scale again."
        ),
        WrongAnswer(
            "unfolded_again",
            unfolded_again,
            "The factor is divided out again after rounding, for a norm that still follows. The quantized model "
            "has none: return the folded weight, rounded. Schemes that keep the norm in training do divide it "
            "out.",
        ),
    ),
    alternatives=(with_rsqrt, in_float64),
)
