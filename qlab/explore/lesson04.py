"""Lesson 04's explorer: affine and symmetric quantization of the same data, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from qlab.affine import QTensor, quantize
from qlab.explore.base import Explorer, check, choice, steps, whole
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.panels import (
    Panel,
    code_panel,
    crop,
    error_panel,
    exponent,
    fixed,
    short,
    significant,
    unit_note,
    value_panel,
)
from qlab.explore.rulers import Ruler, Rulers
from qlab.explore.samples import names, sample
from qlab.explore.tensors import Source
from qlab.explore.view import Number, State, call
from qlab.metrics import bits_per_weight, mse, sqnr
from qlab.qparams import QParams, choose_qparams

BITS = range(2, 9)
CODES = ("signed", "full range", "unsigned")
SKEWS = range(0, 101, 5)
BINS, MARGIN = 96, 1.04
FULL_BITS, FULL_SQNR = 16, 60  # bits per weight and dB at which a bar of the table is full


def symmetric(tensor=None, bits: int = 4, skew: int = 0, codes: str = "signed"):
    """The explorer of lesson 04, to be shown as the last line of a notebook's cell.

    tensor: None for a 4 x 4 sample; "uniform", "bell curve" or "long tails"; the outputs of a ReLU of the digits
    CNN such as "relu1 outputs", or a layer such as "fc1.weight"; or your own: a tensor, array or nested list of
    any rank. bits: 2 to 8. skew: percent by which negative values are shrunk, 0 to 100; 100 is a ReLU. codes: what
    symmetric quantization uses, "signed" (-127 to 127 in 8 bits, scale max|x| / 127), "full range" (-128 to 127,
    scale max|x| / 127.5) or "unsigned" (0 to 255, scale max / 255). Raises ValueError for a setting outside these.
    """
    start = sample(tensor)
    check("bits", bits, BITS)
    check("skew", skew, range(101))
    check("codes", codes, CODES)
    sources = {name: sample(name) for name in names()} | {start.name: start}
    skews = [(f"{percent} %", percent) for percent in sorted({*SKEWS, skew})]
    controls = {
        "tensor": choice("data", tuple(sources), start.name, "the data to quantize"),
        "codes": choice("codes", CODES, codes, "the codes that symmetric quantization uses"),
        "bits": whole("bits", BITS, bits, "bits of a code"),
        "skew": steps("skew", skews, skew, "percent by which negative values are shrunk; 100 is a ReLU"),
    }

    def compute(tensor: str, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute)


def state(chosen: Source, bits: int, skew: int, codes: str) -> State:
    """What the explorer shows of a tensor: a plain function of its settings."""
    x, results = _all_widths(chosen, skew, codes)
    pair = dict(zip(("affine", "symmetric"), results[bits], strict=True))
    rulers = [_ruler(name, result.qt) for name, result in pair.items()]
    largest = x.abs().max().item()
    return State(
        call=call("symmetric", *filter(None, [chosen.call]), bits=bits, skew=skew, codes=codes),
        numbers=_numbers(pair, rulers),
        panels=_panels(x, pair, largest),
        lead=_rulers(x, rulers),
        table=_compare(results, bits),
        remark=_remark(x, bits, skew, codes),
        note=_note(chosen),
    )


@dataclass(frozen=True)
class Result:
    """The data through one scheme: codes with their qparams, what they stand for, and what is lost."""

    qt: QTensor
    restored: torch.Tensor
    mse: float
    sqnr: float
    bits: float


@lru_cache(maxsize=4)
def _all_widths(chosen: Source, skew: int, codes: str) -> tuple[torch.Tensor, dict[int, tuple[Result, Result]]]:
    """The skewed data, and for each width what both schemes make of it."""
    # 0.0 is added to make 0.0 of -0.0.
    x = torch.where(chosen.x < 0, chosen.x * (1 - skew / 100) + 0.0, chosen.x)
    return x, {bits: (_through(x, affine(x, bits)), _through(x, SYMMETRIC[codes](x, bits))) for bits in BITS}


def _through(x: torch.Tensor, qp: QParams) -> Result:
    qt = quantize(x, qp)
    restored = qt.dequantize()
    return Result(qt, restored, mse(x, restored), sqnr(x, restored), bits_per_weight(qt))


def affine(x: torch.Tensor, bits: int) -> QParams:
    """A scale and a zero point."""
    return choose_qparams(x, f"int{bits}", "affine")


def signed(x: torch.Tensor, bits: int) -> QParams:
    """The largest magnitude gets the largest code."""
    return choose_qparams(x, f"int{bits}", "symmetric")


def full_range(x: torch.Tensor, bits: int) -> QParams:
    """The largest magnitude lies half a step beyond the largest code: torch's rule."""
    largest = x.abs().max()
    return QParams(torch.where(largest == 0, 1.0, largest / (2 ** (bits - 1) - 0.5)), dtype=f"int{bits}")


def unsigned(x: torch.Tensor, bits: int) -> QParams:
    """All codes for positive values; negative ones become 0."""
    return choose_qparams(x.clamp(min=0), f"uint{bits}", "symmetric")


SYMMETRIC = dict(zip(CODES, (signed, full_range, unsigned), strict=True))


def _code_of_zero(qp: QParams) -> int:
    return 0 if qp.zero_point is None else int(qp.zero_point)


def _ruler(name: str, qt: QTensor) -> Ruler:
    qp = qt.qparams
    ends = int(qt.data.min()), int(qt.data.max())
    return Ruler(name, qp.scale.item(), _code_of_zero(qp), qp.quant_min, qp.quant_max, *ends)


def _rulers(x: torch.Tensor, rulers: list[Ruler]) -> Rulers:
    """The plot's data: an axis that holds both rulers and all values."""
    ends = [abs(end) for ruler in rulers for end in (ruler.marks[0], ruler.marks[-1])]
    limit = MARGIN * max(*ends, x.abs().max().item())
    counts = np.histogram(x.numpy(), bins=BINS, range=(-limit, limit))[0]
    return Rulers(*rulers, limit, counts)


def _panels(x: torch.Tensor, pair: dict[str, Result], largest: float) -> tuple[Panel, ...]:
    """Codes and errors, a column for each scheme; before them the original, and whose error is smaller."""
    codes, errors = [], []
    for name, result in pair.items():
        qp = result.qt.qparams
        limits = qp.quant_min, qp.quant_max
        codes.append(code_panel(f"{name} codes", result.qt.data.numpy(), *limits, _code_of_zero(qp)))
        error = error_panel(f"{name} error", (result.restored - x).numpy(), largest)
        errors.append(replace(error, note=unit_note(largest)))
    original = value_panel("original", x.numpy(), largest)
    return original, *codes, _closer_panel(x, pair, errors[0].decimals, largest), *errors


def _closer_panel(x: torch.Tensor, pair: dict[str, Result], decimals: int, largest: float) -> Panel:
    """By how much affine is closer (above 0, red) or symmetric (below 0, blue)."""
    affine_error, symmetric_error = (np.abs(crop((r.restored - x).numpy())) for r in pair.values())
    saved = symmetric_error - affine_error
    half_step = max(r.qt.qparams.scale.item() for r in pair.values()) / 2
    ticks = ((0.0, "symmetric"), (0.5, "equal"), (1.0, "affine"))
    shade = 0.5 + saved / half_step / 2
    saved = saved / 10.0 ** exponent(largest)
    return Panel("which is closer", saved, shade, "diverging", ticks, decimals, note=unit_note(largest))


def _numbers(pair: dict[str, Result], rulers: list[Ruler]) -> dict[str, Number]:
    """The figures above the panels: of each kind first affine, then symmetric."""
    shown = {}
    for ruler, (name, result) in zip(rulers, pair.items(), strict=True):
        wasted = f"{ruler.wasted} of {len(ruler.codes)} codes"
        shown[name] = {
            "scale": Number(f"{name} scale", ruler.scale, significant(ruler.scale)),
            "wasted": Number(f"{name} wasted", ruler.wasted, wasted),
            "bits": Number(f"{name} bits", result.bits, f"{fixed(result.bits, 3)} / weight"),
            "mse": Number(f"{name} MSE", result.mse, significant(result.mse)),
            "sqnr": Number(f"{name} SQNR", result.sqnr, _decibels(result.sqnr)),
        }
    numbers = {f"{name}_{kind}": shown[name][kind] for kind in shown["affine"] for name in shown}
    zero_point = rulers[0].zero_point
    return numbers | {"affine_zero_point": Number("affine zero point", zero_point, fixed(zero_point, 0))}


def _decibels(ratio: float) -> str:
    return "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"


def _compare(results: dict[int, tuple[Result, Result]], bits: int) -> Comparison:
    """Storage against error, for both schemes at every width."""
    heads = ("bits of a code", "affine bits per weight", "MSE", "SQNR, dB")
    heads += ("symmetric bits per weight", "MSE", "SQNR, dB")
    rows = tuple((Cell(str(width)), *_cells(one), *_cells(other)) for width, (one, other) in results.items())
    return Comparison("The same data at every width: storage, and what is lost", heads, rows, bits - BITS[0])


def _cells(result: Result) -> tuple[Cell, ...]:
    return (
        Cell(fixed(result.bits, 3), result.bits / FULL_BITS),
        Cell(short(result.mse)),
        Cell(_decibels(result.sqnr).removesuffix(" dB"), result.sqnr / FULL_SQNR),
    )


def _remark(x: torch.Tensor, bits: int, skew: int, codes: str) -> str:
    """How the symmetric scale is made, and what is special about this setting."""
    top = 2 ** (bits - 1) - 1
    rule = {
        "signed": f"Symmetric: scale = max |x| / {top}, codes −{top} to {top}.",
        "full range": f"Symmetric: scale = max |x| / {top}.5, codes −{top + 1} to {top}.",
        "unsigned": f"Symmetric: scale = max x / {2**bits - 1}, codes 0 to {2**bits - 1}.",
    }[codes]
    low, high = x.min().item(), x.max().item()
    if codes == "unsigned" and low < 0:
        return f"{rule} There are values down to {short(low)}, and no codes for them: they become 0."
    if skew and low >= 0 and not (x == 0).any():
        return f"{rule} There is no negative value to shrink."
    if low > 0 or high < 0:
        return f"{rule} No value is near 0, but 0 must have a code: affine wastes some too."
    return rule


def _note(chosen: Source) -> str:
    colors = "Colors of errors: from 0.01 % to 100 % of the largest |x|, on a logarithmic scale."
    return " ".join(filter(None, [chosen.note, colors]))
