"""Comparators: (expected, got, case) -> None when they agree, else a sentence that says where they do not.

Integers agree exactly. Floats agree within a few units in the last place, or within a ten-thousandth of a
quantization step: wide enough for another order of operations, far too narrow to hide a wrong code.
NaN agrees with NaN, which no reference gives, so that a known mistake is recognised by its NaN too.
"""

import math

import torch

from qlab.exercises.values import Foreign, show, show_number


def exact_tensor(expected, got, case):
    """Same shape, dtype and values, NaN where NaN is expected."""
    told = tensor_form(expected, got)
    return told or first_difference(expected, got, (expected != got) & ~(expected.isnan() & got.isnan()))


def tensor_within(expected, got, bound):
    """Same shape and dtype, and no value further away than `bound`, a float."""
    told = tensor_form(expected, got)
    if told:
        return told
    far = ~((expected.double() - got.double()).abs() <= bound) & ~(expected.isnan() & got.isnan())
    return first_difference(expected, got, far & (expected != got))


def whole_number(expected, got, case):
    """The same integer. 3.0 and a one-element tensor will do: they hold the same number."""
    number = as_number(got)
    if number is None:
        return f"Expected one whole number, got {kind(got)}."
    wanted = as_number(expected)
    if number != wanted and (number == number or wanted == wanted):
        return f"Expected {show(wanted)}, got {show(number)}."
    return None


def within_ulps(expected, got, ulps=2):
    """Numbers at most `ulps` float32 steps apart; True or False."""
    expected, got = as_number(expected), as_number(got)
    if expected is None or got is None:
        return False
    if not (math.isfinite(expected) and math.isfinite(got)):
        return expected == got or (math.isnan(expected) and math.isnan(got))
    size = torch.tensor(abs(expected), dtype=torch.float32)
    ulp = (torch.nextafter(size, torch.tensor(math.inf)) - size).item()
    return abs(expected - got) <= ulps * ulp


def as_number(value):
    """A plain value as an int or a float; None when it is not one number."""
    if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex():
        value = value.item()
    return value if isinstance(value, (int, float)) else None


def tensor_form(expected, got):
    """The sentence on type, shape or dtype; None when all three are as expected."""
    if not isinstance(got, torch.Tensor):
        return f"Expected a tensor, got {kind(got)}.{_to_tensor(got)}"
    if got.shape != expected.shape:
        return f"Expected shape {tuple(expected.shape)}, got {tuple(got.shape)}."
    if got.dtype != expected.dtype:
        return f"Expected dtype {expected.dtype}, got {got.dtype}."
    return None


def first_difference(expected, got, differs):
    """How many values differ and the first of them, from a boolean tensor; None when there is none."""
    count = int(differs.sum())
    if not count:
        return None
    where = tuple(differs.nonzero()[0].tolist())
    at = f", at {list(where)}," if where else ""
    return (
        f"{count} of {differs.numel()} values {'differs' if count == 1 else 'differ'}: "
        f"the first{at} should be {show_number(expected[where])} and is {show_number(got[where])}."
    )


def kind(value):
    """What came back, in a noun: no value of the learner's own type is called."""
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__}"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = value.type_name if isinstance(value, Foreign) else type(value).__name__
    return f"a value of type {name}"


def _to_tensor(value):
    if isinstance(value, (tuple, list)):
        return " torch.tensor([...]) makes one of a list."
    if isinstance(value, Foreign) and value.type_name == "ndarray":
        return " torch.from_numpy makes one of a NumPy array."
    return ""
