"""A model of which some layers stay in float: the SQNR of the others, its bytes, and how much it gets right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import torch
from torch import nn

from qlab.converting import convert
from qlab.downcasting import memory_footprint
from qlab.granularity import PerAxis, PerTensor
from qlab.graphs import LAYERS
from qlab.metrics import sqnr
from qlab.ptq import calibrate, prepare
from qlab.sensitivity import Comparison, MixedModel, compare_layers, frontier
from qlab.zoo import accuracy, digits, load

WEIGHTS = "int8", "int4", "int3", "int2"
GRANULARITIES = {"per tensor": PerTensor(), "per row": PerAxis(0)}
SHIPPED = "digits CNN", "large weight", "dead inputs"
MAX_INPUTS = 128  # more would make a click stutter
MAX_WEIGHTS = 1 << 20
MAX_LAYERS = 8  # of the greedy path: L layers need L (L + 1) / 2 models


@dataclass(frozen=True, eq=False)
class Subject:
    """A float32 model, the names of its layers, a batch to calibrate and compare with, the share it gets right.

    `scored` says what `score` measures, `call` how Python names the first three arguments of the explorer.
    """

    model: nn.Module
    layers: tuple[str, ...]
    inputs: torch.Tensor
    score: Callable[[nn.Module], float]
    scored: str
    call: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mix:
    """One mixed model: its layers compared, the bytes of each layer, those of all, its score, the result's SQNR."""

    comparison: Comparison
    nbytes: dict[str, int]
    footprint: int
    score: float
    result: float


def subject(model=None, inputs=None, score=None) -> Subject:
    """The model to explore: one of `SHIPPED` by name, None for the first, or your own with a batch for it.

    Without a score, an own model is measured by the share of inputs whose largest output stays the same.
    ValueError: another name, not a model, no inputs, no layers or too many weights, outputs that are not of shape
    (N, 2 or more), scores that are no share.
    """
    if model is None or isinstance(model, str):
        return _shipped(model or SHIPPED[0])
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got a {type(model).__name__}")
    if not isinstance(inputs, torch.Tensor) or not len(inputs):
        raise ValueError("a model of your own needs inputs to calibrate with: pass inputs=..., a batch as a tensor")
    model = nn.Sequential(model) if isinstance(model, LAYERS) else model
    own, inputs = copy.deepcopy(model).to("cpu", torch.float32).eval(), inputs[:MAX_INPUTS].detach().cpu()
    layers = _layers(own)
    weights = sum(own.get_submodule(name).weight.numel() for name in layers)
    if not layers or weights > MAX_WEIGHTS:
        raise ValueError(
            f"{len(layers)} layers with {weights:,} weights; explore 1 or more, {MAX_WEIGHTS:,} at most"
        )
    call = "your_model", "your_inputs", *(["your_score"] if score else [])
    scored = "score" if score else "same answers"
    return Subject(own, layers, inputs, _checked(score) if score else _same_answers(own, inputs), scored, call)


@cache
def _shipped(name: str) -> Subject:
    if name not in SHIPPED:
        raise ValueError(f"model must be a torch.nn.Module or one of {', '.join(SHIPPED)}, got {name!r}")
    model = load("digits_cnn")
    with torch.no_grad():
        largest = model.fc1.weight.abs().max()
        if name == "large weight":
            model.fc1.weight[0, 0] = 40 * largest
        if name == "dead inputs":  # channel 3 of bn2 is -1, so 0 after its ReLU: inputs 12 to 15 of fc1
            model.bn2.weight[3], model.bn2.bias[3] = 0, -1
            model.fc1.weight[:, 12:16] = 30 * largest
    call = () if name == SHIPPED[0] else (repr(name),)
    return Subject(model, _layers(model), digits("train")[0][:MAX_INPUTS], accuracy, "accuracy", call)


@lru_cache(maxsize=256)
def mix(chosen: Subject, weight: str, granularity: str, kept: tuple[str, ...]) -> Mix:
    """The model with weights in this format and activations in int8, but for the layers that are kept in float."""
    if set(kept) == set(chosen.layers):
        return _measured(chosen, Comparison(()), chosen.model)
    settings = {"weight": weight, "granularity": GRANULARITIES[granularity]}
    prepared = calibrate(prepare(chosen.model, exclude=kept, **settings), chosen.inputs)
    quantized = convert(prepared)
    return _measured(chosen, compare_layers(prepared, quantized, chosen.inputs), quantized)


@lru_cache(maxsize=64)
def greedy_path(chosen: Subject, weight: str, granularity: str) -> list[MixedModel]:
    """The steps of `frontier`; none where the model has too many layers for it."""
    if len(chosen.layers) > MAX_LAYERS:
        return []
    settings = {"weight": weight, "granularity": GRANULARITIES[granularity]}
    return frontier(chosen.model, [chosen.inputs], chosen.score, **settings)


def _measured(chosen: Subject, comparison: Comparison, model: nn.Module) -> Mix:
    with torch.no_grad():
        result = sqnr(chosen.model(chosen.inputs), model(chosen.inputs))
    nbytes = {name: memory_footprint(model.get_submodule(name)) for name in chosen.layers}
    return Mix(comparison, nbytes, memory_footprint(model), chosen.score(model), result)


def _layers(model: nn.Module) -> tuple[str, ...]:
    return tuple(name for name, module in model.named_modules() if isinstance(module, LAYERS))


def _same_answers(model: nn.Module, inputs: torch.Tensor) -> Callable[[nn.Module], float]:
    """A score: the share of the inputs for which the largest output is that of the float model."""
    with torch.no_grad():
        outputs = model(inputs)
    if outputs.dim() != 2 or outputs.shape[1] < 2:
        raise ValueError(
            f"outputs of shape {tuple(outputs.shape)} name no class: pass score=..., a share from 0 to 1"
        )

    def score(other: nn.Module) -> float:
        with torch.no_grad():
            return (other(inputs).argmax(1) == outputs.argmax(1)).double().mean().item()

    return score


def _checked(score: Callable[[nn.Module], float]) -> Callable[[nn.Module], float]:
    """The learner's own score, which must be a share."""

    def checked(model: nn.Module) -> float:
        share = float(score(model))
        if not 0 <= share <= 1:
            raise ValueError(f"score must return a share from 0 to 1, got {share}")
        return share

    return checked
