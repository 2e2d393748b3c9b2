"""09_integers: from the values that torch prints of a quantized tensor to the integers that are stored."""

import torch

from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def integers(values, scale, zero_point):
    """The uint8 codes behind the printed values of a quint8 tensor."""
    # BEGIN SOLUTION
    return torch.round(values / scale + zero_point).to(torch.uint8)
    # END SOLUTION


def rounded_first(values, scale, zero_point):
    return (torch.round(values / scale).int() + zero_point).to(torch.uint8)


def through_torch(values, scale, zero_point):
    return (values.double() / scale).add(zero_point).round().byte()


def truncated(values, scale, zero_point):
    return (values / scale + zero_point).to(torch.uint8)


def truncated_first(values, scale, zero_point):
    return ((values / scale).int() + zero_point).to(torch.uint8)


def values_cast(values, scale, zero_point):
    return values.int().to(torch.uint8)


def values_rounded(values, scale, zero_point):
    return torch.round(values).int().to(torch.uint8)


def zero_point_forgotten(values, scale, zero_point):
    return torch.round(values / scale).int().to(torch.uint8)


def zero_point_forgotten_clamped(values, scale, zero_point):
    return torch.round(values / scale).clamp(0, 255).to(torch.uint8)


def zero_point_subtracted(values, scale, zero_point):
    return (torch.round(values / scale).int() - zero_point).to(torch.uint8)


def zero_point_subtracted_clamped(values, scale, zero_point):
    return (torch.round(values / scale) - zero_point).clamp(0, 255).to(torch.uint8)


def dequantized_again(values, scale, zero_point):
    return torch.round(scale * (values - zero_point)).int().to(torch.uint8)


def dequantized_again_clamped(values, scale, zero_point):
    return torch.round(scale * (values - zero_point)).clamp(0, 255).to(torch.uint8)


def zero_point_first(values, scale, zero_point):
    return torch.round((values + zero_point) / scale).int().to(torch.uint8)


def zero_point_first_clamped(values, scale, zero_point):
    return torch.round((values + zero_point) / scale).clamp(0, 255).to(torch.uint8)


def scale_multiplied(values, scale, zero_point):
    return torch.round(values * scale + zero_point).int().to(torch.uint8)


def _printed(codes, scale, zero_point):
    """What torch prints of these codes."""
    return (torch.tensor(codes) - zero_point).float() * scale


def _case(codes, scale, zero_point, note):
    return Case((_printed(codes, scale, zero_point), scale, zero_point), note)


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


_TRUNCATED = "The fraction is cut off, and a quotient of 22.999998 stands for 23. Round first."
_FORGOTTEN = (
    "The zero point is missing. A value is scale * (code - zero_point), so the code of 0.0 is zero_point, not 0."
)
_SUBTRACTED = "The zero point is subtracted. That leads from codes to values; from values to codes it is added."
_AGAIN = "scale * (code - zero_point) makes values of codes. You have the values: solve it for the code."
_FIRST = "The zero point is added before the division. It counts steps: divide by the scale, then add it."

INTEGERS = Exercise(
    id="09_integers",
    title="The integers behind a printed tensor",
    points=1,
    prompt=(
        "values is what torch prints of a quint8 tensor: a float32 tensor with the values that its codes stand "
        "for. Return the codes, as a uint8 tensor: what int_repr() would give."
    ),
    reference=integers,
    cases=(
        _case([0, 14, 23, 30], 0.1, 10, "the thread's four values"),
        _case([128, 129, 131, 120], 0.5, 128, "steps of a half"),
        _case([0, 1, 2, 3, 250, 255], 0.25, 0, "zero point 0"),
        _case(list(range(0, 256, 5)), 0.0123, 77, "codes all over"),
        _case(list(range(256)), 0.7, 200, "every code"),
        _case([255, 254, 0], 3.0, 255, "no positive values"),
        _case([60, 60, 60], 0.02, 60, "all zeros"),
    ),
    compare=exact_tensor,
    hints=(
        "Lesson 03 went from codes to values: scale * (code - zero_point). Which way do you go here?",
        "Divide by the scale, and the values count steps from zero. Codes count from the zero point.",
        "torch.round(values / scale + zero_point), converted by .to(torch.uint8).",
    ),
    wrong_answers=(
        _wrong(truncated, _TRUNCATED),
        _wrong(truncated_first, _TRUNCATED),
        _wrong(
            values_cast,
            "This turns the printed values into integers. They are real numbers, scale * (code - zero_point).",
        ),
        _wrong(
            values_rounded,
            "This rounds the printed values. They are real numbers, scale * (code - zero_point), not codes.",
        ),
        _wrong(zero_point_forgotten, _FORGOTTEN),
        _wrong(zero_point_forgotten_clamped, _FORGOTTEN),
        _wrong(zero_point_subtracted, _SUBTRACTED),
        _wrong(zero_point_subtracted_clamped, _SUBTRACTED),
        _wrong(dequantized_again, _AGAIN),
        _wrong(dequantized_again_clamped, _AGAIN),
        _wrong(zero_point_first, _FIRST),
        _wrong(zero_point_first_clamped, _FIRST),
        _wrong(
            scale_multiplied,
            "The values are multiplied by the scale. From codes to values one multiplies; here, divide.",
        ),
    ),
    alternatives=(rounded_first, through_torch),
)
