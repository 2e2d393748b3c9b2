"""04_cheapest_scheme: a zero point costs bits too. Does it earn them on these data?"""

import math

import torch

from qlab.affine import quantize
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show
from qlab.metrics import sqnr
from qlab.qparams import choose_qparams

SCHEMES = ("affine", "symmetric")


def cheapest_scheme(x, min_sqnr):
    """The (scheme, bits) of the fewest bits in all that reaches min_sqnr dB."""
    # BEGIN SOLUTION
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    good = []
    for bits in range(2, 9):
        scales = {
            "affine": (high - low) / (2**bits - 1),
            "symmetric": x.abs().max() / (2 ** (bits - 1) - 1),
        }
        for scheme, scale in scales.items():
            error = torch.round(x / scale) * scale - x
            sqnr = 10 * torch.log10(x.square().sum() / error.square().sum())
            zero_point_bits = 32 if scheme == "affine" else 0
            if sqnr >= min_sqnr:
                good.append((bits * x.numel() + zero_point_bits, scheme, bits))
    return min(good)[1:]
    # END SOLUTION


def measured(x, zero_point_bits=32):
    """For each (scheme, bits): the bits of codes and zero point in all, and the SQNR in dB."""
    found = {}
    for scheme in SCHEMES:
        for bits in range(2, 9):
            qt = quantize(x, choose_qparams(x, f"int{bits}", scheme))
            total = bits * x.numel() + (zero_point_bits if scheme == "affine" else 0)
            found[scheme, bits] = total, sqnr(x, qt.dequantize())
    return found


def _compare(expected, got, case):
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return "Expected a scheme and a width: `return scheme, bits`."
    cost, got = measured(case.args[0]), tuple(got)
    if got not in cost:
        return f"{show(got)} is none of the choices, such as ('symmetric', 4)."
    if got == tuple(expected):
        return None
    total, ratio = cost[got]
    if ratio < case.args[1]:
        return f"{show(got)} reaches {ratio:.1f} dB only."
    return f"{show(expected)} takes {cost[tuple(expected)][0]} bits in all; {show(got)} takes {total}."


def with_the_library(x, min_sqnr):
    found = measured(x)
    return min((total, choice) for choice, (total, ratio) in found.items() if ratio >= min_sqnr)[1]


def affine_always(x, min_sqnr):
    found = measured(x)
    return min(c for c, (_, ratio) in found.items() if ratio >= min_sqnr and c[0] == "affine")


def symmetric_always(x, min_sqnr):
    found = measured(x)
    return min(c for c, (_, ratio) in found.items() if ratio >= min_sqnr and c[0] == "symmetric")


def fewest_code_bits(x, min_sqnr):
    found = measured(x)
    return min((c for c, (_, ratio) in found.items() if ratio >= min_sqnr), key=lambda c: (c[1], c[0]))


def code_bits_alone(x, min_sqnr):
    found = measured(x)
    bits, rank = min((c[1], -SCHEMES.index(c[0])) for c, (_, ratio) in found.items() if ratio >= min_sqnr)
    return SCHEMES[-rank], bits


def zero_point_of_eight_bits(x, min_sqnr):
    found = measured(x, zero_point_bits=8)
    return min((total, c) for c, (total, ratio) in found.items() if ratio >= min_sqnr)[1]


def three_bits_at_least(x, min_sqnr):
    found = {c: figures for c, figures in measured(x).items() if c[1] > 2}
    return min((total, c) for c, (total, ratio) in found.items() if ratio >= min_sqnr)[1]


def best_sqnr(x, min_sqnr):
    found = measured(x)
    return max(found, key=lambda c: found[c][1])


def cheapest_of_all(x, min_sqnr):
    return "symmetric", 2


def twenty_times_log(x, min_sqnr):
    found = measured(x)
    return min((total, c) for c, (total, ratio) in found.items() if 2 * ratio >= min_sqnr)[1]


def natural_log(x, min_sqnr):
    found = measured(x)
    return min((total, c) for c, (total, ratio) in found.items() if math.log(10) * ratio >= min_sqnr)[1]


def _cases():
    def normal(seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    leaky = normal(3, 16, 16)
    leaky = torch.where(leaky < 0, 0.1 * leaky, leaky)
    on_a_grid = torch.randint(-6, 8, (8, 8), generator=torch.Generator().manual_seed(8)) * 0.5
    three_values = torch.randint(-1, 2, (6, 6), generator=torch.Generator().manual_seed(11)) * 1.0
    return (
        Case((torch.tensor([0.4, 1.1, 2.0, 2.9]), 20.0), "four positive values: does a zero point pay?"),
        Case((normal(1, 8, 8), 30.0), "64 values around 0"),
        Case((normal(2, 16, 16).relu(), 30.0), "256 outputs of a ReLU"),
        Case((normal(2, 16, 16).relu(), 15.0), "the same, fewer dB"),
        Case((leaky, 25.0), "256 outputs of a leaky ReLU"),
        Case((normal(4, 32, 32), 40.0), "1024 values around 0"),
        Case((normal(5, 3, 3) + 4, 25.0), "nine values around 4"),
        Case((normal(6, 24, 24) * 1e-6 - 2e-6, 22.0), "small, around a negative value"),
        Case((normal(9, 24).abs(), 25.0), "24 positive values: 32 bits are more than one each"),
        Case((normal(9, 40).abs(), 25.0), "40 positive values: 32 bits are less than one each"),
        Case((on_a_grid + 0.001 * normal(10, 8, 8), 35.0), "values close to the 15 symmetric ones of 4 bits"),
        Case((normal(7, 10) * 1e6, 12.0), "ten large values"),
        Case((three_values + 0.01 * normal(12, 6, 6), 25.0), "values close to -1, 0 and 1"),
    )


_CODES_ALONE = (
    "This compares the bits of the codes alone. The zero point is stored as well: 32 bits, which is eight bits "
    "for each of four values."
)

CHEAPEST_SCHEME = Exercise(
    id="04_cheapest_scheme",
    title="Does a zero point pay?",
    points=2,
    prompt=(
        "Of affine and symmetric int2 to int8, return the (scheme, bits) that stores x in the fewest bits, with "
        "an SQNR of at least min_sqnr dB. Count the codes and, for affine, a zero point of 32 bits; both schemes "
        "have a scale. There always is one."
    ),
    reference=cheapest_scheme,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Measure all fourteen: the SQNR says which may be taken, the bits in all which should.",
        "The bits in all are bits * x.numel() + 32, and 32 more for a zero point. With few values, that is more "
        "than a bit each.",
        "The affine scale is the range, widened to hold 0, over 2**bits - 1, the symmetric one x.abs().max() "
        "over 2 ** (bits - 1) - 1. The error is torch.round(x / scale) * scale - x, the SQNR 10 log10(sum of x "
        "squared / sum of errors squared). Keep (total, scheme, bits) of the good ones and return min(good)[1:].",
    ),
    wrong_answers=(
        WrongAnswer(
            "affine_always",
            affine_always,
            "This is the best affine choice. On data that lie evenly about 0, or on a few values, the zero point "
            "costs more than it saves: try symmetric too.",
        ),
        WrongAnswer(
            "symmetric_always",
            symmetric_always,
            "This is the best symmetric choice. On one-sided data half of its codes are wasted, and affine "
            "reaches the same SQNR with a bit less: try that too.",
        ),
        WrongAnswer("fewest_code_bits", fewest_code_bits, _CODES_ALONE),
        WrongAnswer("code_bits_alone", code_bits_alone, _CODES_ALONE),
        WrongAnswer(
            "zero_point_of_eight_bits",
            zero_point_of_eight_bits,
            "This counts 8 bits for the zero point. Here it is stored as a number of 32 bits.",
        ),
        WrongAnswer(
            "three_bits_at_least",
            three_bits_at_least,
            "This does not try 2 bits. There are data for which they are enough.",
        ),
        WrongAnswer(
            "best_sqnr",
            best_sqnr,
            "This is the choice with the highest SQNR. It is good enough, but others are too and take fewer bits.",
        ),
        WrongAnswer(
            "cheapest_of_all",
            cheapest_of_all,
            "This is the cheapest choice of all, whatever its SQNR. First keep those that reach min_sqnr.",
        ),
        WrongAnswer(
            "twenty_times_log",
            twenty_times_log,
            "The SQNR is twice too high here: for a ratio of sums of *squares* it is 10 log10, not 20 log10.",
        ),
        WrongAnswer(
            "natural_log",
            natural_log,
            "The SQNR is too high here: decibels use the logarithm to base 10, torch.log10, not torch.log.",
        ),
    ),
    alternatives=(with_the_library,),
)
