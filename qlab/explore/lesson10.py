"""Lesson 10's explorer: which layers to leave in float, the SQNR of the others, and accuracy against size."""

from __future__ import annotations

import math

from qlab.explore.base import Explorer, check, choice
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.frontiers import Frontier, Point
from qlab.explore.keeping import NameRow
from qlab.explore.mixtures import (
    GRANULARITIES,
    MAX_LAYERS,
    SHIPPED,
    WEIGHTS,
    Mix,
    Subject,
    greedy_path,
    mix,
    subject,
)
from qlab.explore.panels import fixed
from qlab.explore.view import Number, State, call
from qlab.sensitivity import LayerSQNR

COLUMNS = "weight", "accumulated", "own"
PATHS = "greedy", "none"
FULL_SQNR = 50  # dB at which a bar of the table is full


def sensitivity(
    model=None,
    inputs=None,
    score=None,
    keep=(),
    weight: str = "int2",
    granularity: str = "per row",
    by: str = "own",
    path: str = "greedy",
):
    """The explorer of lesson 10, to be shown as the last line of a notebook's cell.

    model: None or "digits CNN", "large weight" or "dead inputs" for the digits CNN as it is or with a layer made
    bad; or your own module, with `inputs`, a batch for it (the first 128 are used), and perhaps `score`, from a
    model to the share it gets right. keep: names of layers that stay in float. weight: "int8", "int4", "int3" or
    "int2"; activations are int8. granularity of the weights: "per tensor" or "per row". by: the SQNR to rank by,
    "weight", "accumulated" or "own". path: "greedy" to show the path of `ql.frontier`, which takes a moment for
    each new format, or "none". Raises ValueError for a setting outside these.
    """
    chosen = subject(model, inputs, score)
    keep = _names(keep, chosen.layers)
    check("weight", weight, WEIGHTS)
    check("granularity", granularity, tuple(GRANULARITIES))
    check("by", by, COLUMNS)
    check("path", path, PATHS)
    models = {name: subject(name) for name in SHIPPED}
    shown = next((name for name in SHIPPED if models[name] is chosen), None)
    what = (
        {"model": choice("model", SHIPPED, shown, "the digits CNN as it is, or with a bad layer")} if shown else {}
    )
    controls = what | {
        "weight": choice("weights", WEIGHTS, weight, "format of the weights; activations are int8"),
        "granularity": choice("scales", tuple(GRANULARITIES), granularity, "the weights that share a scale"),
        "by": choice("rank by", COLUMNS, by, "the SQNR whose lowest layer is marked"),
        "path": choice("path", PATHS, path, "the path that leaves the best layer in float at each step"),
        "keep": NameRow("keep in float:", dict.fromkeys(chosen.layers, 1), keep, "keep in float: the layer"),
    }

    def compute(model: str | None = None, **settings) -> State:
        return state(models[model] if model else chosen, **settings)

    return Explorer(controls, compute)


def state(chosen: Subject, keep: tuple[str, ...], weight: str, granularity: str, by: str, path: str) -> State:
    """What the explorer shows of a model: a plain function of its settings."""
    before, now = mix(chosen, weight, granularity, chosen.layers), mix(chosen, weight, granularity, keep)
    settings = {"weight": weight, "granularity": granularity, "by": by, "path": path}
    return State(
        call=call("sensitivity", *chosen.call, keep=list(keep), **settings),
        numbers=_numbers(chosen, before, now, by),
        panels=(),
        chart=_chart(chosen, before, now, weight, granularity, path),
        table=_table(chosen, now, by),
        remark=_remark(chosen, now, by, weight, granularity, path),
        note=f"Weights in {weight}, activations in int8, calibrated and compared on {len(chosen.inputs)} inputs.",
    )


def _names(keep, layers: tuple[str, ...]) -> tuple[str, ...]:
    """The names to keep; ValueError for one that no layer has."""
    names = (keep,) if isinstance(keep, str) else tuple(keep)
    for name in names:
        if name not in layers:
            raise ValueError(f"keep must be names of layers, of {', '.join(layers)}, got {name!r}")
    return names


def _lowest(now: Mix, by: str) -> LayerSQNR | None:
    """The quantized layer of the lowest SQNR; None where no layer is quantized."""
    return min(now.comparison.layers, key=lambda layer: getattr(layer, by), default=None)


def _numbers(chosen: Subject, before: Mix, now: Mix, by: str) -> dict[str, Number]:
    """The figures above the plot: what is kept, what it costs, what it gives."""
    share, kept = 100 * now.footprint / before.footprint, len(chosen.layers) - len(now.comparison.layers)
    lowest = _lowest(now, by)
    ratio = getattr(lowest, by) if lowest else math.inf
    shown = [
        ("kept", "kept in float", kept, f"{kept} of {len(chosen.layers)} layers"),
        ("before", "float32 model", before.footprint, f"{before.footprint:,} bytes"),
        ("footprint", "this model", now.footprint, f"{now.footprint:,} bytes"),
        ("share", "… of float32", share, f"{fixed(share, 1)} %"),
        ("score_before", f"{chosen.scored}, float32", before.score, fixed(before.score, 3)),
        ("score", f"{chosen.scored}, this", now.score, fixed(now.score, 3)),
        ("lowest", "lowest SQNR", ratio, _decibels(ratio) + (f", {lowest.name}" if lowest else "")),
        ("result", "SQNR of the result", now.result, _decibels(now.result)),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _decibels(ratio: float) -> str:
    return "exact" if ratio == math.inf else f"{fixed(ratio, 1)} dB"


def _chart(chosen: Subject, before: Mix, now: Mix, weight: str, granularity: str, path: str) -> Frontier:
    """This model among all layers in each format, the float32 model, and the greedy path."""
    steps = greedy_path(chosen, weight, granularity) if path == "greedy" else []
    names = ["", *(f"+ {step.kept[-1]}" for step in steps[1:])]
    uniform = {name: mix(chosen, name, granularity, ()) for name in WEIGHTS} | {"float32": before}
    return Frontier(
        scored=chosen.scored,
        path=tuple(Point(name, s.nbytes, s.score) for name, s in zip(names, steps, strict=bool(steps))),
        others=tuple(Point(name, one.footprint, one.score) for name, one in uniform.items()),
        here=Point("this model", now.footprint, now.score),
    )


def _table(chosen: Subject, now: Mix, by: str) -> Comparison:
    """Every layer: its bytes, and its three SQNRs unless it is in float."""
    quantized, lowest = {layer.name: layer for layer in now.comparison.layers}, _lowest(now, by)
    rows = tuple(_row(name, now.nbytes[name], quantized.get(name)) for name in chosen.layers)
    heads = "layer", "bytes", "SQNR of its weight", "accumulated", "own"
    return Comparison("All layers", heads, rows, chosen.layers.index(lowest.name) if lowest else -1)


def _row(name: str, nbytes: int, layer: LayerSQNR | None) -> tuple[Cell, ...]:
    if layer is None:
        return Cell(name), Cell(f"{nbytes:,}"), *(Cell("in float") for _ in COLUMNS)
    ratios = [getattr(layer, column) for column in COLUMNS]
    return Cell(name), Cell(f"{nbytes:,}"), *(Cell(_decibels(r), max(r, 0) / FULL_SQNR) for r in ratios)


def _remark(chosen: Subject, now: Mix, by: str, weight: str, granularity: str, path: str) -> str:
    """What stands out."""
    lowest = _lowest(now, by)
    parts = [f"Lowest by {by}: {lowest.name}." if lowest else "No layer is quantized: this is the float32 model."]
    if path == "greedy" and len(chosen.layers) > MAX_LAYERS:
        parts.append(f"No path is shown for more than {MAX_LAYERS} layers.")
    elif path == "greedy" and len(chosen.layers) > 1:
        kept = greedy_path(chosen, weight, granularity)[-1].kept
        parts.append(f"The greedy path leaves {', '.join(kept)} in float, in this order.")
    return " ".join(parts)
