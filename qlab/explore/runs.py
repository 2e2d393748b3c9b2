"""A model run on the same inputs in several float types: the weights and the output of each layer, and the bytes.

Every run is kept, so that an explorer computes each type once.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial

import torch
from torch import nn

from qlab.downcasting import TARGETS, downcast, memory_footprint
from qlab.metrics import sqnr

DTYPES = ("float32", *TARGETS)
MAX_EXAMPLES = 512  # more inputs would make a change of type stutter


@dataclass(frozen=True)
class Run:
    """A model in one type. By layer: `weights` (its own parameters), `outputs` for all inputs, `nbytes`.

    `scores` is what the model returns, one row an input. All tensors are float32. `ratios` has the SQNR of each
    layer's weights and outputs against float32, in dB, under (layer, "weights") and (layer, "outputs"), and that
    of the scores under "scores"; -inf where something overflowed. `refused` says why the model cannot be had in
    this type, and then all is that of float32.
    """

    weights: dict[str, list[torch.Tensor]]
    outputs: dict[str, torch.Tensor]
    nbytes: dict[str, int]
    footprint: int
    scores: torch.Tensor
    ratios: dict = field(default_factory=dict)
    refused: str = ""

    @cached_property
    def overflowed(self) -> list[str]:
        """The layers whose outputs are not all finite."""
        return [name for name, output in self.outputs.items() if not output.isfinite().all()]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explored: a float32 model, N inputs, the right answers if known, how Python names the first two."""

    model: nn.Module
    inputs: torch.Tensor
    labels: torch.Tensor | None = None
    call: tuple[str, ...] = ()
    given: int = 0  # inputs that there were, some of which may be left out
    runs: dict[str, Run] = field(default_factory=dict)

    def run(self, dtype: str) -> Run:
        """The model in this type on all inputs, computed the first time."""
        if dtype not in self.runs:
            self.runs[dtype] = found = _run(self, dtype)
            found.ratios.update(_ratios(self.runs["float32"] if dtype != "float32" else found, found))
        return self.runs[dtype]

    def changed(self, dtype: str) -> torch.Tensor:
        """For each input, whether the largest score is another one than in float32."""
        return self.run(dtype).scores.argmax(1) != self.run("float32").scores.argmax(1)


def subject(model: nn.Module | None = None, inputs=None) -> Subject:
    """The model and inputs to explore: by default the digits CNN and its 500 test images.

    ValueError: something that is not a model, inputs that are missing or that the model cannot take, or outputs
    that are not one tensor of finite numbers with a row for each input.
    """
    if isinstance(model, Subject):
        return model
    if model is None and inputs is None:
        return _digits()
    if model is not None and not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got a {type(model).__name__}")
    if inputs is None:
        raise ValueError("a model of your own needs inputs to run on: pass inputs=..., one input a row")
    inputs = torch.as_tensor(inputs).detach().cpu()
    if inputs.numel() == 0 or inputs.dim() == 0:
        raise ValueError(f"inputs must be a batch, one input a row, got shape {tuple(inputs.shape)}")
    call = ("your_model", "your_inputs") if model is not None else ("inputs=your_inputs",)
    own = copy.deepcopy(model).to("cpu", torch.float32).eval() if model is not None else _digits().model
    return _checked(Subject(own, inputs[:MAX_EXAMPLES], None, call, len(inputs)))


@cache
def _digits() -> Subject:
    from qlab.zoo import digits, load

    images, labels = digits("test")
    return Subject(load("digits_cnn"), images, labels, given=len(images))


def _checked(chosen: Subject) -> Subject:
    """The subject, once its model has run."""
    shape = tuple(chosen.inputs.shape)
    if not layers(chosen.model):
        raise ValueError(f"a {type(chosen.model).__name__} has no parameters, so there is nothing to downcast")
    try:
        scores = chosen.run("float32").scores
    except Exception as error:  # whatever the learner's own model raises
        raise ValueError(f"the model cannot run on inputs of shape {shape}: {error}") from error
    if not scores.isfinite().all():
        raise ValueError(f"the model returns NaN or infinity in float32, on inputs of shape {shape}")
    return chosen


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that have parameters of their own, by name."""
    named = {name or "model": module for name, module in model.named_modules()}
    return {name: module for name, module in named.items() if list(module.parameters(recurse=False))}


def _run(chosen: Subject, dtype: str) -> Run:
    """Downcast the model, then run it while hooks keep what each layer returns."""
    try:
        model = chosen.model if dtype == "float32" else downcast(chosen.model, dtype)
    except ValueError as error:
        return replace(chosen.run("float32"), refused=f"{error}. Shown: float32.")
    parts, outputs = layers(model), {}
    hooks = [module.register_forward_hook(partial(_keep, outputs, name)) for name, module in parts.items()]
    with torch.no_grad():
        scores = _float_tensor(model(chosen.inputs))
    for hook in hooks:
        hook.remove()
    parameters = {name: list(module.parameters(recurse=False)) for name, module in parts.items()}
    buffers = {name: list(module.buffers(recurse=False)) for name, module in parts.items()}
    return Run(
        weights={name: [p.detach().float() for p in own] for name, own in parameters.items()},
        outputs=outputs,
        nbytes={name: sum(_stored(t, dtype) for t in [*own, *buffers[name]]) for name, own in parameters.items()},
        footprint=memory_footprint(model) - sum(p.nbytes - _stored(p, dtype) for p in model.parameters()),
        scores=scores.reshape(len(chosen.inputs), -1),
    )


def _ratios(before: Run, after: Run) -> dict:
    """The SQNR of everything in one run against another."""
    pairs = {
        (name, "weights"): (_joined(before.weights[name]), _joined(after.weights[name])) for name in before.weights
    }
    pairs |= {(name, "outputs"): (before.outputs[name], after.outputs[name]) for name in before.outputs}
    pairs["scores"] = before.scores, after.scores
    return {key: sqnr(*pair) if pair[1].isfinite().all() else -math.inf for key, pair in pairs.items()}


def _joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([t.flatten() for t in tensors])


def _stored(tensor: torch.Tensor, dtype: str) -> int:
    """Bytes of a tensor of a downcast model; in fp8, which is simulated, what a float parameter would take."""
    simulated = dtype.startswith("float8") and isinstance(tensor, nn.Parameter) and tensor.is_floating_point()
    return tensor.numel() if simulated else tensor.nbytes


def _keep(outputs: dict, name: str, module: nn.Module, args: tuple, output: object) -> None:
    outputs[name] = _float_tensor(output)


def _float_tensor(output: object) -> torch.Tensor:
    """A float32 copy of what a module returned, or of the first tensor in it."""
    while isinstance(output, (tuple, list)):
        output = output[0]
    return output.detach().float().clone()
