"""The growth of a sum: how many bits it takes as more products are added, and what the accumulators hold."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from qlab.explore.accumulators import ACCUMULATORS

UNITS, HEIGHT = 1000, 200  # SVG units across, pixels down
DOUBLINGS = 18  # the x axis runs from K = 1 to 2**18
TOP = 36  # bits at the top of the y axis
TICKS = (0, 5, 10, 15)


@dataclass(frozen=True)
class Growth:
    """What the plot shows: bits of a signed whole number over K, the number of products in a sum.

    `largest` is the largest magnitude of one product; `measured` are (K, largest magnitude of the sums of K
    products) of the data on view; `accumulator` is the name of the one chosen.
    """

    largest: int
    measured: tuple[tuple[int, int], ...]
    accumulator: str

    @property
    def alt(self) -> str:
        """The plot in words."""
        last, size = self.measured[-1]
        one = f"one product needs up to {needed_bits(self.largest)} bits, each doubling of K one more"
        return f"Bits of a sum over K: {one}; the sums on view need {needed_bits(size)} at K = {last}"

    @property
    def html(self) -> str:
        """The plot: an SVG as wide as its pane, and labels in HTML so that they keep their size in a narrow one."""
        chosen = {self.accumulator: "limit on"}
        holds = "".join(
            f'<path class="{chosen.get(name, "limit")}" d="M0 {_down(a.bits):.1f}H{UNITS}"/>'
            for name, a in ACCUMULATORS.items()
        )
        last = _across(self.measured[-1][0])
        drawing = (
            f'<svg viewBox="0 0 {UNITS} {HEIGHT}" height="{HEIGHT}" preserveAspectRatio="none">{holds}'
            f'<path class="axis" d="M0 0V{HEIGHT}H{UNITS}M{last:.1f} 0V{HEIGHT}"/>'
            f'<path class="same" d="{_path(self.worst)}"/><path class="step" d="{_path(self.points)}"/></svg>'
        )
        return f'<div class="stair growth" role="img" aria-label="{self.alt}">{drawing}{self._labels()}</div>'

    @property
    def worst(self) -> list[tuple[int, float]]:
        """The ends of the line for the largest products: (K, bits)."""
        return [(k, bits_of(k * self.largest)) for k in (1, 2**DOUBLINGS)]

    @property
    def points(self) -> list[tuple[int, float]]:
        """The measured sums: (K, bits)."""
        return [(k, bits_of(size)) for k, size in self.measured]

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        for name, accumulator in ACCUMULATORS.items():
            width = 2 if name == self.accumulator else 0.8
            axes.axhline(accumulator.bits, color="tab:orange", linewidth=width)
            axes.text(2**DOUBLINGS, accumulator.bits, f" {name}", va="center", fontsize=8)
        axes.plot(*zip(*self.worst, strict=True), linestyle=":", color="gray", label="any codes, at most")
        axes.plot(*zip(*self.points, strict=True), marker="o", markersize=3, label="these codes")
        axes.set_xscale("log", base=2)
        axes.set(xlim=(1, 2**DOUBLINGS), ylim=(0, TOP), xlabel="K", ylabel="bits of the sum")
        axes.legend(fontsize=8, loc="upper left")

    def _labels(self) -> str:
        """Ticks of both axes, the names of the lines."""
        labels = [("x", f"{_across(2**t) / 10:g}%", HEIGHT, f"{2**t:,}") for t in TICKS]
        labels += [("y", "0", _down(a.bits), str(a.bits)) for a in ACCUMULATORS.values()]
        labels += [("code", "100%", _down(a.bits), name) for name, a in ACCUMULATORS.items()]
        k, bits = self.points[-1]
        labels += [("zero", f"{_across(k) / 10:.1f}%", _down(bits), "")]
        labels += [("name", "0", 0, "bits of the sum; dotted: at most"), ("name last", "100%", 0, "holds")]
        labels += [("code", "100%", HEIGHT, "K")]
        return "".join(
            f'<span class="{kind}" style="left:{x};top:{y:.1f}px">{text}</span>' for kind, x, y, text in labels
        )


def needed_bits(size: int) -> int:
    """The width of a signed integer that holds -size and size.

    >>> needed_bits(127), needed_bits(128), needed_bits(0)
    (8, 9, 1)
    """
    return int(size).bit_length() + 1


def bits_of(size: float) -> float:
    """The same as a smooth height for the plot: 8.0 at 2**7."""
    return 1 + log2(max(size, 1))


def _across(k: float) -> float:
    """SVG units from the left."""
    return UNITS * log2(k) / DOUBLINGS


def _down(bits: float) -> float:
    """Pixels from the top."""
    return HEIGHT * (1 - min(bits, TOP) / TOP)


def _path(points: list[tuple[int, float]]) -> str:
    """A line through the points."""
    return "M" + "L".join(f"{_across(k):.1f} {_down(bits):.1f}" for k, bits in points)
