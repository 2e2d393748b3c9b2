"""The wrong answers to 05_through_groups that people give, and what to tell them."""

import torch
import torch.nn.functional as F

from qlab.exercises.spec import WrongAnswer

TAIL = (
    "The last group of a row, shorter than the others, is not quantized with a scale of its own: its weights are "
    "lost, or left as they were. unfold, // and whole groups only all stop before it."
)
_MIXED = (
    "A plain reshape cuts the whole tensor into runs, not each row. When the group size does not divide the row, "
    "groups run over the end of a row and share a scale with the next one. Cut each row on its own."
)
_RAGGED = (
    "This works only where the group size divides the row. Many libraries stop there too; here the last group of a "
    "row may be shorter. Slices do that by themselves: weight[:, start:end]."
)
_DOWN = (
    "These groups run down the columns. A group is a run of elements of one row: it is the last axis that is cut."
)
_ROW = (
    "The whole row shares one scale here, so an outlier still spoils all of it. Each group_size elements need a "
    "scale of their own."
)
_ROWS_TOGETHER = (
    "All rows share the scale of a block of columns here: the maximum runs over the rows too. Each row has its own "
    "groups; take the maximum along dim=1 only."
)
_NO_GUARD = (
    "A group of zeros has the scale 0, and 0 / 0 is NaN. Pruned weights have such groups. Give them the scale 1 "
    "before you divide."
)
_HALF_THE_WIDTH = (
    "This divides by half the width of the format, 7.5 in 4 bits, as torchao does. The largest value of a group "
    "then does not come back exactly. Divide by quant_max."
)
_TRUNCATED = (
    "The division is cut off toward 0, not rounded: .to(torch.int8) alone does that, and leaves errors of up to a "
    "whole step. Round first, with torch.round."
)
_CODES = "These are the codes. Multiply each with the scale of its group: the result should be near weight again."


def _round_trip(rows, quant_max, guard=True, more=0.0, back=True, dim=1):
    """Each row of a 2-D tensor through codes with its own scale, perhaps with a step wrong."""
    largest = rows.abs().amax(dim=dim, keepdim=True)
    scale = largest / (quant_max + more)
    scale = torch.where(scale == 0, 1.0, scale) if guard else scale
    codes = torch.clamp(torch.round(rows / scale), -quant_max - (more > 0), quant_max)
    return codes * scale if back else codes


def _by_parts(weight, group_size, quant_max, **steps):
    """The right way of cutting, with the steps of `_round_trip`."""
    parts = [weight[:, i : i + group_size] for i in range(0, weight.shape[1], group_size)]
    return torch.cat([_round_trip(part, quant_max, **steps) for part in parts], dim=1)


def _reshaped_only(weight, group_size, quant_max, **steps):
    return _round_trip(weight.reshape(-1, group_size), quant_max, **steps).reshape(weight.shape)


def _across_rows(weight, group_size, quant_max, **steps):
    flat = F.pad(weight.flatten(), (0, -weight.numel() % group_size))
    return _round_trip(flat.reshape(-1, group_size), quant_max, **steps).flatten()[: weight.numel()].view_as(weight)


def _rows_reshaped(weight, group_size, quant_max, **steps):
    groups = weight.reshape(len(weight), -1, group_size).flatten(0, 1)
    return _round_trip(groups, quant_max, **steps).reshape(weight.shape)


def _down_the_columns(weight, group_size, quant_max, **steps):
    return _by_parts(weight.t(), group_size, quant_max, **steps).t().contiguous()


def _one_scale_a_row(weight, group_size, quant_max, **steps):
    return _round_trip(weight, quant_max, **steps)


def _last_group_lost(weight, group_size, quant_max, **steps):
    whole = weight.shape[1] // group_size * group_size
    return _by_parts(weight[:, :whole], group_size, quant_max, **steps) if whole else weight[:, :0].clone()


def _unfolded(weight, group_size, quant_max, **steps):
    groups = weight.unfold(1, group_size, group_size).reshape(-1, group_size)
    return _round_trip(groups, quant_max, **steps).reshape(len(weight), -1)


def _both(function, diagnosis, name=None, **steps):
    """The mistake alone, and together with the one most often made beside it: no guard for groups of zeros."""
    for guard in (True, False):

        def answer(weight, group_size, quant_max, guard=guard):
            return function(weight, group_size, quant_max, guard=guard, **steps)

        answer.__name__ = (name or function.__name__.strip("_")) + "_no_guard" * (not guard)
        yield WrongAnswer(answer.__name__, answer, diagnosis)


def truncated(weight, group_size, quant_max):
    parts = [weight[:, i : i + group_size] for i in range(0, weight.shape[1], group_size)]
    return torch.cat([_truncated_round_trip(part, quant_max) for part in parts], dim=1)


def _truncated_round_trip(rows, quant_max):
    scale = rows.abs().amax(dim=1, keepdim=True) / quant_max
    return (rows / torch.where(scale == 0, 1.0, scale)).to(torch.int8) * scale


def no_guard(weight, group_size, quant_max):
    return _by_parts(weight, group_size, quant_max, guard=False)


MISTAKES = (
    *_both(_reshaped_only, _MIXED),
    *_both(_across_rows, _MIXED),
    *_both(_rows_reshaped, _RAGGED),
    *_both(_last_group_lost, TAIL),
    *_both(_unfolded, TAIL),
    *_both(_down_the_columns, _DOWN),
    *_both(_one_scale_a_row, _ROW),
    *_both(_by_parts, _ROWS_TOGETHER, "rows_together", dim=(0, 1)),
    *_both(_by_parts, _CODES, "codes_returned", back=False),
    *_both(_by_parts, _HALF_THE_WIDTH, "half_the_width", more=0.5),
    WrongAnswer("truncated", truncated, _TRUNCATED),
    WrongAnswer("no_guard", no_guard, _NO_GUARD),
)
