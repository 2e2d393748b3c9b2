"""What lesson 11's explorer trains: one model at 8, 4 and 2 bits, a step at a time.

It trains in float64, so that another machine, which adds in another order, comes to the same figures.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from qlab.granularity import PerAxis, PerTensor
from qlab.qat import prepare_qat
from qlab.zoo import accuracy, digits, fine_tune, load

WIDTHS = {"8 bits": "int8", "4 bits": "int4", "2 bits": "int2"}
SHOWN = "2 bits"  # whose weights are pictured
GRANULARITIES = {"per tensor": PerTensor(), "per row": PerAxis(0)}
SCALES = ("learned", "observed")
RATES = (0.001, 0.005, 0.02)
SEEDS = range(5)
STEPS, EVERY = 60, 10  # steps of a run; accuracy is measured after every tenth
CALIBRATION = 256  # training digits


@dataclass(frozen=True, eq=False)
class Subject:
    """A float model of the digits, in float64, how Python names it, and its accuracy on those held out."""

    model: nn.Module
    call: tuple[str, ...] = ()

    @cached_property
    def accuracy(self) -> float:
        return accuracy(self.model)


def subject(model: nn.Module | None) -> Subject:
    """The model to train: None for the digits network, or your own module, which is copied.

    Raises ValueError for anything but a module, and for one that does not take digits to ten scores.
    """
    if model is None:
        return _shipped()
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got a {type(model).__name__}")
    own = copy.deepcopy(model).to("cpu", torch.float64).eval()
    try:
        shape = tuple(own(digits("test")[0][:2].double()).shape)
    except RuntimeError as error:
        raise ValueError(f"the model does not take images of shape (N, 1, 8, 8): {error}") from error
    if shape != (2, 10):
        raise ValueError(f"the model must give ten scores an image, (2, 10) for two; it gives {shape}")
    return Subject(own, ("your_model",))


@lru_cache(maxsize=1)
def _shipped() -> Subject:
    return Subject(load("digits_cnn").double())


@lru_cache(maxsize=12)
def start(chosen: Subject, width: str, granularity: str, scales: str) -> tuple[fx.GraphModule, float]:
    """The model before its first step, calibrated only, and its accuracy."""
    batches = digits("train")[0][:CALIBRATION].double()
    qat = prepare_qat(chosen.model, batches, WIDTHS[width], "int8", GRANULARITIES[granularity], scales)
    return qat, accuracy(qat)


@cache
def warm_up() -> None:
    """Make an optimizer's first step, for which torch loads modules for seconds: not to be done after a click."""
    number = nn.Parameter(torch.zeros(()))
    number.grad = torch.zeros(())
    torch.optim.Adam([number]).step()


class Run:
    """The same training at every width. `settings` alone decide what comes out.

    losses: {width: one loss a step}; accuracies: {width: [(step, accuracy on held-out digits)]}.
    """

    def __init__(self, chosen: Subject, granularity: str, scales: str, learning_rate: float, seed: int) -> None:
        self.settings = chosen, granularity, scales, learning_rate, seed
        self.chosen = chosen
        starts = {width: start(chosen, width, granularity, scales) for width in WIDTHS}
        self.losses: dict[str, list[float]] = {width: [] for width in WIDTHS}
        self.accuracies = {width: [(0, right)] for width, (_, right) in starts.items()}
        self.models = {width: model for width, (model, _) in starts.items()}
        self._training: dict[str, Iterator[float]] = {}

    @property
    def step(self) -> int:
        """How many steps all widths have made."""
        return min(map(len, self.losses.values()))

    def advance(self) -> Iterator[None]:
        """One step of each width, piece by piece: whoever iterates can do something else in between."""
        for width in WIDTHS:
            if width not in self._training:
                *_, learning_rate, seed = self.settings
                self.models[width] = copy.deepcopy(self.models[width])  # the start is kept for other runs
                self._training[width] = fine_tune(self.models[width], STEPS, learning_rate, seed)
            self.losses[width].append(next(self._training[width]))
            yield
        if self.step % EVERY == 0:
            for width, model in self.models.items():
                self.accuracies[width].append((self.step, accuracy(model)))
                yield

    def to(self, step: int) -> Run:
        """Train up to a step, all at once."""
        while self.step < step:
            for _ in self.advance():
                pass
        return self

    def weights(self) -> tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of the largest layer at 2 bits: its name; its weight before training, in float now, and rounded."""
        _, granularity, scales, *_ = self.settings
        before, now = start(self.chosen, SHOWN, granularity, scales)[0], self.models[SHOWN]
        layers = [name for name, module in now.named_modules() if parametrize.is_parametrized(module)]
        name = max(layers, key=lambda layer: now.get_submodule(layer).parametrizations.weight.original.numel())
        kept = [model.get_submodule(name).parametrizations.weight.original for model in (before, now)]
        rounded = now.get_submodule(name).weight
        return name, *(weight.detach().flatten(1) for weight in (*kept, rounded))

    def bits_per_weight(self, width: str) -> float:
        """Bits stored for a weight of the layers: its code, and its part of the float32 scales."""
        bits = weights = 0
        for module in filter(parametrize.is_parametrized, self.models[width].modules()):
            quantizers = module.parametrizations.weight
            count, qparams = quantizers.original.numel(), quantizers[0].qparams()
            bits, weights = bits + count * qparams.spec.bits + 32 * qparams.scale.numel(), weights + count
        return bits / weights
