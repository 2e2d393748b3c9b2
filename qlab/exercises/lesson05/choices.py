"""05_cheapest: of several widths and group sizes, the fewest bits per weight that keep the error small enough."""

import torch

from qlab.affine import quantize
from qlab.exercises.comparing import kind
from qlab.exercises.lesson05.choices_mistakes import MISTAKES
from qlab.exercises.spec import Case, Exercise
from qlab.exercises.values import show
from qlab.granularity import PerGroup
from qlab.metrics import bits_per_weight, mse
from qlab.qparams import choose_qparams


def cheapest(weight, choices, max_mse):
    """The (bits, group_size) of the fewest bits per weight that meets the bound."""
    # BEGIN SOLUTION
    good = []
    for bits, group_size in choices:
        quant_max = 2 ** (bits - 1) - 1
        groups = weight.reshape(-1, group_size)
        scale = groups.abs().amax(dim=1, keepdim=True) / quant_max
        error = torch.round(groups / scale) * scale - groups
        if error.square().mean() <= max_mse:
            good.append((bits + 16 / group_size, bits, group_size))
    return min(good)[1:]
    # END SOLUTION


def _compare_choice(expected, got, case):
    if isinstance(got, (tuple, int, float)) and got == expected:
        return None
    if not isinstance(got, tuple) or len(got) != 2:
        return f"Expected one of the choices, (bits, group_size), got {kind(got)}."
    cost = {choice: choice[0] + 16 / choice[1] for choice in case.args[1]}
    if got not in cost:
        return f"{show(got)} is none of the choices."
    best = f"{show(expected)} meets the bound at {cost[expected]:g} bits per weight"
    return f"{best}; this is {show(got)}, at {cost[got]:g}."


def with_the_library(weight, choices, max_mse):
    best, fewest = None, float("inf")
    for bits, group_size in choices:
        qparams = choose_qparams(weight, f"int{bits}", "symmetric", PerGroup(group_size))
        qt = quantize(weight, qparams)
        cost = bits + 16 / group_size
        if mse(weight, qt.dequantize()) <= max_mse and cost < fewest:
            best, fewest = (bits, group_size), cost
    return best


def scales_kept_in_float16(weight, choices, max_mse):
    good = {}
    for bits, group_size in choices:
        granularity = PerGroup(group_size)
        qt = quantize(weight, choose_qparams(weight, f"int{bits}", "symmetric", granularity, torch.float16))
        if mse(weight, qt.dequantize()) <= max_mse:
            good[bits_per_weight(qt)] = (bits, group_size)
    return good[min(good)]


def _choice_cases():
    def normal(seed, outlier=None):
        x = torch.randn(16, 128, generator=torch.Generator().manual_seed(seed))
        if outlier:
            x[3, 5] = outlier
        return x

    choices = [(5, 64), (4, 16), (3, 8), (4, 128), (5, 16), (3, 32), (4, 32)]
    small = torch.tensor([[0.2, -0.35, 7.0, 0.6], [-1.4, 0.4, 0.86, -0.16]])
    quarters = torch.tensor(
        [[7.0, 0.25, -3.25, 1.0], [-7.0, 2.0, 5.25, 0.25]]
    )  # 4 of 8 are a quarter of a step off
    return (
        Case((small, [(4, 2), (4, 4), (5, 4)], 0.03), "two rows"),
        Case((small, [(4, 2), (4, 4), (5, 4)], 0.1), "the same, more error allowed"),
        Case((normal(1), choices, 0.03), "random"),
        Case((normal(1), choices, 0.012), "the same, less error allowed"),
        Case((normal(1), choices, 0.004), "the same, least"),
        Case((normal(1), choices, 1.0), "any error is allowed"),
        Case((normal(2, outlier=60.0), choices, 0.035), "an outlier"),
        Case((normal(2, outlier=60.0), choices, 0.02), "an outlier, less error allowed"),
        Case((normal(1), [(4, 64), (3, 16)], 0.05), "the 16 bits of a scale decide"),
        Case((quarters, [(5, 4), (4, 4)], 4 * 0.25**2 / 8), "an error of exactly max_mse"),
        Case((normal(3) * 0.01, choices, 1.2e-6), "small weights"),
    )


CHEAPEST = Exercise(
    id="05_cheapest",
    title="The cheapest that is good enough",
    points=2,
    prompt=(
        "choices is a list of (bits, group_size) pairs; each group size divides the rows of weight. Return the "
        "pair with the fewest bits per weight, a 16-bit scale for each group included, whose mean squared error is "
        "at most max_mse. There always is one, and weight has no group of zeros."
    ),
    reference=cheapest,
    cases=_choice_cases(),
    compare=_compare_choice,
    hints=(
        "Measure every choice: its error says whether it may be taken, its bits per weight whether it should.",
        "3 bits in groups of 8 cost more than 4 bits in groups of 128. Compare bits + 16 / group_size.",
        "For each choice: groups = weight.reshape(-1, group_size), which runs over no end of a row because "
        "group_size divides it; a scale for each, the error of torch.round(groups / scale) * scale. Keep "
        "(bits + 16 / group_size, bits, group_size) where the mean square is at most max_mse; min of these, "
        "without its first entry.",
    ),
    wrong_answers=MISTAKES,
    alternatives=(with_the_library, scales_kept_in_float16),
)
