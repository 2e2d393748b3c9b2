"""Compare answers that are a pair: codes and the number they need to be read."""

import torch

from qlab.exercises.comparing import as_number, exact_tensor, kind, within_ulps
from qlab.exercises.values import show

SWAPPED = "Scale and codes are in the wrong order: `return codes, scale`."
EPSILON = (
    "A small number stands in for a scale of 0, or is added to every scale. It is then larger than the scale of "
    "very small data, which all become 0. Ask for zero itself: a tensor of zeros has scale 1."
)
TINY = 1e-4  # above any such number that people take, below any scale of the cases but the tiny ones


def pair_form(got, names):
    """What is wrong with an answer that should be two values; None when it is two."""
    if not isinstance(got, (tuple, list)):
        return f"Expected two values, got {kind(got)}: `return {names}`."
    if len(got) != 2:
        return f"Expected two values, got {len(got)}: `return {names}`."
    return None


def codes_and_scale(expected, got, case):
    """The codes exactly, the scale within a few units in the last place."""
    told = pair_form(got, "codes, scale")
    if told:
        return told
    codes, scale = got
    if not within_ulps(expected[1], scale, ulps=4):
        if within_ulps(expected[1], codes, ulps=4) and isinstance(scale, torch.Tensor):
            return SWAPPED
        if isinstance(scale, torch.Tensor) and scale.numel() > 1:
            return f"The whole tensor has one scale here; these are {scale.numel()}."
        number = as_number(scale)
        if number is not None and 0 < number < TINY and (expected[1] < 1e-20 or not case.args[0].any()):
            return EPSILON
        return f"The scale should be {show(expected[1])} and is {show(scale if number is None else number)}."
    told = exact_tensor(expected[0], codes, case)
    return told and f"Codes: {told[0].lower()}{told[1:]}"
