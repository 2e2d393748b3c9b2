"""The wrong answers to 05_cheapest that people give, and what to tell them."""

import torch

from qlab.affine import quantize
from qlab.exercises.spec import WrongAnswer
from qlab.granularity import PerGroup
from qlab.metrics import mse
from qlab.qparams import choose_qparams

_SCALES_FORGOTTEN = (
    "This compares the bits of the codes and forgets the scales: each group has one of 16 bits, so smaller groups "
    "cost more."
)

_NOT_THE_PAIR = "The right choice was found, but what came back is not it. Return the pair, (bits, group_size)."


def _errors(weight, choices):
    """The MSE of every choice."""
    for bits, group_size in choices:
        qparams = choose_qparams(weight, f"int{bits}", "symmetric", PerGroup(group_size))
        yield (bits, group_size), mse(weight, quantize(weight, qparams).dequantize())


def _fitting(weight, choices, max_mse):
    """The choices that meet the bound."""
    return [choice for choice, error in _errors(weight, choices) if error <= max_mse]


def _cost(choice):
    """Bits per weight."""
    return choice[0] + 16 / choice[1]


def fewest_code_bits(weight, choices, max_mse):
    return min(_fitting(weight, choices, max_mse), key=lambda choice: choice[0])


def fewest_code_bits_then_largest_group(weight, choices, max_mse):
    return min(_fitting(weight, choices, max_mse), key=lambda choice: (choice[0], -choice[1]))


def first_that_fits(weight, choices, max_mse):
    return _fitting(weight, choices, max_mse)[0]


def scales_of_32_bits(weight, choices, max_mse):
    return min(_fitting(weight, choices, max_mse), key=lambda choice: choice[0] + 32 / choice[1])


def below_the_bound(weight, choices, max_mse):
    good = [choice for choice, error in _errors(weight, choices) if error < max_mse]
    return min(good, key=_cost)


def code_bits_returned(weight, choices, max_mse):
    return min(_fitting(weight, choices, max_mse), key=_cost)[0]


def cost_returned(weight, choices, max_mse):
    return min(map(_cost, _fitting(weight, choices, max_mse)))


def cost_returned_too(weight, choices, max_mse):
    return min((_cost(choice), *choice) for choice in _fitting(weight, choices, max_mse))


def _with_largest_code(largest_code, weight, choices, max_mse):
    good = []
    for bits, group_size in choices:
        groups = weight.reshape(-1, group_size)
        scale = groups.abs().amax(dim=1, keepdim=True) / largest_code(bits)
        if mse(groups, torch.round(groups / scale) * scale) <= max_mse:
            good.append((bits, group_size))
    return min(good, key=_cost)


def codes_without_sign(weight, choices, max_mse):
    return _with_largest_code(lambda bits: 2**bits - 1, weight, choices, max_mse)


def one_code_too_many(weight, choices, max_mse):
    return _with_largest_code(lambda bits: 2 ** (bits - 1), weight, choices, max_mse)


def largest_group(weight, choices, max_mse):
    return max(_fitting(weight, choices, max_mse), key=lambda choice: choice[1])


def smallest_error(weight, choices, max_mse):
    return min(_errors(weight, choices), key=lambda pair: pair[1])[0]


def bound_ignored(weight, choices, max_mse):
    return min(choices, key=_cost)


MISTAKES = (
    WrongAnswer("fewest_code_bits", fewest_code_bits, _SCALES_FORGOTTEN),
    WrongAnswer("fewest_code_bits_then_largest_group", fewest_code_bits_then_largest_group, _SCALES_FORGOTTEN),
    WrongAnswer(
        "first_that_fits",
        first_that_fits,
        "This is the first choice in the list that meets the bound. Another one further on meets it too and "
        "costs less: look at all, then compare their bits per weight.",
    ),
    WrongAnswer(
        "scales_of_32_bits",
        scales_of_32_bits,
        "This counts 32 bits for a scale. Here a scale has 16: a group adds 16 / group_size to each of its "
        "weights.",
    ),
    WrongAnswer(
        "below_the_bound",
        below_the_bound,
        "A choice whose error is exactly max_mse is left out. At most includes it: <=, not <.",
    ),
    WrongAnswer("code_bits_returned", code_bits_returned, _NOT_THE_PAIR),
    WrongAnswer("cost_returned", cost_returned, _NOT_THE_PAIR),
    WrongAnswer("cost_returned_too", cost_returned_too, _NOT_THE_PAIR),
    WrongAnswer(
        "one_code_too_many",
        one_code_too_many,
        "2 ** (bits - 1) is one more than the largest code: int4 ends at 7, not at 8. The steps become too "
        "narrow, and the largest weight needs a code that is not there. Divide by 2 ** (bits - 1) - 1.",
    ),
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
        "This is the cheapest choice of all, but its error is above max_mse. First keep those that meet the bound.",
    ),
)
