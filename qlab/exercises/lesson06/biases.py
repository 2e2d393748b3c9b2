"""06_bias_codes: the bias as whole numbers of the accumulator. The tempting answer gives it a scale of its own."""

import torch

from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def bias_codes(bias, x_scale, w_scale):
    """bias, float32 of shape (N,), as int32 codes in steps of the accumulators."""
    # BEGIN SOLUTION
    return torch.round(bias / (x_scale * w_scale)).to(torch.int32)
    # END SOLUTION


def in_float64(bias, x_scale, w_scale):
    return (bias.double() / x_scale / w_scale.double()).round().int()


def half_up(bias, x_scale, w_scale):
    return torch.floor(bias / (x_scale * w_scale) + 0.5).to(torch.int32)


def scale_of_its_own(bias, x_scale, w_scale):
    return torch.round(bias / (bias.abs().max() / 127)).to(torch.int32)


def input_scale_only(bias, x_scale, w_scale):
    return torch.round(bias / x_scale).to(torch.int32)


def weight_scale_only(bias, x_scale, w_scale):
    return torch.round(bias / w_scale).to(torch.int32)


def multiplied_by_last(bias, x_scale, w_scale):
    return torch.round(bias / x_scale * w_scale).to(torch.int32)


def multiplied(bias, x_scale, w_scale):
    return torch.round(bias * (x_scale * w_scale)).to(torch.int32)


def not_rounded(bias, x_scale, w_scale):
    return (bias / (x_scale * w_scale)).to(torch.int32)


def rounded_down(bias, x_scale, w_scale):
    return torch.floor(bias / (x_scale * w_scale)).to(torch.int32)


def one_scale_for_all(bias, x_scale, w_scale):
    return torch.round(bias / (x_scale * w_scale.max())).to(torch.int32)


def clamped_to_int8(bias, x_scale, w_scale):
    return torch.round(bias / (x_scale * w_scale)).clamp(-128, 127).to(torch.int32)


def cast_to_int8(bias, x_scale, w_scale):
    return torch.round(bias / (x_scale * w_scale)).to(torch.int32).to(torch.int8).to(torch.int32)


def cast_to_int16(bias, x_scale, w_scale):
    return torch.round(bias / (x_scale * w_scale)).to(torch.int32).to(torch.int16).to(torch.int32)


def _cases():
    generator = torch.Generator().manual_seed(0)
    bias, w_scale = torch.randn(12, generator=generator) * 0.2, torch.rand(12, generator=generator) * 0.004 + 0.001
    one = torch.tensor([0.01])
    return (
        Case((torch.tensor([0.3, -0.2]), 0.5, torch.tensor([0.1, 0.1])), "steps of 0.05"),
        Case((torch.tensor([1.0, 1.0, 1.0]), 0.02, torch.tensor([0.01, 0.02, 0.04])), "a scale for each channel"),
        Case((torch.tensor([0.0078, -0.0137, 0.0049]), 0.5, torch.tensor([0.01, 0.01, 0.01])), "to be rounded"),
        Case((bias, 0.031, w_scale), "random"),
        Case((torch.zeros(2), 0.1, torch.tensor([0.2, 0.3])), "all zeros"),
        Case((torch.tensor([100.0]), 0.5, one), "far beyond 8 bits"),
        Case((torch.tensor([200.0]), 0.5, one), "beyond 16 bits"),
        Case((torch.tensor([-5.0]), 0.04, one), "negative"),
        Case((torch.tensor([3.3]), 8.0, torch.tensor([2.0])), "scales above 1"),
        Case((torch.tensor([2e-12]), 1e-6, torch.tensor([1e-8])), "tiny"),
    )


BIAS_CODES = Exercise(
    id="06_bias_codes",
    title="The bias as codes",
    points=1,
    prompt=(
        "A layer adds its bias to the int32 accumulators, before anything is scaled. Return the bias as int32 "
        "codes for that. bias and w_scale are float32 tensors of shape (N,), one element for each output; x_scale "
        "is a number."
    ),
    reference=bias_codes,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "Two whole numbers can be added only if they count the same steps. How much is one step of the accumulator "
        "worth?",
        "An accumulator is a sum of products of codes. It is multiplied by x_scale * w_scale to become a real "
        "number.",
        "Divide the bias by x_scale * w_scale (mind the parentheses), round, and convert to torch.int32. There is "
        "nothing to clamp.",
    ),
    wrong_answers=(
        WrongAnswer(
            "scale_of_its_own",
            scale_of_its_own,
            "The bias has a scale of its own here, from its largest magnitude. Its codes then count other steps "
            "than the accumulator and cannot be added to it. The scale is given: x_scale * w_scale.",
        ),
        WrongAnswer(
            "input_scale_only",
            input_scale_only,
            "These are steps of x_scale. A product of two codes is worth x_scale * w_scale.",
        ),
        WrongAnswer(
            "weight_scale_only",
            weight_scale_only,
            "These are steps of w_scale. A product of two codes is worth x_scale * w_scale.",
        ),
        WrongAnswer(
            "multiplied_by_last",
            multiplied_by_last,
            "`bias / x_scale * w_scale` divides by the one scale and multiplies by the other. Put "
            "x_scale * w_scale in parentheses.",
        ),
        WrongAnswer(
            "multiplied",
            multiplied,
            "Multiplying by the scale leads from codes to real numbers. From the real bias to its codes, divide.",
        ),
        WrongAnswer(
            "not_rounded",
            not_rounded,
            "The conversion to int32 cuts the fraction off, which pulls every bias toward 0. Round first.",
        ),
        WrongAnswer(
            "rounded_down",
            rounded_down,
            "Every bias is rounded down, half a step too low on average. Round to the nearest.",
        ),
        WrongAnswer(
            "one_scale_for_all",
            one_scale_for_all,
            "One scale is used for all outputs, but each has steps of its own: divide by x_scale * w_scale, one "
            "element by the other.",
        ),
        WrongAnswer(
            "clamped_to_int8",
            clamped_to_int8,
            "The bias is clamped to 8 bits. It joins a 32-bit accumulator and is usually far beyond 127 steps of "
            "x_scale * w_scale: keep it in int32.",
        ),
        WrongAnswer(
            "cast_to_int8",
            cast_to_int8,
            "Converted to int8, a large bias wraps around. It joins a 32-bit accumulator: keep it in int32.",
        ),
        WrongAnswer(
            "cast_to_int16",
            cast_to_int16,
            "Converted to int16, a bias of 32,768 steps or more wraps around. The accumulator has 32 bits: so has "
            "its bias.",
        ),
    ),
    alternatives=(in_float64, half_up),
)
