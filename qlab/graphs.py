"""A model as a graph of operations, and which of them can be computed on codes.

torch.fx calls the model's forward once, with stand-ins for tensors, and writes down what is done to them. Each
operation is a node; this module gives it a role, which says how `prepare` and `convert` treat it:

    SUM      a linear layer or convolution: codes in, new codes out, with qparams of their own
    ADD      the sum of two tensors, at least one of them codes: new codes, too
    RELU, AVERAGE, MOVE   codes in, codes of the same qparams out; MOVE only chooses or rearranges codes
    NOTHING  dropout in evaluation mode, an identity
    SHAPE    a size, not a tensor
    FLOAT    all that stays float: the model's inputs, excluded modules, what is done to their output
    OBSERVE  an observer that `prepare` has put in
    OUTPUT   the model's output

node.meta["codes"] says whether the result of a node will be codes.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable

import torch
import torch.nn.functional as F
from torch import fx, nn

from qlab.selection import Rule, excluded_modules

SUM, ADD, RELU, AVERAGE, MOVE = "sum", "add", "relu", "average", "move"
NOTHING, SHAPE, FLOAT, OBSERVE, OUTPUT = "nothing", "shape", "float", "observe", "output"
LAYERS = (nn.Linear, nn.Conv2d)

MODULES = {
    **dict.fromkeys(LAYERS, SUM),
    nn.ReLU: RELU,
    **dict.fromkeys([nn.AvgPool2d, nn.AdaptiveAvgPool2d], AVERAGE),
    **dict.fromkeys([nn.MaxPool2d, nn.Flatten, nn.Unflatten], MOVE),
    **dict.fromkeys([nn.Dropout, nn.Dropout2d, nn.Identity], NOTHING),
}
FUNCTIONS = {
    **dict.fromkeys([operator.add, operator.iadd, torch.add, "add", "add_"], ADD),
    **dict.fromkeys([F.relu, torch.relu, "relu", "relu_"], RELU),
    **dict.fromkeys([F.avg_pool2d, F.adaptive_avg_pool2d, torch.mean, "mean"], AVERAGE),
    **dict.fromkeys([F.max_pool2d, torch.flatten, torch.reshape, torch.transpose, torch.permute], MOVE),
    **dict.fromkeys(["flatten", "reshape", "view", "transpose", "permute", "contiguous", "unsqueeze"], MOVE),
    **dict.fromkeys([F.dropout], NOTHING),
    **dict.fromkeys(["size"], SHAPE),
}


def trace(model: nn.Module, exclude: Rule | Iterable[Rule] = ()) -> fx.GraphModule:
    """The model as a graph that holds the model's own modules; excluded modules stay whole.

    exclude: names and types, as for `replace_linear`. Raises ValueError for a model whose forward depends on the
    values or shapes of tensors, and for one that is itself a layer.

    >>> [node.name for node in trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU())).graph.nodes]
    ['input_1', '_0', '_1', 'output']
    """
    if _known(model):
        raise ValueError(f"the model is itself a {type(model).__name__}; put it into an nn.Sequential")
    excluded = excluded_modules(model, LAYERS, exclude)
    try:
        graph = _Tracer(excluded).trace(model)
    except (fx.proxy.TraceError, TypeError, ValueError) as error:
        raise ValueError(
            f"the forward of {type(model).__name__} decides by what it is given, so it is not one graph ({error}); "
            f"take a part of the model that does not (model.part = ...), or exclude the module that does"
        ) from error
    graph_module = fx.GraphModule(model, graph)
    for node in graph.nodes:
        node.meta["excluded"] = node.op == "call_module" and module_of(node) in excluded
    return graph_module


def assign_roles(graph_module: fx.GraphModule) -> None:
    """Set node.meta["role"] and ["codes"] everywhere; ValueError where codes meet what cannot take them."""
    for node in graph_module.graph.nodes:
        any_codes = any(i.meta["codes"] for i in node.all_input_nodes)
        role = _role(node)
        if role is None and (any_codes or node.op == "call_module"):
            _refuse(node)
        if role == ADD and any_codes and (node.kwargs or not all(isinstance(a, fx.Node) for a in node.args)):
            _refuse(node)
        if role is None or (role == ADD and not any_codes):
            role = FLOAT
        node.meta["role"] = role
        node.meta["codes"] = role in (SUM, ADD) or (role in (RELU, AVERAGE, MOVE, NOTHING) and any_codes)


def module_of(node: fx.Node) -> nn.Module:
    """The module that a call_module node calls."""
    return node.graph.owning_module.get_submodule(node.target)


def only_user(node: fx.Node, role: str) -> fx.Node | None:
    """The one node that takes this one's result, if there is only one and it has this role."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].meta["role"] == role else None


class _Tracer(fx.Tracer):
    """Goes into modules, except those with a role, those of torch, and the excluded ones."""

    def __init__(self, excluded: Collection[nn.Module] = ()) -> None:  # without any, to open a pickled graph
        super().__init__()
        self.excluded = excluded

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return module in self.excluded or _known(module) is not None or super().is_leaf_module(module, name)


def _known(module: nn.Module) -> str | None:
    """The role of a module, if it is of a kind that has one and computes as that kind does."""
    forward = type(module).forward
    return next((MODULES[kind] for kind in MODULES if isinstance(module, kind) and forward is kind.forward), None)


def _role(node: fx.Node) -> str | None:
    if node.op in ("placeholder", "get_attr") or node.meta.get("excluded"):
        return FLOAT
    if node.op == "output":
        return OUTPUT
    if node.all_input_nodes and all(i.meta["role"] == SHAPE for i in node.all_input_nodes):
        return SHAPE
    if node.op == "call_module":
        return _known(module_of(node))
    if node.target is getattr and node.args[1] == "shape":
        return SHAPE
    return FUNCTIONS.get(node.target) if node.args else None


def _refuse(node: fx.Node) -> None:
    """Raise the ValueError that names the operation, the module it is in, and the way out."""
    inside = list(node.meta.get("nn_module_stack", {}))
    if node.op == "call_module":
        what, inside = f"module {node.target!r} ({type(module_of(node)).__name__})", [node.target]
    else:
        where = f"in module {inside[-1]!r}" if inside else "in the model's own forward"
        what = f"the operation {getattr(node.target, '__name__', node.target)!r} {where}"
    fix = "exclude the layer before it, or put it into a module and exclude that"
    if inside:
        fix = f"keep it in float with exclude={inside[-1]!r}"
    raise ValueError(f"{what} cannot be computed on codes; {fix}")
