"""Which layer hurts: a quantized model beside its float model, layer by layer, and what leaving layers out buys.

Three comparisons, each as SQNR in dB, as in PyTorch's Numeric Suite:

    weight        the layer's weight against the weight that its codes stand for
    accumulated   the layer's result in the float model against that in the quantized model: its own error, and all
                  that came before it
    own           the same, but the quantized layer is given the float model's input: the error it makes itself

SQNR is about numbers, and large ones outweigh small ones: a weight can have a high SQNR and the layer a low one, if
its large weights meet small inputs. Nor does a low SQNR say that the model's answers suffer; `frontier` measures
them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import fx, nn

from qlab.affine import quantize
from qlab.converting import convert
from qlab.downcasting import memory_footprint
from qlab.graphs import LAYERS, OBSERVE, RELU, SUM
from qlab.integer_layers import IntegerLayer
from qlab.metrics import sqnr
from qlab.ptq import calibrate, prepare
from qlab.selection import Rule, excluded_modules


@dataclass(frozen=True)
class LayerSQNR:
    """The SQNR of one layer, in dB: of its weight, of its result after all layers before it, and of it alone."""

    name: str
    weight: float
    accumulated: float
    own: float


@dataclass(frozen=True)
class Comparison:
    """The layers of a quantized model beside those of its float model, in the model's order; prints as a table."""

    layers: tuple[LayerSQNR, ...]

    def ranking(self, by: str = "own") -> list[str]:
        """The names of the layers, the lowest SQNR first. by: "weight", "accumulated" or "own"."""
        if by not in ("weight", "accumulated", "own"):
            raise ValueError(f"layers are ranked by 'weight', 'accumulated' or 'own', got {by!r}")
        return [layer.name for layer in sorted(self.layers, key=lambda layer: getattr(layer, by))]

    def __repr__(self) -> str:
        width = max(len("SQNR in dB"), *(len(layer.name) for layer in self.layers))
        rows = [f"{'SQNR in dB':{width}}  weight  accumulated     own"]
        for x in self.layers:
            rows.append(f"{x.name:{width}}  {x.weight:6.1f}  {x.accumulated:11.1f}  {x.own:6.1f}")
        return "\n".join(rows)


@dataclass(frozen=True)
class MixedModel:
    """A model with some layers left in float: their names, the model's bytes, and what `score` says of it."""

    kept: tuple[str, ...]
    nbytes: int
    score: float


def compare_layers(prepared: fx.GraphModule, quantized: nn.Module, *inputs: torch.Tensor) -> Comparison:
    """Run both models on one batch and compare layer by layer, with batch norms folded and ReLUs fused in both.

    prepared, quantized: from `prepare`, calibrated, and `convert` of it. inputs: what the model's forward takes.
    The prepared model's observers do not see this batch. Layers that were excluded do not appear.

    Raises ValueError for two models of which one was not made from the other.

    >>> from qlab.zoo import digits, load
    >>> images = digits("train")[0][:100]
    >>> prepared = calibrate(prepare(load("digits_cnn"), weight="int4"), images)
    >>> compare_layers(prepared, convert(prepared), images)
    SQNR in dB  weight  accumulated     own
    conv1         23.9         20.2    20.2
    conv2         18.2         15.4    17.7
    fc1           20.3         22.1    28.0
    fc2           21.8         18.1    26.3
    """
    layers = {name: module for name, module in quantized.named_modules() if isinstance(module, IntegerLayer)}
    results = _layer_results(prepared)
    if set(layers) != set(results):
        raise ValueError(
            f"the prepared model has the layers {sorted(results)}, the quantized one {sorted(layers)}; "
            f"compare a model with its own conversion"
        )
    float_run, integer_run = _Recorder(copy.deepcopy(prepared)), _Recorder(quantized)
    float_run.run(*inputs)
    integer_run.run(*inputs)
    return Comparison(tuple(_sqnrs(name, layers[name], results[name], float_run, integer_run) for name in results))


def quantize_except(
    model: nn.Module, n: int, batches: Iterable[torch.Tensor | tuple], by: str = "own", **settings
) -> fx.GraphModule:
    """The model quantized, but for the n layers of the lowest SQNR on the first batch, which stay float.

    batches: as for `calibrate`, a list. by: the column of the comparison to rank by. settings: as for `prepare`.
    Raises ValueError unless 0 <= n < the number of layers.

    >>> from qlab.zoo import digits, load
    >>> images = digits("train")[0][:100]
    >>> type(quantize_except(load("digits_cnn"), 1, [images], weight="int2").conv2).__name__
    'Conv2d'
    """
    batches, already = list(batches), _rules(settings)
    prepared = calibrate(prepare(model, exclude=already, **settings), batches)
    first = batches[0] if isinstance(batches[0], (tuple, list)) else (batches[0],)
    ranking = compare_layers(prepared, convert(prepared), *first).ranking(by)
    if not 0 <= n < len(ranking):
        raise ValueError(
            f"n is how many of the {len(ranking)} layers stay float, at least one is quantized; got {n}"
        )
    return _quantized(model, [*already, *ranking[:n]], batches, settings)


def frontier(
    model: nn.Module,
    batches: Iterable[torch.Tensor | tuple],
    score: Callable[[nn.Module], float],
    **settings,
) -> list[MixedModel]:
    """Accuracy against size, greedily: from all layers quantized, leave one more in float at each step.

    Of the layers left, each step takes the one whose model scores highest; of equals, the one with fewest bytes.
    So L layers need L (L + 1) / 2 models. score: from a model to a number, higher is better. batches, settings: as
    for `quantize_except`. The last of the L models has one layer quantized.

    >>> from qlab.zoo import accuracy, digits, load
    >>> steps = frontier(load("digits_cnn"), [digits("train")[0][:100]], accuracy, weight="int2")
    >>> steps[1].kept, steps[1].score > steps[0].score
    (('conv2',), True)
    """
    batches, already = list(batches), _rules(settings)
    left = _layer_names(model, already)
    steps = [_mixed(model, (), already, batches, score, settings)]
    while len(left) > 1:
        tried = [_mixed(model, (*steps[-1].kept, name), already, batches, score, settings) for name in left]
        steps.append(max(tried, key=lambda mixed: (mixed.score, -mixed.nbytes)))
        left.remove(steps[-1].kept[-1])
    return steps


class _Recorder(fx.Interpreter):
    """Runs a graph of modules, and keeps what each was given and what it returned, by its name."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.given, self.returned = {}, {}

    def run(self, *inputs):
        with torch.no_grad():
            return super().run(*inputs)

    def call_module(self, target, args, kwargs):
        result = super().call_module(target, args, kwargs)
        self.given[target], self.returned[target] = args[0], result
        return result


def _layer_results(prepared: fx.GraphModule) -> dict[str, str]:
    """For each layer, the name of the observer that watches its result, after the ReLU if there is one."""
    results = {}
    for node in prepared.graph.nodes:
        if node.meta["role"] == OBSERVE:
            source = node.args[0]
            operation = source.all_input_nodes[0] if source.meta["role"] == RELU else source
            if operation.meta["role"] == SUM:
                results[operation.target] = node.target
    return results


def _sqnrs(name: str, layer: IntegerLayer, result: str, float_run: _Recorder, integer_run: _Recorder) -> LayerSQNR:
    real, given = float_run.returned[result], float_run.given[name]
    alone = layer(quantize(given, integer_run.given[name].qparams))
    return LayerSQNR(
        name,
        sqnr(float_run.module.get_submodule(name).parametrizations.weight.original, layer.weight),
        sqnr(real, integer_run.returned[name].dequantize()),
        sqnr(real, alone.dequantize()),
    )


def _rules(settings: dict) -> list[Rule]:
    """What the settings exclude already, taken out of them."""
    exclude = settings.pop("exclude", ())
    return [exclude] if isinstance(exclude, (str, type)) else list(exclude)


def _layer_names(model: nn.Module, already: list[Rule]) -> list[str]:
    kept = excluded_modules(model, LAYERS, already)
    return [name for name, module in model.named_modules() if isinstance(module, LAYERS) and module not in kept]


def _mixed(model, kept: tuple[str, ...], already, batches, score, settings) -> MixedModel:
    mixed = _quantized(model, [*already, *kept], batches, settings)
    return MixedModel(kept, memory_footprint(mixed), score(mixed))


def _quantized(model, exclude, batches, settings) -> fx.GraphModule:
    return convert(calibrate(prepare(model, exclude=exclude, **settings), batches))
