"""05_through_groups: cut each row into groups, quantize, and put everything back where it was."""

import torch
import torch.nn.functional as F

from qlab.affine import fake_quantize
from qlab.exercises.comparing import first_difference, tensor_form
from qlab.exercises.lesson05.groups_mistakes import MISTAKES, TAIL
from qlab.exercises.spec import Case, Exercise
from qlab.granularity import PerGroup
from qlab.qparams import choose_qparams


def through_groups(weight, group_size, quant_max):
    """weight, quantized and dequantized, in groups along its rows."""
    # BEGIN SOLUTION
    result = torch.empty_like(weight)
    for start in range(0, weight.shape[1], group_size):
        columns = slice(start, start + group_size)
        group = weight[:, columns]
        scale = group.abs().amax(dim=1, keepdim=True) / quant_max
        scale = torch.where(scale == 0, 1.0, scale)
        result[:, columns] = torch.round(group / scale) * scale
    return result
    # END SOLUTION


def _compare(expected, got, case):
    told = tensor_form(expected, got)
    if told:
        return TAIL if _is_without_tail(expected, got, case) else told
    differs = _differs(expected, got)
    if differs.any() and not differs[:, : _whole(case)].any() and _is_untouched(got[:, _whole(case) :], case):
        return TAIL
    return first_difference(expected, got, differs)


def _differs(expected, got):
    # One part in 100,000 of each value: other orders of the operations pass, another code is at least 1 in 127 off.
    near = (expected.double() - got.double()).abs() <= 1e-5 * expected.double().abs()
    return ~near & ~(expected.isnan() & got.isnan())


def _whole(case):
    """How many columns of the case are in groups of full length."""
    weight, group_size, _ = case.args
    return weight.shape[1] // group_size * group_size


def _is_without_tail(expected, got, case):
    """Whether a tensor of another shape is the right one but for the last, shorter group of each row."""
    whole = expected[:, : _whole(case)]
    return tensor_form(whole, got) is None and whole.shape != expected.shape and not _differs(whole, got).any()


def _is_untouched(tail, case):
    """Whether the last, shorter groups were left as they were, or as zeros."""
    return torch.equal(tail, case.args[0][:, _whole(case) :]) or not tail.any()


def _rounded(groups, quant_max):
    """Rows of a 2-D tensor through codes, a scale each."""
    scale = groups.abs().amax(dim=1, keepdim=True) / quant_max
    scale = torch.where(scale == 0, 1.0, scale)
    return torch.clamp(torch.round(groups / scale), -quant_max, quant_max) * scale


def padded_rows(weight, group_size, quant_max):
    rows, columns = weight.shape
    groups = F.pad(weight, (0, -columns % group_size)).reshape(-1, group_size)
    return _rounded(groups, quant_max).reshape(rows, -1)[:, :columns]


def split_and_joined(weight, group_size, quant_max):
    return torch.cat([_rounded(part, quant_max) for part in weight.split(group_size, dim=1)], dim=1)


def with_the_library(weight, group_size, quant_max):
    name = f"int{(2 * quant_max + 1).bit_length()}"
    return fake_quantize(weight, choose_qparams(weight, name, "symmetric", PerGroup(group_size, axis=1)))


def _cases():
    def normal(seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    pruned = normal(5, 3, 8)
    pruned[1, 4:] = 0
    outlier = normal(4, 6, 16)
    outlier[3, 5] = 40.0
    small = torch.tensor([[0.25, -0.4375, 7.0, 0.6], [-1.75, 0.4, 0.4375, -0.1]])
    return (
        Case((small, 2, 7), "two rows, two groups each"),
        Case((small, 4, 7), "one group a row"),
        Case((normal(1, 8, 32), 8, 127), "random, eight bits"),
        Case((torch.tensor([[1.0, 0.3, -0.4, 7.0, 3.5, 0.2]] * 2), 4, 7), "six columns in groups of four"),
        Case((normal(2, 3, 5), 2, 7), "the last group of each row has one element"),
        Case((normal(3, 5, 7), 16, 7), "a group longer than the row"),
        Case((outlier, 4, 7), "an outlier"),
        Case((pruned, 4, 7), "a group of nothing but zeros"),
        Case((torch.zeros(2, 4), 2, 7), "all zeros"),
        Case((normal(6, 4, 3), 1, 7), "a scale for each element: nothing is lost"),
        Case((normal(7, 1, 6) * 1e20, 3, 127), "huge"),
        Case((normal(8, 2, 6) * 1e-20, 3, 127), "tiny"),
    )


THROUGH_GROUPS = Exercise(
    id="05_through_groups",
    title="Through groups and back",
    points=3,
    prompt=(
        "weight is 2-D. Give each run of group_size elements of a row its own symmetric scale, quantize to codes "
        "from -quant_max to quant_max, and return the dequantized tensor, in the shape of weight. The last group "
        "of a row may be shorter; a group of zeros stays zeros."
    ),
    reference=through_groups,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Take one run of columns at a time: of a block weight[:, start:end], each row is one group.",
        "A slice past the end is simply shorter, so the last group needs no special case. A group of zeros does: "
        "what is its scale?",
        "For start in range(0, weight.shape[1], group_size): the scale is group.abs().amax(dim=1, keepdim=True) / "
        "quant_max, or 1 where that is 0, and the result torch.round(group / scale) * scale.",
    ),
    wrong_answers=MISTAKES,
    alternatives=(padded_rows, split_and_joined, with_the_library),
)
