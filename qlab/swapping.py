"""Put quantized layers into a model, by name and by type, and say what was put where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

from qlab.downcasting import memory_footprint
from qlab.embeddings import QuantEmbedding
from qlab.layers import QuantConv2d, QuantLinear
from qlab.selection import Rule, excluded_modules

SHOWN = 8  # lines of a printed report


@dataclass(frozen=True)
class Replaced:
    """One layer that was replaced: all its names, its weight's shape, its bytes before and after."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    bytes_before: int
    bytes_after: int

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"{', '.join(self.names)}: {shape}, {self.bytes_before:,} -> {self.bytes_after:,} bytes"


@dataclass(frozen=True)
class Replacement:
    """What a replacement did: the layers replaced, and the bytes of the whole model before and after."""

    layers: tuple[Replaced, ...]
    bytes_before: int
    bytes_after: int

    @property
    def ratio(self) -> float:
        """Bytes of the model after, as a part of those before."""
        return self.bytes_after / self.bytes_before if self.bytes_before else 1.0

    def __repr__(self) -> str:
        lines = [f"  {layer}" for layer in self.layers[:SHOWN]]
        if len(self.layers) > SHOWN:
            lines.append(f"  ... and {len(self.layers) - SHOWN} more, see .layers")
        total = f"model: {self.bytes_before:,} -> {self.bytes_after:,} bytes ({self.ratio:.3f})"
        return "\n".join([f"{len(self.layers)} layers replaced", *lines, total])


def replace_linear(
    model: nn.Module,
    layer: type[nn.Module] | Callable[..., nn.Module] = QuantLinear,
    exclude: Rule | Iterable[Rule] = (),
    **options,
) -> Replacement:
    """Replace the linear layers of a model, in place; returns a report, which prints as a table.

    layer: a class with `from_float`, or any function that takes an nn.Linear and returns the module for its place;
    `options` are handed on to it.

    exclude: what to leave alone: a full name or a type, with all layers below; or the last component of names. That
    means the layers that have it or, where no layer does, all layers below the modules that have it. A layer with
    several names stays one layer, and is left alone if one of its names is excluded. Subclasses of nn.Linear with a
    forward of their own are left alone, too.

    What hangs on an old layer goes with it: hooks are not carried over, and a weight that is tied to another (two
    layers with one parameter, or a head with the embedding) gets codes of its own. So tied weights can add bytes.

    All new layers are made before the first is put in: after an error the model is as it was. To keep the float
    model, replace in a `copy.deepcopy` of it.

    Raises ValueError for an exclusion that matches nothing, with the near names; for a model that is itself a
    linear layer; and for what `layer` refuses, with the name of the linear layer.

    >>> model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    >>> replace_linear(model, QuantLinear, exclude="2", weight="int8")
    1 layers replaced
      0: 64x64, 16,640 -> 4,608 bytes
    model: 19,240 -> 7,208 bytes (0.375)
    """
    return _replace(model, nn.Linear, layer, exclude, options)


def replace_conv2d(
    model: nn.Module,
    layer: type[nn.Module] | Callable[..., nn.Module] = QuantConv2d,
    exclude: Rule | Iterable[Rule] = (),
    **options,
) -> Replacement:
    """Replace the 2-D convolutions of a model, in place, as `replace_linear` does linear layers.

    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> replace_conv2d(model, weight="int8").ratio < 0.4
    True
    """
    return _replace(model, nn.Conv2d, layer, exclude, options)


def replace_embedding(
    model: nn.Module,
    layer: type[nn.Module] | Callable[..., nn.Module] = QuantEmbedding,
    exclude: Rule | Iterable[Rule] = (),
    **options,
) -> Replacement:
    """Replace the embeddings of a model, in place, as `replace_linear` does linear layers.

    >>> model = nn.Sequential(nn.Embedding(100, 64), nn.Linear(64, 100))
    >>> replace_embedding(model, weight="int8")
    1 layers replaced
      0: 100x64, 25,600 -> 6,800 bytes
    model: 51,600 -> 32,800 bytes (0.636)
    """
    return _replace(model, nn.Embedding, layer, exclude, options)


def _replace(model: nn.Module, kind: type[nn.Module], layer, exclude, options: dict) -> Replacement:
    if isinstance(model, kind):
        raise ValueError(
            f"the model is itself a {kind.__name__} and cannot be replaced within itself; make the new layer from "
            f"it with from_float, or wrap it in nn.Sequential"
        )
    before, named = memory_footprint(model), _layers(model, kind, exclude)
    new = {old: _make(layer, old, names[0], options) for old, names in named.items()}
    replaced = tuple(
        Replaced(tuple(names), tuple(old.weight.shape), memory_footprint(old), memory_footprint(new[old]))
        for old, names in named.items()
    )
    for old, names in named.items():
        for name in names:
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, new[old])
    return Replacement(replaced, before, memory_footprint(model))


def _layers(model: nn.Module, kind: type[nn.Module], exclude) -> dict[nn.Module, list[str]]:
    """The layers to replace, each with all its names."""
    kept = excluded_modules(model, kind, exclude)
    found = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, kind) and type(module).forward is kind.forward and module not in kept:
            found.setdefault(module, []).append(name)
    return found


def _make(layer, old: nn.Module, name: str, options: dict) -> nn.Module:
    try:
        new = getattr(layer, "from_float", layer)(old, **options)
    except (TypeError, ValueError) as error:
        raise type(error)(f"layer {name!r}: {error}") from error
    return new.train(old.training)
