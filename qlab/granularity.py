"""Which elements share a scale: the whole tensor, one slice of an axis, or a group along an axis.

Each granularity rearranges a tensor into a 2-D one with *one scale a row*, so that the rest of the library needs
one loop for all of them. This module computes no scale.

For x of shape (A, B) the scale's shape is () for PerTensor, (A, 1) for PerAxis(axis=0), (1, B) for
PerAxis(axis=1) and (A, ceil(B / g)) for PerGroup(group_size=g, axis=1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

BLOCK = 1 << 19  # elements handled at a time: 2 MB of float32 stays in the processor's cache


class Granularity:
    """What PerTensor, PerAxis and PerGroup have in common."""

    def scale_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the scale of a tensor of this shape; ValueError for an axis that it does not have."""
        raise NotImplementedError

    def rows(self, x: torch.Tensor) -> torch.Tensor:
        """`x` with the elements that share a scale in one row, 2-D; a view where the layout allows it."""
        raise NotImplementedError

    def from_rows(self, rows: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """The inverse of `rows` for a tensor of this shape; contiguous."""
        raise NotImplementedError

    def of_scale(self) -> Granularity:
        """The granularity whose `rows` takes a *scale* to one element a row, in the order of the tensor's rows."""
        return self

    def spread(self, scale: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        """`scale` repeated to one element per element of a tensor of this shape."""
        return scale.expand(shape)


@dataclass(frozen=True)
class PerTensor(Granularity):
    """One scale for all elements; the scale has shape ().

    >>> PerTensor().rows(torch.zeros(2, 3)).shape
    torch.Size([1, 6])
    """

    def scale_shape(self, shape):
        return ()

    def rows(self, x):
        return x.reshape(1, -1)

    def from_rows(self, rows, shape):
        return rows.reshape(shape).contiguous()


@dataclass(frozen=True)
class PerAxis(Granularity):
    """One scale for each index of `axis`, the axis that is *kept*; the scale has size 1 on every other axis.

    For the weight of a Linear (out_features, in_features), axis 0 gives one scale per output channel; for a
    ConvTranspose2d (in_channels, out_channels, ...) the output channels are axis 1.

    >>> PerAxis(axis=0).scale_shape((4, 8))
    (4, 1)
    >>> PerAxis(axis=-1).spread(torch.tensor([[1.0, 2.0, 3.0]]), (2, 3))
    tensor([[1., 2., 3.],
            [1., 2., 3.]])
    """

    axis: int = 0

    def scale_shape(self, shape):
        axis = axis_index(self.axis, shape)
        return tuple(n if i == axis else 1 for i, n in enumerate(shape))

    def rows(self, x):
        moved = x.movedim(axis_index(self.axis, x.shape), 0)
        return moved.reshape(len(moved), -1)

    def from_rows(self, rows, shape):
        axis = axis_index(self.axis, shape)
        moved = (shape[axis], *shape[:axis], *shape[axis + 1 :])
        return rows.reshape(moved).movedim(0, axis).contiguous()


@dataclass(frozen=True)
class PerGroup(Granularity):
    """One scale for each run of `group_size` elements along `axis`, the axis that is *cut*.

    The last group of an axis may be shorter; its row is filled up with zeros, which never widen a range, since a
    range always contains 0. Raises ValueError for a group size below 1.

    >>> PerGroup(group_size=4).scale_shape((2, 10))
    (2, 3)
    >>> PerGroup(group_size=2).rows(torch.tensor([[1, 2, 3], [4, 5, 6]]))
    tensor([[1, 2],
            [3, 0],
            [4, 5],
            [6, 0]])
    """

    group_size: int = 128
    axis: int = -1

    def __post_init__(self) -> None:
        if not isinstance(self.group_size, int) or self.group_size < 1:
            raise ValueError(f"group_size must be an integer of at least 1, got {self.group_size!r}")

    def scale_shape(self, shape):
        axis = axis_index(self.axis, shape)
        return tuple(-(-n // self.group_size) if i == axis else n for i, n in enumerate(shape))

    def rows(self, x):
        moved = x.movedim(axis_index(self.axis, x.shape), -1)
        short = -moved.shape[-1] % self.group_size
        return (F.pad(moved, (0, short)) if short else moved).reshape(-1, self.group_size)

    def from_rows(self, rows, shape):
        axis = axis_index(self.axis, shape)
        others = shape[:axis] + shape[axis + 1 :]
        padded = -(-shape[axis] // self.group_size) * self.group_size
        return rows.reshape(*others, padded)[..., : shape[axis]].movedim(-1, axis).contiguous()

    def of_scale(self):
        return PerGroup(1, self.axis)

    def spread(self, scale, shape):
        axis = axis_index(self.axis, shape)
        return scale.repeat_interleave(self.group_size, dim=axis).narrow(axis, 0, shape[axis])


def blocks(rows: torch.Tensor) -> Iterator[tuple[slice, slice]]:
    """Index pairs that cut a 2-D tensor into blocks of at most BLOCK elements: whole rows, or parts of long ones.

    >>> list(blocks(torch.zeros(1, BLOCK + 5)))
    [(slice(0, 1, None), slice(0, 524288, None)), (slice(0, 1, None), slice(524288, 524293, None))]
    """
    count, length = rows.shape
    height = max(1, BLOCK // length)
    for i in range(0, count, height):
        for j in range(0, length, BLOCK):
            yield slice(i, min(i + height, count)), slice(j, min(j + BLOCK, length))


def axis_index(axis: int, shape: tuple[int, ...]) -> int:
    """`axis` counted from the front; ValueError for an axis that a tensor of this shape does not have.

    >>> axis_index(-1, (4, 8))
    1
    """
    if not isinstance(axis, int):
        raise TypeError(f"axis must be an integer, got {axis!r} ({type(axis).__name__})")
    if not -len(shape) <= axis < len(shape):
        hint = f"-{len(shape)} to {len(shape) - 1} exist" if shape else "a scalar has none: use PerTensor()"
        raise ValueError(f"axis {axis} is out of range for a tensor of shape {tuple(shape)}; {hint}")
    return axis % len(shape)
