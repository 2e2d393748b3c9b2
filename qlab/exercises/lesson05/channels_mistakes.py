"""The wrong answers to 05_channel_scales that people give, and what to tell them."""

import torch

from qlab.exercises.spec import WrongAnswer

EPSILON = (
    "A slice of zeros should have the scale 1, and this one gets a tiny number instead: an epsilon keeps NaN away, "
    "but real weights that are smaller than it are all rounded to 0. Test for 0 and put 1 there."
)
_REDUCED = (
    "The maximum runs over axis itself, so axis is the one that lost its scales. torch's dim names the axis that "
    "goes away; the axis of a granularity is the one that is kept."
)
_NO_GUARD = (
    "A slice of zeros gets the scale 0, and 0 / 0 is NaN as soon as somebody quantizes with it. Give it the scale "
    "1; its codes are 0 whatever the scale."
)
_ONE_FOR_ALL = "This is one scale for the whole tensor. Each index of axis should have its own, from its own slice."
_DROPPED = (
    "The other axes are gone, so x / scale divides along the last axis or fails. Keep them at size 1 with "
    "keepdim=True."
)
_MATRICES_ONLY = (
    "This is right for matrices only. A kernel has four axes, and the maximum has to run over all of them but axis."
)
_HALF_THE_WIDTH = (
    "This divides by half the width of the format, 7.5 in 4 bits, as torchao does. The largest value is then 7.5 "
    "steps from 0, and 8 is no code of these 4 bits. Divide by quant_max."
)
_ONE_TOO_MANY = (
    "This divides by one more than quant_max: by 8 in 4 bits. The largest positive value then needs the code 8, "
    "which an int4 does not have. Divide by quant_max."
)
_SIGNED = (
    "This takes the largest value, not the largest magnitude: a slice whose extreme is negative gets too small a "
    "scale, and one without positive values a negative one. Take abs() first."
)
_ALWAYS_ROWS = "This keeps axis 0 whatever axis is asked for. Let the maximum run over all axes but axis."


_RANGE_HALVED = (
    "This is half the distance from the smallest value to the largest. It is the largest magnitude only where both "
    "lie equally far from 0; elsewhere the longer side is cut off. Take the maximum of x.abs()."
)
_GUARDED_TOO_EARLY = (
    "A slice of zeros gets the scale 1 / quant_max: the largest magnitude 0 became 1 before the division. Let the "
    "scale become 1, after it."
)


def _all_but(x, axis):
    return [i for i in range(x.dim()) if i != axis]


def _mistake(name, diagnosis, reduced=_all_but, size=torch.abs, more=0.0, keepdim=True, guard=True, epsilon=0.0):
    """A wrong answer: the recipe with some steps replaced. `reduced(x, axis)` are the axes that go away."""

    def answer(x, axis, quant_max):
        largest = size(x).amax(dim=reduced(x, axis), keepdim=keepdim)
        largest = largest.clamp(min=epsilon) if epsilon else largest
        scale = largest / (quant_max + more)
        return torch.where(largest == 0, 1.0, scale) if guard else scale

    answer.__name__ = name
    return WrongAnswer(name, answer, diagnosis)


def range_halved(x, axis, quant_max):
    scale = range_halved_no_guard(x, axis, quant_max)
    return torch.where(scale == 0, 1.0, scale)


def range_halved_no_guard(x, axis, quant_max):
    others = _all_but(x, axis)
    return (x.amax(dim=others, keepdim=True) - x.amin(dim=others, keepdim=True)) / (2 * quant_max)


def guarded_too_early(x, axis, quant_max):
    largest = x.abs().amax(dim=_all_but(x, axis), keepdim=True)
    return torch.where(largest == 0, 1.0, largest) / quant_max


def _both(name, diagnosis, **steps):
    """The mistake alone, and together with the one most often made beside it: no guard for zeros."""
    return _mistake(name, diagnosis, **steps), _mistake(f"{name}_no_guard", diagnosis, guard=False, **steps)


def _itself(x, axis):
    return axis


def _the_other_of_two(x, axis):
    return 1 - axis


def _all_but_the_first(x, axis):
    return list(range(1, x.dim()))


MISTAKES = (
    *_both("axis_reduced", _REDUCED, reduced=_itself),
    *_both("axis_reduced_and_dropped", _REDUCED, reduced=_itself, keepdim=False),
    *_both("one_for_all", _ONE_FOR_ALL, reduced=lambda x, axis: list(range(x.dim())), keepdim=False),
    *_both("one_for_all_kept", _ONE_FOR_ALL, reduced=lambda x, axis: list(range(x.dim()))),
    _mistake("no_guard", _NO_GUARD, guard=False),
    _mistake("epsilon", EPSILON, guard=False, epsilon=1e-8),
    WrongAnswer("guarded_too_early", guarded_too_early, _GUARDED_TOO_EARLY),
    WrongAnswer("range_halved", range_halved, _RANGE_HALVED),
    WrongAnswer("range_halved_no_guard", range_halved_no_guard, _RANGE_HALVED),
    *_both("axes_dropped", _DROPPED, keepdim=False),
    *_both("matrices_only", _MATRICES_ONLY, reduced=_the_other_of_two),
    *_both("always_rows", _ALWAYS_ROWS, reduced=_all_but_the_first),
    *_both("half_the_width", _HALF_THE_WIDTH, more=0.5),
    *_both("divided_by_128", _ONE_TOO_MANY, more=1),
    *_both("signed_maximum", _SIGNED, size=torch.Tensor.clone),
)
