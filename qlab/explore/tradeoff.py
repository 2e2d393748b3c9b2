"""The trade-off of clipping, as a plot: over the clip, the error of what is cut off, of what is rounded, both."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np

from qlab.explore.panels import fixed, short

UNITS, HEIGHT, HISTOGRAM = 1000, 200, 40  # SVG units across; pixels down: the plot, and under it the data's bars
DECADES = 6  # the y axis runs from 0.0001 % to 100 % of the mean square of the data
TICKS = (0, -2, -4)
CURVES = {"step": "sum", "limit on": "cut off", "round": "rounded", "same": "sum by ACIQ's model"}


@dataclass(frozen=True)
class Tradeoff:
    """What the plot shows. The x axis runs from 0 to `largest`, in the tensor's unit.

    `clips` has the clips of all curves; `cut_off`, `rounded` and `model` have their errors, `chosen` that of
    `clip`, all as shares of the data's mean square. `best` and `closed` are the clips with the smallest sum,
    measured and by the model. `counts` is the histogram of the magnitudes, the zeros left out.
    """

    largest: float
    clips: tuple[float, ...]
    cut_off: tuple[float, ...]
    rounded: tuple[float, ...]
    model: tuple[float, ...]
    clip: float
    chosen: float
    best: float
    closed: float
    counts: np.ndarray

    @property
    def text(self) -> str:
        """The plot in words."""
        least = min(map(sum, zip(self.cut_off, self.rounded, strict=True)))
        return (
            f"Error over the clip, up to {short(self.largest)}: {_percent(self.chosen)} of the mean square at "
            f"{short(self.clip)}; least at {short(self.best)}, {_percent(least)}; by ACIQ's model at "
            f"{short(self.closed)}"
        )

    @property
    def curves(self) -> dict[str, list[float]]:
        """The errors by the name of their line's style."""
        total = [a + b for a, b in zip(self.cut_off, self.rounded, strict=True)]
        return dict(zip(CURVES, (total, self.cut_off, self.rounded, self.model), strict=True))

    @property
    def html(self) -> str:
        """The plot: an SVG as wide as its pane, and labels in HTML so that they keep their size in a narrow one."""
        bottom, x = HEIGHT + HISTOGRAM, self._across(self.clip)
        lines = "".join(f'<path class="{kind}" d="{self._path(y)}"/>' for kind, y in reversed(self.curves.items()))
        marks = "".join(f"M{self._across(at):.1f} 0V{bottom}" for at in (self.best, self.closed) if self._fits(at))
        drawing = (
            f'<svg viewBox="0 0 {UNITS} {bottom}" height="{bottom}" preserveAspectRatio="none">'
            f'<path class="clip" d="M{x:.1f} 0H{UNITS}V{bottom}H{x:.1f}z"/>{self._histogram()}'
            f'<path class="axis" d="M0 0V{bottom}H{UNITS}V0M0 {HEIGHT}H{UNITS}{marks}"/>{lines}</svg>'
        )
        legend = "".join(f'<span class="key"><i class="{kind}"></i>{name}</span>' for kind, name in CURVES.items())
        plot = f'<div class="stair" role="img" aria-label="{self.text}">{drawing}{self._labels()}</div>'
        return f'<div class="tradeoff"><p class="legend">{legend}</p>{plot}</div>'

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        looks = (("tab:blue", "-"), ("tab:orange", "--"), ("tab:green", "-."), ("gray", ":"))
        for (kind, errors), (color, line) in zip(self.curves.items(), looks, strict=True):
            shown = np.maximum(errors, 10.0**-DECADES)
            axes.semilogy(self.clips, shown, color=color, linestyle=line, label=CURVES[kind])
        for at, name in ((self.clip, "clip"), (self.best, "best"), (self.closed, "ACIQ")):
            if self._fits(at):
                axes.axvline(at, color="gray", linewidth=0.8)
                axes.text(at, 1, name, fontsize=8, ha="center", va="bottom")
        axes.set(xlim=(0, self.largest), ylim=(10.0**-DECADES, 1), xlabel="clip", ylabel="error / mean square")
        axes.legend(fontsize=8, loc="lower right")

    def _fits(self, clip: float) -> bool:
        return clip <= self.largest

    def _across(self, clip: float) -> float:
        """SVG units from the left."""
        return UNITS * clip / self.largest

    def _path(self, errors: list[float]) -> str:
        """A line through the errors of all clips."""
        pairs = zip(self.clips, errors, strict=True)
        return "M" + "L".join(f"{self._across(clip):.1f} {_down(error):.1f}" for clip, error in pairs)

    def _histogram(self) -> str:
        """Bars of the magnitudes, standing on the bottom line."""
        base, bar = HEIGHT + HISTOGRAM, UNITS / len(self.counts)
        shares = self.counts / max(self.counts.max(), 1)
        heights = (HISTOGRAM - 4) * np.sqrt(shares)  # roots: rare ones stay visible
        bars = (f"M{i * bar:.1f} {base}v{-h:.1f}h{bar:.1f}V{base}" for i, h in enumerate(heights) if h > 0)
        return f'<path class="data" d="{"".join(bars)}"/>'

    def _labels(self) -> str:
        """Ticks of both axes, the dot of the clip on view, the names of the two marked clips."""
        bottom = HEIGHT + HISTOGRAM
        labels = [("x", f"{25 * i}%", bottom, short(self.largest * i / 4)) for i in range(5)]
        labels += [("y", "0", _down(10.0**tick), f"{100 * 10.0**tick:g} %") for tick in TICKS]
        labels += [("y", "0", bottom - 10, "|x|"), ("zero", self._left(self.clip), _down(self.chosen), "")]
        labels += [("name", "0", 0, "error, % of the mean square"), ("code", "100%", bottom, "clip")]
        marked = [("word", self.best, HEIGHT - 10, "best"), ("word", self.closed, HEIGHT - 28, "ACIQ")]
        labels += [(kind, self._left(at), y, text) for kind, at, y, text in marked if self._fits(at)]
        return "".join(
            f'<span class="{kind}" style="left:{x};top:{y:.1f}px">{text}</span>' for kind, x, y, text in labels
        )

    def _left(self, clip: float) -> str:
        return f"{self._across(clip) / UNITS:.1%}"


def _down(error: float) -> float:
    """Pixels from the top."""
    return HEIGHT * min(max(-log10(max(error, 10.0**-DECADES)), 0) / DECADES, 1)


def _percent(share: float) -> str:
    return f"{short(100 * share)} %" if share < 1 else f"{fixed(100 * share, 0)} %"
