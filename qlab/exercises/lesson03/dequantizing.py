"""03_dequantize: back from codes to values. The tempting answer subtracts in int8, which wraps around."""

import torch

from qlab.exercises.comparing import tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def dequantize(codes, scale, zero_point):
    """The float32 values that int8 or uint8 codes stand for."""
    # BEGIN SOLUTION
    return (codes.to(torch.float32) - zero_point) * scale
    # END SOLUTION


def _compare(expected, got, case):
    return tensor_within(expected, got, bound=1e-4 * case.args[1])  # a ten-thousandth of a gap


def multiplied_out(codes, scale, zero_point):
    return codes.float() * scale - zero_point * scale


def in_int32(codes, scale, zero_point):
    return scale * (codes.to(torch.int32) - zero_point)


def subtracted_in_int8(codes, scale, zero_point):
    return (codes - zero_point) * scale


def added(codes, scale, zero_point):
    return (codes.float() + zero_point) * scale


def zero_point_after_scale(codes, scale, zero_point):
    return codes.float() * scale + zero_point


def zero_point_not_scaled(codes, scale, zero_point):
    return codes.float() * scale - zero_point


def added_in_int8(codes, scale, zero_point):
    return (codes + zero_point) * scale


def scaled_zero_point_only(codes, scale, zero_point):
    return codes.float() - zero_point * scale


def divided(codes, scale, zero_point):
    return (codes.float() - zero_point) / scale


def divided_in_int8(codes, scale, zero_point):
    return (codes - zero_point) / scale


def no_zero_point(codes, scale, zero_point):
    return codes.float() * scale


def _cases():
    def random_codes(dtype, seed, *shape):
        low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(low, high + 1, shape, generator=generator).to(dtype)

    return (
        Case((torch.tensor([10, 12, 8], dtype=torch.int8), 0.5, 10), "close to the zero point"),
        Case((torch.tensor([-128, 0, 100, 127], dtype=torch.int8), 0.5, -100), "far from the zero point"),
        Case((torch.tensor([[0, 1], [128, 255]], dtype=torch.uint8), 0.25, 128), "unsigned codes"),
        Case((random_codes(torch.int8, 1, 4, 4), 0.037, 17), "random"),
        Case((random_codes(torch.uint8, 2, 16, 20), 3.3, 200), "random, unsigned"),
        Case((random_codes(torch.int8, 3, 2, 3, 4), 1.1, -128), "random, zero point at the end"),
        Case((torch.full((3,), -5, dtype=torch.int8), 0.1, -5), "all at the zero point: all zeros"),
        Case((torch.tensor([1, 60, 127], dtype=torch.int8), 0.1, -128), "all positive"),
        Case((torch.tensor([1, 60, 126], dtype=torch.int8), 0.1, 127), "all negative"),
        Case((torch.tensor(7, dtype=torch.int8), 2.0, 3), "one number, no axes"),
        Case((torch.tensor([[-128]], dtype=torch.int8), 0.1, 127), "one element"),
        Case((torch.tensor([-128, 3, 127], dtype=torch.int8), 1e30, 50), "huge scale"),
        Case((torch.tensor([-128, 3, 127], dtype=torch.int8), 1e-30, 50), "tiny scale"),
    )


_ADDED = (
    "The zero point was added when quantizing, so it is subtracted here. As it is, the code of 0 comes back as "
    "twice the zero point times the scale."
)
_DIVIDED = "quantize divided by the scale, so multiply by it here: one code further on is one scale more."

DEQUANTIZE = Exercise(
    id="03_dequantize",
    title="Dequantize",
    points=2,
    prompt="Return the float32 values that `codes` (int8 or uint8) stand for, in the same shape.",
    reference=dequantize,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Undo quantize from its end: what was done last, before the clamp?",
        "The code equal to zero_point must come back as exactly 0, and every code further on adds one scale.",
        "Subtract, then multiply. An int8 tensor minus a number is still int8 and may wrap around, so make the "
        "codes float32 first.",
    ),
    wrong_answers=(
        WrongAnswer(
            "subtracted_in_int8",
            subtracted_in_int8,
            "The subtraction is done in 8 bits and wraps around: in int8, 127 - (-100) is -29, and in uint8, "
            "0 - 128 is 128. Make the codes float32 (or int32) before you subtract.",
        ),
        WrongAnswer("added", added, _ADDED),
        WrongAnswer("added_in_int8", added_in_int8, _ADDED),
        WrongAnswer("divided", divided, _DIVIDED),
        WrongAnswer("divided_in_int8", divided_in_int8, _DIVIDED),
        WrongAnswer(
            "scaled_zero_point_only",
            scaled_zero_point_only,
            "`*` binds more tightly than `-`, so the scale multiplies the zero point alone. Put the subtraction in "
            "parentheses: (codes - zero_point) * scale, with float32 codes.",
        ),
        WrongAnswer(
            "zero_point_after_scale",
            zero_point_after_scale,
            "This is codes * scale + zero_point. The zero point is a code: subtract it from the codes before the "
            "scale is applied.",
        ),
        WrongAnswer(
            "zero_point_not_scaled",
            zero_point_not_scaled,
            "This is codes * scale - zero_point: a code taken away from a value. Subtract first, then multiply, "
            "so that both are in codes.",
        ),
        WrongAnswer(
            "no_zero_point",
            no_zero_point,
            "The zero point is left out, so all values are shifted by zero_point * scale and 0 does not come "
            "back as 0.",
        ),
    ),
    alternatives=(multiplied_out, in_int32),
)
