"""Accuracy against size: mixed models as points, and the greedy path through them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from math import log, log10

UNITS, HEIGHT = 1000, 220  # SVG units across, and pixels down
ABOVE, BELOW = 13, 10  # pixels between a point and its label, which the line of the path must not strike through
BEST = 0.99  # the axis ends here; what is better is drawn on its edge
SHARES = 0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99
SIZES = [digit * 10**power for power in range(2, 8) for digit in (1, 2, 5)]


@dataclass(frozen=True)
class Point:
    """A model on the plot: what it is called, its bytes, the share it gets right."""

    label: str
    nbytes: int
    score: float


@dataclass(frozen=True)
class Frontier:
    """What the plot shows. `path`: the greedy path; `others`: models to compare with; `here`: the one on view.

    Across: bytes, logarithmic. Up: the share that is right, so that halving what is wrong is always as far.
    """

    scored: str
    path: tuple[Point, ...]
    others: tuple[Point, ...]
    here: Point

    @property
    def alt(self) -> str:
        """The plot in words."""
        path = f" Greedy path: {_told(self.path)}." if self.path else ""
        return f"{self.scored} over bytes. {_told([self.here])}. Others: {_told(self.others)}.{path}"

    @property
    def html(self) -> str:
        """The plot: an SVG as wide as its pane, and points and labels in HTML so that they keep their size."""
        line = "L".join(f"{self.across(p.nbytes):.1f} {down(p.score):.1f}" for p in self.path) or "0 0"
        lines = "".join(f'<path class="axis" d="M0 {down(share):.1f}H{UNITS}"/>' for share in SHARES)
        drawing = (
            f'<svg viewBox="0 0 {UNITS} {HEIGHT}" height="{HEIGHT}" preserveAspectRatio="none">{lines}'
            f'<path class="step" d="M{line}"/></svg>'
        )
        alt = html.escape(self.alt)
        return f'<div class="stair" role="img" aria-label="{alt}">{drawing}{self._labels()}</div>'

    @property
    def ends(self) -> tuple[float, float]:
        """The bytes at both ends of the axis."""
        sizes = [point.nbytes for point in (*self.path, *self.others, self.here)]
        return 0.85 * min(sizes), 1.05 * max(sizes)

    @property
    def apart(self) -> list[Point]:
        """The points of the path whose labels do not lie on that of the one before."""
        pairs = zip(self.path[:1] + self.path, self.path, strict=False)
        return [p for before, p in pairs if abs(down(before.score) - down(p.score)) > ABOVE]

    def across(self, nbytes: float) -> float:
        """SVG units from the left."""
        low, high = self.ends
        return UNITS * log(nbytes / low) / log(high / low)

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        if self.path:
            axes.plot(*_xy(self.path), marker="o", label="greedy path")
        axes.plot(*_xy(self.others), "o", color="gray")
        axes.plot(*_xy([self.here]), "o", markersize=14, fillstyle="none", color="black", label=self.here.label)
        for points, place, side in ((self.apart, (6, -10), "left"), (self.others, (0, 6), "center")):
            for point in points:
                (x,), (y,) = _xy([point])
                options = {"xytext": place, "textcoords": "offset points", "ha": side}
                axes.annotate(point.label, (x, y), fontsize=8, **options)
        axes.set_xscale("log")
        axes.set_xticks(SIZES, [f"{size / 1000:g} kB" for size in SIZES])
        axes.set_xlim(*self.ends)
        axes.minorticks_off()
        axes.set_yticks([-log10(1 - share) for share in SHARES], [f"{share:.0%}" for share in SHARES])
        axes.set(xlabel="size", ylabel=self.scored)
        axes.legend(fontsize=8, loc="lower right")

    def _labels(self) -> str:
        """Ticks of both axes, then the points with their names."""
        low, high = self.ends
        labels = [("x", size, HEIGHT, f"{size / 1000:g} kB") for size in SIZES if low <= size <= high]
        labels += [("y", low, down(share), f"{100 * share:g} %") for share in SHARES]
        labels += [("name", low, 0, f"{self.scored}, over bytes")]
        for point in self.others:
            labels.append(("zero dim", point.nbytes, down(point.score), ""))
            labels.append(("word", point.nbytes, down(point.score) - ABOVE, point.label))
        labels += [("zero", point.nbytes, down(point.score), "") for point in self.path]
        labels += [("code", point.nbytes, down(point.score) + BELOW, point.label) for point in self.apart]
        labels.append(("here", self.here.nbytes, down(self.here.score), ""))
        return "".join(
            f'<span class="{kind}" style="left:{self.across(x) / 10:.1f}%;top:{y:.1f}px">{html.escape(text)}</span>'
            for kind, x, y, text in labels
        )


def down(score: float) -> float:
    """Pixels from the top.

    >>> [round(down(score)) for score in (0.0, 0.9, 1.0)]
    [220, 110, 0]
    """
    return HEIGHT * (1 - log(1 - min(score, BEST)) / log(1 - BEST))


def _told(points) -> str:
    return ", ".join(f"{p.label} {p.nbytes:,} bytes {p.score:.3f}".strip() for p in points)


def _xy(points) -> tuple[list[float], list[float]]:
    """Bytes, and heights on the axis of `draw`."""
    return [p.nbytes for p in points], [-log10(1 - min(p.score, BEST)) for p in points]
