"""How far a quantized tensor is from the original, and what it costs to store.

All functions compute in float64 and return Python numbers. Nothing here knows how the approximation was made.
"""

from __future__ import annotations

import math

import torch


def mse(reference: torch.Tensor, actual: torch.Tensor) -> float:
    """Mean squared error, in the square of the tensors' unit; both of one shape, any float or integer type.

    Raises ValueError when the shapes differ or the tensors are empty.

    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    0.125
    """
    reference, actual = _pair(reference, actual)
    return (reference - actual).square().mean().item()


def sqnr(reference: torch.Tensor, actual: torch.Tensor) -> float:
    """Signal-to-quantization-noise ratio in dB: 10 log10(sum reference^2 / sum (reference - actual)^2).

    Infinite where the tensors are equal; -inf where the reference is all zeros and the other is not.
    Raises ValueError when the shapes differ or the tensors are empty.

    >>> round(sqnr(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])), 3)  # 10 log10(25 / 0.25)
    20.0
    """
    reference, actual = _pair(reference, actual)
    signal, noise = reference.square().sum().item(), (reference - actual).square().sum().item()
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def max_abs_error(reference: torch.Tensor, actual: torch.Tensor) -> float:
    """The largest absolute difference, in the tensors' unit. Raises ValueError as `mse` does.

    >>> max_abs_error(torch.tensor([1.0, 2.0]), torch.tensor([1.25, 2.0]))
    0.25
    """
    reference, actual = _pair(reference, actual)
    return (reference - actual).abs().max().item()


def packed_nbytes(count: int, bits: int) -> int:
    """Bytes that `count` codes of `bits` bits fill when they are packed without gaps.

    >>> packed_nbytes(9, 4)
    5
    """
    return (count * bits + 7) // 8


def bits_per_weight(qt) -> float:
    """Bits stored per element of a quantized tensor, its scales and zero points included.

    `qt` is anything with `nbytes` and `shape`, such as a QTensor. Unit: bits per weight.

    >>> from types import SimpleNamespace
    >>> bits_per_weight(SimpleNamespace(nbytes=66, shape=(128,)))  # 128 int4 codes and one float16 scale
    4.125
    """
    return 8 * qt.nbytes / math.prod(qt.shape)


def _pair(reference: torch.Tensor, actual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if reference.shape != actual.shape:
        given = f"{tuple(reference.shape)} and {tuple(actual.shape)}"
        raise ValueError(f"the tensors to compare must have one shape, got {given}; reshape one of them")
    if reference.numel() == 0:
        raise ValueError(f"there is nothing to compare in tensors of shape {tuple(reference.shape)}")
    return reference.detach().double(), actual.detach().double()
