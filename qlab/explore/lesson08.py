"""Lesson 08's explorer: where to clip activations. Cutting off costs on one side, coarse steps on the other."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from qlab.affine import quantize
from qlab.explore.base import Explorer, button, check, choice, refill, steps, whole
from qlab.explore.clips import (
    MODELS,
    STEPS,
    best_clip,
    clips,
    code_format,
    curves,
    losses,
    model_clip,
    model_curve,
    observed_clips,
    qparams,
)
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.panels import error_panel, fixed, short, significant, value_panel
from qlab.explore.samples import BEFORE_RELUS, DISTRIBUTIONS, RELUS, sample
from qlab.explore.tensors import Source
from qlab.explore.tradeoff import Tradeoff
from qlab.explore.view import Number, State, call
from qlab.metrics import bits_per_weight, sqnr

BITS = range(2, 9)
TENSORS = (*RELUS, *BEFORE_RELUS, *DISTRIBUTIONS[1:])
FULL_SQNR = 60  # dB at which a bar of the table is full


def clipping(tensor="relu2 outputs", bits: int = 3, clip: float | None = None, model: str = "laplace"):
    """The explorer of lesson 08, to be shown as the last line of a notebook's cell.

    tensor: outputs of a module of the digits CNN such as "relu2 outputs" or "bn2 outputs", "bell curve", "long
    tails", or your own: a tensor, array or nested list. bits: 2 to 8; codes are unsigned where no value is
    negative, else symmetric. clip: the largest value that the codes reach; None for the largest magnitude. model:
    the distribution of ACIQ's closed form, "laplace" or "gaussian". ValueError for a setting outside these.
    """
    start = sample(tensor)
    check("bits", bits, BITS)
    check("model", model, MODELS)
    clip = start.largest if clip is None else clip
    if not (isinstance(clip, (int, float)) and 0 < clip <= start.largest):
        raise ValueError(f"clip must be above 0 and at most the largest magnitude, {start.largest}, got {clip!r}")
    sources = {name: sample(name) for name in TENSORS} | {start.name: start}
    controls = {
        "tensor": choice("data", tuple(sources), start.name, "the activations to quantize"),
        "model": choice("model", MODELS, model, "the distribution that the closed form assumes"),
        "best": button("Best clip", "move the clip to where the mean squared error is smallest"),
        "bits": whole("bits", BITS, bits, "bits of a code"),
        "clip": steps("clip", _options(start, clip), clip, "clip, in the data's unit: larger values are cut off"),
    }

    def fit() -> None:
        chosen = sources[controls["tensor"].value]
        refill(controls["clip"], _options(chosen, chosen.largest), chosen.largest)

    def to_best() -> None:
        controls["clip"].value = best_clip(sources[controls["tensor"].value], controls["bits"].value)

    def compute(tensor: str, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute, linked={"tensor": fit, "best": to_best})


def state(chosen: Source, bits: int, clip: float, model: str) -> State:
    """What the explorer shows of a tensor: a plain function of its settings."""
    format = code_format(chosen, bits)
    qt = quantize(chosen.x, qparams(clip, format))
    values, back = chosen.x.numpy(), qt.dequantize().numpy()
    at = clip if clip != chosen.largest else None
    return State(
        call=call("clipping", *filter(None, [chosen.call]), bits=bits, clip=at, model=model),
        numbers=_numbers(chosen, bits, clip, model, bits_per_weight(qt)),
        panels=(
            value_panel("original", values, chosen.largest),
            value_panel("dequantized", back, chosen.largest),
            error_panel("error", back - values, chosen.largest),
        ),
        lead=_tradeoff(chosen, bits, clip, model),
        table=_compare(chosen, bits, clip, format),
        remark=_remark(chosen, bits, clip, model),
        note=chosen.note,
    )


def _options(chosen: Source, clip: float) -> list[tuple[str, float]]:
    return [(significant(value), value) for value in sorted({*clips(chosen), clip})]


def _numbers(chosen: Source, bits: int, clip: float, model: str, cost: float) -> dict[str, Number]:
    """The figures above the panels."""
    format, best, closed = code_format(chosen, bits), best_clip(chosen, bits), model_clip(chosen, model, bits)
    qp = qparams(clip, format)
    cut, rounded = losses(chosen.x, clip, format)
    share = 100 * _cut(chosen, clip, format)
    ratio = _ratio(chosen, clip, format)
    shown = [
        ("clip", "clip", clip, significant(clip)),
        ("scale", "scale", qp.scale.item(), significant(qp.scale.item())),
        ("best", "best clip", best, significant(best)),
        ("closed", "ACIQ's clip", closed, significant(closed)),
        ("share", "values cut off", share, f"{fixed(share, 2)} %"),
        ("cut_off", "error of these", cut, significant(cut)),
        ("rounded", "error of the others", rounded, significant(rounded)),
        ("mse", "MSE, the sum", cut + rounded, significant(cut + rounded)),
        ("sqnr", "SQNR", ratio, _decibels(ratio)),
        ("bits", "bits per value", cost, fixed(cost, 3)),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _tradeoff(chosen: Source, bits: int, clip: float, model: str) -> Tradeoff:
    """The plot; its errors are shares of the mean square of the data."""
    power = chosen.x.double().square().mean().item() or 1.0
    tried, measured = clips(chosen), curves(chosen, bits)
    magnitudes = chosen.x.abs().numpy()
    return Tradeoff(
        largest=chosen.largest,
        clips=tuple(tried),
        cut_off=tuple(cut / power for cut, _ in measured),
        rounded=tuple(rounded / power for _, rounded in measured),
        model=tuple(error / power for error in model_curve(chosen, model, bits)),
        clip=clip,
        chosen=sum(losses(chosen.x, clip, code_format(chosen, bits))) / power,
        best=best_clip(chosen, bits),
        closed=model_clip(chosen, model, bits),
        counts=np.histogram(magnitudes[magnitudes > 0], bins=STEPS, range=(0, chosen.largest))[0],
    )


def _compare(chosen: Source, bits: int, clip: float, format: str) -> Comparison:
    """The clip on view beside those of observers and of the closed forms."""
    rows = _compared(chosen, "this clip", clip, format), *_others(chosen, bits)
    heads = ("clip by", "clip", "cut off", "MSE", "SQNR")
    return Comparison(f"The same values in {format}, clipped in other ways", heads, rows, 0)


@lru_cache(maxsize=32)
def _others(chosen: Source, bits: int) -> tuple[tuple[Cell, ...], ...]:
    """The rows that do not depend on the clip on view."""
    found = observed_clips(chosen, bits) | {f"ACIQ, {model}": model_clip(chosen, model, bits) for model in MODELS}
    return tuple(_compared(chosen, name, clip, code_format(chosen, bits)) for name, clip in found.items())


def _compared(chosen: Source, name: str, clip: float, format: str) -> tuple[Cell, ...]:
    ratio = _ratio(chosen, clip, format)
    return (
        Cell(name),
        Cell(short(clip)),
        Cell(f"{fixed(100 * _cut(chosen, clip, format), 2)} %"),
        Cell(significant(sum(losses(chosen.x, clip, format)))),
        Cell(_decibels(ratio), ratio / FULL_SQNR if math.isfinite(ratio) else 1.0),
    )


def _cut(chosen: Source, clip: float, format: str) -> float:
    """The share of the values that lie beyond the codes."""
    qp = qparams(clip, format)
    steps = torch.round(chosen.x / qp.scale)
    return ((steps < qp.quant_min) | (steps > qp.quant_max)).double().mean().item()


def _ratio(chosen: Source, clip: float, format: str) -> float:
    return sqnr(chosen.x, quantize(chosen.x, qparams(clip, format)).dequantize())


def _decibels(ratio: float) -> str:
    return "exact" if ratio == math.inf else f"{fixed(ratio, 2)} dB"


def _remark(chosen: Source, bits: int, clip: float, model: str) -> str:
    """Which error is the larger one here, and where the model's clip lies if not on the plot."""
    cut, rounded = losses(chosen.x, clip, code_format(chosen, bits))
    parts = ["Cutting off costs more than rounding." if cut > rounded else "Rounding costs more than cutting off."]
    if model_clip(chosen, model, bits) > chosen.largest:
        parts.append(f"The model's clip, {short(model_clip(chosen, model, bits))}, is beyond the largest value.")
    return " ".join(parts) if cut or rounded else "Nothing is lost."
