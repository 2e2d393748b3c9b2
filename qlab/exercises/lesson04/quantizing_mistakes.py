"""The wrong answers to 04_symmetric_quantize that people give, and what to tell them."""

import torch

from qlab.exercises.spec import WrongAnswer


def _largest(x):
    return x.abs().max().item()


def _all_codes(q, bits):
    return torch.clamp(q, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _even_codes(q, bits):
    return torch.clamp(q, 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)


CLAMPS = {"": lambda q, bits: q, "_clamped": _all_codes, "_clamped_evenly": _even_codes}


def _with_scale(scale_of, name, diagnosis, steps=torch.div, clamp=""):
    """All is right but the scale, or how it is used."""

    def function(x, bits):
        scale = scale_of(x, bits) or 1.0
        return CLAMPS[clamp](torch.round(steps(x, scale)), bits).to(torch.int8), scale

    function.__name__ = name + clamp
    return WrongAnswer(name + clamp, function, diagnosis)


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


_CLAMPED_OR_NOT = (
    (
        lambda x, bits: x.max().item() / (2 ** (bits - 1) - 1),
        "signed_maximum",
        "This takes the largest value, not the largest magnitude. Where the extreme is negative the scale is "
        "too small (or itself negative) and the other end does not fit. Take x.abs().max().",
    ),
    (
        lambda x, bits: _largest(x) / 2 ** (bits - 1),
        "one_more",
        "This divides by 2 ** (bits - 1): by 8 in 4 bits, by 128 in 8. The largest positive value would need that "
        "code, and 4 bits end at 7, 8 bits at 127: it is clamped, or wraps around to -128. Divide by "
        "2 ** (bits - 1) - 1.",
    ),
    (
        lambda x, bits: _largest(x) / (2 ** (bits - 1) - 0.5),
        "half_the_width",
        "This divides by half the width of the format, 7.5 in 4 bits and 127.5 in 8, as torch does. The largest "
        "value is then half a step beyond the last code and does not come back exactly. Divide by "
        "2 ** (bits - 1) - 1.",
    ),
    (
        lambda x, bits: (x.max() - x.min()).item() / (2**bits - 1),
        "range_over_codes",
        "This is the affine scale, the range over the number of gaps. Without a zero point the codes cannot "
        "slide to where the data are, so the larger side does not fit. Use the largest magnitude over quant_max.",
    ),
    (
        lambda x, bits: _largest(x) / (2 ** (bits - 1) - 1),
        "multiplied",
        "This multiplies by the scale. The scale is the width of a step: divide by it to count steps.",
        torch.mul,
    ),
)

WRONG_ANSWERS = (
    *(_with_scale(*mistake, clamp=clamp) for mistake in _CLAMPED_OR_NOT for clamp in CLAMPS),
    _with_scale(
        lambda x, bits: _largest(x) / 127,
        "always_eight_bits",
        "127 is written into the code. It is the largest code of 8 bits; for `bits` bits it is 2 ** (bits - 1) - "
        "1.",
    ),
    _with_scale(
        lambda x, bits: _largest(x) / (2**bits - 1),
        "unsigned_maximum",
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
