"""The wrong answers to 04_symmetric_quantize that people give, and what to tell them."""

import torch

from qlab.exercises.spec import WrongAnswer


def _codes(x, scale, bits):
    """Clamped to all codes of the width, as most people do."""
    return torch.clamp(torch.round(x / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(torch.int8)


def _largest(x):
    return x.abs().max().item()


def signed_maximum(x, bits):
    scale = x.max().item() / (2 ** (bits - 1) - 1) or 1.0
    return _codes(x, scale, bits), scale


def signed_maximum_no_clamp(x, bits):
    scale = x.max().item() / (2 ** (bits - 1) - 1) or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def one_more(x, bits):
    scale = _largest(x) / 2 ** (bits - 1) or 1.0
    return _codes(x, scale, bits), scale


def one_more_no_clamp(x, bits):
    scale = _largest(x) / 2 ** (bits - 1) or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def half_the_width(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 0.5) or 1.0
    return _codes(x, scale, bits), scale


def half_the_width_no_clamp(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 0.5) or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def range_over_codes(x, bits):
    scale = (x.max() - x.min()).item() / (2**bits - 1) or 1.0
    return _codes(x, scale, bits), scale


def range_over_codes_no_clamp(x, bits):
    scale = (x.max() - x.min()).item() / (2**bits - 1) or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def always_eight_bits(x, bits):
    scale = _largest(x) / 127 or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def unsigned_maximum(x, bits):
    scale = _largest(x) / (2**bits - 1) or 1.0
    return torch.round(x / scale).to(torch.int8), scale


def reciprocal(x, bits):
    factor = (2 ** (bits - 1) - 1) / (_largest(x) or 2 ** (bits - 1) - 1)
    return torch.round(x * factor).to(torch.int8), factor


def misprint(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 1) or 1.0
    return torch.round(x.abs().max() / scale).to(torch.int8), scale


def no_guard(x, bits):
    scale = x.abs().max() / (2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.int8), scale


def guarded_too_early(x, bits):
    scale = (_largest(x) or 1.0) / (2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.int8), scale


def epsilon(x, bits):
    scale = x.abs().max().clamp(min=1e-8) / (2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.int8), scale


def truncated(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 1) or 1.0
    return (x / scale).to(torch.int8), scale


def half_up(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 1) or 1.0
    return torch.floor(x / scale + 0.5).to(torch.int8), scale


def left_as_float(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 1) or 1.0
    return torch.round(x / scale), scale


def swapped(x, bits):
    scale = _largest(x) / (2 ** (bits - 1) - 1) or 1.0
    return scale, torch.round(x / scale).to(torch.int8)


_SIGNED_MAXIMUM = (
    "This takes the largest value, not the largest magnitude. Where the extreme is negative the scale is too small "
    "(or itself negative) and the other end does not fit. Take x.abs().max()."
)
_ONE_MORE = (
    "This divides by 2 ** (bits - 1): by 8 in 4 bits, by 128 in 8. The largest positive value would need that "
    "code, and 4 bits end at 7, 8 bits at 127: it is clamped, or wraps around to -128. Divide by 2 ** (bits - 1) "
    "- 1."
)
_HALF = (
    "This divides by half the width of the format, 7.5 in 4 bits and 127.5 in 8, as torch does. The largest "
    "value is then half a step beyond the last code and does not come back exactly. Divide by 2 ** (bits - 1) - "
    "1."
)
_RANGE = (
    "This is the affine scale, the range over the number of gaps. Without a zero point the codes cannot slide to "
    "where the data are, so the larger side does not fit. Use the largest magnitude over quant_max."
)

WRONG_ANSWERS = (
    WrongAnswer("signed_maximum", signed_maximum, _SIGNED_MAXIMUM),
    WrongAnswer("signed_maximum_no_clamp", signed_maximum_no_clamp, _SIGNED_MAXIMUM),
    WrongAnswer("one_more", one_more, _ONE_MORE),
    WrongAnswer("one_more_no_clamp", one_more_no_clamp, _ONE_MORE),
    WrongAnswer("half_the_width", half_the_width, _HALF),
    WrongAnswer("half_the_width_no_clamp", half_the_width_no_clamp, _HALF),
    WrongAnswer("range_over_codes", range_over_codes, _RANGE),
    WrongAnswer("range_over_codes_no_clamp", range_over_codes_no_clamp, _RANGE),
    WrongAnswer(
        "always_eight_bits",
        always_eight_bits,
        "127 is written into the code. It is the largest code of 8 bits; for `bits` bits it is 2 ** (bits - 1) - "
        "1.",
    ),
    WrongAnswer(
        "unsigned_maximum",
        unsigned_maximum,
        "This divides by 2 ** bits - 1, the largest unsigned code. One bit goes for the sign: the largest signed "
        "code is 2 ** (bits - 1) - 1.",
    ),
    WrongAnswer(
        "reciprocal",
        reciprocal,
        "The codes are right, but this is the scale upside down: steps per unit. The scale is the width of a step, "
        "so that codes * scale goes back.",
    ),
    WrongAnswer(
        "misprint",
        misprint,
        "This divides the largest magnitude by the scale, which is quant_max whatever the tensor. Every element "
        "has a code of its own: torch.round(x / scale).",
    ),
    WrongAnswer(
        "no_guard",
        no_guard,
        "A tensor of zeros gets the scale 0, and 0 / 0 is NaN. Give it the scale 1; its codes are 0 whatever the "
        "scale.",
    ),
    WrongAnswer(
        "guarded_too_early",
        guarded_too_early,
        "For a tensor of zeros this takes 1 as the largest magnitude and then divides it by quant_max. It works, "
        "but the scale of such a tensor should be 1 itself: put the test after the division.",
    ),
    WrongAnswer(
        "truncated",
        truncated,
        "A cast to an integer type cuts the fraction off; it does not round. Use torch.round before the cast.",
    ),
    WrongAnswer(
        "half_up",
        half_up,
        "floor(x + 0.5) sends every half-way value up. torch.round sends it to the even neighbor: 0.5 to 0, 2.5 to "
        "2.",
    ),
    WrongAnswer(
        "left_as_float",
        left_as_float,
        "The codes are right, but still floats of four bytes each. Cast them with .to(torch.int8).",
    ),
)
