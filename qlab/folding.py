"""Batch norm folded into the layer before it: once trained, the two are one linear map, and one layer can hold it.

    norm(layer(x))  =  (W x + b - mean) * gain / sqrt(var + eps) + shift
                    =  (W * factor) x + (b - mean) * factor + shift        factor = gain / sqrt(var + eps)

There is one factor an output channel, so folding is also where the ranges of a weight's channels drift apart: a
reason for scales per channel. (Jacob et al., 2018, arXiv:1712.05877, section 3.2.)
"""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import fx, nn

from qlab.graphs import module_of, trace

PAIRS = {nn.Conv2d: nn.BatchNorm2d, nn.Linear: nn.BatchNorm1d}


def fold_batch_norm(layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    """A copy of `layer` that computes norm(layer(x)) with the statistics that `norm` has gathered.

    A Conv2d goes with a BatchNorm2d, a Linear on (N, in_features) with a BatchNorm1d. The arithmetic is float64,
    rounded once to the layer's type. The copy has a bias.

    Raises TypeError for other pairs, ValueError for channels that do not fit or a norm that keeps no statistics.

    >>> conv, norm = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8).eval()
    >>> x = torch.ones(1, 3, 4, 4)
    >>> torch.allclose(fold_batch_norm(conv, norm)(x), norm(conv(x)), atol=1e-6)
    True
    """
    if not _is_pair(layer, norm):
        raise TypeError(
            f"a Conv2d takes a BatchNorm2d and a Linear a BatchNorm1d, got {type(layer).__name__} and "
            f"{type(norm).__name__}"
        )
    if norm.running_var is None:
        raise ValueError("this batch norm keeps no running statistics, so it depends on the batch; exclude it")
    if len(layer.weight) != norm.num_features:
        raise ValueError(f"the layer has {len(layer.weight)} output channels and the norm {norm.num_features}")
    factor, shift = 1 / (norm.running_var.double() + norm.eps).sqrt(), torch.zeros_like(norm.running_mean)
    if norm.affine:
        factor, shift = norm.weight.double() * factor, norm.bias
    bias = 0.0 if layer.bias is None else layer.bias.double()
    folded, kind = copy.deepcopy(layer), layer.weight.dtype
    with torch.no_grad():
        folded.weight.copy_(layer.weight * factor.view(-1, *[1] * (layer.weight.dim() - 1)))
        folded.bias = nn.Parameter(((bias - norm.running_mean) * factor + shift).to(kind))
    return folded


def fold_batch_norms(model: nn.Module) -> fx.GraphModule:
    """A copy of the model, in evaluation mode, in which each batch norm is folded into the layer right before it.

    A norm stays where its layer's result has another use, where the layer is called twice, or where there is no
    layer before it. Raises ValueError for a model that torch.fx cannot trace.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    >>> [type(m).__name__ for m in fold_batch_norms(model).children()]
    ['Conv2d', 'ReLU']
    """
    return fold_in_graph(trace(copy.deepcopy(model).eval()))


def fold_in_graph(graph_module: fx.GraphModule) -> fx.GraphModule:
    """`fold_batch_norms` on a graph, in place; excluded norms stay. Returns the graph."""
    calls = Counter(node.target for node in graph_module.graph.nodes if node.op == "call_module")
    for node in list(graph_module.graph.nodes):
        before = node.all_input_nodes[0] if node.all_input_nodes else None
        if not (_calls_module(node) and _calls_module(before)) or node.meta["excluded"]:
            continue
        layer, norm = module_of(before), module_of(node)
        if _is_pair(layer, norm) and len(before.users) == 1 and calls[before.target] == calls[node.target] == 1:
            graph_module.add_submodule(before.target, fold_batch_norm(layer, norm))
            node.replace_all_uses_with(before)
            graph_module.graph.erase_node(node)
    graph_module.delete_all_unused_submodules()
    graph_module.recompile()
    return graph_module


def _calls_module(node: fx.Node | None) -> bool:
    return node is not None and node.op == "call_module"


def _is_pair(layer: nn.Module, norm: nn.Module) -> bool:
    return any(isinstance(layer, a) and isinstance(norm, b) for a, b in PAIRS.items())
