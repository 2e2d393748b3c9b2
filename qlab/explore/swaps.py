"""A model whose linear layers are swapped for quantized ones: its layers, its bytes, and what it then detects."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache

import torch
from torch import nn

from qlab.affine import QTensor
from qlab.downcasting import memory_footprint
from qlab.granularity import Granularity, PerAxis, PerGroup, PerTensor
from qlab.layers import QuantLayer
from qlab.metrics import sqnr
from qlab.swapping import replace_linear
from qlab.zoo import Objects, average_precision, detect, load, scenes
from qlab.zoo.digit_detector import DigitDetector

FORMATS = {  # name: formats of weights and of activations
    "W8A16": ("int8", None),
    "W4A16": ("int4", None),
    "W3A16": ("int3", None),
    "W2A16": ("int2", None),
    "W8A8": ("int8", "int8"),
}
GRANULARITIES = "per tensor", "per row", "per group"
SCENES = 12
UNLIKELY, LIKELY = 0.05, 0.5  # scores from which on a detection counts: for mAP, and for a box to be shown
MAX_WEIGHTS = 1 << 24  # of all linear layers; more would make a click stutter


@dataclass(frozen=True, eq=False)
class Swapped:
    """A model after the swap. By name: `quantized`, the weights of the layers that were swapped, and `ratios`,
    their SQNR in dB; `nbytes`, of every linear layer. `found` has the detections of each scene, UNLIKELY or more,
    and is None for a model that does not detect digits.
    """

    quantized: dict[str, QTensor]
    ratios: dict[str, float]
    nbytes: dict[str, int]
    footprint: int
    found: list[Objects] | None = None

    @cached_property
    def likely(self) -> list[Objects]:
        """The detections that are likely enough to be shown."""
        return [Objects(*(part[o.scores >= LIKELY] for part in o)) for o in self.found]

    @cached_property
    def precision(self) -> float:
        """Mean average precision on the scenes, 0 to 1."""
        return average_precision(self.found, seen_scenes()[1])


@dataclass(frozen=True, eq=False)
class Subject:
    """A float32 model, how Python names it, and its linear layers by name."""

    model: nn.Module
    call: tuple[str, ...] = ()
    layers: dict[str, nn.Linear] = field(default_factory=dict)

    @property
    def detects(self) -> bool:
        """Whether it finds digits in the scenes."""
        return isinstance(self.model, DigitDetector)

    @property
    def rules(self) -> dict[str, int]:
        """Names to exclude by, and how many linear layers each stands for."""
        names = dict.fromkeys(map(_rule, self.layers))
        return {name: len(self.excluded((name,))) for name in names}

    def excluded(self, exclude: tuple[str, ...]) -> list[str]:
        """The linear layers that these names exclude; ValueError for a name that is none."""
        report = replace_linear(self.model, lambda linear: linear, exclude=exclude)  # each for itself
        swapped = {name for layer in report.layers for name in layer.names}
        return [name for name in self.layers if name not in swapped]


def subject(model: nn.Module | None = None) -> Subject:
    """The model to explore: None for the digit detector, or your own module, which is copied.

    Raises ValueError for anything but a module with linear layers inside, at most 2**24 weights in all.
    """
    if isinstance(model, Subject):
        return model
    if model is None:
        return _detector()
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got a {type(model).__name__}")
    if isinstance(model, nn.Linear):
        model = nn.Sequential(model)
    layers = _linear_layers(model)
    weights = sum(layer.weight.numel() for layer in layers.values())
    if not layers:
        raise ValueError(f"a {type(model).__name__} without linear layers: there is nothing to swap")
    if weights > MAX_WEIGHTS:
        raise ValueError(f"{weights:,} weights in linear layers, more than {MAX_WEIGHTS:,}; explore a part of it")
    own = copy.deepcopy(model).to("cpu", torch.float32).eval()
    return Subject(own, ("your_model",), _linear_layers(own))


@cache
def _detector() -> Subject:
    model = load("digit_detector")
    return Subject(model, (), _linear_layers(model))


@cache
def seen_scenes() -> tuple[torch.Tensor, list[Objects]]:
    """The scenes that are shown and counted, and what stands in them."""
    return scenes("test", SCENES, seed=0)


def _linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """The layers that `replace_linear` would replace, those used twice under their first name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear) and _plain(m)}


def _plain(layer: nn.Linear) -> bool:
    return type(layer).forward is nn.Linear.forward


def _rule(name: str) -> str:
    """The name to exclude a layer by: the last component, or what stands before mere numbers.

    >>> _rule("blocks.0.attention.q"), _rule("head.layers.0"), _rule("2")
    ('q', 'head.layers', '2')
    """
    stem = re.sub(r"(\.\d+)+$", "", name)
    return stem.rpartition(".")[2] if stem == name else stem


def granularity_of(name: str, group_size: int) -> Granularity:
    """The library's granularity for a name of `GRANULARITIES`."""
    return dict(zip(GRANULARITIES, (PerTensor(), PerAxis(0), PerGroup(group_size)), strict=True))[name]


@lru_cache(maxsize=32)
def swap(chosen: Subject, exclude: tuple[str, ...], format: str, granularity: Granularity) -> Swapped:
    """The model with its linear layers in this format, those named in `exclude` left in float."""
    weight, activation = FORMATS[format]
    model = copy.deepcopy(chosen.model)
    options = {"weight": weight, "activation": activation, "granularity": granularity}
    replace_linear(model, exclude=exclude, **options)
    return _measured(chosen, model)


@lru_cache(maxsize=8)
def unswapped(chosen: Subject) -> Swapped:
    """The model as it is, in float32."""
    return _measured(chosen, chosen.model)


def _measured(chosen: Subject, model: nn.Module) -> Swapped:
    now = {name: model.get_submodule(name) for name in chosen.layers}
    quantized = {name: layer.qweight for name, layer in now.items() if isinstance(layer, QuantLayer)}
    return Swapped(
        quantized=quantized,
        ratios={name: sqnr(chosen.layers[name].weight, qt.dequantize()) for name, qt in quantized.items()},
        nbytes={name: memory_footprint(layer) for name, layer in now.items()},
        footprint=memory_footprint(model),
        found=detect(model, seen_scenes()[0], UNLIKELY) if chosen.detects else None,
    )
