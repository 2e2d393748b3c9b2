"""02_nearest_bfloat16: round to bfloat16 on the bits, ties to even."""

import torch

from qlab.casting import cast
from qlab.exercises.comparing import exact_tensor
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def nearest_bfloat16(x):
    """The bfloat16 values nearest to those of x, as a float32 tensor."""
    # BEGIN SOLUTION
    bits = x.view(torch.int32)
    last_kept = (bits >> 16) & 1
    rounded = bits + 0x7FFF + last_kept  # carries into the upper half where it is due
    return (rounded & ~0xFFFF).view(torch.float32)
    # END SOLUTION


def with_torch(x):
    return x.to(torch.bfloat16).float()


def with_the_library(x):
    return cast(x, "bfloat16")


def on_significands(x):
    significand, exponent = torch.frexp(x)
    return torch.ldexp(torch.round(significand * 256) / 256, exponent)


def truncated(x):
    return (x.view(torch.int32) & ~0xFFFF).view(torch.float32)


def half_up(x):
    return (x.view(torch.int32) + 0x8000 & ~0xFFFF).view(torch.float32)


def half_down(x):
    return (x.view(torch.int32) + 0x7FFF & ~0xFFFF).view(torch.float32)


def left_in_the_lower_half(x):
    bits = x.view(torch.int32)
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16).view(torch.float32)


def divided_in_float32(x):
    return (torch.round(x.view(torch.int32) / 65536).int() * 65536).view(torch.float32)


def seven_significant_bits(x):
    significand, exponent = torch.frexp(x)
    return torch.ldexp(torch.round(significand * 128) / 128, exponent)


def through_float16(x):
    return x.half().float()


def eps_for_all(x):
    return torch.round(x * 128) / 128


def left_in_bfloat16(x):
    return x.to(torch.bfloat16)


def _cases():
    def normal(size, seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size

    return (
        Case((torch.tensor([1 / 3, 2171.0, 1.5, -0.1]),), "four numbers"),
        Case((torch.tensor([256.0, 257.0, 258.0, 259.0, 260.0]),), "half-way: 257 and 259"),
        Case((torch.tensor([-257.0, -259.0]),), "half-way, negative"),
        Case((normal(1, 1, 4, 5),), "random"),
        Case((normal(3000, 2, 32, 33),), "random, large"),
        Case((normal(1e-30, 3, 40),), "tiny"),
        Case((torch.tensor([255.5, 1.999, -0.99999]),), "rounds up to the next power of two"),
        Case((torch.tensor([70000.0, -1e20, 3e38]),), "beyond float16"),
        Case((torch.tensor([3.4e38, -3.4e38]),), "beyond bfloat16"),
        Case((torch.zeros(2, 2),), "all zeros"),
        Case((torch.tensor(3.14159),), "one number, no axes"),
    )


NEAREST_BFLOAT16 = Exercise(
    id="02_nearest_bfloat16",
    title="Nearest in bfloat16",
    points=3,
    prompt=(
        "Round each value of the float32 tensor x to the nearest bfloat16, ties to the even neighbor, and return "
        "float32. A bfloat16 is the upper 16 bits of a float32, and x.view(torch.int32) shows the bits. x holds no "
        "NaN and nothing below the smallest normal number but 0."
    ),
    reference=nearest_bfloat16,
    cases=_cases(),
    compare=exact_tensor,
    hints=(
        "Keeping the upper 16 bits cuts off; it does not round. How far are the lower 16 bits from being worth one "
        "of the upper?",
        "Before you clear the lower 16 bits, add something to them that carries over exactly when they are above "
        "one half, 0x8000. Only at 0x8000 itself does the last kept bit decide.",
        "bits = x.view(torch.int32). Add 0x7FFF, and the last kept bit, (bits >> 16) & 1. Then & ~0xFFFF clears "
        "the lower half, and .view(torch.float32) goes back.",
    ),
    wrong_answers=(
        WrongAnswer(
            "truncated",
            truncated,
            "The lower 16 bits are cut off, so every value moves toward 0: 2171 becomes 2160, and 2176 is nearer. "
            "The error is up to a whole step instead of half of one. Round before you clear them.",
        ),
        WrongAnswer(
            "half_up",
            half_up,
            "Half-way values always move away from 0 here. 257 lies half-way between 256 and 258 and goes to the "
            "one whose last bit is 0, which is 256. Add 0x7FFF and the last kept bit, not 0x8000.",
        ),
        WrongAnswer(
            "half_down",
            half_down,
            "Half-way values always move toward 0 here. 259 lies half-way between 258 and 260 and goes to the one "
            "whose last bit is 0, which is 260. The last kept bit has to be added too.",
        ),
        WrongAnswer(
            "left_in_the_lower_half",
            left_in_the_lower_half,
            "The rounding is right, but after >> 16 the kept bits stand in the lower half, where they read as a "
            "tiny number. Shift them back with << 16, or clear the lower bits instead of shifting.",
        ),
        WrongAnswer(
            "divided_in_float32",
            divided_in_float32,
            "bits / 65536 is a float32 itself and holds only 24 significant bits of the integer. A number just "
            "beside a tie falls onto it, and is rounded twice. Stay with integers, or divide bits.double().",
        ),
        WrongAnswer(
            "seven_significant_bits",
            seven_significant_bits,
            "torch.frexp gives significands from 0.5 to 1. A bfloat16 has eight significant bits, the leading 1 "
            "and seven of fraction: between 0.5 and 1 its step is 1/256, not 1/128.",
        ),
        WrongAnswer(
            "through_float16",
            through_float16,
            "This is float16, the other 16-bit format, with three more bits of fraction: at 2171 its step is 2, "
            "and that of bfloat16 is 16. And its range is far smaller.",
        ),
        WrongAnswer(
            "eps_for_all",
            eps_for_all,
            "A step of 1/128 is right between 1 and 2 alone. The step of a float doubles with each power of two: "
            "from 2048 on it is 16.",
        ),
        WrongAnswer(
            "left_in_bfloat16",
            left_in_bfloat16,
            "The values are right, but the tensor is bfloat16. Return them as float32.",
        ),
    ),
    alternatives=(with_torch, with_the_library, on_significands),
)
