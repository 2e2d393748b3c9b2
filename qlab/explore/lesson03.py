"""Lesson 03's explorer: bits, scheme and range of affine quantization over a tensor of your choice."""

from __future__ import annotations

import math

import torch

from qlab.affine import QTensor, quantize
from qlab.dtypes import dtype
from qlab.explore.base import Explorer, button, check, choice, refill, steps, whole
from qlab.explore.panels import code_panel, error_panel, fixed, short, significant, value_panel
from qlab.explore.staircase import Staircase
from qlab.explore.tensors import Source, names, source
from qlab.explore.view import Number, State, call
from qlab.metrics import bits_per_weight, max_abs_error, mse, sqnr
from qlab.qparams import choose_qparams

BITS = range(2, 9)
SCHEMES = ("affine", "symmetric")


def affine(tensor=None, bits: int = 8, scheme: str = "affine", low: float | None = None, high: float | None = None):
    """The explorer of lesson 03, to be shown as the last line of a notebook's cell.

    tensor: None for a 4 x 4 sample, the name of a layer of the digits CNN such as "conv1.weight", or your own: a
    tensor, array or nested list of any rank. bits: 2 to 8. scheme: "affine" or "symmetric". low, high: the range
    that the codes have to cover, in the tensor's unit; None for the tensor's own end. Raises ValueError for a
    setting outside these.
    """
    start = source(tensor)
    check("bits", bits, BITS)
    check("scheme", scheme, SCHEMES)
    low, high = (start.low if low is None else low), (start.high if high is None else high)
    for name, end in (("low", low), ("high", high)):
        if not -start.limit <= end <= start.limit:
            limit = f"{start.limit:.4g}"
            raise ValueError(f"{name} must be between -{limit} and {limit} for {start.name}, got {end!r}")
    sources = {name: source(name) for name in names()} | {start.name: start}
    controls = {
        "tensor": choice("tensor", tuple(sources), start.name, "the tensor to quantize"),
        "bits": whole("bits", BITS, bits, "bits of a code"),
        "scheme": choice("scheme", SCHEMES, scheme, "how the range becomes scale and zero point"),
        "fit": button("fit range to data", "set low and high to the ends of the tensor"),
        "low": steps("low", **_range(start, low), meaning="low end of the range, in the tensor's unit"),
        "high": steps("high", **_range(start, high), meaning="high end of the range, in the tensor's unit"),
    }

    def fit() -> None:
        chosen = sources[controls["tensor"].value]
        for name, end in (("low", chosen.low), ("high", chosen.high)):
            refill(controls[name], **_range(chosen, end))

    def compute(tensor: str, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute, linked={"tensor": fit, "fit": fit})


def state(chosen: Source, bits: int, scheme: str, low: float, high: float) -> State:
    """What the explorer shows of a tensor: a plain function of its settings; the ends may come in either order."""
    low, high = sorted((low, high))
    qp = choose_qparams(torch.tensor([low, high]), f"int{bits}", scheme=scheme)
    qt = quantize(chosen.x, qp)
    restored = qt.dequantize()
    zero_point = 0 if qp.zero_point is None else int(qp.zero_point)
    stair = _staircase(chosen, qp.scale.item(), zero_point, bits)
    return State(
        call=_call(chosen, bits, scheme, low, high),
        numbers=_numbers(chosen, qt, restored, stair),
        panels=_panels(chosen, qt, restored, stair),
        chart=stair,
        remark=_remark(scheme, low, high),
        note=chosen.note,
    )


def _range(chosen: Source, value: float) -> dict:
    """Options and value of a slider from `-limit` to `limit`: round numbers, the data's own ends, and `value`."""
    count = round(chosen.limit / chosen.step)
    grid = [float(f"{k * chosen.step:.10g}") for k in range(-count, count + 1)]
    marks = {chosen.low: " = min", chosen.high: " = max"} if chosen.low < chosen.high else {}
    ends = sorted({*grid, chosen.low, chosen.high, value})
    return {"options": [(short(end) + marks.get(end, ""), end) for end in ends], "value": value}


def _staircase(chosen: Source, scale: float, zero_point: int, bits: int) -> Staircase:
    """The plot's data."""
    spec = dtype(f"int{bits}")
    limits = (chosen.limit, chosen.low, chosen.high, chosen.histogram)
    return Staircase(scale, zero_point, spec.min, spec.max, *limits)


def _panels(chosen: Source, qt: QTensor, restored: torch.Tensor, stair: Staircase) -> tuple:
    """Original, codes, dequantized and error."""
    x, codes, back = chosen.x.numpy(), qt.data.numpy(), restored.numpy()
    return (
        value_panel("original", x, chosen.largest),
        code_panel("codes", codes, stair.quant_min, stair.quant_max, stair.zero_point),
        value_panel("dequantized", back, chosen.largest),
        error_panel("error", back - x, chosen.largest),
    )


def _numbers(chosen: Source, qt: QTensor, restored: torch.Tensor, stair: Staircase) -> dict[str, Number]:
    """The figures above the panels: what was chosen, then what it costs."""
    used, possible = len(qt.data.unique()), stair.quant_max - stair.quant_min + 1
    cover, bits = " … ".join(short(v) for v in stair.ends), bits_per_weight(qt)
    shown = [
        ("scale", "scale", stair.scale, significant(stair.scale)),
        ("zero_point", "zero point", stair.zero_point, fixed(stair.zero_point, 0)),
        ("covered", "codes cover", stair.ends[1] - stair.ends[0], cover),
        ("used", "codes used", used, f"{used} of {possible}"),
        ("bits", "bits per weight", bits, fixed(bits, 3)),
        *_errors(chosen.x, restored, stair),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _errors(x: torch.Tensor, restored: torch.Tensor, stair: Staircase) -> list[tuple]:
    """How far the result is from the original, and what part of it comes from values beyond the codes' reach."""
    wanted = torch.round(x / stair.scale) + stair.zero_point
    saturated = (wanted < stair.quant_min) | (wanted > stair.quant_max)
    # Means over all values, the others counted as exact, so that both parts add up to the MSE.
    from_rounding, from_saturation = (mse(x * part, restored * part) for part in (~saturated, saturated))
    share, ratio = 100 * saturated.double().mean().item(), sqnr(x, restored)
    whole_error, largest = mse(x, restored), max_abs_error(x, restored)
    return [
        ("sqnr", "SQNR", ratio, "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"),
        ("mse", "MSE", whole_error, significant(whole_error)),
        ("rounding", "… from rounding", from_rounding, significant(from_rounding)),
        ("saturation", "… from saturation", from_saturation, significant(from_saturation)),
        ("saturated", "values saturated", share, f"{fixed(share, 2)} %"),
        ("max_error", "largest |error|", largest, significant(largest)),
        ("half_step", "scale / 2", stair.scale / 2, significant(stair.scale / 2)),
    ]


def _call(chosen: Source, bits: int, scheme: str, low: float, high: float) -> str:
    """The line that opens this very view; the data's own ends are the default and left out."""
    ends = {"low": None if low == chosen.low else low, "high": None if high == chosen.high else high}
    return call("affine", *filter(None, [chosen.call]), bits=bits, scheme=scheme, **ends)


def _remark(scheme: str, low: float, high: float) -> str:
    """What became of a range that could not be taken as it was."""
    if low == high == 0:
        return "The range is 0 alone: nothing to cover, so the scale is 1."
    if scheme == "symmetric":
        return f"Symmetric keeps one number, the larger end: the range is ±{short(max(-low, high))}."
    if low > 0 or high < 0:
        ends = " … ".join(short(v) for v in (min(low, 0.0), max(high, 0.0)))
        return f"The range left out 0, which must have a code, so it was widened to {ends}."
    return ""
