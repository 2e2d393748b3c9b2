"""Two rulers over one histogram: which values the codes of each stand for, and which codes are wasted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qlab.explore.panels import fixed, short

UNITS, COMB, BARS, GAP = 1000, 30, 44, 10  # SVG units across; pixels down: a ruler's marks, the histogram, between


@dataclass(frozen=True)
class Ruler:
    """The codes `quant_min` to `quant_max` as marks, `scale` apart, the zero point at 0.

    `first` and `last` are the smallest and the largest code that the data get: the codes outside are wasted.
    """

    name: str
    scale: float
    zero_point: int
    quant_min: int
    quant_max: int
    first: int
    last: int

    @property
    def codes(self) -> np.ndarray:
        """All codes, ascending."""
        return np.arange(self.quant_min, self.quant_max + 1)

    @property
    def marks(self) -> np.ndarray:
        """The values that the codes stand for, ascending."""
        return (self.codes - self.zero_point) * self.scale

    @property
    def in_reach(self) -> np.ndarray:
        """Which codes the data can get."""
        return (self.codes >= self.first) & (self.codes <= self.last)

    @property
    def wasted(self) -> int:
        """How many codes lie beyond the data."""
        return int((~self.in_reach).sum())

    @property
    def alt(self) -> str:
        """The ruler in words."""
        low, high = short(self.marks[0]), short(self.marks[-1])
        return f"{self.name}: {len(self.codes)} codes from {low} to {high}, {self.wasted} of them beyond the data"


@dataclass(frozen=True)
class Rulers:
    """One ruler above and one below the data's histogram; the x axis runs from `-limit` to `limit`."""

    above: Ruler
    below: Ruler
    limit: float
    counts: np.ndarray

    @property
    def text(self) -> str:
        """Both rulers in words."""
        return f"{self.above.alt}. {self.below.alt}."

    @property
    def html(self) -> str:
        """An SVG as wide as its pane, and labels in HTML so that they keep their size in a narrow one."""
        bottom = 2 * (COMB + GAP) + BARS
        drawing = (
            f'<svg viewBox="0 0 {UNITS} {bottom}" height="{bottom}" preserveAspectRatio="none">'
            f'<path class="axis" d="M0 {COMB + GAP + BARS}H{UNITS}M{UNITS / 2} 0V{bottom}"/>{self._bars()}'
            f"{self._comb(self.above, 0)}{self._comb(self.below, bottom - COMB)}</svg>"
        )
        return f'<div class="rulers" role="img" aria-label="{self.text}">{drawing}{self._labels(bottom)}</div>'

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        edges = np.linspace(-self.limit, self.limit, len(self.counts) + 1)
        axes.stairs(np.sqrt(self.counts / self.counts.max()), edges, fill=True, color="0.7")
        for ruler, low, high in ((self.above, 1.1, 1.6), (self.below, -0.6, -0.1)):
            for part, color in ((ruler.in_reach, "tab:blue"), (~ruler.in_reach, "tab:orange")):
                axes.vlines(ruler.marks[part], low, high, color=color, linewidth=self._width(ruler))
        axes.set(xlim=(-self.limit, self.limit), ylim=(-0.7, 1.7), xlabel="value")
        axes.set_yticks([-0.35, 0.5, 1.35], [self.below.name, "data", self.above.name])

    def _across(self, x):
        """SVG units from the left for a value."""
        return UNITS * (x / self.limit + 1) / 2

    def _width(self, ruler: Ruler) -> float:
        """Pixels that a mark is wide: thinner where marks are close, so that they stay apart."""
        return float(np.clip(0.4 * UNITS * ruler.scale / (2 * self.limit), 0.6, 2.5))

    def _bars(self) -> str:
        """The histogram, standing between the rulers; roots, so that rare values stay visible."""
        base, bar = COMB + GAP + BARS, UNITS / len(self.counts)
        heights = BARS * np.sqrt(self.counts / self.counts.max())
        bars = (f"M{i * bar:.1f} {base}v{-h:.1f}h{bar:.1f}V{base}" for i, h in enumerate(heights) if h > 0)
        return f'<path class="data" d="{"".join(bars)}"/>'

    def _comb(self, ruler: Ruler, top: float) -> str:
        """The marks of a ruler, those of wasted codes apart."""
        width, parts = self._width(ruler), ((ruler.in_reach, "mark"), (~ruler.in_reach, "wasted"))
        return "".join(
            f'<path class="{kind}" stroke-width="{width:.2f}" '
            f'd="{"".join(f"M{x:.1f} {top}v{COMB}" for x in self._across(ruler.marks[part]).tolist())}"/>'
            for part, kind in parts
        )

    def _labels(self, bottom: float) -> str:
        """The names on the left, the codes of zero and of both ends at their marks, the values at the bottom."""
        labels = [
            ("name", "0", COMB / 2, self.above.name),
            ("name", "0", COMB + GAP + BARS / 2, "data"),
            ("name", "0", bottom - COMB / 2, self.below.name),
        ]
        for ruler, y in ((self.above, -9), (self.below, bottom + 9)):
            labels += [("at", self._percent(x), y, fixed(code, 0)) for x, code in self._named(ruler)]
        ticks = (i * self.limit / 2 for i in range(-2, 3))
        labels += [("at", self._percent(v), bottom + 27, short(v)) for v in ticks]
        labels += [
            ("name", "0", -9, "code"),
            ("name", "0", bottom + 9, "code"),
            ("name", "0", bottom + 27, "value"),
        ]
        return "".join(
            f'<span class="{kind}" style="left:{x};top:{y:.1f}px">{text}</span>' for kind, x, y, text in labels
        )

    def _percent(self, x: float) -> str:
        return f"{self._across(x) / UNITS:.1%}"

    def _named(self, ruler: Ruler) -> list[tuple[float, int]]:
        """The marks whose codes are written: both ends, and zero unless it is too near to them."""
        low, high = (ruler.quant_min, ruler.quant_max)
        ends = [((code - ruler.zero_point) * ruler.scale, code) for code in (low, high)]
        far = all(abs(x) > 0.08 * self.limit for x, _ in ends)
        return [*ends, (0.0, ruler.zero_point)] if far else ends
