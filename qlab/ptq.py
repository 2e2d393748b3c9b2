"""Static quantization of a trained model: prepare, calibrate, convert.

    prepared = prepare(model)        a copy: batch norms folded, an observer where codes will be made
    calibrate(prepared, batches)     typical inputs run through it, and the observers watch
    quantized = convert(prepared)    integers all the way between one Quantize and one Dequantize (`converting`)

The prepared model still computes in float. Its observers are in two kinds of places: `prepared.observers`, one for
each tensor of activations that will be codes, and a parametrization on each layer's weight. Whatever stands there
is called with the tensor in each forward pass, its result is used instead of the tensor, and `convert` asks it for
`qparams()`. An observer returns what it is given. Training with quantization in mind puts modules there that round.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from qlab.dtypes import dtype
from qlab.folding import fold_in_graph
from qlab.granularity import Granularity, PerAxis, PerTensor
from qlab.graphs import ADD, OBSERVE, RELU, SHAPE, SUM, assign_roles, module_of, only_user, trace
from qlab.layers import PER_ROW
from qlab.observers import MinMax
from qlab.selection import Rule


def prepare(
    model: nn.Module,
    weight: str = "int8",
    activation: str = "int8",
    granularity: Granularity = PER_ROW,
    observer: Callable[[str, str], nn.Module] = MinMax,
    weight_observer: Callable[[str, str, Granularity], nn.Module] = MinMax,
    exclude: Rule | Iterable[Rule] = (),
) -> fx.GraphModule:
    """A copy of the model that is ready for calibration: traced by torch.fx, in evaluation mode, with observers.

    Batch norms are folded, and an observer is put after each linear layer, convolution and addition (after the ReLU
    that follows it, if one does) and where the model's float input is first needed as codes.

    weight: a signed integer format of 8 bits or fewer, symmetric; granularity: PerTensor() or PerAxis(0).
    activation: any integer format of 8 bits or fewer, affine, per tensor. observer: called with a format and a
    scheme, for each activation. weight_observer: called with a format, a scheme and a granularity, for each weight.

    exclude: modules that stay float, as for `replace_linear`; also the way out for modules that cannot be computed
    on codes. Functions of float tensors only, such as what is done to an excluded module's output, stay float too.

    Raises ValueError for formats and granularities that cannot be multiplied, for a model without a layer to
    quantize, and for a module or operation that cannot be computed on codes, which it names.

    >>> prepared = prepare(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
    >>> list(prepared.observers)  # the input, the first layer with its ReLU, the second layer
    ['input_1', '_1', '_2']
    """
    _check_formats(weight, activation, granularity)
    prepared = fold_in_graph(trace(copy.deepcopy(model).eval(), exclude))
    assign_roles(prepared)
    layers = [node for node in prepared.graph.nodes if node.meta["role"] == SUM]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no nn.Linear or nn.Conv2d to quantize")
    for node in layers:
        _check_layer(node.target, module_of(node))
        if not parametrize.is_parametrized(module_of(node)):
            quantizer = weight_observer(weight, "symmetric", granularity)
            parametrize.register_parametrization(module_of(node), "weight", quantizer)
    prepared.add_submodule("observers", nn.ModuleDict())
    for node in list(prepared.graph.nodes):
        _observe(prepared, node, lambda: observer(activation, "affine"))
    prepared.graph.lint()
    prepared.recompile()
    return prepared


def calibrate(prepared: fx.GraphModule, batches: torch.Tensor | Iterable[torch.Tensor | tuple]) -> fx.GraphModule:
    """Run batches through a prepared model, in evaluation mode and without gradients; returns the prepared model.

    batches: one tensor, which is one batch; or many batches, each a tensor, or a tuple of what the model's forward
    takes. A few hundred typical inputs are enough for most models; their labels are not needed. Call it again to
    add more batches.

    Raises ValueError if there is no batch, or one of more tensors than the model takes, and what the model and its
    observers raise.

    >>> prepared = calibrate(prepare(nn.Sequential(nn.Linear(4, 2))), torch.ones(16, 4).split(8))
    >>> prepared.observers["input_1"].range()
    (tensor(1.), tensor(1.))
    """
    batches = [batches] if isinstance(batches, torch.Tensor) else batches
    count, seen, training = len(prepared.graph.find_nodes(op="placeholder")), 0, prepared.training
    prepared.eval()
    with torch.no_grad():
        for batch in batches:
            inputs = batch if isinstance(batch, (tuple, list)) else (batch,)
            if len(inputs) > count:
                raise ValueError(f"a batch has {len(inputs)} parts and the model {count} inputs; leave out labels")
            prepared(*inputs)
            seen += 1
    prepared.train(training)
    if not seen:
        raise ValueError("there was no batch to calibrate with; an iterator can be used up, give a list")
    return prepared


def _observe(prepared: fx.GraphModule, node: fx.Node, make: Callable[[], nn.Module]) -> None:
    """Put an observer behind a node whose result will be codes; behind a float one, for those that need codes."""
    if node.meta["role"] in (SUM, ADD):
        node = only_user(node, RELU) or node
        users = list(node.users)
    elif node.meta["codes"] or node.meta["role"] == SHAPE:
        return
    else:
        users = [user for user in node.users if user.meta["role"] in (SUM, ADD)]
    if users:
        prepared.observers[node.name] = make()
        with prepared.graph.inserting_after(node):
            observed = prepared.graph.call_module(f"observers.{node.name}", (node,))
        observed.meta = {"role": OBSERVE, "codes": True}
        for user in users:
            user.replace_input_with(node, observed)


def _check_formats(weight: str, activation: str, granularity: Granularity) -> None:
    for what, spec, fits in (
        ("weight", dtype(weight), dtype(weight).signed),
        ("activation", dtype(activation), True),
    ):
        if spec.kind != "int" or spec.bits > 8 or not fits:
            raise ValueError(
                f"{what}={spec.name!r} cannot be multiplied: weights are int2 to int8, activations these or uint2 "
                f"to uint8"
            )
    if granularity not in (PerTensor(), PerAxis(0)):
        raise ValueError(
            f"a weight has one scale, PerTensor(), or one an output channel, PerAxis(0); got {granularity}, whose "
            f"scales could not be taken out of an integer sum"
        )


def _check_layer(name: str, layer: nn.Module) -> None:
    """Raise ValueError for a convolution that `quantized_conv2d` cannot compute."""
    if not isinstance(layer, nn.Conv2d):
        return
    for setting, legal in (("dilation", (1, 1)), ("padding_mode", "zeros")):
        if getattr(layer, setting) != legal:
            raise ValueError(
                f"module {name!r} (Conv2d) has {setting}={getattr(layer, setting)!r}, only {legal!r} can be "
                f"computed on codes; keep it in float with exclude={name!r}"
            )
    if isinstance(layer.padding, str):
        raise ValueError(
            f"module {name!r} (Conv2d) has padding={layer.padding!r}; give it as numbers, or keep the module in "
            f"float with exclude={name!r}"
        )
