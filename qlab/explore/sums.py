"""What is shown of sums of products: panels of whole numbers, figures, and a table of the accumulators."""

from __future__ import annotations

import math

import numpy as np
import torch

from qlab.explore.accumulators import ACCUMULATORS
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.growth import needed_bits
from qlab.explore.panels import Panel, crop, fixed, significant
from qlab.explore.view import Number
from qlab.metrics import mse, sqnr

ERROR_BITS = 32  # the colors of the errors run from 1 to 2**32


def _unit(values: np.ndarray) -> tuple[int, int, str]:
    """What whole numbers are divided by to fit into a cell, their decimals, and a note that says so."""
    return (1000, 1, "in thousands") if np.abs(values).max() >= 1e6 else (1, 0, "")


def sum_panel(title: str, sums: np.ndarray) -> Panel:
    """Whole numbers on the diverging palette, up to the largest magnitude."""
    unit, decimals, note = _unit(sums)
    largest = max(1.0, np.abs(sums).max())
    end = significant(largest / unit, 3) if largest < 1e6 else fixed(largest / unit, 0)
    ticks = ((0.0, "−" + end), (0.5, "0"), (1.0, end))
    shade = crop(sums) / (2 * largest) + 0.5
    return Panel(title, crop(sums) / unit, shade, "diverging", ticks, decimals, note=note)


def mistake_panel(title: str, error: np.ndarray) -> Panel:
    """Signed whole errors; their size on a logarithmic color scale from 1 to 2**32, those that are 0 darkest."""
    unit, decimals, note = _unit(error)
    size = np.log2(np.maximum(np.abs(crop(error)), 1)) / ERROR_BITS
    shade = np.where(crop(error) == 0, 0, 0.25 + 0.75 * size)
    ticks = ((0.0, "right"), (0.25, "1"), (0.625, "2^16"), (1.0, "2^32"))
    return Panel(title, crop(error) / unit, shade, "sequential", ticks, decimals, note=note)


def numbers(exact, total, largest, k, zeros, shape) -> dict[str, Number]:
    """The figures above the panels: what the sums need, what the accumulator makes of them, what zeros cost."""
    error = total - exact
    wrong = 100 * (error != 0).mean().item()
    mean_square, ratio = (measure(*map(torch.from_numpy, (exact, total))) for measure in (mse, sqnr))
    seen = needed_bits(int(np.abs(exact).max()))
    products = shape[0] * shape[1] * k
    shown = [
        ("needed", "bits needed here", seen, f"{seen}"),
        ("worst", "… for any codes", needed_bits(largest * k), f"{needed_bits(largest * k)}"),
        ("wrong", "sums wrong", wrong, f"{fixed(wrong, 1)} %"),
        ("mse", "MSE", mean_square, significant(mean_square)),
        ("sqnr", "SQNR", ratio, "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"),
        ("products", "multiply-adds", products, f"{products:,}"),
    ]
    labels = ("rows", "row sums"), ("columns", "column sums"), ("constant", "constant")
    for (key, label), count in zip(labels, correction_costs(*shape, k, *zeros), strict=True):
        share = 100 * count / products
        shown.append((key, label, share, f"+ {significant(share, 3)} %" if count else "not needed"))
    return {name: Number(label, value, text) for name, label, value, text in shown}


def correction_costs(rows: int, columns: int, k: int, x_zero: int, w_zero: int) -> tuple[int, int, int]:
    """Operations that the zero points cost: for row sums of x, for column sums of w, and for the constant.

    A sum is added up once, then multiplied and subtracted in each of the rows * columns results; the constant joins
    the column sums, one addition a column. A zero point of 0 costs nothing.

    >>> correction_costs(rows=16, columns=64, k=128, x_zero=3, w_zero=0)
    (0, 9216, 0)
    """
    applied = rows * columns
    return (
        (rows * k + applied) * (w_zero != 0),
        (columns * k + applied) * (x_zero != 0),
        columns * (x_zero != 0 and w_zero != 0),
    )


def compare(exact: np.ndarray, totals: dict[str, np.ndarray], largest: int, chosen: str) -> Comparison:
    """All accumulators on these matrices."""
    rows = []
    for name, accumulator in ACCUMULATORS.items():
        error = np.abs(totals[name] - exact)
        wrong = (error != 0).mean().item()
        cells = name, f"{accumulator.limit:,}", f"{accumulator.limit // largest:,}", f"{fixed(100 * wrong, 1)} %"
        rows.append((*map(Cell, cells[:3]), Cell(cells[3], wrong), Cell(f"{int(error.max()):,}")))
    heads = ("the sum in", "holds whole numbers to", "right for any codes to K =", "sums wrong", "largest |error|")
    return Comparison("The same sums in each type", heads, tuple(rows), tuple(ACCUMULATORS).index(chosen))


def remark(exact: np.ndarray, total: np.ndarray, accumulator: str, k: int, largest: int) -> str:
    """What became of the sums."""
    wrong, limit = int((total != exact).sum()), ACCUMULATORS[accumulator].limit
    if wrong:
        what = "rounds" if accumulator == "float32" else "wraps around"
        return f"{wrong:,} of {exact.size:,} sums are wrong: {accumulator} {what} beyond ±{limit:,}."
    if k * largest <= limit:
        return f"{accumulator} is wide enough here, whatever the codes are."
    return f"All sums are right in {accumulator}, but other codes could go wrong at this K."
