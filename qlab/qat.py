"""Quantization-aware training: the model trains on numbers that are rounded already, and learns to live with them.

Rounding has slope 0 wherever it has one, so no gradient would come back through it. The straight-through estimator
takes another slope in the backward pass (Bengio et al., 2013, arXiv:1308.3432; Jacob et al., 2018,
arXiv:1712.05877): 1 where x has a code, 0 where it was clamped. The scale can learn as well: with the same
estimator the slope of the result as the scale grows is round(x / s) - x / s, or, where x was clamped, the code at
that end less the zero point (LSQ: Esser et al., ICLR 2020, arXiv:1902.08153).

    qat = prepare_qat(model, batches, weight="int2")   batch norms folded, a rounding wherever codes will be made
    ...                                                an ordinary training loop over qat.parameters()
    quantized = convert(qat)                           integers, as after calibration

"Clamped" is judged by the rounded code, as torch.fake_quantize_* do. LSQ judges by x / s: in the half step between
the last code and where rounding would pass it, LSQ's slopes are those of a clamped number.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from qlab.affine import fake_quantize
from qlab.granularity import Granularity
from qlab.layers import PER_ROW
from qlab.observers import Histogram, MovingAverage, Observer
from qlab.ptq import calibrate, prepare
from qlab.qparams import QParams
from qlab.selection import Rule


def straight_through(x: torch.Tensor, qparams: QParams) -> torch.Tensor:
    """`fake_quantize`, equal to the bit, with a gradient: for `x`, and for the scale if it requires one.

    x: a float tensor of any shape that fits the scale; the result has its shape and the scale's type. qparams: of
    an integer format. The gradient passes to x as it is where a code was not clamped, and is 0 elsewhere.

    Raises ValueError for a format that is not an integer one, and what `quantize` raises.

    >>> x = torch.tensor([-9.0, -0.3, 0.7, 9.0], requires_grad=True)
    >>> y = straight_through(x, QParams(scale=0.5, dtype="int4"))
    >>> y.detach()
    tensor([-4.0000, -0.5000,  0.5000,  3.5000])
    >>> y.sum().backward()
    >>> x.grad
    tensor([0., 1., 1., 0.])
    """
    if qparams.spec.kind != "int":
        raise ValueError(f"the straight-through estimator is for integer formats, got {qparams.dtype}")
    return _StraightThrough.apply(x, qparams.scale, qparams)


def slopes(x: torch.Tensor, qparams: QParams) -> tuple[torch.Tensor, torch.Tensor]:
    """How fast each element of `fake_quantize(x, qparams)` grows with x, and with its scale, as QAT has it.

    Both have the shape of x. There is no autograd in this formula; `straight_through` multiplies by it.

    >>> slopes(torch.tensor([0.3, 0.7, 9.0]), QParams(scale=0.5, dtype="int4"))
    (tensor([1., 1., 0.]), tensor([ 0.4000, -0.4000,  7.0000]))
    """
    spread, shape, zero_point = qparams.granularity.spread, tuple(x.shape), qparams.zero_point
    zero = 0 if zero_point is None else spread(zero_point, shape)
    ratio = x / spread(qparams.scale, shape)
    unclamped = ratio.round() + zero
    inside = (unclamped >= qparams.quant_min) & (unclamped <= qparams.quant_max)
    steps = unclamped.clamp(qparams.quant_min, qparams.quant_max) - zero
    return inside.to(ratio), steps - torch.where(inside, ratio, 0)


class FakeQuantize(nn.Module):
    """Rounds what passes through it to the values that have a code; the range is watched, not learned.

    observer: says the range, and sees each tensor first. For weights a `MovingAverage` with momentum 1: the range
    of the weight as it is now. batched: for activations, such as a `MovingAverage` over batches; in evaluation mode
    the observer is then left as it is.

    >>> fake = FakeQuantize(MovingAverage("int2", "symmetric", momentum=1.0))
    >>> fake(torch.tensor([-1.0, 0.2, 0.7]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, observer: Observer, batched: bool = False) -> None:
        super().__init__()
        self.observer, self.batched = observer, batched

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or not self.batched:
            self.observer.observe(x)
        return straight_through(x, self.qparams())

    def qparams(self) -> QParams:
        """The observer's qparams; ValueError if it has seen nothing."""
        return self.observer.qparams()


class LearnedScale(nn.Module):
    """Rounds what passes through it to the values that have a code, with a scale that is trained (LSQ).

    qparams: the scale to start with; its zero point and format stay. batched: whether the first axis of x counts
    examples, as for activations. `scale` is a parameter; should training take it below 0, its magnitude counts.

    The gradient of the scale is divided by sqrt(N * reach), where N is how many elements of x, of one example if
    batched, share a scale, and reach is quant_max, less the zero point if there is one. Many elements pull at one
    scale; with this its steps, relative to its size, are about as large as those of the weights. Optimizers that
    divide by the size of the gradient, such as Adam, undo any such factor.

    >>> learned = LearnedScale(QParams(scale=0.5, dtype="int2"))
    >>> learned(torch.tensor([0.4, 0.6, -0.3, 9.0])).sum().backward()
    >>> learned.scale.grad  # (0.2 - 0.2 - 0.4 + 1) / sqrt(4 * 1)
    tensor(0.3000)
    """

    def __init__(self, qparams: QParams, batched: bool = False) -> None:
        super().__init__()
        self.dtype, self.granularity, self.batched = qparams.dtype, qparams.granularity, batched
        self.scale = nn.Parameter(qparams.scale.clone())
        self.register_buffer("zero_point", qparams.zero_point)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qparams = self._qparams()
        if qparams.scale.requires_grad:
            factor = self.gradient_factor(tuple(x.shape))
            qparams.scale.register_hook(lambda gradient: gradient * factor)
        return straight_through(x, qparams)

    def gradient_factor(self, shape: tuple[int, ...]) -> torch.Tensor:
        """1 / sqrt(N * reach) for an x of this shape: one number, or one a scale where zero points differ."""
        elements = torch.Size(shape[1:] if self.batched else shape).numel()
        top = QParams(1.0, dtype=self.dtype).quant_max
        reach = torch.tensor(float(top)) if self.zero_point is None else top - self.zero_point
        return (elements / self.scale.numel() * reach.clamp(min=1)).rsqrt()

    def qparams(self) -> QParams:
        """The qparams as they are now, cut off from training."""
        qparams = self._qparams()
        return QParams(qparams.scale.detach(), qparams.zero_point, qparams.dtype, qparams.granularity)

    def extra_repr(self) -> str:
        return f"{self.dtype}, {self.granularity}, batched={self.batched}"

    def _qparams(self) -> QParams:
        return QParams(self.scale.abs(), self.zero_point, self.dtype, self.granularity)


def prepare_qat(
    model: nn.Module,
    batches: torch.Tensor | Iterable[torch.Tensor | tuple],
    weight: str = "int8",
    activation: str = "int8",
    granularity: Granularity = PER_ROW,
    scales: str = "learned",
    exclude: Rule | Iterable[Rule] = (),
) -> fx.GraphModule:
    """A copy of the model that rounds as the quantized one will, in training mode: train it, then `convert` it.

    batches: typical inputs to start the scales from, as for `calibrate`; weight, activation, granularity, exclude:
    as for `prepare`, which also folds the batch norms. scales: "learned", a `LearnedScale` in each place, started
    from a `Histogram`; or "observed", a `FakeQuantize` in each place, which follows the range of what it sees.

    Optimize its `parameters()`: weights, biases, and learned scales. `convert` gives a model that computes what
    this one computes in evaluation mode, but sums in integers: where a float32 sum is as good as at a tie between
    two codes, a code can come out one higher or lower (digits model, 8 to 2 bits: 16 of 71,880 scores differ, by
    one code). Only in `convert` is an average rounded to a code, and with bias="int32" a bias: there more differ.

    Raises ValueError for other `scales`, and what `prepare` and `calibrate` raise.

    >>> x = torch.linspace(-1, 1, 32).view(8, 4)
    >>> qat = prepare_qat(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), x, weight="int2")
    >>> loss = qat(x).square().mean()
    >>> loss.backward()
    >>> qat.observers["input_1"]
    LearnedScale(int8, PerTensor(), batched=True)
    """
    if scales not in ("learned", "observed"):
        raise ValueError(f"scales must be 'learned' or 'observed', got {scales!r}")
    observers = (Histogram, Histogram)
    if scales == "observed":
        observers = (MovingAverage, partial(MovingAverage, momentum=1.0))
    prepared = calibrate(prepare(model, weight, activation, granularity, *observers, exclude), batches)
    for name, observer in prepared.observers.items():
        prepared.observers[name] = _rounding(observer, scales, batched=True)
    for layer in filter(parametrize.is_parametrized, prepared.modules()):
        quantizers = layer.parametrizations.weight
        quantizers[0] = _rounding(quantizers[0], scales, batched=False)
    return prepared.train()


def _rounding(observer: Observer, scales: str, batched: bool) -> nn.Module:
    return FakeQuantize(observer, batched) if scales == "observed" else LearnedScale(observer.qparams(), batched)


class _StraightThrough(torch.autograd.Function):
    """Forward `fake_quantize`, backward `slopes`; the elements that share a scale add up their gradients."""

    @staticmethod
    def forward(ctx, x, scale, qparams):
        ctx.qparams = qparams
        ctx.save_for_backward(x)
        return fake_quantize(x, qparams)

    @staticmethod
    def backward(ctx, gradient):
        (x,), qparams = ctx.saved_tensors, ctx.qparams
        to_x, to_scale = slopes(x, qparams)
        granularity = qparams.granularity
        total = granularity.rows(gradient * to_scale).sum(1)
        scale = granularity.of_scale().from_rows(total, tuple(qparams.scale.shape))
        return (gradient * to_x).to(x.dtype), scale, None
