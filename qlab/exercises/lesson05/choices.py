"""05_cheapest: of several widths and group sizes, the fewest bits per weight that keep the error small enough."""

import torch

from qlab.affine import quantize
from qlab.exercises.spec import Case, Exercise, WrongAnswer
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
    if not isinstance(got, tuple) or len(got) != 2:
        return "Expected one of the choices, (bits, group_size)."
    cost = {choice: choice[0] + 16 / choice[1] for choice in case.args[1]}
    if got not in cost:
        return f"{show(got)} is none of the choices."
    if got == expected:
        return None
    return f"{show(expected)} meets the bound at {cost[expected]:g} bits per weight; this is {show(got)}."


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


def _errors(weight, choices):
    """The MSE of every choice."""
    for bits, group_size in choices:
        qparams = choose_qparams(weight, f"int{bits}", "symmetric", PerGroup(group_size))
        yield (bits, group_size), mse(weight, quantize(weight, qparams).dequantize())


def fewest_code_bits(weight, choices, max_mse):
    good = [choice for choice, error in _errors(weight, choices) if error <= max_mse]
    return min(good, key=lambda choice: choice[0])


def fewest_code_bits_then_largest_group(weight, choices, max_mse):
    good = [choice for choice, error in _errors(weight, choices) if error <= max_mse]
    return min(good, key=lambda choice: (choice[0], -choice[1]))


def codes_without_sign(weight, choices, max_mse):
    good = []
    for bits, group_size in choices:
        groups = weight.reshape(-1, group_size)
        scale = groups.abs().amax(dim=1, keepdim=True) / (2**bits - 1)
        if mse(groups, torch.round(groups / scale) * scale) <= max_mse:
            good.append((bits, group_size))
    return min(good, key=lambda choice: choice[0] + 16 / choice[1])


def largest_group(weight, choices, max_mse):
    good = [choice for choice, error in _errors(weight, choices) if error <= max_mse]
    return max(good, key=lambda choice: choice[1])


def smallest_error(weight, choices, max_mse):
    return min(_errors(weight, choices), key=lambda pair: pair[1])[0]


def bound_ignored(weight, choices, max_mse):
    return min(choices, key=lambda choice: choice[0] + 16 / choice[1])


def _choice_cases():
    def normal(seed, outlier=None):
        x = torch.randn(16, 128, generator=torch.Generator().manual_seed(seed))
        if outlier:
            x[3, 5] = outlier
        return x

    choices = [(3, 8), (3, 32), (4, 16), (4, 32), (4, 128), (5, 16), (5, 64)]
    small = torch.tensor([[0.2, -0.35, 7.0, 0.6], [-1.4, 0.4, 0.86, -0.16]])
    return (
        Case((small, [(4, 2), (4, 4), (5, 4)], 0.03), "two rows"),
        Case((small, [(4, 2), (4, 4), (5, 4)], 0.1), "the same, more error allowed"),
        Case((normal(1), choices, 0.03), "random"),
        Case((normal(1), choices, 0.012), "the same, less error allowed"),
        Case((normal(1), choices, 0.004), "the same, least"),
        Case((normal(1), choices, 1.0), "any error is allowed"),
        Case((normal(2, outlier=60.0), choices, 0.035), "an outlier"),
        Case((normal(2, outlier=60.0), choices, 0.02), "an outlier, less error allowed"),
        Case((normal(3) * 0.01, choices, 1.2e-6), "small weights"),
    )


_SCALES_FORGOTTEN = (
    "This compares the bits of the codes and forgets the scales. 3 bits in groups of 8 are 5 bits per weight: more "
    "than 4 bits in groups of 128, which are 4.125."
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
        "For each choice: groups = weight.reshape(-1, group_size), a scale for each, the error of "
        "torch.round(groups / scale) * scale. Keep (bits + 16 / group_size, bits, group_size) where the mean "
        "square is at most max_mse; min of these, without its first entry.",
    ),
    wrong_answers=(
        WrongAnswer("fewest_code_bits", fewest_code_bits, _SCALES_FORGOTTEN),
        WrongAnswer("fewest_code_bits_then_largest_group", fewest_code_bits_then_largest_group, _SCALES_FORGOTTEN),
        WrongAnswer(
            "codes_without_sign",
            codes_without_sign,
            "2 ** bits - 1 is the largest unsigned code. These codes have a sign: the largest is "
            "2 ** (bits - 1) - 1, so the steps are twice as wide and the MSE four times as large.",
        ),
        WrongAnswer(
            "largest_group",
            largest_group,
            "The largest group has the cheapest scales, but not the fewest bits: a wider code in larger groups can "
            "cost more than a narrower one in smaller groups. Compare the sums.",
        ),
        WrongAnswer(
            "smallest_error",
            smallest_error,
            "This is the choice with the smallest error. It is good enough, but another one is too and costs "
            "fewer bits.",
        ),
        WrongAnswer(
            "bound_ignored",
            bound_ignored,
            "This is the cheapest choice of all, but its error is above max_mse. First keep those that meet the "
            "bound.",
        ),
    ),
    alternatives=(with_the_library, scales_kept_in_float16),
)
