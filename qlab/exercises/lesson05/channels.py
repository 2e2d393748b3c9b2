"""05_channel_scales: one scale for each index of an axis; `dim` of torch names the axis that goes away."""

import torch

from qlab.exercises.comparing import first_difference, tensor_form
from qlab.exercises.lesson05.channels_mistakes import EPSILON, MISTAKES
from qlab.exercises.spec import Case, Exercise

TINY = 1e-4  # above any epsilon that people add, below any scale of the cases but the tiny one's


def channel_scales(x, axis, quant_max):
    """The symmetric scales of x, one for each index of axis; size 1 elsewhere."""
    # BEGIN SOLUTION
    others = [i for i in range(x.dim()) if i != axis]
    largest = x.abs().amax(dim=others, keepdim=True)
    return torch.where(largest == 0, 1.0, largest / quant_max)
    # END SOLUTION


def _compare(expected, got, case):
    """Same shape and dtype, and each scale within a millionth: far below what any wrong divisor gives."""
    told = tensor_form(expected, got)
    if told:
        return told
    near = (expected.double() - got.double()).abs() <= 1e-6 * expected.double().abs()
    differs = ~near & ~(expected.isnan() & got.isnan())
    wrong = got[differs].unique()
    if len(wrong) == 1 and 0 < wrong[0] < TINY:
        return EPSILON
    return first_difference(expected, got, differs)


def one_at_a_time(x, axis, quant_max):
    scales = [x.select(axis, i).abs().max().item() / quant_max or 1.0 for i in range(x.shape[axis])]
    shape = [1] * x.dim()
    shape[axis] = -1
    return torch.tensor(scales).reshape(shape)


def axis_to_the_front(x, axis, quant_max):
    rows = x.movedim(axis, 0).flatten(1)
    scales = torch.maximum(rows.max(1).values, -rows.min(1).values) / quant_max
    scales[scales == 0] = 1.0
    return scales.reshape([x.shape[axis] if i == axis else 1 for i in range(x.dim())])


def _cases():
    def normal(seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    pruned = normal(5, 4, 6)
    pruned[2] = 0
    return (
        Case((torch.tensor([[1.75, -0.875, 0.2], [0.3, 0.1, -3.5]]), 0, 7), "two rows"),
        Case((torch.tensor([[1.75, -0.875, 0.2], [0.3, 0.1, -3.5]]), 1, 7), "the same, three columns"),
        Case(
            (torch.tensor([[0.5, -31.75], [12.0, -63.5]]), 0, 127), "square: with keepdim the shape tells the axis"
        ),
        Case((normal(1, 5, 8), 0, 127), "a Linear: its output channels are axis 0"),
        Case((normal(2, 6, 3, 3, 3), 0, 127), "a Conv2d: its output channels are axis 0"),
        Case((normal(3, 3, 6, 3, 3), 1, 127), "a ConvTranspose2d: its output channels are axis 1"),
        Case((normal(4, 2, 3, 4), 2, 7), "three axes, the last is kept"),
        Case((pruned, 0, 127), "a row of nothing but zeros"),
        Case((torch.zeros(2, 3), 1, 7), "all zeros"),
        Case((-normal(6, 3, 4).abs(), 0, 127), "all negative"),
        Case((torch.tensor([[3.5]]), 0, 7), "one element"),
        Case((normal(7, 3, 2) * 1e30, 0, 127), "huge"),
        Case((normal(8, 3, 2) * 1e-30, 1, 127), "tiny"),
    )


CHANNEL_SCALES = Exercise(
    id="05_channel_scales",
    title="One scale for each channel",
    points=3,
    prompt=(
        "Return the symmetric scales of x, one for each index of axis, as a tensor that has size 1 on every other "
        "axis. x has two axes or more. A slice of nothing but zeros has scale 1."
    ),
    reference=channel_scales,
    cases=_cases(),
    compare=_compare,
    hints=(
        "axis is the axis that is kept. Which axes does the maximum have to run over?",
        "x.abs().amax(dim=..., keepdim=True) takes a list of axes, and removes the ones you name: name all but "
        "axis. And what is the scale of a slice whose largest magnitude is 0?",
        "With others = [i for i in range(x.dim()) if i != axis], the largest magnitudes are "
        "x.abs().amax(dim=others, keepdim=True). Divide by quant_max; torch.where puts 1 where they "
        "were 0.",
    ),
    wrong_answers=MISTAKES,
    alternatives=(one_at_a_time, axis_to_the_front),
)
