"""05_rows_or_columns: build a tensor for which the axis of the scales decides, judged by computing both."""

import torch

from qlab.affine import quantize
from qlab.exercises.comparing import tensor_form
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import Foreign
from qlab.granularity import PerAxis
from qlab.qparams import choose_qparams

ENOUGH = 12  # of 16 weights


def rows_save_it():
    """Sixteen values that survive a scale a row, but not a scale a column."""
    # BEGIN SOLUTION
    x = torch.ones(4, 4)
    x[1] = 100.0
    return x
    # END SOLUTION


def turned_to_zero(x, axis):
    """How many elements of x have the code 0 in symmetric int4 with a scale for each index of axis."""
    return int((quantize(x, choose_qparams(x, "int4", "symmetric", PerAxis(axis))).data == 0).sum())


def _verify(got):
    if isinstance(got, Foreign) or tensor_form(torch.empty(4, 4), got):
        return "Expected a float32 tensor of shape (4, 4)."
    if not got.isfinite().all() or (got == 0).any():
        return "All 16 values must be finite, and none of them 0."
    by_row, by_column = turned_to_zero(got, 0), turned_to_zero(got, 1)
    counts = _counts(got)
    if by_row == 0 and by_column >= ENOUGH:
        return None
    if by_row >= ENOUGH and by_column == 0:
        return f"{_SWAPPED} {counts}"
    return f"{_SHARED if by_row else _TOO_FEW} {counts}"


def _counts(got):
    by_row, by_column = turned_to_zero(got, 0), turned_to_zero(got, 1)
    return f"Here {by_row} turn to 0 with a scale a row, and {by_column} with a scale a column."


def _shown(got):
    return f"{_counts(got)} {_NOT_ONE}"


def single_outlier():
    x = torch.ones(4, 4)
    x[1, 2] = 100.0
    return x


def large_column():
    x = torch.ones(4, 4)
    x[:, 2] = 100.0
    return x


def not_large_enough():
    x = torch.ones(4, 4)
    x[1] = 10.0
    return x


def each_row_ten_times_the_last():
    x = torch.tensor([[1.0], [100.0], [1e4], [1e6]])
    return x * torch.tensor([1.0, -0.7, 0.5, 0.3])


def negative_row():
    return torch.tensor([[-500.0], [3.0], [0.02], [-1.0]]).expand(4, 4).clone()


_NOT_ONE = "One outlier is not enough: it turns at most the three others of its column to 0."
_SHARED = (
    "With a scale a row, a large value costs the others of its row, as one a column costs the others of its "
    "column. A row of values of one size loses none."
)
_SWAPPED = (
    "The axes are swapped: here the columns save it. A scale a row helps where whole rows differ in size, so the "
    "large values belong side by side in one row."
)
_TOO_FEW = (
    "A scale a row keeps every value, as it should, but too many survive with a scale a column. A value turns to 0 "
    "when it is at most half a step: a fourteenth of the largest of its column, or less."
)

ROWS_OR_COLUMNS = Exercise(
    id="05_rows_or_columns",
    title="Rows or columns",
    points=1,
    prompt=(
        "Return a 4 x 4 float32 tensor without zeros. In symmetric int4, no value may turn to 0 when each row has "
        "its own scale, and at least 12 of the 16 must when each column has its own."
    ),
    reference=rows_save_it,
    cases=(Case(),),
    verify=_verify,
    shown=_shown,
    hints=(
        "A value turns to 0 when it is small beside the largest one that shares its scale. Who shares a scale with "
        "whom?",
        "All values of a row must be of about one size. In a column, one must be far larger than the other three.",
        "One row of large values, three of small ones. With int4 codes up to 7, small means at most 1/14 of large.",
    ),
    wrong_answers=(
        WrongAnswer("single_outlier", single_outlier, _SHARED),
        WrongAnswer("large_column", large_column, _SWAPPED),
        WrongAnswer("not_large_enough", not_large_enough, _TOO_FEW),
    ),
    alternatives=(each_row_ten_times_the_last, negative_row),
)
