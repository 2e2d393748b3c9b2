"""Lesson 09's explorer: a model's file, byte by byte, before and after its weights are quantized."""

from __future__ import annotations

import math

import torch
from torch import nn

from qlab.anatomy import FilePart
from qlab.explore.base import Explorer, check, choice, steps
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.model_files import FILES, RESTS, WEIGHTS, Settings, Subject, Written, quantized, subject, written
from qlab.explore.panels import Panel, error_panel, fixed, significant, value_panel
from qlab.explore.stacks import Stacks
from qlab.explore.swaps import GRANULARITIES, granularity_of
from qlab.explore.view import Number, State, call
from qlab.layers import QuantLayer
from qlab.metrics import bits_per_weight, mse, sqnr

GROUP_SIZES = (8, 16, 32, 64, 128)
MAX_GROUP = 1 << 16
SHOWN = 10  # tensors that have a row of their own


def anatomy(
    model: nn.Module | None = None,
    quantize: str = "linear layers",
    weight: str = "int8",
    granularity: str = "per row",
    group_size: int = 32,
    rest: str = "float32",
    file: str = "torch.save",
    layer: str | None = None,
):
    """The explorer of lesson 09, to be shown as the last line of a notebook's cell.

    model: None for the untrained word model, or your own module with linear layers, at most 2**22 parameters.
    quantize: "nothing", "linear layers" or "embeddings too". weight: "int8", "int4", "int3" or "int2".
    granularity: "per tensor", "per row" or "per group", of `group_size` weights. rest: the type of all that stays
    float, scales included: "float32", "bfloat16" or "float16". file: "torch.save" or "safetensors". layer: the name
    of the layer whose weight is shown; None for the first linear one. ValueError: a setting outside these.
    """
    chosen = subject(model)
    layer = layer or next(name for name, it in chosen.layers.items() if isinstance(it, nn.Linear))
    check("quantize", quantize, chosen.choices)
    check("weight", weight, WEIGHTS)
    check("granularity", granularity, GRANULARITIES)
    check("group_size", group_size, range(1, MAX_GROUP + 1))
    check("rest", rest, RESTS)
    check("file", file, FILES)
    check("layer", layer, tuple(chosen.layers))
    sizes = [(str(size), size) for size in sorted({group_size, *GROUP_SIZES})]
    controls = {
        "quantize": choice("layers", chosen.choices, quantize, "which weights become codes"),
        "weight": choice("format", WEIGHTS, weight, "the format of the codes"),
        "granularity": choice("scales", GRANULARITIES, granularity, "the weights that share a scale"),
        "rest": choice("the rest", RESTS, rest, "the type of all that stays float, scales included"),
        "file": choice("file", FILES, file, "the kind of file"),
        "layer": choice("show", tuple(chosen.layers), layer, "the layer whose weight is shown"),
        "group_size": steps("group", sizes, group_size, "group size, in weights of a row"),
    }
    return Explorer(controls, lambda **settings: state(chosen, **settings))


def state(
    chosen: Subject,
    quantize: str,
    weight: str,
    granularity: str,
    group_size: int,
    rest: str,
    file: str,
    layer: str,
) -> State:
    """What the explorer shows of a model: a plain function of its settings."""
    settings = Settings(quantize, weight, granularity_of(granularity, group_size), rest, file)
    before, after = written(chosen, Settings(file=file)), written(chosen, settings)
    now = _layer_now(chosen, settings, layer, after)
    original = chosen.layers[layer].weight.detach()
    restored = now.weight.detach().float()
    given = {"quantize": quantize, "weight": weight, "granularity": granularity}
    given |= {"group_size": group_size if granularity == "per group" else None}
    return State(
        call=call("anatomy", *chosen.call, **given, rest=rest, file=file, layer=layer),
        numbers=_numbers(before, after, now, original, restored),
        panels=_panels(now, original, restored, rest),
        table=_table(before, after, layer),
        remark=after.refused or _remark(before, after),
        note=_note(layer, original),
        lead=Stacks({"float32": before.by_kind, "now": after.by_kind}),
    )


def _layer_now(chosen: Subject, settings: Settings, layer: str, after: Written) -> nn.Module:
    """The layer on view as the file has it."""
    if after.refused:
        settings = Settings(settings.quantize, settings.weight, settings.granularity)
    alone = Subject(nn.ModuleDict({"it": chosen.layers[layer]}), (), {})
    return quantized(alone, settings)["it"]


def _numbers(before: Written, after: Written, now, original: torch.Tensor, restored: torch.Tensor):
    """The figures above the panels: the files, what parameters() says, then the layer on view."""
    old, new = before.table.nbytes, after.table.nbytes
    total = bits_per_weight(now.qweight) if isinstance(now, QuantLayer) else 8.0 * now.weight.element_size()
    ratio, error = sqnr(original, restored), mse(original, restored)
    shown = [
        ("before", "float32 file", old, f"{old:,} bytes"),
        ("after", "this file", new, f"{new:,} bytes"),
        ("share", "… of float32", 100 * new / old, f"{fixed(100 * new / old, 1)} %"),
        ("codes", "of it codes", after.by_kind["codes"], f"{after.by_kind['codes']:,} bytes"),
        ("parameters", "parameters()", after.in_parameters, f"{after.in_parameters:,} bytes"),
        ("bits", "bits per weight", total, fixed(total, 3)),
        ("mse", "MSE", error, significant(error)),
        ("sqnr", "SQNR", ratio, "exact" if ratio == math.inf else f"{fixed(ratio, 1)} dB"),
    ]
    return {name: Number(label, value, text) for name, label, value, text in shown}


def _panels(now: nn.Module, original: torch.Tensor, restored: torch.Tensor, rest: str) -> tuple[Panel, ...]:
    """The weight of one layer: float32, what the file has, and the error."""
    largest = original.abs().max().item()
    stored = now.weight_format if isinstance(now, QuantLayer) else str(now.weight.dtype).removeprefix("torch.")
    return (
        value_panel("weight", original.numpy(), largest),
        value_panel(f"in {stored}", restored.numpy(), largest),
        error_panel("error", (restored - original).numpy(), largest),
    )


def _table(before: Written, after: Written, layer: str) -> Comparison:
    """The largest tensors of the file, the layer on view among them, then the rest; it adds up to the file."""
    parts = after.table.parts
    tensors = sorted((part for part in parts if part.dtype), key=lambda part: -part.nbytes)
    mine = next((part for part in tensors if f"{layer}.weight" in map(_replaced, part.name.split(", "))), None)
    listed = mine is None or mine in tensors[:SHOWN]
    shown = tensors[:SHOWN] if listed else [*tensors[: SHOWN - 1], mine]
    old = {name: part.nbytes for part in before.table.parts for name in part.name.split(", ")}
    longest = max(old.values())
    rows = [_row(part, old, longest) for part in shown]
    others = [part for part in tensors if part not in shown]
    ends = [(f"{len(others)} smaller tensors", sum(p.nbytes for p in others))] if others else []
    ends += [(part.name, part.nbytes) for part in parts if not part.dtype]
    ends += [("total", after.table.nbytes)]
    rows += [(Cell(name), Cell(""), Cell(""), Cell(f"{n:,}"), Cell("")) for name, n in ends]
    heads = ("in the file", "type", "shape", "bytes now", "in float32")
    return Comparison(
        "Every byte of this file, largest tensors first", heads, tuple(rows), shown.index(mine) if mine else -1
    )


def _row(part: FilePart, old: dict[str, int], longest: int) -> tuple[Cell, ...]:
    shape = " × ".join(map(str, part.shape)) or "one"
    was = old.get(_replaced(part.name.split(", ")[0]))
    bars = (
        Cell(f"{part.nbytes:,}", part.nbytes / longest),
        Cell("new") if was is None else Cell(f"{was:,}", was / longest),
    )
    return Cell(part.name), Cell(part.dtype), Cell(shape), *bars


def _replaced(name: str) -> str:
    """The tensor of the float model whose place one of the file takes: codes take that of the weight.

    >>> _replaced("block.fc1.codes_int4"), _replaced("norm.bias")
    ('block.fc1.weight', 'norm.bias')
    """
    owner, dot, own = name.rpartition(".")
    return f"{owner}{dot}weight" if own.startswith("codes_") else name


def _remark(before: Written, after: Written) -> str:
    """What this file is spent on most, and how it compares."""
    old, new = before.table.nbytes, after.table.nbytes
    kind, size = max(after.by_kind.items(), key=lambda item: item[1])
    most = f"Most of this file: {kind}, {fixed(100 * size / new, 0)} %."
    times = fixed(max(old, new) / min(old, new), 2)
    size = "as large as" if old == new else f"{times} times {'smaller' if new < old else 'larger'} than"
    return f"{most} It is {size} the float32 file."


def _note(layer: str, original: torch.Tensor) -> str:
    pictured = " Pictured: its top left corner." if max(original.shape) > 50 else ""
    return f"The weight of {layer}.{pictured}"
