"""Lesson 05's explorer: how many elements share a scale, and what an outlier does to those that share its."""

from __future__ import annotations

import math
from dataclasses import replace
from math import floor, log10

import numpy as np
import torch

from qlab.affine import QTensor, quantize
from qlab.explore.base import Explorer, check, choice, steps, whole
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.panels import Panel, crop, error_panel, exponent, fixed, significant, unit_note, value_panel
from qlab.explore.tensors import MAX_ELEMENTS, Source, names, source
from qlab.explore.view import Number, State, call
from qlab.granularity import Granularity, PerAxis, PerGroup, PerTensor
from qlab.metrics import bits_per_weight, max_abs_error, mse, sqnr
from qlab.qparams import QParams, choose_qparams

BITS = range(2, 9)
GRANULARITIES = ("per tensor", "per axis 0", "per axis 1", "per group")
GROUP_SIZES = (2, 4, 8, 16, 32, 64, 128)
COMPARED = (128, 32, 8)  # the group sizes the table always has, where rows are longer than that
SCALE_DTYPES = ("float16", "float32")
OUTLIERS = (0, 2, 5, 10, 20, 50, 100)
MAX_OUTLIER = 1000
SCALE_DECADES = 2  # the map of the scales runs from a tenth to ten times the scale of the tensor without outlier
FULL_BITS, FULL_SQNR = 16, 60  # bits per weight and dB at which a bar of the table is full


def granularity(
    tensor=None,
    granularity: str = "per tensor",
    group_size: int = 2,
    bits: int = 4,
    scale_dtype: str = "float16",
    outlier: float = 0,
    row: int = 0,
    column: int = 0,
):
    """The explorer of lesson 05, to be shown as the last line of a notebook's cell.

    tensor: None for a 4 x 4 sample, the name of a layer of the digits CNN such as "fc1.weight", or your own: a
    tensor, array or nested list of any rank, shown as 2-D with its first axis as rows. granularity: "per tensor",
    "per axis 0" (a scale for each row), "per axis 1" (for each column) or "per group" (for each `group_size`
    elements of a row). bits: 2 to 8, symmetric. scale_dtype: "float16" or "float32". outlier: put a value of so
    many times the largest magnitude at `row`, `column`; 0 for none. Raises ValueError for a setting outside these.
    """
    start = source(tensor)
    rows, columns = crop(start.x).shape
    check("granularity", granularity, GRANULARITIES)
    check("group_size", group_size, range(1, MAX_ELEMENTS + 1))
    check("bits", bits, BITS)
    check("scale_dtype", scale_dtype, SCALE_DTYPES)
    check("row", row, range(rows))
    check("column", column, range(columns))
    if not (isinstance(outlier, (int, float)) and 0 <= outlier <= MAX_OUTLIER):
        raise ValueError(f"outlier must be a number from 0 to {MAX_OUTLIER}, got {outlier!r}")
    sources = {name: source(name) for name in names()} | {start.name: start}
    sizes = [(str(size), size) for size in sorted({*GROUP_SIZES, group_size})]
    outliers = [(f"× {k:g}" if k else "none", k) for k in sorted({*OUTLIERS, outlier})]
    controls = {
        "tensor": choice("tensor", tuple(sources), start.name, "the tensor to quantize"),
        "granularity": choice("scales", GRANULARITIES, granularity, "which elements share a scale"),
        "scale_dtype": choice("kept in", SCALE_DTYPES, scale_dtype, "the float type that a scale is kept in"),
        "group_size": steps("group", sizes, group_size, "group size, in elements of a row"),
        "bits": whole("bits", BITS, bits, "bits of a code"),
        "outlier": steps("outlier", outliers, outlier, "outlier, in multiples of the largest magnitude"),
        "row": whole("row", range(rows), row, "row of the outlier, from 0"),
        "column": whole("column", range(columns), column, "column of the outlier, from 0"),
    }

    def fit_position() -> None:
        for name, length in zip(("row", "column"), crop(sources[controls["tensor"].value].x).shape, strict=True):
            with controls[name].hold_sync():
                controls[name].value = min(controls[name].value, length - 1)
                controls[name].max = length - 1

    def compute(tensor: str, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute, linked={"tensor": fit_position})


def state(
    chosen: Source,
    granularity: str,
    group_size: int,
    bits: int,
    scale_dtype: str,
    outlier: float,
    row: int,
    column: int,
) -> State:
    """What the explorer shows of a tensor: a plain function of its settings."""
    x = chosen.x.clone()
    if outlier:
        x[row, column] = outlier * chosen.largest
    spread = _granularity(granularity, group_size)
    qt = _quantize(x, bits, spread, scale_dtype)
    scales = spread.spread(qt.qparams.scale.float(), x.shape)
    restored = scales * qt.data
    settings = {"granularity": granularity, "group_size": group_size, "bits": bits, "scale_dtype": scale_dtype}
    place = {"outlier": outlier, "row": row, "column": column} if outlier else {}
    frames = _frames(granularity, group_size, row, column, *crop(x).shape) if outlier else ()
    panels = _panels(chosen, x, scales, restored, qt.qparams.spec.max)
    return State(
        call=call("granularity", *filter(None, [chosen.call]), **settings, **place),
        numbers=_numbers(x, qt, restored),
        panels=tuple(replace(panel, frames=frames) for panel in panels),
        table=_compare(x, granularity, group_size, bits, scale_dtype),
        remark=_remark(x, granularity, group_size, scale_dtype, qt, frames),
        note=chosen.note,
    )


def _granularity(name: str, group_size: int) -> Granularity:
    """The library's granularity for a name of the drop-down list."""
    made = PerTensor(), PerAxis(0), PerAxis(1), PerGroup(group_size)
    return dict(zip(GRANULARITIES, made, strict=True))[name]


def _quantize(x: torch.Tensor, bits: int, spread: Granularity, scale_dtype: str) -> QTensor:
    """Symmetric codes of `x`; the scales stay in float32 where `scale_dtype` cannot hold all of them."""
    qp = choose_qparams(x, f"int{bits}", "symmetric", spread)
    kept = qp.scale.to(getattr(torch, scale_dtype))
    fits = bool((kept > 0).all() and kept.isfinite().all())
    return quantize(x, QParams(kept, None, qp.dtype, spread) if fits else qp)


def _frames(granularity: str, group_size: int, row: int, column: int, rows: int, columns: int) -> tuple:
    """(row, column, rows, columns) of those that share the outlier's scale, unless all do, and of the outlier."""
    start = column // group_size * group_size
    shared = {
        "per axis 0": (row, 0, 1, columns),
        "per axis 1": (0, column, rows, 1),
        "per group": (row, start, 1, min(group_size, columns - start)),
    }
    return (*([shared[granularity]] if granularity in shared else []), (row, column, 1, 1))


def _panels(chosen: Source, x: torch.Tensor, scales: torch.Tensor, restored: torch.Tensor, quant_max: int) -> tuple:
    """Original, scale, dequantized and error. Colors are those of the tensor without the outlier."""
    values, back = x.numpy(), restored.numpy()
    return (
        value_panel("original", values, chosen.largest),
        scale_panel("scale", scales.numpy(), chosen.largest, quant_max),
        value_panel("dequantized", back, chosen.largest),
        error_panel("error", back - values, chosen.largest),
    )


def scale_panel(title: str, scales: np.ndarray, largest: float, quant_max: int) -> Panel:
    """The scale of each element, on a logarithmic color scale about the one that all would share."""
    unit = 10.0 ** exponent(largest)
    decimals = max(1, 3 - floor(log10(largest / unit)))
    shade = 0.5 + np.log10(crop(scales) * quant_max / largest) / SCALE_DECADES
    ticks = ((0.0, "10 %"), (0.5, "100 %"), (1.0, "1000 %"))
    note = f"{unit_note(largest)} color: % of max |x| / {quant_max}".strip()
    return Panel(title, crop(scales) / unit, shade, "sequential", ticks, decimals, note=note)


def _numbers(x: torch.Tensor, qt: QTensor, restored: torch.Tensor) -> dict[str, Number]:
    """The figures above the panels: what the scales are and cost, then what is lost."""
    scale, total = qt.qparams.scale.float(), bits_per_weight(qt)
    low, high = (significant(end, 3) for end in (scale.min().item(), scale.max().item()))
    zeroed = 100 * ((qt.data == 0) & (x != 0)).double().mean().item()
    ratio, error, largest = sqnr(x, restored), mse(x, restored), max_abs_error(x, restored)
    spent = total - qt.qparams.spec.bits
    shown = [
        ("scales", "scales", scale.numel(), f"{scale.numel():,}"),
        ("scale", "scale", scale.max().item(), high if low == high else f"up to {high}"),
        ("bits", "bits per weight", total, fixed(total, 3)),
        ("overhead", "… for the scales", spent, fixed(spent, 3)),
        ("sqnr", "SQNR", ratio, _decibels(ratio)),
        ("mse", "MSE", error, significant(error)),
        ("max_error", "largest |error|", largest, significant(largest)),
        ("zeroed", "turned to 0", zeroed, f"{fixed(zeroed, 1)} %"),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _decibels(ratio: float) -> str:
    return "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"


def _compare(x: torch.Tensor, granularity: str, group_size: int, bits: int, scale_dtype: str) -> Comparison:
    """All granularities on this tensor: bits per weight, MSE and SQNR of each."""
    sizes = sorted({group_size, *(size for size in COMPARED if size < x.shape[1])}, reverse=True)
    choices = [(name, None) for name in GRANULARITIES[:-1]] + [(GRANULARITIES[-1], size) for size in sizes]
    rows = tuple(_compared(x, name, size, bits, scale_dtype) for name, size in choices)
    on_view = granularity, group_size if granularity == GRANULARITIES[-1] else None
    heads = ("granularity", "scales", "bits per weight", "MSE", "SQNR")
    return Comparison(f"The same tensor, all in {bits}-bit codes", heads, rows, choices.index(on_view))


def _compared(x: torch.Tensor, name: str, size: int | None, bits: int, scale_dtype: str) -> tuple[Cell, ...]:
    """One row of the table."""
    spread = _granularity(name, size or 1)
    qt = _quantize(x, bits, spread, scale_dtype)
    restored = spread.spread(qt.qparams.scale.float(), x.shape) * qt.data
    exact, back = x.double(), restored.double()  # here once, else in each metric
    total, ratio = bits_per_weight(qt), sqnr(exact, back)
    return (
        Cell(name if size is None else f"{name} of {size}"),
        Cell(f"{qt.qparams.scale.numel():,}"),
        Cell(fixed(total, 3), total / FULL_BITS),
        Cell(significant(mse(exact, back))),
        Cell(_decibels(ratio), ratio / FULL_SQNR),
    )


def _remark(x: torch.Tensor, granularity: str, group_size: int, scale_dtype: str, qt: QTensor, frames) -> str:
    """What is special about this setting."""
    parts, columns = [], x.shape[1]
    if frames:
        others = " and those that share its scale" if len(frames) > 1 else ""
        parts.append(f"Framed: the outlier{others}. Colors: % of the largest |x| without it.")
    if str(qt.qparams.scale.dtype) != f"torch.{scale_dtype}":
        parts.append(f"{scale_dtype} cannot hold these scales, so they are kept in float32.")
    if granularity == "per group" and group_size >= columns:
        parts.append(f"A row has {columns} elements, so one group is a whole row.")
    elif granularity == "per group" and columns % group_size:
        left = columns % group_size
        parts.append(f"The last group of each row has only {left} element{'s' * (left > 1)}.")
    if granularity == "per axis 1":
        parts.append("A scale for each column cannot leave the sum of a Linear layer: see the lesson.")
    return " ".join(parts)
