"""The tensors an explorer can show: a 4 x 4 sample, real layers of a trained model, or the learner's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import floor, log10

import numpy as np
import torch

from qlab.explore.panels import CROP, MAX_CELLS

SAMPLE = "4 × 4 sample"
LAYERS = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")
MAX_ELEMENTS = 1 << 18  # more would make a slider stutter
SMALLEST, LARGEST = 1e-15, 1e15  # the squares of the magnitudes stay normal numbers in between


@dataclass(frozen=True)
class Source:
    """A tensor to explore: `x` is 2-D float32, `shape` the shape it was given in, `call` how Python names it."""

    name: str
    x: torch.Tensor
    shape: tuple[int, ...]
    call: str

    @cached_property
    def low(self) -> float:
        """The smallest value."""
        return self.x.min().item()

    @cached_property
    def high(self) -> float:
        """The largest value."""
        return self.x.max().item()

    @cached_property
    def largest(self) -> float:
        """The largest magnitude; 1 for an all-zero tensor, so that it can be divided by."""
        return max(-self.low, self.high) or 1.0

    @cached_property
    def step(self) -> float:
        """A round number (1, 2 or 5 times a power of ten) about a fortieth of the largest magnitude."""
        power = 10.0 ** floor(log10(self.largest / 40))
        return next(k * power for k in (1, 2, 5, 10) if k * power >= self.largest / 40)

    @cached_property
    def limit(self) -> float:
        """The end of the range sliders, in the tensor's unit: 1.5 times the largest magnitude or a bit more."""
        return self.step * np.ceil(1.5 * self.largest / self.step).item()

    @cached_property
    def histogram(self) -> np.ndarray:
        """Counts of the values in 96 bins from `-limit` to `limit`."""
        return np.histogram(self.x.numpy(), bins=96, range=(-self.limit, self.limit))[0]

    @cached_property
    def note(self) -> str:
        """What the panels leave out, in words; empty when they show everything."""
        rows, columns = self.x.shape
        parts = []
        if self.x.numel() < np.prod(self.shape):
            parts.append(f"Explored: the first {self.x.numel():,} of {np.prod(self.shape):,} values.")
        if max(rows, columns) > MAX_CELLS and (rows > CROP or columns > CROP):
            shown = f"{min(rows, CROP)} × {min(columns, CROP)}"
            parts.append(f"Pictured: the first {shown} of {rows} × {columns}; the numbers count all.")
        return " ".join(parts)


def source(tensor=None) -> Source:
    """The tensor to explore: None for the sample, a layer's name, or a tensor, array or nested list.

    A tensor of any rank becomes 2-D with its first axis as rows. Raises ValueError for an unknown name, an empty
    or non-numeric tensor, NaN or infinity, and magnitudes outside 1e-15 to 1e15.

    >>> source([[1.0, -2.0]]).x
    tensor([[ 1., -2.]])
    """
    if isinstance(tensor, Source):
        return tensor
    if tensor is None or isinstance(tensor, str):
        return named(tensor or SAMPLE)
    x = _checked(tensor)
    matrix = _as_matrix(x)
    # A float32 prints as the shortest decimal that reads back as itself, so this literal is exact.
    rows = [f"[{', '.join(map(str, row))}]" for row in matrix.numpy()] if x.numel() <= 16 else []
    return Source("your tensor", matrix, tuple(x.shape), f"[{', '.join(rows)}]" if rows else "your_tensor")


@cache
def named(name: str) -> Source:
    """One of the bundled tensors; ValueError for a name that is not in `names()`."""
    if name not in names():
        raise ValueError(
            f"there is no tensor {name!r} to explore; choose one of {', '.join(names())}, or pass a tensor"
        )
    if name == SAMPLE:
        values = [
            [1.21, -0.42, 0.07, 0.66],
            [-0.9, 0.33, 1.74, -0.15],
            [0.0, -0.58, 0.81, 2.1],
            [-0.27, 1.02, -1.13, 0.49],
        ]
        return Source(name, torch.tensor(values), (4, 4), "")
    from qlab.zoo import load

    weight = load("digits_cnn").get_parameter(name).detach()
    return Source(name, weight.reshape(len(weight), -1), tuple(weight.shape), repr(name))


def names() -> tuple[str, ...]:
    """The tensors that come with the course."""
    return (SAMPLE, *LAYERS)


def _checked(tensor) -> torch.Tensor:
    """The learner's tensor as float32 on the CPU, or a ValueError that says what is wrong with it."""
    try:
        x = torch.as_tensor(tensor)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"cannot read a {type(tensor).__name__} as a tensor ({error}); pass numbers in a tensor, "
            "an array or a nested list of equal rows"
        ) from error
    if x.numel() == 0:
        raise ValueError(f"a tensor of shape {tuple(x.shape)} holds nothing to explore; pass at least one value")
    if x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"expected real numbers, got a tensor of {x.dtype}; convert it with .float()")
    x = x.detach().to("cpu", torch.float32)
    bad = int((~x.isfinite()).sum())
    if bad:
        raise ValueError(
            f"{bad} of {x.numel()} values are NaN or infinite in float32; remove them, "
            "for example with torch.nan_to_num"
        )
    largest = x.abs().max().item()
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            f"the largest magnitude is {largest:.3g}, expected {SMALLEST:.0e} to {LARGEST:.0e}; rescale the tensor"
        )
    return x


def _as_matrix(x: torch.Tensor) -> torch.Tensor:
    """Any rank as 2-D, first axis as rows; a vector folds into rows of equal length; at most MAX_ELEMENTS."""
    if x.dim() < 2:
        width = max(w for w in range(1, CROP + 1) if x.numel() % w == 0)
        x = x.reshape(-1, width)
    x = x.reshape(len(x), -1)[:, :MAX_ELEMENTS]
    return x[: max(1, MAX_ELEMENTS // x.shape[1])].contiguous()
