"""Number types that a long sum can be kept in: the whole numbers each of them holds, and what becomes of a sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP = 64  # products held at once, for each sum


@dataclass(frozen=True)
class Accumulator:
    """A type that a sum is kept in. It holds every whole number from `-limit` to `limit`."""

    name: str
    limit: int

    @property
    def bits(self) -> int:
        """The width of the signed integers that it holds without exception: 25 for float32."""
        return self.limit.bit_length() + (self.name != "float32")

    def total(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """x (M, K) @ w (K, N) of whole numbers, summed in this type from k = 0 on: (M, N), float64.

        Integers wrap around. float32 rounds after each addition, to even at ties.
        """
        if self.name == "float32":
            return in_float32(x, w)
        span = 2**self.bits
        return (exact_total(x, w) + span // 2) % span - span // 2


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
    x, w = x.astype(np.float32), w.astype(np.float32)
    total = np.zeros((x.shape[0], w.shape[1]), np.float32)
    for k in range(0, x.shape[1], STEP):
        products = x.T[k : k + STEP, :, None] * w[k : k + STEP, None, :]
        products[0] += total
        total = np.add.accumulate(products, axis=0)[-1]  # one after the other: np.sum may add in another order
    return total.astype(np.float64)
