"""Observers watch tensors go by and remember their range, so that qparams can be chosen for data not yet seen.

    MinMax          the smallest and the largest number of all batches
    MovingAverage   the smallest and the largest of each batch, averaged; later batches count more
    Percentile      the range that leaves out a given share of the numbers at each end
    Histogram       the range whose codes come nearest to the numbers, by mean squared error

An observer is a module whose output is its input: it can be put anywhere in a model. It keeps one range, or one a
channel, however many batches there are. Qparams come from the range by `qparams_from_range`, as those of
`choose_qparams` do.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from qlab.affine import fake_quantize
from qlab.granularity import Granularity, PerAxis, PerGroup, PerTensor
from qlab.histograms import Histograms
from qlab.qparams import QParams, check_input, qparams_from_range, raise_not_finite

STEPS = 128  # widths that Histogram tries for each end of a range


class Observer(nn.Module):
    """What all observers share. A subclass says in `_update` what it remembers, in `_range` which range that gives.

    dtype, scheme, granularity: as in `choose_qparams`, for the qparams. PerTensor() keeps one range, PerAxis(axis)
    one for each index of the axis, whose size is fixed by the first batch; the other sizes may change.

    Raises ValueError for PerGroup, whose ranges would be as many as the tensor has groups; what has been seen is
    not part of `state_dict`.
    """

    def __init__(
        self, dtype: str = "int8", scheme: str | None = None, granularity: Granularity = PerTensor()
    ) -> None:
        super().__init__()
        if isinstance(granularity, PerGroup):
            raise ValueError(f"an observer keeps a range per tensor or per axis, got {granularity}")
        qparams_from_range(0.0, 1.0, dtype, scheme)  # the format and the scheme are judged by those who know
        self.dtype, self.scheme, self.granularity = dtype, scheme, granularity
        self.register_buffer("low", None, persistent=False)
        self.register_buffer("high", None, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.observe(x)
        return x

    def observe(self, x: torch.Tensor) -> None:
        """Take note of one batch, a float tensor; ValueError if it is empty, not finite, or its channels differ."""
        check_input(x)
        x = x.detach()
        shape, rows = self.granularity.scale_shape(tuple(x.shape)), self.granularity.rows(x)
        low, high = rows.amin(1).reshape(shape), rows.amax(1).reshape(shape)
        if not (-torch.inf < low.amin() and high.amax() < torch.inf):  # false for NaN too
            raise_not_finite(x)
        if self.low is not None and self.low.shape != shape:
            raise ValueError(
                f"this observer keeps ranges of shape {tuple(self.low.shape)} and the batch {tuple(x.shape)} under "
                f"{self.granularity} has {shape}; use a new observer for it"
            )
        self._update(rows, low, high)

    def range(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The lower and the upper end that the qparams cover, in the scale's shape; ValueError before any batch."""
        if self.low is None:
            raise ValueError(f"this {type(self).__name__} has seen no data; run the model, or call observe, first")
        return self._range()

    def qparams(self) -> QParams:
        """The qparams of the range; raises what `range` and `qparams_from_range` raise."""
        return qparams_from_range(*self.range(), self.dtype, self.scheme, self.granularity)

    def merge(self, other: Observer) -> Observer:
        """A new observer that has seen what both have seen; the order does not matter.

        Raises TypeError for an observer of another type or other settings.
        """
        if type(self) is not type(other) or self.extra_settings() != other.extra_settings():
            raise TypeError(f"only equal observers can be merged, got {self} and {other}")
        if other.low is None:
            return copy.deepcopy(self)
        merged = copy.deepcopy(other)
        if self.low is not None:
            merged._absorb(self)
        return merged

    def extra_settings(self) -> str:
        """What the observer was made with, as text."""
        return f"{self.dtype}, scheme={self.scheme}, {self.granularity}"

    def extra_repr(self) -> str:
        if self.low is None:
            return f"{self.extra_settings()}, no data seen"
        return f"{self.extra_settings()}, seen {self.low.min().item():.4g} to {self.high.max().item():.4g}"

    def _range(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.low, self.high

    def _update(self, rows: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> None:
        raise NotImplementedError

    def _absorb(self, other: Observer) -> None:
        self._update(None, other.low, other.high)


class MinMax(Observer):
    """The smallest and the largest number seen; the qparams are those of all batches in one tensor.

    One outlier widens the range for good.

    >>> observer = MinMax("uint4")
    >>> for batch in torch.tensor([[-1.0, 0.5], [3.0, 0.0]]):
    ...     observer.observe(batch)
    >>> observer.qparams().zero_point
    tensor(4, dtype=torch.int32)
    """

    def _update(self, rows, low, high):
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)


class MovingAverage(Observer):
    """The smallest and the largest number of each batch, averaged: low += momentum * (low of the batch - low).

    The first batch counts fully. momentum: above 0, at most 1; torch calls it averaging_constant, 0.01 too.
    The result depends on the order of the batches, so `merge` is refused.

    >>> observer = MovingAverage(momentum=0.5)
    >>> for batch in torch.tensor([[0.0, 1.0], [0.0, 3.0]]):
    ...     observer.observe(batch)
    >>> observer.range()
    (tensor(0.), tensor(2.))
    """

    def __init__(self, dtype="int8", scheme=None, granularity: Granularity = PerTensor(), momentum: float = 0.01):
        super().__init__(dtype, scheme, granularity)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be above 0 and at most 1, got {momentum!r}")
        self.momentum = momentum

    def merge(self, other):
        """Refused with a ValueError: the average depends on the order of the batches."""
        raise ValueError(
            "a moving average depends on the order of the batches, and two observers have none; observe all "
            "batches with one of them, or use MinMax"
        )

    def extra_settings(self):
        return f"{super().extra_settings()}, momentum={self.momentum:g}"

    def _update(self, rows, low, high):
        self.low = low if self.low is None else self.low + self.momentum * (low - self.low)
        self.high = high if self.high is None else self.high + self.momentum * (high - self.high)


class _Counting(MinMax):
    """An observer that also counts how many numbers fell where; merging is exact, as for MinMax."""

    def __init__(self, dtype="int8", scheme=None, granularity: Granularity = PerTensor()):
        super().__init__(dtype, scheme, granularity)
        self.histograms = Histograms()

    def _update(self, rows, low, high):
        super()._update(rows, low, high)
        self.histograms.add(rows)

    def _absorb(self, other):
        super()._update(None, other.low, other.high)
        self.histograms.merge(other.histograms)


class Percentile(_Counting):
    """The range that leaves out (100 - percentile) % of the numbers at each end, of each channel.

    percentile: above 50, at most 100. The ends are read from a histogram: each is off by at most one bin, 1/2048 of
    the power of two that holds the largest magnitude. With 100 the range is that of MinMax.

    >>> observer = Percentile(percentile=99)
    >>> observer.observe(torch.cat([torch.linspace(0, 1, 1000), torch.tensor([50.0])]))
    >>> observer.range()[1] < 1.1
    tensor(True)
    """

    def __init__(self, dtype="int8", scheme=None, granularity: Granularity = PerTensor(), percentile=99.9):
        super().__init__(dtype, scheme, granularity)
        if not 50 < percentile <= 100:
            raise ValueError(f"percentile must be above 50 and at most 100, got {percentile!r}")
        self.percentile = percentile

    def extra_settings(self):
        return f"{super().extra_settings()}, percentile={self.percentile:g}"

    def _range(self):
        share = self.percentile / 100
        ends = (self.histograms.quantile(q).to(self.low).reshape(self.low.shape) for q in (1 - share, share))
        return tuple(end.clamp(self.low, self.high) for end in ends)


class Histogram(_Counting):
    """The range, within what was seen, whose codes come nearest to the numbers in mean squared error.

    A narrow range cuts off the largest numbers, a wide one has coarse steps. Where one end decides (symmetric, or
    all numbers of one sign), 128 ranges are tried, then 128 around the best. Otherwise both ends are searched, on a
    grid of 16 x 16 ranges and then each by itself. The error is that of `fake_quantize`, with the numbers of a bin
    taken to be in its middle, within what was seen; the result is at most about 1 % worse than the best.

    >>> x = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    >>> observer = Histogram("int4", "symmetric")
    >>> observer.observe(x)
    >>> observer.range()[1] < 0.8 * x.max()
    tensor(True)
    """

    def _range(self):
        pairs = zip(self.low.flatten(), self.high.flatten(), *self.histograms.numbers(), strict=True)
        best = torch.stack([self._search(low, high, values, counts) for low, high, values, counts in pairs])
        return best[:, 0].reshape(self.low.shape), best[:, 1].reshape(self.low.shape)

    def _search(self, low, high, values, counts) -> torch.Tensor:
        """The best range of one channel, as (2,). values, counts: the middle and the content of each bin."""
        filled = counts > 0
        values, counts = values[filled].clamp(low, high), counts[filled]
        full = torch.stack([low.clamp(max=0), high.clamp(min=0)])  # a range contains 0
        parts = torch.arange(1, STEPS + 1, device=low.device).to(low) / STEPS
        if self.scheme == "symmetric" or (full == 0).any():  # one number says it all
            best = self._best(torch.outer(parts, full), values, counts)
            finer = best + torch.outer(2 * parts - 1, full) / STEPS
            return self._best(finer.clamp(*full), values, counts)
        coarse = parts[STEPS // 16 - 1 :: STEPS // 16]
        best = self._best(torch.cartesian_prod(coarse, coarse) * full, values, counts)
        for end in (0, 1, 0, 1):
            tried = best.repeat(STEPS, 1)
            tried[:, end] = parts * full[end]
            best = self._best(tried, values, counts)
        return best

    def _best(self, ranges: torch.Tensor, values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """The one of the ranges (R, 2) with the smallest sum of squared errors over the histogram."""
        low, high = ranges.unsqueeze(2).unbind(1)
        qparams = qparams_from_range(low, high, self.dtype, self.scheme, PerAxis(0))
        rounded = fake_quantize(values.to(low).expand(len(ranges), -1), qparams)
        errors = ((rounded - values).square() * counts).sum(1)
        return ranges[errors.argmin()]
