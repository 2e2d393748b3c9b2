"""Lesson 02's explorer: a trained model in fewer bits a number, what each layer loses and what it then predicts."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import torch
from torch import nn

from qlab.explore.base import Explorer, button, check, choice, whole
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.panels import CROP, Panel, error_panel, fixed, significant, value_panel
from qlab.explore.runs import DTYPES, Run, Subject, subject
from qlab.explore.view import Number, State, call

SHOWN = ("weights", "activations")
FULL_SQNR = 80  # dB at which a bar of the table is full
FOLD, SHORT = 4, 32  # a vector of up to 32 values is shown in rows of at most 4


def downcasting(
    model: nn.Module | None = None,
    inputs=None,
    dtype: str = "bfloat16",
    layer: str | None = None,
    show: str = "weights",
    image: int = 0,
):
    """The explorer of lesson 02, to be shown as the last line of a notebook's cell.

    model, inputs: None for the digits CNN and its 500 test images, or your own module and a batch for it, whose
    outputs are scores, a row for each input. dtype: "float32", "float16", "bfloat16", "float8_e4m3fn" or
    "float8_e5m2"; fp8 is simulated. layer: the name of a module with parameters; None for the largest. show:
    "weights" or "activations" (what the layer returns for one input). image: the number of that input, from 0.
    Raises ValueError for a setting outside these, and for a model that cannot run.
    """
    chosen = subject(model, inputs)
    layer = layer or _largest(chosen)
    layers, images = tuple(chosen.run("float32").weights), range(len(chosen.inputs))
    check("dtype", dtype, DTYPES)
    check("layer", layer, layers)
    check("show", show, SHOWN)
    check("image", image, images)
    controls = {
        "dtype": choice("format", DTYPES, dtype, "the number format of the whole model"),
        "layer": choice("layer", layers, layer, "the layer to show"),
        "show": choice("show", SHOWN, show, "what of the layer to show"),
        "next": button("next changed prediction", "go to the next input that gets another prediction"),
        "image": whole("image", images, image, "number of the test image, from 0"),
    }

    def find_next() -> None:
        changed = chosen.changed(controls["dtype"].value).nonzero().flatten().tolist()
        later = [number for number in changed if number > controls["image"].value]
        controls["image"].value = (later or changed or [controls["image"].value])[0]

    def compute(**settings) -> State:
        return state(chosen, **settings)

    return Explorer(controls, compute, linked={"next": find_next})


def state(chosen: Subject, dtype: str, layer: str, show: str, image: int) -> State:
    """What the explorer shows of a model: a plain function of its settings."""
    after = chosen.run(dtype)
    return State(
        call=call("downcasting", *chosen.call, dtype=dtype, layer=layer, show=show, image=image),
        numbers=_numbers(chosen, dtype, image),
        panels=_panels(chosen, dtype, layer, show, image),
        table=_layers(after, dtype, layer),
        remark=_remark(after, dtype),
        note=_note(chosen, layer, show, image),
    )


def _largest(chosen: Subject) -> str:
    """The layer with the most parameters."""
    weights = chosen.run("float32").weights
    return max(weights, key=lambda name: sum(p.numel() for p in weights[name]))


def _tensor(chosen: Subject, dtype: str, layer: str, show: str, image: int) -> torch.Tensor:
    """The largest parameter of the layer, or its output for one input, as 2-D; 0 for a layer that did not run."""
    run = chosen.run(dtype)
    if show == "weights":
        return _matrix(max(run.weights[layer], key=torch.numel))
    output = run.outputs.get(layer, torch.zeros(1))
    return _matrix(output[image] if len(output) == len(chosen.inputs) else output)


def _matrix(x: torch.Tensor) -> torch.Tensor:
    """Any rank as 2-D, first axis as rows; a vector folds into rows of equal length."""
    if x.dim() < 2:
        longest = FOLD if x.numel() <= SHORT else CROP
        return x.reshape(-1, max(w for w in range(1, longest + 1) if x.numel() % w == 0))
    return x.reshape(len(x), -1)


def _panels(chosen: Subject, dtype: str, layer: str, show: str, image: int) -> tuple[Panel, ...]:
    """The input, and the tensor in float32, in the format, and the difference."""
    before, after = (_tensor(chosen, name, layer, show, image) for name in ("float32", dtype))
    seen = _matrix(chosen.inputs[image].float().squeeze())
    largest = before.abs().max().item()
    finite = after.nan_to_num(posinf=torch.finfo(torch.float16).max, neginf=torch.finfo(torch.float16).min)
    return (
        replace(value_panel("input", seen.numpy(), seen.abs().max().item()), written=False),
        value_panel("float32", before.numpy(), largest),
        value_panel(dtype, finite.numpy(), largest),
        error_panel("error", (finite - before).numpy(), largest),
    )


def _numbers(chosen: Subject, dtype: str, image: int) -> dict[str, Number]:
    """The figures above the panels: the bytes, then all inputs, then this one."""
    before, after = chosen.run("float32"), chosen.run(dtype)
    share, changed = 100 * after.footprint / before.footprint, int(chosen.changed(dtype).sum())
    best, guess = before.scores[image].argmax().item(), after.scores[image].argmax().item()
    top = before.scores[image].sort(descending=True).values[:2]
    shown = [
        ("footprint", "footprint", after.footprint, f"{after.footprint:,} bytes"),
        ("share", "… of float32", share, f"{fixed(share, 2)} %"),
        ("sqnr", "SQNR of all scores", after.ratios["scores"], _decibels(after.ratios["scores"])),
        ("changed", "predictions changed", changed, f"{changed} of {len(chosen.inputs)}"),
        ("before", "float32 says", best, f"{best}, by {significant((top[0] - top[-1]).item(), 3)}"),
        ("after", f"{dtype} says", guess, f"{guess}"),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _decibels(ratio: float) -> str:
    return {inf: "exact", -inf: "overflow"}.get(ratio) or f"{fixed(ratio, 1)} dB"


def _layers(after: Run, dtype: str, layer: str) -> Comparison:
    """Bytes and SQNR of every layer's weights and activations, over all inputs."""
    heads = ("layer", "bytes", "SQNR of its weights", "SQNR of its activations")
    rows = tuple(_layer_row(after, name) for name in after.weights)
    return Comparison(f"All layers in {dtype}", heads, rows, list(after.weights).index(layer))


def _layer_row(after: Run, name: str) -> tuple[Cell, ...]:
    ratios = [after.ratios.get((name, what)) for what in ("weights", "outputs")]
    cells = [Cell("not run") if r is None else Cell(_decibels(r), max(r, 0) / FULL_SQNR) for r in ratios]
    return Cell(name), Cell(f"{after.nbytes[name]:,}"), *cells


def _remark(after: Run, dtype: str) -> str:
    """What is special about this format."""
    if after.refused:
        return after.refused
    if dtype.startswith("float8"):
        return "Simulated: the weights are rounded, the arithmetic is in float32, the bytes are those of real fp8."
    return f"The activations of {after.overflowed[0]} overflow in {dtype}." if after.overflowed else ""


def _note(chosen: Subject, layer: str, show: str, image: int) -> str:
    """What is shown, and what is left out."""
    run, parts = chosen.run("float32"), []
    if chosen.given > len(chosen.inputs):
        parts.append(f"Explored: the first {len(chosen.inputs)} of {chosen.given:,} inputs.")
    if chosen.labels is not None:
        parts.append(f"Image {image} is labeled {chosen.labels[image]}.")
    own = max(run.weights[layer], key=torch.numel)
    shape = own.shape if show == "weights" else run.outputs.get(layer, own[:0]).shape[1:]
    what = "The largest parameter" if show == "weights" else "For this input, the output"
    rows, columns = _tensor(chosen, "float32", layer, show, image).shape
    shown = f"{min(rows, CROP)} × {min(columns, CROP)}"
    cut = f", the first {shown} of them" if max(rows, columns) > CROP else ""
    parts.append(f"{what} of {layer} has shape {tuple(shape)}, pictured as {rows} × {columns} values{cut}.")
    return " ".join(parts)
