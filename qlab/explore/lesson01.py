"""Lesson 01's explorer: the bits of a number in any format, and where the format's values lie."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from qlab.casting import bits as bits_of
from qlab.casting import cast, from_bits
from qlab.dtypes import FORMATS, DType, dtype
from qlab.explore.base import Explorer, choice, number, refill, steps
from qlab.explore.bitfields import take_apart
from qlab.explore.bitrow import BitRow
from qlab.explore.inspected import Inspected, beyond, remark
from qlab.explore.numberlines import neighbors
from qlab.explore.other_formats import cast_tensor, compare, decibels, digits
from qlab.explore.panels import Panel, error_panel, fixed, significant, value_panel
from qlab.explore.tensors import Source, names, source
from qlab.explore.view import Number, State, call
from qlab.metrics import mse

_OVERFLOW = (("largest value", True), ("infinity or NaN", False))
DECADES, DIGITS = range(-10, 6), (1.0, 1.3, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)


def formats(tensor=None, format: str = "float8_e4m3fn", value: float = 0.3, bits: str | None = None, saturate=True):
    """The explorer of lesson 01, to be shown as the last line of a notebook's cell.

    tensor: None for a 4 x 4 sample, the name of a layer of the digits CNN such as "fc1.weight", or your own tensor,
    array or nested list; it is cast to the format. format: any name that `ql.dtype` knows, such as "float16" or
    "int4". value: the number to store, finite. bits: a bit string to look at instead, most significant bit first.
    saturate: whether numbers beyond the range of an 8-bit float become its largest value. Raises ValueError for a
    setting outside these.
    """
    start, spec = source(tensor), dtype(format)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"value must be a finite number, got {value!r}; infinities and NaN are entered as bits")
    shown = _stored_bits(spec, value, saturate) if bits is None else bits
    entered = _entered(spec, value, shown, saturate)
    sources = {name: source(name) for name in names()} | {start.name: start}
    typed = entered if math.isfinite(entered) else 0.0
    controls = {
        "tensor": choice("tensor", tuple(sources), start.name, "the tensor to cast"),
        "format": choice("format", tuple(FORMATS), spec.name, "the number format"),
        "saturate": choice("overflow", _OVERFLOW, bool(saturate), "what 8-bit floats make of larger numbers"),
        "slider": steps("value", **_grid(typed), meaning="the number to store"),
        "value": number("exactly", typed, "the number to store, typed in"),
        "bits": BitRow(shown, take_apart(shown, spec).kinds),
    }

    def compute(tensor: str, slider: float, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute, linked=_links(controls))


def _links(controls: dict) -> dict:
    """What each control sets: value, slider and bits always tell of one number."""

    def enter() -> None:
        spec = dtype(controls["format"].value)
        shown = _stored_bits(spec, controls["value"].value, controls["saturate"].value)
        controls["bits"].show(shown, take_apart(shown, spec).kinds)

    def from_slider() -> None:
        controls["value"].value = controls["slider"].value
        enter()

    def from_field() -> None:
        if not math.isfinite(controls["value"].value):
            controls["value"].value = controls["slider"].value
        refill(controls["slider"], **_grid(controls["value"].value))
        enter()

    def from_toggles() -> None:
        stored = from_bits([controls["bits"].value], controls["format"].value).item()
        if math.isfinite(stored):
            controls["value"].value = stored
            refill(controls["slider"], **_grid(stored))

    return {"slider": from_slider, "value": from_field, "bits": from_toggles, "format": enter, "saturate": enter}


def state(chosen: Source, format: str, value: float, bits: str, saturate: bool) -> State:
    """What the explorer shows of a tensor and a number: a plain function of its settings."""
    spec = dtype(format)
    entered = _entered(spec, value, bits, saturate)
    code = take_apart(bits, spec)
    return State(
        call=_call(chosen, spec, entered, bits, saturate),
        numbers=_numbers(chosen, spec, entered, code.value, saturate),
        panels=_panels(chosen, cast_tensor(chosen, spec.name, saturate)[0]),
        table=compare(chosen, spec, entered, saturate),
        remark=remark(spec, entered, code.value),
        note=chosen.note,
        lead=Inspected(spec, entered, code, _magnitudes(chosen)),
    )


def _entered(spec: DType, value: float, bits: str, saturate: bool) -> float:
    """The number that was entered. Bits that `value` does not have are a number of their own."""
    return float(value) if bits == _stored_bits(spec, value, saturate) else from_bits([bits], spec).item()


def _stored_bits(spec: DType, value: float, saturate: bool) -> str:
    return bits_of(cast(torch.tensor([value], dtype=torch.float64), spec, saturate), spec)[0]


@lru_cache(maxsize=8)
def _magnitudes(chosen: Source) -> np.ndarray:
    """The magnitudes of the tensor, without its zeros, which have no place on a logarithmic axis."""
    x = chosen.x.abs().double().numpy().ravel()
    return x[x > 0]


def _grid(value: float) -> dict:
    """Options and value of the value slider: round numbers of both signs, 1e-10 to 8e5, and `value`."""
    sizes = [float(f"{digit}e{power}") for power in DECADES for digit in DIGITS]
    options = sorted({0.0, *sizes, *(-size for size in sizes), value})
    return {"options": [(digits(v), v) for v in options], "value": value}


def _call(chosen: Source, spec: DType, entered: float, bits: str, saturate: bool) -> str:
    """The line that opens this very view: with the number, or with the bits where the number does not say them."""
    told = math.isfinite(entered) and _stored_bits(spec, entered, saturate) == bits
    number = {"value": entered} if told else {"bits": bits}
    return call("formats", *filter(None, [chosen.call]), format=spec.name, **number, saturate=saturate)


def _numbers(chosen: Source, spec: DType, entered: float, stored: float, saturate: bool) -> dict[str, Number]:
    """The figures: the number, its rounding error and its neighbors; then the whole tensor."""
    step = neighbors(spec, stored)[1] - stored if math.isfinite(stored) else math.nan
    error = stored - entered
    relative = 100 * abs(error / entered) if entered else abs(error)
    shown = [
        ("entered", "entered", entered, digits(entered, 7)),
        ("stored", "stored as", stored, digits(stored, 7)),
        ("error", "rounding error", error, _or_none(error)),
        ("relative", "relative error", relative, _or_none(relative, " %")),
        ("step", "step to the next", step, _or_none(step)),
        *_tensor_numbers(chosen.x, *cast_tensor(chosen, spec.name, saturate), spec),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _tensor_numbers(x: torch.Tensor, restored: torch.Tensor, ratio: float, spec: DType) -> list[tuple]:
    lost = 100 * ((restored == 0) & (x != 0)).double().mean().item()
    outside = 100 * beyond(spec, x.double()).double().mean().item()
    error = mse(x, restored)
    return [
        ("bits", "bits per weight", spec.bits, f"{spec.bits}"),
        ("mse", "tensor: MSE", error, _or_none(error)),
        ("sqnr", "tensor: SQNR", ratio, decibels(ratio)),
        ("zeroed", "… turned to 0", lost, f"{fixed(lost, 1)} %"),
        ("outside", "… out of range", outside, f"{fixed(outside, 1)} %"),
    ]


def _or_none(value: float, unit: str = "") -> str:
    return f"{significant(value)}{unit}" if math.isfinite(value) else "none"


def _panels(chosen: Source, restored: torch.Tensor) -> tuple[Panel, ...]:
    """Original, cast and error; NaN is white, and its error the largest."""
    x, back = chosen.x.numpy(), restored.numpy()
    panels = (
        (value_panel("original", x, chosen.largest), 0.5),
        (value_panel("in the format", back, chosen.largest), 0.5),
        (error_panel("error", back - x, chosen.largest), 1.0),
    )
    return tuple(replace(panel, shade=np.nan_to_num(panel.shade, nan=shade)) for panel, shade in panels)
