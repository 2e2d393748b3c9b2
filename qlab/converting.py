"""From a prepared model to integers: the last of the three steps of `ptq`.

Each observer of the prepared graph becomes a module that makes codes with the observer's qparams: the layer or
addition before it (with its ReLU, if there is one in between) or, behind a float tensor, a `Quantize`. What passes
codes on is wrapped to do so, and a `Dequantize` is put before what needs floats.
"""

from __future__ import annotations

import copy

import torch
from torch import fx, nn

from qlab.affine import quantize
from qlab.graphs import ADD, AVERAGE, FLOAT, MOVE, NOTHING, OBSERVE, OUTPUT, RELU, SUM, module_of, only_user
from qlab.integer_layers import (
    AverageOnCodes,
    Dequantize,
    IntegerAdd,
    IntegerConv2d,
    IntegerLayer,
    IntegerLinear,
    OnCodes,
    Quantize,
    ReluOnCodes,
    integer_bias,
)
from qlab.qparams import QParams


def convert(prepared: fx.GraphModule, bias: str = "float") -> fx.GraphModule:
    """The quantized model that a prepared and calibrated one describes, which is left alone.

    Layers keep their names: what was the Conv2d `conv1` is an `IntegerConv2d` at `conv1`, with the ReLU after it.
    Between them go QTensors, 8 bits wide or fewer.

    bias: "float", added in real units to the scaled sum, as fbgemm, x86 and onednn do; or "int32", rounded to steps
    of the accumulator, as qnnpack and processors without floating point do.

    Its `state_dict` holds codes, scales and zero points. To load a file, convert a model of the same kind that was
    calibrated with anything (zeros, say), then call `load_state_dict`.

    Raises ValueError for an observer that has seen no data, with its name, for a model that `prepare` did not make,
    or another `bias`.

    >>> from qlab.ptq import calibrate, prepare
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> x = torch.linspace(-1, 1, 32).view(8, 4)
    >>> quantized = convert(calibrate(prepare(model), x))
    >>> (quantized(x) - model(x)).abs().max() < 0.02
    tensor(True)
    >>> [type(m).__name__ for m in quantized.children()]
    ['IntegerLinear', 'IntegerLinear', 'Quantize', 'Dequantize']
    """
    if bias not in ("float", "int32"):
        raise ValueError(f"bias must be 'float' or 'int32', got {bias!r}")
    if not isinstance(prepared, fx.GraphModule) or not all("role" in node.meta for node in prepared.graph.nodes):
        raise ValueError(f"convert takes what prepare returned, or a copy of it, got {type(prepared).__name__}")
    model = copy.deepcopy(prepared).eval()
    for node in list(model.graph.nodes):
        if node.meta["role"] == OBSERVE:
            _make_codes(model, node, bias)
        elif node.meta["codes"] and node.meta["role"] in (RELU, AVERAGE, MOVE, NOTHING):
            _pass_codes(model, node)
        elif node.meta["role"] in (FLOAT, OUTPUT):
            _make_real(node)
        elif node.target == "size":
            node.op, node.target = "call_function", _size
    model.delete_all_unused_submodules()
    model.graph.lint()
    model.recompile()
    return model


def integer_layer(
    layer: nn.Module, given: QParams, output: QParams, relu: bool = False, bias: str = "float"
) -> IntegerLayer:
    """The integer layer for a prepared nn.Linear or nn.Conv2d.

    layer: its weight is parametrized by something with `qparams()`, as `prepare` leaves it. given, output: the
    qparams of its input and of its result. The weight that is quantized is the one before the parametrization.
    """
    quantizers = layer.parametrizations.weight
    quantizers[0](quantizers.original.detach())  # one that follows the weight has to see the last change of it
    weight = quantize(quantizers.original, quantizers[0].qparams())
    real = None if layer.bias is None else layer.bias.detach()
    if real is not None and bias == "int32":
        real = integer_bias(real, given.scale, weight.qparams.scale)
    if isinstance(layer, nn.Linear):
        return IntegerLinear(weight, real, output, relu)
    return IntegerConv2d(weight, real, output, relu, layer.stride, layer.padding, layer.groups)


def _make_codes(model: fx.GraphModule, observed: fx.Node, bias: str) -> None:
    """Put one module in the place of an observer, the operation before it, and the ReLU in between."""
    source, qparams = observed.args[0], _qparams(observed)
    fused = source.meta["role"] == RELU and source.meta["codes"]
    operation = source.all_input_nodes[0] if fused else source
    if operation.meta["role"] == SUM:
        given = operation.all_input_nodes[0].meta["qparams"]
        module = integer_layer(module_of(operation), given, qparams, fused, bias)
    elif operation.meta["role"] == ADD:
        module = IntegerAdd(qparams, fused)
    else:
        _replace(observed, Quantize(qparams), f"quantize_{source.name}", qparams, (source,))
        return
    _replace(observed, module, _name(operation), qparams, operation.args, operation.kwargs)
    for node in (source, operation) if fused else (operation,):
        model.graph.erase_node(node)


def _pass_codes(model: fx.GraphModule, node: fx.Node) -> None:
    """Wrap an operation that hands codes on with the qparams they came with; leave out one that does nothing."""
    source = node.all_input_nodes[0]
    if node.meta["role"] == NOTHING:
        node.replace_all_uses_with(source)
        model.graph.erase_node(node)
    elif node.meta["role"] == RELU:
        if not only_user(node, OBSERVE):  # or it is fused, when its observer is reached
            _replace(node, ReluOnCodes(), _name(node), source.meta["qparams"], (source,))
    else:
        operation = node.target
        if node.op == "call_module":
            operation = module_of(node)
        elif node.op == "call_method":
            operation = getattr(torch.Tensor, node.target)
        wrapper = AverageOnCodes if node.meta["role"] == AVERAGE else OnCodes
        _replace(node, wrapper(operation), _name(node), source.meta["qparams"], node.args, node.kwargs)


def _make_real(node: fx.Node) -> None:
    """Dequantize the codes that a node takes; once, if several nodes take them."""
    graph = node.graph
    for source in [i for i in node.all_input_nodes if i.meta["codes"]]:
        name = f"dequantize_{source.target.replace('.', '_')}"
        real = next((user for user in source.users if user.target == name), None)
        if real is None:
            graph.owning_module.add_submodule(name, Dequantize())
            with graph.inserting_after(source):
                real = graph.call_module(name, (source,))
            real.meta = {"role": FLOAT, "codes": False}
        node.replace_input_with(source, real)


def _replace(node: fx.Node, module: nn.Module, name: str, qparams: QParams, args: tuple, kwargs=None) -> None:
    """Call `module`, to be called `name`, instead of a node; its result is codes of these qparams."""
    node.graph.owning_module.add_submodule(name, module)
    with node.graph.inserting_after(node):
        new = node.graph.call_module(name, args, kwargs)
    new.meta = {"role": node.meta["role"], "codes": True, "qparams": qparams}
    node.replace_all_uses_with(new)
    node.graph.erase_node(node)


def _name(node: fx.Node) -> str:
    """What the module for a node is called: as the module it calls, unless others call that too."""
    calls = [other for other in node.graph.nodes if (other.op, other.target) == ("call_module", node.target)]
    if len(calls) == 1:
        return node.target
    return f"{node.name}_codes" if hasattr(node.graph.owning_module, node.name) else node.name


def _qparams(observed: fx.Node) -> QParams:
    try:
        return module_of(observed).qparams()
    except ValueError as error:
        raise ValueError(f"{observed.target}: {error}; calibrate the prepared model first") from error


def _size(x, axis: int | None = None):
    """tensor.size(axis), for codes too."""
    return x.shape if axis is None else x.shape[axis]
