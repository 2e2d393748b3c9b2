"""Histograms of streams of numbers, in bounded memory, that do not depend on the order in which numbers come.

The bins of a histogram are equally wide, the width is a power of two, and 0 is an edge. When a number falls
outside, the width grows to the next power of two that holds it, and neighboring bins become one. As floor(x / 2w)
is floor(floor(x / w) / 2), the counts are those of a histogram that had the final width from the start. So
counting A then B, B then A, or merging histograms of both, gives exactly the same.
"""

from __future__ import annotations

import torch

HALF = 2048  # bins on either side of 0
SMALLEST = -1000  # the exponent of a histogram of zeros; float64 goes down to -1074


class Histograms:
    """One histogram for each row of what is added.

    counts: int64 (rows, 2 * HALF). exponent: int64 (rows,); the bins cover -2**exponent to 2**exponent.

    >>> histograms = Histograms()
    >>> histograms.add(torch.tensor([[0.3, 0.6, -0.9, 0.5]]))
    >>> histograms.quantile(0.5)
    tensor([0.3003], dtype=torch.float64)
    """

    def __init__(self) -> None:
        self.counts: torch.Tensor | None = None
        self.exponent: torch.Tensor | None = None

    def add(self, rows: torch.Tensor) -> None:
        """Count the numbers of a float tensor (rows, n)."""
        rows = rows.double()
        mantissa, exponent = torch.frexp(rows.abs().amax(1))
        needed = torch.where(mantissa == 0, SMALLEST, exponent.long().clamp(min=SMALLEST))
        if self.counts is None:
            self.counts = torch.zeros(len(rows), 2 * HALF, dtype=torch.int64, device=rows.device)
            self.exponent = needed
        self._widen(needed)
        position = torch.ldexp(rows, (HALF.bit_length() - 1 - self.exponent).unsqueeze(1)).floor().long() + HALF
        self.counts.scatter_add_(1, position, torch.ones_like(position))

    def merge(self, other: Histograms) -> None:
        """Count all that `other` has counted, too."""
        self._widen(other.exponent)
        theirs = Histograms()
        theirs.counts, theirs.exponent = other.counts, other.exponent
        theirs._widen(self.exponent)
        self.counts = self.counts + theirs.counts

    def numbers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The middle of each bin, float64, and how many numbers are in it, int64; both (rows, 2 * HALF)."""
        return (self._edges()[:, :-1] + self._width() / 2), self.counts

    def quantile(self, share: float) -> torch.Tensor:
        """The number below which `share` of the numbers are, float64 (rows,); within one bin of the exact one."""
        below = self.counts.cumsum(1)
        wanted = share * below[:, -1:]
        position = (below >= wanted).int().argmax(1, keepdim=True).clamp(min=0)
        inside = self.counts.gather(1, position)
        fraction = 1 - (below.gather(1, position) - wanted) / inside.clamp(min=1)
        return (self._edges().gather(1, position) + fraction * self._width()).squeeze(1)

    def _widen(self, exponent: torch.Tensor) -> None:
        """Make bins wider, until they cover at least 2**exponent in each row."""
        target = torch.maximum(self.exponent, exponent)
        shift = (target - self.exponent).clamp(max=62).unsqueeze(1)
        if not shift.any():
            return
        position = torch.arange(-HALF, HALF, device=target.device).expand(self.counts.shape) >> shift
        self.counts = torch.zeros_like(self.counts).scatter_add_(1, position + HALF, self.counts)
        self.exponent = target

    def _width(self) -> torch.Tensor:
        one = torch.ones(len(self.exponent), 1, dtype=torch.float64, device=self.exponent.device)
        return torch.ldexp(one, (self.exponent - HALF.bit_length() + 1).unsqueeze(1))

    def _edges(self) -> torch.Tensor:
        return torch.arange(-HALF, HALF + 1, device=self.exponent.device) * self._width()
