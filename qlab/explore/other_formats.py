"""The same number and the same tensor in the usual formats, as a table."""

from __future__ import annotations

import math
from functools import lru_cache

import torch

from qlab.casting import cast
from qlab.dtypes import DType, dtype
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.numberlines import positive
from qlab.explore.panels import fixed
from qlab.explore.tensors import Source
from qlab.metrics import sqnr

COMPARED = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn", "int8")
FULL_SQNR = 150  # dB at which a bar of the table is full: about what float32 gives


def compare(chosen: Source, spec: DType, entered: float, saturate: bool) -> Comparison:
    """The format on view among the usual ones: what they hold, the number in each, the tensor in each."""
    shown = [*([spec.name] if spec.name not in COMPARED else []), *COMPARED]
    rows = tuple(_compared(chosen, dtype(name), entered, saturate) for name in shown)
    heads = (
        "format",
        "bits",
        "largest",
        "smallest > 0",
        "step after 1",
        f"{digits(entered, 6)} becomes",
        "tensor: SQNR",
    )
    return Comparison("The same number and the same tensor in other formats", heads, rows, shown.index(spec.name))


def _compared(chosen: Source, spec: DType, entered: float, saturate: bool) -> tuple[Cell, ...]:
    stored = cast(torch.tensor([entered], dtype=torch.float64), spec, saturate).item()
    _, ratio = cast_tensor(chosen, spec.name, saturate)
    texts = (spec.name, _fields(spec), digits(spec.max, 6), digits(positive(spec)[0], 6), _after_one(spec))
    share = None if math.isnan(ratio) else ratio / FULL_SQNR
    return (*map(Cell, texts), Cell(digits(stored)), Cell(decibels(ratio), share))


def _fields(spec: DType) -> str:
    """How many bits each field has."""
    if spec.kind == "float":
        parts = (int(spec.signed), spec.exponent_bits, spec.mantissa_bits)
    else:
        parts = (1, spec.bits - 1) if spec.kind == "int" and spec.signed else (spec.bits,)
    return " + ".join(str(part) for part in parts if part)


def _after_one(spec: DType) -> str:
    """The distance from 1 to the value that follows it."""
    if spec.max == 1:
        return "none"
    return digits(spec.eps if spec.kind == "float" else 1, 6)


@lru_cache(maxsize=64)
def cast_tensor(chosen: Source, name: str, saturate: bool) -> tuple[torch.Tensor, float]:
    """The tensor in a format, and its SQNR: NaN where it has become infinite or NaN somewhere."""
    restored = cast(chosen.x, name, saturate)
    return restored, sqnr(chosen.x, restored) if restored.isfinite().all() else math.nan


def digits(value: float, digits: int = 10) -> str:
    """Up to so many significant digits, no trailing zeros."""
    return f"{value + 0.0:.{digits}g}".replace("-", "−").replace("nan", "NaN")


def decibels(ratio: float) -> str:
    if math.isnan(ratio):
        return "none"
    return "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"
