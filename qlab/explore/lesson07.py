"""Lesson 07's explorer: which layers of a detector to quantize, what it then finds, and the bytes it takes."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import nn

from qlab.explore.base import Explorer, check, choice, steps, whole
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.keeping import NameRow
from qlab.explore.panels import Panel, error_panel, fixed, significant, value_panel
from qlab.explore.scene_views import SceneViews
from qlab.explore.swaps import (
    FORMATS,
    GRANULARITIES,
    MAX_WEIGHTS,
    SCENES,
    Subject,
    Swapped,
    granularity_of,
    seen_scenes,
    subject,
    swap,
    unswapped,
)
from qlab.explore.view import Number, State, call
from qlab.metrics import bits_per_weight, mse
from qlab.zoo import agreement

HEADS = ("class_head", "box_head")
GROUP_SIZES = [8, 16, 32, 64, 128]
FULL_SQNR = 50  # dB at which a bar of the table is full


def layers(
    model: nn.Module | None = None,
    exclude=None,
    format: str = "W4A16",
    granularity: str = "per row",
    group_size: int = 32,
    layer: str | None = None,
    scene: int = 0,
):
    """The explorer of lesson 07, to be shown as the last line of a notebook's cell.

    model: None for the digit detector, or your own module with linear layers; then there are no scenes, unless it
    is a detector like the shipped one. exclude: names of layers to keep in float, as `replace_linear` takes them;
    None for the heads of the detector. format: "W8A16", "W4A16", "W3A16", "W2A16" or "W8A8". granularity
    of the weights: "per tensor", "per row" or "per group", of `group_size` inputs. layer: the name of the layer
    whose weight is shown; None for the largest. scene: the number of the scene, 0 to 11. Raises ValueError for a
    setting outside these.
    """
    chosen = subject(model)
    exclude = _names(exclude, HEADS if chosen.detects else ())
    layer = layer or max(chosen.layers, key=lambda name: chosen.layers[name].weight.numel())
    check("format", format, tuple(FORMATS))
    check("granularity", granularity, GRANULARITIES)
    check("group_size", group_size, range(1, MAX_WEIGHTS + 1))
    check("layer", layer, tuple(chosen.layers))
    check("scene", scene, range(SCENES))
    sizes = [(str(size), size) for size in sorted({group_size, *GROUP_SIZES})]
    given = {name: len(chosen.excluded((name,))) for name in exclude}
    controls = {
        "format": choice("format", tuple(FORMATS), format, "bits of weights (W) and activations (A); A16 is float"),
        "granularity": choice("scales", GRANULARITIES, granularity, "the weights that share a scale"),
        "group_size": steps("group", sizes, group_size, "group size, in inputs"),
        "layer": choice("show", tuple(chosen.layers), layer, "the layer whose weight is shown"),
        "exclude": NameRow(
            "keep in float:", chosen.rules | given, exclude, "keep in float: layers that are called"
        ),
    }
    if chosen.detects:
        controls["scene"] = whole("scene", range(SCENES), scene, "number of the scene, from 0")
    return Explorer(controls, lambda **settings: state(chosen, **{"scene": None, **settings}))


def state(
    chosen: Subject,
    exclude: tuple[str, ...],
    format: str,
    granularity: str,
    group_size: int,
    layer: str,
    scene: int | None,
) -> State:
    """What the explorer shows of a model: a plain function of its settings; no scene where it does not detect."""
    before, after = unswapped(chosen), swap(chosen, exclude, format, granularity_of(granularity, group_size))
    settings = {"exclude": list(exclude), "format": format, "granularity": granularity}
    settings |= {"group_size": group_size if granularity == "per group" else None, "layer": layer, "scene": scene}
    return State(
        call=call("layers", *chosen.call, **settings),
        numbers=_numbers(chosen, before, after, layer),
        panels=_panels(chosen, after, layer, format),
        table=_table(chosen, before, after, layer, format),
        remark=_remark(chosen, before, after, format),
        note=_note(chosen, after, layer),
        lead=_views(before, after, format, scene) if chosen.detects else None,
    )


def _names(exclude, default: tuple[str, ...]) -> tuple[str, ...]:
    """The names to exclude by, a single one as a tuple; ValueError for anything but names."""
    exclude = default if exclude is None else (exclude,) if isinstance(exclude, str) else tuple(exclude)
    if not all(isinstance(name, str) for name in exclude):
        raise ValueError(f"exclude must be names, got {exclude!r}")
    return exclude


def _restored(chosen: Subject, after: Swapped, layer: str) -> torch.Tensor:
    """The weight that the layer computes with."""
    return after.quantized[layer].dequantize() if layer in after.quantized else chosen.layers[layer].weight.detach()


def _views(before: Swapped, after: Swapped, format: str, scene: int) -> SceneViews:
    images, truth = seen_scenes()
    rows = {"truth": truth[scene], "float32": before.likely[scene], format: after.likely[scene]}
    return SceneViews(images[scene], rows)


def _panels(chosen: Subject, after: Swapped, layer: str, format: str) -> tuple[Panel, ...]:
    """The weight of one layer: float32, what its codes stand for, and the error."""
    weight, restored = chosen.layers[layer].weight.detach(), _restored(chosen, after, layer)
    largest = weight.abs().max().item()
    return (
        value_panel("weight", weight.numpy(), largest),
        value_panel(f"in {format}" if layer in after.quantized else "kept", restored.numpy(), largest),
        error_panel("error", (restored - weight).numpy(), largest),
    )


def _numbers(chosen: Subject, before: Swapped, after: Swapped, layer: str) -> dict[str, Number]:
    """The figures above the panels: the model, what it finds, then the layer on view."""
    share = 100 * after.footprint / before.footprint
    shown = [
        ("swapped", "layers swapped", len(after.quantized), f"{len(after.quantized)} of {len(chosen.layers)}"),
        ("before", "float32 model", before.footprint, f"{before.footprint:,} bytes"),
        ("footprint", "this model", after.footprint, f"{after.footprint:,} bytes"),
        ("share", "… of float32", share, f"{fixed(share, 1)} %"),
        *(_agreement(before, after) if chosen.detects else ()),
        *_layer_figures(chosen, after, layer),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _agreement(before: Swapped, after: Swapped) -> list[tuple]:
    """Boxes that float32 finds too, and the mean average precision of both models, over all scenes."""
    same, boxes = _same(before, after)
    return [
        ("same", "same boxes", same, f"{same} of {boxes}"),
        ("precision", "mAP, float32", before.precision, fixed(before.precision, 3)),
        ("precision_after", "mAP, this model", after.precision, fixed(after.precision, 3)),
    ]


@lru_cache(maxsize=32)
def _same(before: Swapped, after: Swapped) -> tuple[int, int]:
    """Boxes that both have, and boxes that there were before."""
    hits = [agreement(*pair) for pair in zip(before.likely, after.likely, strict=True)]
    return sum(int(hit.sum()) for hit in hits), sum(len(hit) for hit in hits)


def _layer_figures(chosen: Subject, after: Swapped, layer: str) -> list[tuple]:
    """Bits per weight, MSE and SQNR of the layer on view."""
    weight, ratio = chosen.layers[layer].weight, after.ratios.get(layer, math.inf)
    total = bits_per_weight(after.quantized[layer]) if layer in after.quantized else 32.0
    error = mse(weight, _restored(chosen, after, layer))
    return [
        ("bits", "bits per weight", total, fixed(total, 3)),
        ("mse", "MSE", error, significant(error)),
        ("sqnr", "SQNR", ratio, _decibels(ratio)),
    ]


def _decibels(ratio: float) -> str:
    return "exact" if ratio == math.inf else f"{fixed(ratio, 1)} dB"


def _table(chosen: Subject, before: Swapped, after: Swapped, layer: str, format: str) -> Comparison:
    """Every linear layer: its format, its bytes before and after, the SQNR of its weight."""
    heads = ("layer", "weight", "format", "bytes before", "bytes now", "SQNR of its weight")
    rows = tuple(_row(chosen, before, after, name, format) for name in chosen.layers)
    return Comparison("All linear layers", heads, rows, list(chosen.layers).index(layer))


def _row(chosen: Subject, before: Swapped, after: Swapped, name: str, format: str) -> tuple[Cell, ...]:
    rows, columns = chosen.layers[name].weight.shape
    old, new = before.nbytes[name], after.nbytes[name]
    cells = Cell(name), Cell(f"{rows} × {columns}")
    if name not in after.quantized:
        return *cells, Cell("float32"), Cell(f"{old:,}"), Cell(f"{new:,}", 1.0), Cell("exact", 1.0)
    ratio = after.ratios[name]
    quality = Cell(_decibels(ratio), max(ratio, 0) / FULL_SQNR)
    return *cells, Cell(format), Cell(f"{old:,}"), Cell(f"{new:,}", new / old), quality


def _remark(chosen: Subject, before: Swapped, after: Swapped, format: str) -> str:
    """What became of the boxes."""
    if not after.quantized:
        return "No layer is swapped: this is the float32 model."
    parts = []
    if chosen.detects:
        same, boxes = _same(before, after)
        new = sum(len(o.labels) for o in after.likely) - same
        text = f"In {SCENES} scenes, {format} finds {same} of the {boxes} boxes of float32"
        parts.append(f"{text}, and {new} other{'s' * (new != 1)}.")
    if FORMATS[format][1]:
        parts.append("Activations are rounded when they arrive, one scale a token.")
    return " ".join(parts)


def _note(chosen: Subject, after: Swapped, layer: str) -> str:
    """What is shown, and what else the model holds."""
    rows, columns = chosen.layers[layer].weight.shape
    kept = "" if layer in after.quantized else ", kept in float"
    rest = after.footprint - sum(after.nbytes.values())
    pictured = " Pictured: its top left corner." if max(rows, columns) > 50 else ""
    return f"The weight of {layer}{kept}.{pictured} Beside its linear layers the model holds {rest:,} bytes."
