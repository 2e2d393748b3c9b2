"""Number types that a long sum can be kept in: the whole numbers each of them holds, and what becomes of a sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Accumulator:
    """A type that a sum is kept in. It holds every whole number from `-limit` to `limit`."""

    name: str
    limit: int

    @property
    def bits(self) -> int:
        """The width of the signed integers that it holds without exception: 25 for float32."""
        return self.limit.bit_length() + (self.name != "float32")

    def total(self, x: np.ndarray, w: np.ndarray, exact: np.ndarray) -> np.ndarray:
        """x (M, K) @ w (K, N) of whole numbers, summed in this type from k = 0 on: (M, N), float64.

        Integers wrap around, so that `exact`, the exact product, tells theirs. float32 rounds after each addition.
        """
        if self.name == "float32":
            return in_float32(x, w)
        span = 2**self.bits
        return (exact + span // 2) % span - span // 2


ACCUMULATORS = {
    a.name: a
    for a in (
        Accumulator("int8", 2**7 - 1),
        Accumulator("int16", 2**15 - 1),
        Accumulator("float32", 2**24),
        Accumulator("int32", 2**31 - 1),
    )
}


def exact_total(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x @ w of whole numbers as float64, which is exact up to 2**53.

    >>> exact_total(np.array([[100, 100]]), np.array([[100], [100]]))
    array([[20000.]])
    """
    return x.astype(np.float64) @ w.astype(np.float64)


def in_float32(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x @ w, one product after the other added up in float32.

    >>> in_float32(np.full((1, 1041), 127), np.full((1041, 1), 127)) - 1041 * 127**2  # past 2**24: even numbers
    array([[-1.]])
    """
    columns, rows = np.ascontiguousarray(x.T, np.float32), w.astype(np.float32)
    total = np.zeros((x.shape[0], w.shape[1]), np.float32)
    product = np.empty_like(total)
    for column, row in zip(columns, rows, strict=True):
        total += np.multiply(column[:, None], row, out=product)
    return total.astype(np.float64)
